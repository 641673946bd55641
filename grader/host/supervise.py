"""A trial, phase by phase: load and train in one worker, predict in a second, under the host's clock.

Nothing here knows a test target: what comes out is an Attempt, whose outputs `score` holds against
them. So an attempt may as well be made on another machine.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import msgspec
import numpy as np

from grader.contract import memory
from grader.contract.events import Done, FileInfo, Order, Progress, Ready, Start
from grader.contract.isolation import Layer
from grader.contract.record import CurvePoint, Environment, NodeInfo
from grader.contract.size import in_mib
from grader.contract.status import Phase, Status
from grader.host import snapshots
from grader.host.scratch import remove
from grader.host.server import ServerError
from grader.host.snapshots import Copy, Predicted, Snapshots
from grader.host.watchdog import Watchdog
from grader.host.workers import PhaseEnded, Timeout, WorkerProcess

if TYPE_CHECKING:
    import numpy.typing as npt

    from grader.contract.events import Exited
    from grader.contract.task import Task
    from grader.contract.trial import Trial
    from grader.host.server import WorkerServer

Listener = Callable[["Trial", str, CurvePoint | None], None]

UNCHANGED = "training changed no parameter"  # said in checks
SAMPLE = 256  # test inputs that the untrained model predicts
_MAX_POINTS = 2000  # of a curve
_SOON = 1.0  # seconds before the limit within which a loader that ended explains a timeout
_PROBE_TOLERANCE = 1e-3  # relative and absolute, between the trained model's outputs and the reloaded one's


class TaskData(Protocol):
    """What a trial needs of a prepared task; the test targets are not among it."""

    task: Task
    test_inputs: npt.NDArray[np.generic]  # (N, *input_shape); private ones come after the public
    probe_inputs: npt.NDArray[np.generic]  # the first training inputs

    def train_files(self) -> Sequence[tuple[FileInfo, int]]:
        """Descriptors of sealed files: train_inputs, train_targets."""


@dataclass
class Attempt:
    """What a trial did, before it is scored. Arrays are float32, in the order of `TaskData.test_inputs`."""

    trial: Trial
    status: Status = Status.OK
    phase: Phase | None = None
    reason: str = ""
    detail: str = ""
    output: str = ""
    load_seconds: float | None = None
    train_seconds: float | None = None
    predict_seconds: float | None = None
    train_cpu_seconds: float | None = None
    max_rss: int | None = None
    ready: Ready | None = None
    done: Done | None = None
    last_point: CurvePoint | None = None
    curve: list[CurvePoint] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    logits: npt.NDArray[np.float32] | None = None  # (N, outputs)
    sample: npt.NDArray[np.int64] | None = None  # test positions that the untrained model predicted
    sample_logits: npt.NDArray[np.float32] | None = None
    snapshots: list[Predicted] = field(default_factory=list)  # where a target asks for them, in order of time
    snapshots_seconds: float | None = None
    # what an executor knows of where it ran; None is here, as the session sees it
    number: int = 1  # of the attempt: those before it were lost with their machine
    node: NodeInfo | None = None
    environment: Environment | None = None
    alongside: int | None = None  # other trials on the same machine, at most


class Supervisor:
    """Runs trials, one at a time, on a worker server. `key` orders the test inputs, see `order_key`.

    Workers are pinned to `cores`, where there are any.
    """

    def __init__(
        self,
        server: WorkerServer,
        key: bytes,
        listen: Listener,
        cancelled: Callable[[], bool],
        cores: tuple[int, ...] = (),
    ) -> None:
        self._server = server
        self._cores = cores
        self._key = key
        self._listen = listen
        self._cancelled = cancelled

    def run(self, trial: Trial, data: TaskData) -> Attempt:
        """Return what became of the trial. Raises Cancelled, and ServerError when there is no server."""
        with _attempt(trial) as (attempt, stack):
            weights, probe, copies = self._train(attempt, data, stack)
            self._predict(attempt, data, weights, probe, stack)
            if copies:
                self._predict_snapshots(attempt, data, copies, stack)
        return attempt

    def train(self, trial: Trial, data: TaskData) -> Attempt:
        """Do as `run`, but predict nothing: for those who want to know how long training takes."""
        with _attempt(trial) as (attempt, stack):
            self._train(attempt, data, stack)
        return attempt

    def _train(
        self, attempt: Attempt, data: TaskData, stack: contextlib.ExitStack
    ) -> tuple[int, npt.NDArray[np.float32], list[Copy]]:
        """Return the sealed weights, the trained model's outputs on the probe, and snapshots on the way."""
        trial = attempt.trial
        weights = _file(stack, "weights")
        probe_shape = (len(data.probe_inputs), trial.task.outputs)
        probe_outputs = _result_file(stack, "probe_outputs", probe_shape)
        files = [
            *data.train_files(),
            _array_file(stack, "probe_inputs", data.probe_inputs),
            (FileInfo("probe_outputs", "float32", probe_shape), probe_outputs),
            (FileInfo("weights", "uint8", ()), weights),
        ]
        taken: Snapshots | None = None
        if trial.target is not None:
            files.append((FileInfo("snapshot", "uint8", ()), _file(stack, "snapshot")))
            taken = Snapshots(files[-1][1], trial.limits.snapshots)
        with self._worker(attempt, Phase.TRAIN) as worker:
            attempt.ready = self._load(attempt, worker)
            attempt.done = self._on_the_clock(attempt, worker, files, taken)
        attempt.notes += attempt.done.notes
        if attempt.done.changed is False:
            attempt.notes.append(UNCHANGED)
        _seal(weights, "weights")
        _check_size(os.fstat(weights).st_size, attempt.done.weights_bytes, trial.limits.weights)
        outputs = _result(probe_outputs, probe_shape)
        if taken is None:
            return weights, outputs, []
        attempt.notes += taken.notes
        return weights, outputs, taken.distinct(weights)

    def _on_the_clock(
        self,
        attempt: Attempt,
        worker: WorkerProcess,
        files: list[tuple[FileInfo, int]],
        taken: Snapshots | None,
    ) -> Done:
        attempt.phase = Phase.TRAIN
        trial = attempt.trial
        self._listen(trial, Phase.TRAIN, None)
        cpu_before = worker.cpu_seconds()
        started = time.monotonic()
        ended_at: list[float] = []
        on_snapshot = None if taken is None else taken.answering(worker, started)

        def on_progress(progress: Progress) -> None:
            if progress.exhausted and not ended_at:
                ended_at.append(time.monotonic() - started)
            self._progress(attempt, progress)

        worker.send(Order(files=tuple(info for info, _ in files), started=started), [fd for _, fd in files])

        def deadline() -> float:
            return started + _train_limit(trial, ended_at)

        try:
            return worker.wait(Done, deadline, on_progress, self._cancelled, on_snapshot)
        except Timeout:
            raise _train_timeout(trial, ended_at) from None
        finally:
            attempt.train_seconds = time.monotonic() - started
            cpu_after = worker.cpu_seconds()
            if cpu_before is not None and cpu_after is not None:
                attempt.train_cpu_seconds = cpu_after - cpu_before

    def _predict(
        self,
        attempt: Attempt,
        data: TaskData,
        weights: int,
        probe: npt.NDArray[np.float32],
        stack: contextlib.ExitStack,
    ) -> None:
        outputs = attempt.trial.task.outputs
        with self._worker(attempt, Phase.PREDICT) as worker:  # it loads while its files are made
            order = ordered(self._key, len(data.test_inputs))
            sample = order[:SAMPLE]
            shapes = {"logits": len(order), "sample_outputs": len(sample), "probe_outputs": len(probe)}
            results = {name: _result_file(stack, name, (rows, outputs)) for name, rows in shapes.items()}
            files = [
                _array_file(stack, "test_inputs", data.test_inputs[order]),
                _array_file(stack, "sample_inputs", data.test_inputs[sample]),
                _array_file(stack, "probe_inputs", data.probe_inputs),
                (FileInfo("weights", "uint8", ()), weights),
                *((FileInfo(name, "float32", (shapes[name], outputs)), fd) for name, fd in results.items()),
            ]
            self._load(attempt, worker)
            self._predict_in(attempt, worker, files)
        read = {name: _result(fd, (shapes[name], outputs)) for name, fd in results.items()}
        _compare_probe(probe, read["probe_outputs"])
        attempt.logits = np.empty_like(read["logits"])
        attempt.logits[order] = read["logits"]
        attempt.sample, attempt.sample_logits = sample, read["sample_outputs"]

    def _predict_snapshots(
        self, attempt: Attempt, data: TaskData, copies: Sequence[Copy], stack: contextlib.ExitStack
    ) -> None:
        """In a worker of their own, which has no part in the final prediction: its failure is but a note.

        Nor has it a file of the other's: where one stands in a descriptor would tell it of the final weights.
        """
        started, trial = time.monotonic(), attempt.trial
        aside = Attempt(trial, load_seconds=0.0)  # its output and its phase are not the trial's
        try:
            with self._worker(aside, Phase.PREDICT, snapshots=True) as worker:
                order = ordered(self._key, len(data.test_inputs))
                inputs = _array_file(stack, "test_inputs", data.test_inputs[order])
                self._load(aside, worker)
                for each in snapshots.predicted(worker, copies, inputs, order, trial, self._cancelled):
                    attempt.snapshots.append(each)
        except (PhaseEnded, ServerError) as error:
            missing = copies[len(attempt.snapshots) :]
            attempt.notes.append(f"{len(missing)} of {len(copies)} snapshots could not be predicted: {error}")
            attempt.snapshots += [Predicted(copy.seconds, copy.epoch, None) for copy in missing]
        attempt.snapshots_seconds = time.monotonic() - started

    def _predict_in(self, attempt: Attempt, worker: WorkerProcess, files: list[tuple[FileInfo, int]]) -> None:
        attempt.phase = Phase.PREDICT
        trial = attempt.trial
        self._listen(trial, Phase.PREDICT, None)
        started = time.monotonic()
        worker.send(Order(files=tuple(info for info, _ in files)), [fd for _, fd in files])
        deadline = started + trial.limits.predict
        try:
            worker.wait(Done, lambda: deadline, lambda _: None, self._cancelled)
        except Timeout:
            raise PhaseEnded(
                Status.TIMEOUT, f"killed after {trial.limits.predict:g} s of predicting (limits.predict)"
            ) from None
        finally:
            attempt.predict_seconds = time.monotonic() - started

    def _load(self, attempt: Attempt, worker: WorkerProcess) -> Ready:
        first = attempt.load_seconds is None
        if first:
            attempt.phase = Phase.LOAD
            self._listen(attempt.trial, Phase.LOAD, None)
        started = time.monotonic()
        limit = attempt.trial.limits.load
        try:
            ready = worker.wait(Ready, lambda: started + limit, lambda _: None, self._cancelled)
        except Timeout:
            raise PhaseEnded(
                Status.TIMEOUT,
                f"killed after {limit:g} s of importing the file and building the model (limits.load): "
                "training belongs into train(), which gets train_data and train_loader",
            ) from None
        finally:
            if first:
                attempt.load_seconds = time.monotonic() - started
        if refused := attempt.trial.limits.too_many(ready.model.parameters):  # its worker should have said so
            raise PhaseEnded(Status.INVALID, refused)
        return ready

    def _progress(self, attempt: Attempt, progress: Progress) -> None:
        attempt.last_point = progress.point
        if progress.keep:
            _add_point(attempt.curve, progress.point)
        self._listen(attempt.trial, Phase.TRAIN, progress.point)

    @contextlib.contextmanager
    def _worker(self, attempt: Attempt, phase: Phase, *, snapshots: bool = False) -> Iterator[WorkerProcess]:
        """A worker with its scratch folder; when this ends, nothing of it is left."""
        sandbox, trial = self._server.sandbox, attempt.trial
        scratch, user = sandbox.new_scratch()
        worker = self._server.spawn()
        worker.output_limit = trial.limits.output
        if Layer.WATCHDOG in sandbox.layers:
            family = trial.allow_subprocess or Layer.SECCOMP not in sandbox.layers
            worker.watchdog = Watchdog(trial.limits, scratch, family=family)
        ended: PhaseEnded | None = None
        try:
            worker.send(
                Start(
                    trial=trial,
                    phase=phase,
                    scratch=str(scratch),
                    user=user,
                    cores=self._cores,
                    snapshots=snapshots,
                )
            )
            yield worker
        except PhaseEnded as end:
            ended = end
            raise
        finally:
            exited = worker.stop()
            if ended is not None and exited is not None and ended.status is Status.OUT_OF_MEMORY:
                peak, limit = in_mib(exited.max_rss), in_mib(trial.limits.memory)
                ended.reason += f" (its peak was {peak}; limits.memory is {limit})"
            self._account(attempt, worker, exited, phase)
            remove(scratch)

    def _account(self, attempt: Attempt, worker: WorkerProcess, exited: Exited | None, phase: Phase) -> None:
        text = worker.output.decode(errors="replace")
        if phase is Phase.PREDICT and attempt.trial.task.private:
            text = ""  # its author may read it, and it has seen the private inputs
        attempt.output = (attempt.output + text)[-attempt.trial.limits.output :]
        if exited is not None and phase is Phase.TRAIN:
            attempt.max_rss = exited.max_rss


