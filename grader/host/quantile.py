"""Quantiles of Student's t. scipy has them, and takes most of a second to import."""

from __future__ import annotations

import math
from functools import lru_cache

_STEPS = 200  # of bisection: more than a float has bits


@lru_cache(maxsize=1 << 10)
def t_quantile(p: float, df: float) -> float:
    """The value that Student's t with `df` degrees of freedom stays below with probability p in [0.5, 1)."""
    low, high = 0.0, 1.0
    while _above(high, df) > 1 - p:
        high *= 2
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if _above(middle, df) > 1 - p else (low, middle)
    return high


def _above(t: float, df: float) -> float:
    """The probability of more than t: Abramowitz and Stegun 26.7.1, by the incomplete beta function."""
    return _beta(df / (df + t * t), df / 2, 0.5) / 2


def _beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b): its continued fraction, A. and S. 26.5.8."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # where the fraction converges slowly
        return 1 - _beta(1 - x, b, a)
    log = a * math.log(x) + b * math.log1p(-x) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    value = 1.0
    for m in range(200, 0, -1):
        odd = -(a + m - 1) * (a + b + m - 1) * x / ((a + 2 * m - 2) * (a + 2 * m - 1))
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        value = 1 + odd / (1 + even / value)
    return math.exp(log) / (a * value)
