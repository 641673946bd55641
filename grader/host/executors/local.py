"""The local executor: slots on this machine, each a thread that supervises one trial at a time."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from grader import hookimpl
from grader.contract.isolation import LAYERS, Layer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from grader.contract.isolation import Isolation
    from grader.contract.record import CurvePoint, NodeInfo
    from grader.contract.submission import Submission
    from grader.contract.trial import Device, Trial
    from grader.host.config import Config
    from grader.host.executors import Executor
    from grader.host.sandbox import Sandbox
    from grader.host.server import WorkerServer
    from grader.host.slots import Slot
    from grader.host.supervise import Attempt, Listener, TaskData


MANY = 16  # trials from which preparing the server for cheap forks pays


@hookimpl
def grader_make_executor(
    name: str,
    slots: Sequence[Slot],
    submissions: Sequence[Submission],
    trials: int,
    config: Config,
    isolation: Isolation,
    hidden: Sequence[Path],
    listen: Listener,
) -> Executor | None:
    """Provide `local`."""
    if name != "local":
        return None
    folders = [Path(submission.folder) for submission in submissions]
    sandbox = sandbox_for(LAYERS[isolation], slots[0].device, folders, config, hidden)
    return LocalExecutor(
        slots,
        imports_of(submissions),
        listen,
        sandbox,
        many=trials >= MANY,
        calibrate=config.calibrates,
    )


def sandbox_for(
    layers: frozenset[Layer],
    device: Device,
    folders: Sequence[Path],
    config: Config,
    hidden: Sequence[Path],
) -> Sandbox:
    """What confines the workers of submissions in these folders."""
    from grader.host.sandbox import Sandbox

    return Sandbox(
        layers,
        folders=folders,
        more=config.libraries,
        hidden=hidden,
        device_kind=device.kind,
        allow_subprocess=config.allow_subprocess,
    )


def own_key(trial: Trial) -> bytes:
    """What orders a trial's test inputs on this host."""
    from grader.host.places import host_secret
    from grader.host.supervise import order_key

    return order_key(host_secret(), trial)


def imports_of(submissions: Sequence[Submission]) -> tuple[str, ...]:
    """The modules that any of these imports."""
    return tuple(sorted({name for submission in submissions for name in submission.imports}))


class LocalExecutor:
    """Trials in worker processes of this machine, off one preloaded server.

    `imports` are worth preloading there; `key_of` gives what orders a trial's test inputs: unless told, by
    this host's own secret.
    With `calibrate` the first trial's slot takes the machine's speed before, while it is idle: the trials of
    the others wait for it.
    """

    def __init__(
        self,
        slots: Sequence[Slot],
        imports: Sequence[str],
        listen: Listener,
        sandbox: Sandbox,
        *,
        many: bool = False,
        key_of: Callable[[Trial], bytes] | None = None,
        calibrate: bool = False,
    ) -> None:
        self.slots = len(slots)
        self._free: queue.SimpleQueue[Slot] = queue.SimpleQueue()
        for slot in slots:
            self._free.put(slot)
        self._device_kind = slots[0].device.kind
        self._sandbox = sandbox
        self._imports = imports
        self._many = many
        self._key_of = key_of or own_key
        self._calibrate = calibrate
        self._calibrating = threading.Lock()
        self._node: NodeInfo | None = None  # once calibrated
        self._listen = listen
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self._server = self._start()  # now, so that torch is imported while the data are prepared
        self._pool = ThreadPoolExecutor(self.slots, thread_name_prefix="slot")

    def submit(self, trial: Trial, data: TaskData) -> Future[Attempt]:
        """Queue the trial for the next free slot."""
        return self._pool.submit(self._run, trial, data)

    def cancel(self) -> None:
        """Kill the running workers; what waits is dropped."""
        self._cancelled.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def close(self) -> None:
        """Wait for the slots, then end the server."""
        self._pool.shutdown(wait=True)
        self._server.close()
        self._sandbox.close()

    def _run(self, trial: Trial, data: TaskData) -> Attempt:
        slot = self._free.get()  # there is one: the pool has as many threads
        try:
            return self._supervised(trial, data, slot)
        finally:
            self._free.put(slot)

    def _supervised(self, trial: Trial, data: TaskData, slot: Slot) -> Attempt:
        from grader.host.supervise import Supervisor

        def listen(_: Trial, phase: str, point: CurvePoint | None) -> None:
            self._listen(trial, phase, point)

        server = self._living_server()
        node = self._calibrated(server, slot, trial.threads) if self._calibrate else None
        supervisor = Supervisor(server, self._key_of(trial), listen, self._cancelled.is_set, slot.cores)
        attempt = supervisor.run(msgspec.structs.replace(trial, device=slot.device), data)
        attempt.node = node
        return attempt

    def _calibrated(self, server: WorkerServer, slot: Slot, threads: int) -> NodeInfo:
        from grader.host.calibrate import calibrated_node

        with self._calibrating:
            if self._node is None:
                self._node = calibrated_node(server, slot.device, threads, self._cancelled.is_set, slot.cores)
            return self._node

    def _living_server(self) -> WorkerServer:
        """The server; a new one where a submission, or the system, has killed the old."""
        with self._lock:
            if not self._server.alive:
                self._server.close()
                self._server = self._start()
            return self._server

    def _start(self) -> WorkerServer:
        from grader.host.server import WorkerServer

        return WorkerServer(
            self._sandbox, device_kind=self._device_kind, imports=self._imports, many=self._many
        )
