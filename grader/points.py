"""Partial credit, for a criterion of a rubric to return: `return points.between(accuracy, 0.70, 0.90)`."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Credit", "between", "fraction"]


@dataclass(frozen=True)
class Credit:
    """A share of a criterion's points, 0 to 1, and what to tell the student of it."""

    share: float
    message: str = ""


def between(value: float, low: float, high: float, message: str = "") -> Credit:
    """Return no credit at `low`, all at `high`, and a straight line in between.

    With `low` above `high` less is better, as of a loss or of seconds. A value that is NaN gives none.
    Raises ValueError for bounds that are equal or not finite.
    """
    if not (math.isfinite(low) and math.isfinite(high)) or low == high:
        raise ValueError(f"points.between takes two bounds that differ, not {low!r} and {high!r}")
    share = (value - low) / (high - low)
    told = message or f"{_short(value)}, where {_short(low)} gives nothing and {_short(high)} all of it"
    return fraction(min(max(share, 0.0), 1.0) if not math.isnan(share) else 0.0, told)


def fraction(share: float, message: str = "") -> Credit:
    """Return this share of the points, 0 to 1. Raises ValueError for another number."""
    if not 0 <= share <= 1:  # False for NaN as well
        raise ValueError(f"a criterion gives 0 to 1 of its points, not {share!r}")
    return Credit(float(share), message)


def _short(value: float) -> str:
    return f"{value:.4g}"
