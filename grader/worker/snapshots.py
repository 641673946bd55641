"""Handing the weights over to the host at the end of epochs, for a trial that has a target."""

from __future__ import annotations

import math
import os
import threading
from typing import TYPE_CHECKING

from grader.contract.events import MAX_SNAPSHOTS, Snapshot, Taken
from grader.contract.text import one_line
from grader.worker import weights
from grader.worker.refusal import Refused

if TYPE_CHECKING:
    import torch

    from grader.worker.budget import RunningBudget
    from grader.worker.channel import Channel

_ROUNDING = 1e-6  # of a budget's fraction: 50 epochs are 50 snapshots, whatever 1/50 is in binary


class Snapshots:
    """Of the model that `train` was given, spread over the budget. `limit` is bytes of all together."""

    def __init__(
        self, model: torch.nn.Module, file: int, limit: int, budget: RunningBudget, channel: Channel
    ) -> None:
        self._model, self._file, self._limit = model, file, limit
        self._budget, self._channel = budget, channel
        self._lock = threading.Lock()
        self._parts = MAX_SNAPSHOTS  # of the budget, in each of which one is due
        self._last = -1.0  # the budget's fraction when the last was taken
        self._took = 0.0  # seconds that the last took
        self._more = True
        self.notes: tuple[str, ...] = ()

    def epoch_ended(self) -> None:
        """Hand one over, where one is due, and wait until the host has it.

        Nothing where another thread is about it, or a process that the submission has forked.
        """
        if self._more and self._channel.ours and self._lock.acquire(blocking=False):
            try:
                if self._due():
                    self._hand_over()
            finally:
                self._lock.release()

    def _due(self) -> bool:
        if self._budget.remaining() < self._took:
            return False  # of weights so large the next would outlast the budget, and perhaps the grace
        before, now = (
            math.floor(fraction * self._parts + _ROUNDING) for fraction in (self._last, self._budget.fraction)
        )
        return now > before

    def _hand_over(self) -> None:
        self._last, started = self._budget.fraction, self._budget.elapsed()
        try:
            os.lseek(self._file, 0, os.SEEK_SET)  # where it stands the host has moved as well
            size = weights.save(self._model, self._file)
        except (Exception, Refused) as error:  # without a target the trial would go on: so it does with one
            self._more = False
            self.notes = (one_line(f"no snapshot was taken after epoch {self._epoch:g}: {error}"),)
            return
        self._channel.send(Snapshot(bytes=size, epoch=self._epoch))
        self._more = self._channel.receive(Taken)[0].more
        self._took = self._budget.elapsed() - started
        self._parts = max(1, min(MAX_SNAPSHOTS, self._limit // size))

    @property
    def _epoch(self) -> float:
        return round(self._budget.used_epochs, 6)
