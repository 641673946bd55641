"""How the training tells where it stands: the curve, and the display's heartbeat."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import torch

from grader.contract.events import Progress as ProgressEvent
from grader.contract.record import CurvePoint

if TYPE_CHECKING:
    from grader.worker.budget import RunningBudget
    from grader.worker.channel import Channel

_HEARTBEAT = 0.2  # seconds between two messages for the display
_MAX_POINTS = 2000  # of a curve; a loop with more is heard as often as the display needs
_FOLD = 32  # losses kept as tensors before they are summed: reading each would stall the device; 512 of them,
# scattered between the batches, kept 25 MB of the heap from being used again


class LossMeter:
    """The mean of the losses that were backpropagated, without asking the loop for them.

    Losses stay on the device, detached, until somebody asks.
    """

    def __init__(self) -> None:
        self._pending: list[torch.Tensor] = []
        self._total: torch.Tensor | None = None
        self._count = 0

    def watch(self) -> None:
        """Hear of every scalar on which `backward()` is called from now on, in this process."""
        original = torch.Tensor.backward

        @functools.wraps(original)
        def backward(tensor: torch.Tensor, *args: Any, **kwargs: Any) -> None:
            if tensor.numel() == 1:
                self.add(tensor.detach())
            original(tensor, *args, **kwargs)  # type: ignore[no-untyped-call]

        torch.Tensor.backward = backward  # type: ignore[method-assign, assignment]

    def add(self, loss: torch.Tensor) -> None:
        """Count one loss, a tensor of one element."""
        self._pending.append(loss)
        if len(self._pending) >= _FOLD:
            self._fold()

    def latest(self) -> float | None:
        """The last loss seen; waits for the device."""
        return finite(self._pending[-1].item()) if self._pending else None

    def take_mean(self) -> float | None:
        """The mean since this was last asked; None when there was none, or it is not finite."""
        self._fold()
        total, count = self._total, self._count
        self._total, self._count = None, 0
        return finite(total.item() / count) if total is not None else None

    def _fold(self) -> None:
        if self._pending:
            added = torch.stack([loss.reshape(()).float() for loss in self._pending]).sum()
            self._total = added if self._total is None else self._total + added
            self._count += len(self._pending)
            self._pending.clear()


class Progress:
    """The `progress` argument of `train`: `progress(loss=…, accuracy=…)` adds a point to the curve.

    Loops that do not call it get a point an epoch all the same.
    """

    def __init__(self, channel: Channel, budget: RunningBudget, losses: LossMeter) -> None:
        self._channel = channel
        self._budget = budget
        self._losses = losses
        self._next_beat = 0.0
        self._points = 0

    def __call__(self, *, loss: float | None = None, accuracy: float | None = None) -> None:
        """Add a point to the curve. `loss` is a mean, `accuracy` a fraction from 0 to 1."""
        self._add(_number(loss), _number(accuracy))

    def tick(self) -> None:
        """Called for each batch; tells the display a few times a second."""
        if self._beat():
            self._send(self._losses.latest(), None, keep=False)

    def epoch_ended(self) -> None:
        """Called by a loader at the end of each pass."""
        self._add(self._losses.take_mean(), None, last=self._budget.loader_ended)

    def _add(self, loss: float | None, accuracy: float | None, *, last: bool = False) -> None:
        self._points += 1
        if last or self._points <= _MAX_POINTS or self._beat():
            self._send(loss, accuracy, keep=True)

    def _beat(self) -> bool:
        elapsed = self._budget.elapsed()
        if elapsed < self._next_beat:
            return False
        self._next_beat = elapsed + _HEARTBEAT
        return True

    def _send(self, loss: float | None, accuracy: float | None, *, keep: bool) -> None:
        budget = self._budget
        point = CurvePoint(
            epoch=round(budget.used_epochs, 6),
            steps=budget.used_steps,
            samples=budget.used_samples,
            seconds=round(budget.elapsed(), 6),
            loss=loss,
            accuracy=accuracy,
        )
        self._channel.send(ProgressEvent(point, keep, budget.loader_ended))


def finite(value: float) -> float | None:
    """The value, or None for NaN and infinity, which no record holds."""
    return value if abs(value) < float("inf") else None


def _number(value: float | torch.Tensor | None) -> float | None:
    return None if value is None else finite(float(value))
