"""The record of one trial: one JSON file, enough for every table and plot that is made later."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from grader.contract.status import Phase, Status

SCHEMA = 1  # of Record; raised when a reader of the older form would misread the newer
RULES = 1  # of how a trial is run and scored; rows of different rules are never ranked together

# What a worker tells is a claim, and counts are computed with: none is negative, or beyond any machine
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Amount = Annotated[float, msgspec.Meta(ge=0, le=1e15)]


def node_id(path: str, task: str, seed: int) -> str:
    """As pytest spells it: submissions/mlp.py::digits[seed=0]."""
    return f"{path}::{task}[seed={seed}]"


class SubmissionInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Whose code it was. `model` and `loop` name where each half came from."""

    name: str  # safe for tables and file names
    digest: str  # SHA-256 of the submission's files
    model: str  # the submission's name, or "baseline"; of a pair, that of its model's
    loop: str  # the submission's name, or "default"; of a pair, that of its loop's
    path: str  # as given, relative to the run's folder where it lies below it; display only
    title: str = ""  # first line of the docstring
    parts: dict[str, str] = {}  # of a pair: the digests of the two, by name


class TaskInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What it was trained on."""

    name: str
    digest: str  # SHA-256 of the prepared data, and of what the task is
    kind: str  # multiclass, binary or regression
    metric: str  # the primary one, by which the table is ordered
    higher_is_better: bool  # of that metric
    train_samples: int
    test_samples: int
    classes: tuple[str, ...] = ()  # their names, in the order of the outputs
    split: Literal["", "public", "private"] = ""  # of the test set, where a part is held apart as private


class DeviceInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Where it ran."""

    kind: str  # cpu, cuda or mps
    name: str  # processor or accelerator model
    index: int | None = None  # of an accelerator, where there are several
    threads: int  # that the training computed with


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds by the host's monotonic clock; None for a phase that was not reached."""

    load_seconds: float | None = None
    train_seconds: float | None = None
    predict_seconds: float | None = None
    score_seconds: float | None = None
    snapshots_seconds: float | None = None  # of predicting the snapshots that a target asks for
    train_cpu_seconds: float | None = None  # user + system, from the kernel's accounting


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What the training used: metered in the worker, so a claim, but for max_rss."""

    epochs: float = 0.0
    steps: int = 0
    samples: int = 0
    samples_per_second: float | None = None
    optimizer_steps: int = 0  # counted by torch's global step hook
    max_rss: int | None = None  # bytes, peak resident set of the training worker, shared pages included
    max_device_memory: int | None = None  # bytes, peak allocated on the accelerator


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """One leaf module: its dotted name, class, output shape without the batch, own parameters."""

    name: str
    kind: str
    shape: tuple[Count, ...] | None
    parameters: Count


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The model, as the worker described it."""

    parameters: Count
    trainable: Count
    structure: str  # repr(model), bounded
    layers: tuple[Layer, ...] = ()
    weights_bytes: int | None = None  # of the sealed weights file


class CurvePoint(msgspec.Struct, frozen=True, kw_only=True):
    """One epoch, or one call of progress(), as the worker told it. `seconds` since training began."""

    epoch: Amount
    steps: Count
    samples: Count
    seconds: Amount
    loss: float | None = None  # mean of the batches' training losses
    accuracy: float | None = None  # where the submission reported one, 0 to 1


class TestPoint(msgspec.Struct, frozen=True, kw_only=True):
    """The weights as they stood at a moment of the training, scored on the test set.

    All is the host's own but the epoch. Without metrics where the outputs were not finite, or there are none.
    """

    __test__ = False  # no class of tests, pytest

    seconds: float  # since training began, when the host had its copy of the weights
    epoch: Amount  # a claim
    metrics: dict[str, float]


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """The software and machine underneath."""

    grader: str
    python: str
    torch: str
    torchvision: str
    numpy: str
    platform: str
    processor: str
    cores: int
    driver: str | None = None  # accelerator driver


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """How fast a node was on the day: the tutorials' MLP, trained in rounds of a fixed number of steps."""

    seconds: Annotated[float, msgspec.Meta(ge=1e-6, le=1e15)]  # median of the rounds; is divided by
    spread: Amount  # slowest less fastest round, as a fraction of the median
    steps: Count  # of a round
    rounds: Count


class NodeInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The machine that a trial ran on, where it was calibrated or is one of several."""

    name: str
    calibration: Calibration | None = None
    remarks: tuple[
        str, ...
    ] = ()  # the host's own, on its speed that day: "took 1.5 times as long as usual ..."


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One trial, whole. Fractions are 0 to 1; no number is NaN or infinite."""

    schema: int = SCHEMA  # of this file; a newer one is named and left alone
    rules: int = RULES  # of how trials are run and scored
    submission: SubmissionInfo
    task: TaskInfo
    budget: str  # as Budget writes it: "10s", "3 epochs"
    seed: int
    device: DeviceInfo
    deterministic: bool = False  # whether torch was held to deterministic algorithms
    status: Status
    phase: Phase | None = None  # where it ended, when it did not end well
    reason: str = ""  # one line that the author can act on
    detail: str = ""  # traceback trimmed to the submission's own files, bounded
    output: str = ""  # the end of the submission's own stdout and stderr, bounded
    metrics: dict[str, float] = {}  # on the test set, by name; empty unless it ended well
    correct: int | None = None  # test samples classified rightly; None for regression
    timing: Timing = Timing()
    usage: Usage = Usage()
    model: ModelInfo | None = None
    curve: tuple[CurvePoint, ...] = ()
    target: str = ""  # as Target writes it; empty for a trial without
    test_curve: tuple[TestPoint, ...] = ()  # of a trial with a target; the final weights are its last point
    environment: Environment
    isolation: str  # the level achieved
    alongside: int = 0  # other trials that ran beside this one, on the same machine
    attempt: int = 1  # those before it were lost with their machine, and left nothing
    node: NodeInfo | None = None  # None where the host itself ran it, uncalibrated
    finished: str  # UTC, ISO 8601 with seconds
    notes: tuple[str, ...] = ()  # what a reader of the row should know, a line each

    @property
    def node_id(self) -> str:
        """That of the trial it is the record of."""
        return node_id(self.submission.path, self.task.name, self.seed)

    @property
    def train_relative(self) -> float | None:
        """Training time in calibrations of its node, None where either is not known."""
        if self.node is None or self.node.calibration is None or self.timing.train_seconds is None:
            return None
        return self.timing.train_seconds / self.node.calibration.seconds