@contextlib.contextmanager
def _attempt(trial: Trial) -> Iterator[tuple[Attempt, contextlib.ExitStack]]:
    """An attempt at the phases in the block, of which one may end it; and what lets go of their files."""
    attempt = Attempt(trial)
    with contextlib.ExitStack() as stack:
        try:
            yield attempt, stack
        except PhaseEnded as end:
            attempt.status, attempt.reason, attempt.detail = end.status, end.reason, end.detail
    if attempt.status is Status.OK:
        attempt.phase = None


def _add_point(curve: list[CurvePoint], point: CurvePoint) -> None:
    """Add a point; what a submission reports right after an epoch completes that epoch's own point."""
    if curve and curve[-1].steps == point.steps:
        told = {"loss": point.loss, "accuracy": point.accuracy}
        said = {name: value for name, value in told.items() if value is not None}
        curve[-1] = msgspec.structs.replace(curve[-1], **said)
    elif len(curve) < _MAX_POINTS:
        curve.append(point)


def order_key(secret: bytes, trial: Trial) -> bytes:
    """Return what orders the test inputs of a trial: the same again for the same code, data and seed."""
    return hmac.digest(
        secret, f"{trial.submission.digest} {trial.task.digest} {trial.seed}".encode(), hashlib.sha256
    )


