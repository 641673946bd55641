"""Messages between host and worker: JSON lines, each from a worker a claim and nothing more.

Host to worker: one Order a phase step, with the file descriptors it names in its `files`, in order.
Worker to host: events. The host caps a line's length and a phase's total, and rejects what does not
decode; NaN and infinity do not occur (they travel as null).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from grader.contract.isolation import Layer
from grader.contract.record import Amount, Count, CurvePoint, ModelInfo
from grader.contract.status import Phase, Status
from grader.contract.trial import Trial

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MAX_LINE = 1 << 18  # bytes of one event; a model's structure is the longest thing said
MAX_TOTAL = 1 << 23  # bytes of all events of one phase, and for each second of it
MAX_RATE = 1 << 14  # bytes more: the display's heartbeats of a long training are no flood
MAX_EVENTS = 1 << 12  # and so many, for each of which the host takes its time; a curve has 2,000 points
MAX_EVENT_RATE = 20  # more for each second
MAX_SNAPSHOTS = 50  # of a training's weights, for a trial that has a target

SPEECHLESS = 70  # exit code of a worker whose channel is broken


class FileInfo(msgspec.Struct, frozen=True):
    """One descriptor handed over: an array of this dtype and shape at its start."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @classmethod
    def of(cls, name: str, array: npt.NDArray[np.generic]) -> FileInfo:
        """What is to be said of this array."""
        return cls(name, str(array.dtype), array.shape)


class Sandbox(msgspec.Struct, frozen=True, kw_only=True):
    """What confines workers: the host says it, the server and its workers apply it. Paths are absolute."""

    layers: tuple[Layer, ...]
    libraries: tuple[str, ...] = ()  # files and folders that any worker may read
    listed: tuple[str, ...] = ()  # folders whose names, and those beneath, it may read
    devices: tuple[str, ...] = ()  # it may read and write: the accelerator's
    allow_subprocess: bool = False


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """Host to worker server, first, a line of its own."""

    sandbox: Sandbox
    preload: tuple[str, ...]  # libraries that submissions import
    cpu: bool  # no accelerator will be used
    many: bool  # so many trials that cheap forks are worth preparing for


class Trip(msgspec.Struct, frozen=True, kw_only=True):
    """Host to canary, a line: where it may write, whom to become, and what it must not be able to read."""

    sandbox: Sandbox
    scratch: str
    user: int | None
    hidden: str
    secrets: tuple[str, ...] = ()  # files and folders that it cannot open at any level


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """Host to worker, first: what this is about. The training data are not among it."""

    trial: Trial
    phase: Phase  # train or predict
    scratch: str  # an empty folder of the worker's own, removed afterwards
    user: int | None = None  # to become; the scratch folder is its already
    cores: tuple[int, ...] = ()  # to run on; none: wherever the system puts it
    snapshots: bool = False  # to predict: snapshots of the training, an Order each, in the order of time


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Host to worker: go on, with these files."""

    files: tuple[FileInfo, ...]
    started: float = 0.0  # time.monotonic() when the host started the clock


class Taken(msgspec.Struct, frozen=True):
    """Host to worker, after each Snapshot: it is copied. `more`: whether another is wanted."""

    more: bool


class Spawned(msgspec.Struct, frozen=True, tag="spawned"):
    """Server to host, with the worker's pidfd where the system has them."""

    pid: int
    memory: int = 0  # bytes that it starts with and that no file stands behind: the server's own


class Exited(msgspec.Struct, frozen=True, tag="exited"):
    """Server to host: the worker and all it started are gone. `code` as os.waitstatus_to_exitcode's."""

    code: int
    cpu_seconds: float
    max_rss: int  # bytes


class Confined(msgspec.Struct, frozen=True, tag="confined"):
    """All layers hold and the device works. Sent before any submitted byte is read: this one is no claim.

    What ends a worker before it is our trouble; what ends it afterwards is the submission's.
    """


class Ready(msgspec.Struct, frozen=True, tag="ready", kw_only=True):
    """The submission is imported and its model built."""

    model: ModelInfo
    notes: tuple[str, ...] = ()


class Progress(msgspec.Struct, frozen=True, tag="progress"):
    """Where the training stands, for the display and, when `keep` is set, the curve."""

    point: CurvePoint
    keep: bool = False
    exhausted: bool = False  # the loader has ended for good


class Snapshot(msgspec.Struct, frozen=True, tag="snapshot", kw_only=True):
    """So many bytes of the file `snapshot` hold the weights as they stand. The worker waits for a Taken."""

    bytes: Count
    epoch: Amount


class Done(msgspec.Struct, frozen=True, tag="done", kw_only=True):
    """The phase's files are complete."""

    epochs: Amount = 0.0
    steps: Count = 0
    samples: Count = 0
    optimizer_steps: Count = 0
    max_device_memory: Count | None = None
    weights_bytes: Count = 0
    changed: bool | None = None  # check only: whether training changed a parameter
    notes: tuple[str, ...] = ()


class Failed(msgspec.Struct, frozen=True, tag="failed", kw_only=True):
    """The phase ended early, in the worker's own words."""

    status: Status
    reason: str
    detail: str = ""

    def __post_init__(self) -> None:
        """Refuse a failure that went well, which would be a row without a score that is no failure."""
        if self.status is Status.OK:
            raise ValueError("a phase that failed is not ok")


Event = Confined | Ready | Progress | Snapshot | Done | Failed
