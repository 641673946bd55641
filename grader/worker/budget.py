"""The budget as it runs out: what the loaders meter, and what a submission may ask."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from grader.contract.budget import Budget
from grader.contract.errors import BudgetExhausted


class RunningBudget:
    """The `budget` argument of `train`. `seconds, epochs, steps, samples` are its limits, or None.

    Loops that take their batches from a loader need none of this; loops that index the tensors, or
    bring a DataLoader of their own, call `step` once a training step.
    """

    def __init__(
        self, limits: Budget, started: float, samples: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.seconds, self.epochs = limits.seconds, limits.epochs
        self.steps, self.samples = limits.steps, limits.samples
        self.started = started
        self.used_steps = 0
        self.used_samples = 0
        self.loader_ended = False
        self._clock = clock
        self._length = samples
        self._on_epoch: Callable[[], None] | None = None
        self._next_epoch = 1.0  # at so many epochs used one has ended, though no pass of a loader has
        self._passed: dict[int, int] = {}  # samples handed out, by the length of the set they came from
        self._deadline = math.inf if limits.seconds is None else started + limits.seconds

    def remaining(self) -> float:
        """Seconds left; infinite when the budget sets no seconds."""
        return max(0.0, self._deadline - self._clock())

    def elapsed(self) -> float:
        """Seconds since the host started the clock."""
        return self._clock() - self.started

    @property
    def used_epochs(self) -> float:
        """Samples handed out over the length of the set that they came from."""
        return sum(samples / length for length, samples in self._passed.items())

    @property
    def fraction(self) -> float:
        """How much of the budget is used, 0 to 1, by whichever limit is nearest."""
        shares = (
            self.elapsed() / self.seconds if self.seconds else 0.0,
            self.used_epochs / self.epochs if self.epochs else 0.0,
            self.used_steps / self.steps if self.steps else 0.0,
            self.used_samples / self.samples if self.samples else 0.0,
        )
        return min(1.0, max(shares))

    @property
    def exhausted(self) -> bool:
        """Whether any limit is reached."""
        return (
            self._clock() >= self._deadline
            or (self.steps is not None and self.used_steps >= self.steps)
            or (self.samples is not None and self.used_samples >= self.samples)
            or (self.epochs is not None and self.used_epochs >= self.epochs)
        )

    def step(self, samples: int = 1) -> None:
        """Meter the training step that follows, on that many samples: call it first in each step.

        Raises BudgetExhausted when the budget is used up.
        """
        self.check()
        self.count(samples, self._length)

    def check(self) -> None:
        """Raise BudgetExhausted when the budget is used up."""
        if self.exhausted:
            self.loader_ended = True
            raise BudgetExhausted("the training budget is used up")
        if self._on_epoch is not None and self.used_epochs >= self._next_epoch:
            self.epoch_ended()

    def at_epochs(self, listener: Callable[[], None]) -> None:
        """Call this from now on when an epoch has ended, its last step included, and the budget has not."""
        self._on_epoch = listener

    def epoch_ended(self) -> None:
        """Called at the end of a loader's pass, and where as many samples were metered without one."""
        if self._on_epoch is not None and not self.loader_ended:
            self._next_epoch = math.floor(self.used_epochs + 1e-9) + 1  # a sum of many fractions
            self._on_epoch()

    def count(self, samples: int, length: int) -> None:
        """Meter one batch out of a set of that length."""
        self.used_steps += 1
        self.used_samples += samples
        self._passed[length] = self._passed.get(length, 0) + samples