def ordered(key: bytes, samples: int) -> npt.NDArray[np.int64]:
    """Return the order in which a trial of this key sees so many test inputs."""
    return np.random.default_rng(int.from_bytes(key)).permutation(samples)


def _train_limit(trial: Trial, ended_at: list[float]) -> float:
    """Seconds until the training is killed. A counted budget that is used up leaves some time to tidy up."""
    if not ended_at or trial.budget.seconds is not None:
        return trial.train_limit
    return min(trial.train_limit, ended_at[0] + max(trial.limits.after, ended_at[0]))


def _train_timeout(trial: Trial, ended_at: list[float]) -> PhaseEnded:
    limit = _train_limit(trial, ended_at)
    setting = "limits.train" if limit == trial.train_limit else "limits.after"
    asked = f"budget {trial.budget} + {limit - trial.budget.seconds:g} s" if trial.budget.seconds else setting
    reason = f"killed after {limit:.4g} s of training ({asked})"
    if ended_at and limit - ended_at[0] > _SOON / 2:
        reason += (
            f": the loader had ended {limit - ended_at[0]:.1f} s before, and train had not returned; loop "
            "over train_loader afresh each epoch (no itertools.cycle, no prefetching thread), and catch no "
            "BudgetExhausted"
        )
    elif ended_at:
        reason += ": the loader had ended, and what came after it took too long"
    else:
        reason += (
            ": the loop had not reached the end of its budget; take batches from train_loader, afresh each "
            "epoch (no itertools.cycle), or call budget.step(len(batch)) first in each step"
        )
    return PhaseEnded(Status.TIMEOUT, reason)


