"""When a trial reached its target, by its curve on the test set."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from grader.contract.errors import UsageError
from grader.contract.status import Status
from grader.contract.target import Target

if TYPE_CHECKING:
    from grader.contract.record import Record

NOT_REACHED = "not reached"


def time_to_target(record: Record) -> float | None:
    """Seconds of training until the first of two successive points that both reach the target.

    One alone may be luck; the final weights are the last point. None: not reached, or the trial has no
    target, or failed.
    """
    target = _target(record.target)
    if target is None or record.status is not Status.OK:
        return None
    for first, second in pairwise(record.test_curve):
        values = (first.metrics.get(target.metric), second.metrics.get(target.metric))
        if all(value is not None and target.reached(value) for value in values):
            return first.seconds
    return None


def _target(text: str) -> Target | None:
    """None as well for one that cannot be read, in an edited record."""
    try:
        return Target.parse(text) if text else None
    except UsageError:
        return None
