"""Snapshots of the weights during a training that has a target: copied on notice, stamped, predicted later.

A worker says when it has written one, and waits. The host copies it before it looks at its own clock: what
it has was there at that time. How many there may be, and how large, the host sees to itself.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from grader.contract import memory
from grader.contract.events import MAX_SNAPSHOTS, Done, FileInfo, Order, Snapshot, Taken
from grader.contract.size import in_words
from grader.contract.status import Status
from grader.contract.text import count
from grader.host.workers import PhaseEnded, Timeout, WorkerProcess

if TYPE_CHECKING:
    import numpy.typing as npt

    from grader.contract.trial import Trial


@dataclass(frozen=True)
class Copy:
    """The weights at one moment: uint8 (bytes,), the host's own."""

    seconds: float  # since the training began, when the copy was complete
    epoch: float  # a claim
    weights: npt.NDArray[np.generic]


@dataclass(frozen=True)
class Predicted:
    """What the weights of one moment say of the test inputs, in the test set's own order."""

    seconds: float
    epoch: float
    logits: npt.NDArray[np.float32] | None  # (N, outputs); None where they were not to be had


class Snapshots:
    """Those of one training. `file` is the memory file that its worker writes them into."""

    def __init__(self, file: int, limit: int) -> None:
        self._file = file
        self._limit = limit  # bytes of all copies
        self._size = 0
        self._more = True
        self._started = 0.0  # time.monotonic() when the training began
        self.copies: list[Copy] = []
        self.notes: list[str] = []

    def answering(self, worker: WorkerProcess, started: float) -> Callable[[Snapshot], None]:
        """Return what takes the worker's snapshots and answers, in a training that began at `started`."""
        self._started = started
        return lambda told: worker.send(self.take(told))

    def take(self, told: Snapshot) -> Taken:
        """Copy what the worker has written. Raises PhaseEnded for one not wanted, or not there."""
        if not self._more:
            raise _violation(
                "handed over a snapshot of its weights after it was told that no more are wanted"
            )
        if self._size + told.bytes > self._limit:
            self._more = False
            self.notes.append(
                f"{count(len(self.copies), 'snapshot')} and no more: another, of {in_words(told.bytes)}, "
                f"would pass the {in_words(self._limit)} for all of them (limits.snapshots)"
            )
        else:
            weights = self._copied(told.bytes)
            self.copies.append(Copy(time.monotonic() - self._started, told.epoch, weights))
            self._size += told.bytes
            self._more = len(self.copies) < MAX_SNAPSHOTS
        return Taken(self._more)

    def distinct(self, final: int) -> list[Copy]:
        """Those that differ from the one before them, and from the final weights, a file, which come last.

        Two that are the same reach a target as one does: by luck, for all that is known.
        """
        kept: list[Copy] = []
        for copy in self.copies:
            if not kept or not np.array_equal(kept[-1].weights, copy.weights):
                kept.append(copy)
        if kept and os.fstat(final).st_size == len(kept[-1].weights):
            last = memory.read_array(final, "uint8", kept[-1].weights.shape)
            if np.array_equal(kept[-1].weights, last):
                kept.pop()
        return kept

    def _copied(self, size: int) -> npt.NDArray[np.generic]:
        there = os.fstat(self._file).st_size
        if not 0 < size <= there:
            raise _violation(f"told of a snapshot of {size:,} bytes, where its file has {there:,}")
        try:
            return memory.read_array(self._file, "uint8", (size,))
        except ValueError:  # it was cut meanwhile
            raise _violation(f"told of a snapshot of {size:,} bytes, which were not there") from None


def predicted(
    worker: WorkerProcess,
    copies: Sequence[Copy],
    inputs: tuple[FileInfo, int],
    order: npt.NDArray[np.int64],
    trial: Trial,
    cancelled: Callable[[], bool],
) -> Iterator[Predicted]:
    """Have a loaded worker predict the test inputs with each copy, one after the other.

    In the order of time, and the outputs are read before the next copy is handed over: what the worker
    learns of later weights comes too late for earlier ones. Raises PhaseEnded.
    """
    shape = (len(order), trial.task.outputs)
    for copy in copies:
        with contextlib.ExitStack() as stack:
            weights = memory.of_array("weights", copy.weights)
            stack.callback(os.close, weights)
            outputs = memory.create("logits", 4 * shape[0] * shape[1])
            stack.callback(os.close, outputs)
            memory.fix_size(outputs)
            files = [
                inputs,
                (FileInfo("weights", "uint8", copy.weights.shape), weights),
                (FileInfo("logits", "float32", shape), outputs),
            ]
            worker.send(Order(files=tuple(info for info, _ in files)), [fd for _, fd in files])
            _wait(worker, trial.limits.predict, cancelled)
            logits = np.empty(shape, np.float32)
            logits[order] = memory.read_array(outputs, "float32", shape)
        yield Predicted(copy.seconds, copy.epoch, logits)


def _wait(worker: WorkerProcess, limit: float, cancelled: Callable[[], bool]) -> None:
    deadline = time.monotonic() + limit
    try:
        worker.wait(Done, lambda: deadline, lambda _: None, cancelled)
    except Timeout:
        reason = f"killed after {limit:g} s of predicting with one of them (limits.predict)"
        raise PhaseEnded(Status.TIMEOUT, reason) from None


def _violation(what: str) -> PhaseEnded:
    return PhaseEnded(Status.VIOLATION, f"the submission's process {what}")