def _compare_probe(trained: npt.NDArray[np.float32], reloaded: npt.NDArray[np.float32]) -> None:
    """The reloaded weights must do what the trained model did. NaN equals NaN here: scoring names it."""
    if np.allclose(trained, reloaded, rtol=_PROBE_TOLERANCE, atol=_PROBE_TOLERANCE, equal_nan=True):
        return
    with np.errstate(invalid="ignore"):  # infinity less infinity
        worst = float(np.nan_to_num(np.abs(trained - reloaded), nan=np.inf).max())
    raise PhaseEnded(
        Status.INVALID,
        f"saved and loaded again, the model gives other outputs than when trained (by up to {worst:.3g}): it "
        "keeps state outside state_dict() (use parameters or register_buffer), or predict is random",
    )


def _file(stack: contextlib.ExitStack, name: str, size: int = 0) -> int:
    fd = memory.create(name, size)
    stack.callback(os.close, fd)
    return fd


def _array_file(
    stack: contextlib.ExitStack, name: str, array: npt.NDArray[np.generic]
) -> tuple[FileInfo, int]:
    fd = memory.of_array(name, array)
    stack.callback(os.close, fd)
    return FileInfo.of(name, array), fd


def _result_file(stack: contextlib.ExitStack, name: str, shape: tuple[int, ...]) -> int:
    fd = _file(stack, name, 4 * int(np.prod(shape)))
    memory.fix_size(fd)
    return fd


def _result(fd: int, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Read what a worker left, at the host's own shape and type, once nobody can change it any more."""
    _seal(fd, "predictions")
    return memory.read_array(fd, "float32", shape).astype(np.float32, copy=False)


def _check_size(size: int, told: int, limit: int) -> None:
    if size > limit:
        raise PhaseEnded(
            Status.VIOLATION,
            f"the weights take {size:,} bytes, at most {limit:,} are allowed (limits.weights)",
        )
    if size == 0 or size != told:
        raise PhaseEnded(
            Status.VIOLATION,
            f"the submission's process said that it was done before its weights were complete ({size} bytes)",
        )


def _seal(fd: int, what: str) -> None:
    try:
        memory.seal(fd)
    except OSError:
        raise PhaseEnded(
            Status.VIOLATION, f"something still held the {what} open for writing after the phase had ended"
        ) from None
