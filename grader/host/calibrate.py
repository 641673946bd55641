"""How fast a node is today: the tutorials' MLP, trained on made-up images for a fixed number of steps.

It goes the way of every training, in a confined worker of the same server, so that what slows trials down
slows it down as well. One training gives all rounds: starting a worker, and an accelerator in it, is no
part of any of them.
"""

from __future__ import annotations

import itertools
import os
import socket
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import grader
from grader.contract.budget import Budget
from grader.contract.errors import GraderError
from grader.contract.record import Calibration, NodeInfo
from grader.contract.status import Status
from grader.contract.task import Task
from grader.contract.text import NAME, one_line
from grader.contract.trial import Limits, Trial
from grader.host.collect import submission_of
from grader.host.data import TaskArrays
from grader.host.supervise import Supervisor

if TYPE_CHECKING:
    import numpy.typing as npt

    from grader.contract.record import CurvePoint
    from grader.contract.trial import Device
    from grader.host.server import WorkerServer

ROUNDS = 5  # that count; the one before them warms up caches, clocks and libraries

# A round took about 0.3 s on the slow core where this was written; on an accelerator, a step is mostly the
# launching of kernels, and ten times as many take about as long. These numbers are the unit of relative
# times: who changes them must raise RULES, so that old and new rows never share a table.
_STEPS_ON_CPU = 75
_STEPS_ON_ACCELERATOR = 750

_FILE = Path(grader.__file__).parent / "worker" / "calibration.py"  # never imported here
_BATCH = 64
_BATCHES = 75  # in an epoch, after each of which the worker tells; both numbers of steps are multiples
_SEED = 0
_LIMITS = Limits(load=60.0, train=300.0)  # seconds: for nodes that are a hundred times slower


class NotCalibrated(GraderError):
    """A calibration failed: one line that says why."""

    exit_code = 3


def calibrate(
    server: WorkerServer,
    device: Device,
    threads: int,
    cancelled: Callable[[], bool] = lambda: False,
    cores: tuple[int, ...] = (),
) -> Calibration:
    """Return how long a round takes on this node, by the host's clock; in all a second or two.

    On the device, with so many threads, pinned to `cores` where there are any: as the trials that it is for.
    Raises NotCalibrated when there is no result, and Cancelled; a slow node is none of them.
    """
    steps = _STEPS_ON_CPU if device.kind == "cpu" else _STEPS_ON_ACCELERATOR
    rounds = _Rounds(steps)
    with _images() as images:
        trial = _trial(images.task, device, threads, (ROUNDS + 1) * steps)
        try:
            attempt = Supervisor(server, b"", rounds.listen, cancelled, cores).train(trial, images)
        except GraderError as error:
            raise NotCalibrated(str(error)) from error
    if attempt.status is not Status.OK:
        raise NotCalibrated(f"its training ended as {attempt.status}: {attempt.reason}")
    return rounds.calibration()


def calibrated_node(
    server: WorkerServer,
    device: Device,
    threads: int,
    cancelled: Callable[[], bool] = lambda: False,
    cores: tuple[int, ...] = (),
) -> NodeInfo:
    """Return this node with its calibration, or with a remark on why it has none. Raises Cancelled alone."""
    try:
        return NodeInfo(name=node_name(), calibration=calibrate(server, device, threads, cancelled, cores))
    except NotCalibrated as error:
        return NodeInfo(name=node_name(), remarks=(f"could not be calibrated: {error}",))


def node_name() -> str:
    """Return what records call this node: GRADER_NODE, or its host name up to the first dot.

    Records are published, and the rest of a host name tells of a network's inside.
    """
    return one_line(os.environ.get("GRADER_NODE") or socket.gethostname().partition(".")[0], NAME)


class _Rounds:
    """Takes the time of each round. `listen` is a supervisor's listener, called in its thread."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._ends: dict[int, float] = {}  # by how many rounds have ended

    def listen(self, _: Trial, phase: str, point: CurvePoint | None) -> None:  # noqa: ARG002 - a Listener's
        """Note when a round ends: its last batch is told of before it is trained on, its end thereafter."""
        if point is not None and point.steps % self._steps == 0:
            self._ends[point.steps // self._steps] = time.monotonic()

    def calibration(self) -> Calibration:
        """Return what all rounds together tell. The first is no part of it."""
        ends = [self._ends[number] for number in range(1, ROUNDS + 2)]
        return summed_up([after - before for before, after in itertools.pairwise(ends)], self._steps)


def summed_up(seconds: list[float], steps: int) -> Calibration:
    """Return the calibration of rounds that took so long."""
    median = statistics.median(seconds)
    spread = (max(seconds) - min(seconds)) / median
    return Calibration(seconds=median, spread=spread, steps=steps, rounds=len(seconds))


def _images() -> TaskArrays:
    """Noise of Fashion-MNIST's shape, the same everywhere. Nothing is predicted."""
    generator = np.random.default_rng(_SEED)
    samples = _BATCH * _BATCHES
    inputs: npt.NDArray[np.generic] = generator.integers(0, 256, (samples, 1, 28, 28), dtype=np.uint8)
    targets: npt.NDArray[np.generic] = generator.integers(0, 10, samples, dtype=np.int64)
    task = Task(
        name="calibration",
        title="Calibration",
        kind="multiclass",
        input_shape=(1, 28, 28),
        input_dtype="uint8",
        classes=tuple("0123456789"),
        metric="accuracy",
        batch_size=_BATCH,
        budget="1 epoch",
        optimizer="SGD",
        train_samples=samples,
    )
    return TaskArrays(task, {"train_inputs": inputs, "train_targets": targets, "test_inputs": inputs[:0]})


def _trial(task: Task, device: Device, threads: int, steps: int) -> Trial:
    return Trial(
        submission=submission_of(_FILE, "the calibration", _LIMITS.submission),
        task=task,
        budget=Budget(steps=steps),
        seed=_SEED,
        device=device,
        threads=threads,
        limits=_LIMITS,
    )
