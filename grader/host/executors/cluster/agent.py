"""What runs on a node: one agent, which supervises trials in the node's slots by the local executor.

Ray starts it as an actor in a process of its own. When that process ends, by whatever hand, its worker
server sees its socket close and kills all that it started.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from grader.contract.errors import GraderError
from grader.contract.isolation import LAYERS, Isolation
from grader.contract.record import CurvePoint, Environment, NodeInfo
from grader.contract.text import one_line
from grader.contract.trial import Trial
from grader.host import data as task_data
from grader.host import device as devices
from grader.host import environment, isolation, places
from grader.host.executors.cluster.freight import Load, Receiver
from grader.host.executors.local import MANY, LocalExecutor, sandbox_for
from grader.host.scratch import Scratch
from grader.host.server import ServerError
from grader.host.slots import pinned, slots
from grader.host.supervise import Attempt
from grader.host.workers import Cancelled

if TYPE_CHECKING:
    from concurrent.futures import Future

    from grader.host.config import Config


_EVERY = 1.0  # seconds between two words on how far a trial is: each takes the host 0.2 ms


@dataclass(frozen=True)
class Orders:
    """What every agent of a run is told. Paths are the host's, and looked for at the same place."""

    environment: Environment  # of the host, whose numbers a node must be able to repeat
    config: Config
    isolation: Isolation
    device_kind: str
    hidden: tuple[Path, ...]
    imports: tuple[str, ...]
    many: bool

    @classmethod
    def of(
        cls,
        config: Config,
        level: Isolation,
        device_kind: str,
        hidden: Sequence[Path],
        imports: Sequence[str],
        trials: int,
    ) -> Orders:
        """Those of a session on this host."""
        return cls(
            environment=environment.current(),
            config=config,
            isolation=level,
            device_kind=device_kind,
            hidden=tuple(hidden),
            imports=tuple(imports),
            many=trials >= MANY,
        )

    @property
    def threads(self) -> int:
        """Of each trial."""
        return self.config.threads or 1


@dataclass(frozen=True)
class Said:
    """A trial entered a phase, or told how far it is."""

    phase: str
    point: CurvePoint | None


@dataclass(frozen=True)
class Trouble:
    """The node cannot go on, through no fault of the trial: it is for another node."""

    why: str


Word = Said | Attempt | Trouble | None
"""What comes back from a trial, in order: an Attempt or Trouble is the last, None a cancelled one's."""


@dataclass
class _Running:
    """A trial that runs on this node."""

    key: bytes  # orders its test inputs
    heard: queue.SimpleQueue[Word] = field(default_factory=queue.SimpleQueue)
    spoken: float = 0.0  # when it last told how far it is
    beside: int = 0  # how many others ran at the same time, at most


class NodeAgent:
    """Runs trials on its node, so many at once as it was given slots."""

    def __init__(self, name: str, many: int, orders: Orders) -> None:
        """Cheap, and never raises: `start` says what is wrong."""
        self._name, self._many, self._orders = name, many, orders
        self._stack = ExitStack()
        self._lock = threading.Lock()
        self._running: dict[int, _Running] = {}  # by the id() of the trial

    def start(self) -> str:
        """Return why this node cannot run such trials, in one line, or nothing once it can."""
        try:
            self._start()
        except GraderError as error:
            self.close()
            return str(error)
        return ""

    def run(self, load: Load) -> Iterator[Word]:
        """Run one trial; yield what it says, and last what became of it."""
        from ray.exceptions import RayError

        try:
            trial, data = self._receiver.unpacked(load)
        except (GraderError, OSError, RayError) as error:
            yield Trouble(f"what it was sent cannot be had there ({one_line(str(error), 200)})")
            return
        running = _Running(load.key)
        with self._lock:
            self._running[id(trial)] = running
            for each in self._running.values():
                each.beside = max(each.beside, len(self._running) - 1)
        future = self._executor.submit(trial, data)
        future.add_done_callback(lambda done: running.heard.put(_outcome(done)))
        while isinstance(word := running.heard.get(), Said):
            yield word
        with self._lock:
            del self._running[id(trial)]
        if isinstance(word, Attempt):
            word.number, word.alongside = load.number, running.beside
            word.node = msgspec.structs.replace(word.node or NodeInfo(name=""), name=self._name)
            word.environment = environment.current()
        yield word

    def cancel(self) -> None:
        """Kill what runs."""
        self._executor.cancel()

    def close(self) -> None:
        """Let go of everything. May be called twice."""
        self._stack.close()

    def _start(self) -> None:
        import ray

        orders = self._orders
        _check_alike(orders.environment, environment.current())
        level = isolation.achieve(orders.isolation)
        isolation.hide_from(level)
        threads = devices.threads(orders.threads)
        found = devices.choose(orders.device_kind)
        mine = slots(self._many, found, threads)
        mine = pinned(mine, threads, places.state_folder() / "cores", self._stack)
        # workers have users of their own; what each may read of it is another matter
        folder = self._stack.enter_context(closing(Scratch("node", 0o755))).path
        self._receiver = Receiver(folder, ray.get)
        self._stack.callback(self._receiver.close)
        hidden = (*orders.hidden, task_data.cache_root(), places.state_folder())
        sandbox = sandbox_for(LAYERS[level], mine[0].device, [folder], orders.config, hidden)
        self._executor = LocalExecutor(
            mine,
            orders.imports,
            self._listen,
            sandbox,
            many=orders.many,
            key_of=self._key,
            calibrate=orders.config.calibrates,
        )
        self._stack.callback(self._executor.close)

    def _listen(self, trial: Trial, phase: str, point: CurvePoint | None) -> None:
        running, now = self._running[id(trial)], time.monotonic()
        if point is not None and now < running.spoken + _EVERY:
            return
        running.spoken = now if point is not None else -_EVERY
        running.heard.put(Said(phase, point))

    def _key(self, trial: Trial) -> bytes:
        return self._running[id(trial)].key


def _outcome(future: Future[Attempt]) -> Word:
    if future.cancelled():
        return None
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, Cancelled):
        return None
    kind = "" if isinstance(error, ServerError) else f"{type(error).__name__}: "
    return Trouble(f"{kind}{error}")


def _check_alike(host: Environment, here: Environment) -> None:
    """Other versions would make other numbers, or not understand each other. Raises GraderError."""
    for name in ("grader", "python", "torch", "torchvision", "numpy"):
        wanted, found = getattr(host, name), getattr(here, name)
        if name == "python":
            wanted, found = wanted.rpartition(".")[0], found.rpartition(".")[0]
        if wanted != found:
            raise GraderError(f"it has {name} {found}, the host {wanted}: install the same on every node")
