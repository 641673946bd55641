"""Targets: the metric on the test set whose time is taken."""

from __future__ import annotations

import math
import re
from decimal import Decimal

import msgspec

from grader.contract.errors import UsageError
from grader.contract.task import Kind
from grader.contract.text import did_you_mean, plain

_METRICS: dict[str, tuple[Kind, ...]] = {  # and the kinds of task that have them
    "accuracy": ("multiclass", "binary"),
    "loss": ("multiclass", "binary", "regression"),
    "mse": ("regression",),
    "mae": ("regression",),
    "r2": ("regression",),
}
_HIGHER_IS_BETTER = ("accuracy", "r2")
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?"
_WRITTEN = re.compile(rf"\s*(\w+)\s*=\s*({_NUMBER})\s*(%?)\s*", re.ASCII | re.IGNORECASE)
_EXAMPLES = "write 'accuracy=0.9' or 'loss=0.3'"


class Target(msgspec.Struct, frozen=True):
    """A metric of a task's test set, and the value to be reached. `str()` is its canonical text."""

    metric: str
    value: float  # of accuracy a fraction, 0 to 1

    @classmethod
    def parse(cls, text: str) -> Target:
        """Read 'accuracy=0.9', 'accuracy=90%' or 'loss=0.3'. Raises UsageError."""
        match = _WRITTEN.fullmatch(text)
        if match is None:
            raise UsageError(f"cannot read the target {plain(text, 60)!r}; {_EXAMPLES}")
        metric, number, share = match[1].lower(), Decimal(match[2]), match[3]
        if metric not in _METRICS:
            hint = did_you_mean(metric, _METRICS) or f"; there are {', '.join(_METRICS)}"
            raise UsageError(f"no metric {plain(metric, 60)!r} that a target may have{hint}")
        if share and metric != "accuracy":
            raise UsageError(
                f"the target {plain(text, 60)!r} is a percentage, which {metric} is not: omit the %"
            )
        target = cls(metric, _fraction(number) if share else float(number))
        if wrong := target._unreachable():
            raise UsageError(f"the target {plain(text, 60)!r} {wrong}")
        return target

    def __str__(self) -> str:
        """The canonical text: equal targets read the same."""
        whole = self.value == int(self.value) and abs(self.value) < 1e9
        return f"{self.metric}={int(self.value) if whole else self.value!r}"

    def reached(self, value: float) -> bool:
        """Whether a value of the metric is as good as this, or better."""
        return value >= self.value if self.metric in _HIGHER_IS_BETTER else value <= self.value

    def check(self, task: str, kind: Kind) -> None:
        """Raise UsageError where tasks of this kind have no such metric."""
        if kind not in _METRICS[self.metric]:
            has = ", ".join(name for name, kinds in _METRICS.items() if kind in kinds)
            raise UsageError(f"no target {self} for task {plain(task, 60)!r}: its metrics are {has}")

    def _unreachable(self) -> str:
        """Why nothing, or everything, would reach it; '' where that is not so."""
        if not math.isfinite(self.value):
            return "is no number that can be reached"
        if self.metric == "accuracy" and not 0 < self.value <= 1:
            hint = f": write accuracy={self.value / 100:g} or accuracy={self.value:g}%"
            return f"must lie between 0 and 1{hint if 1 < self.value <= 100 else ''}"
        if self.metric == "r2":
            return "must be at most 1" if self.value > 1 else ""
        return "must not be below 0" if self.value < 0 else ""


def _fraction(percent: Decimal) -> float:
    """By decimal numbers: 93.3 / 100 has other bits than 0.933."""
    return float(percent.scaleb(-2)) if percent.adjusted() < 99 else math.inf
