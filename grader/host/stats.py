"""The formulas behind intervals and ranks, each with its source.

scipy has them all, and takes 0.6 s to import: the tests hold these against it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from statistics import NormalDist

import msgspec

Z95 = NormalDist().inv_cdf(0.975)
_TINY = 1e-300
_PRECISION = 1e-15  # relative, of sums and fractions that are cut where more terms change nothing
_TERMS = 100_000
_STEPS = 100
_LEAST_P = 1e-12  # smaller ones say nothing more, and 1 - p/2 could not be told from 1


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """A number over the seeds that ended well."""

    mean: float
    std: float | None = None  # sample standard deviation; None for a single seed


def score(values: Sequence[float]) -> Score:
    """Mean and sample standard deviation, exactly rounded: the order of the values does not matter."""
    mean = math.fsum(value / len(values) for value in values)
    if len(values) < 2:
        return Score(mean=values[0])
    spread = math.hypot(*sorted(value - mean for value in values)) / math.sqrt(len(values) - 1)
    return Score(mean=mean, std=spread if math.isfinite(spread) else None)


def mean_of(values: Iterable[float | None]) -> float | None:
    """The mean of what is known; None where nothing is."""
    known = [value for value in values if value is not None]
    return score(known).mean if known else None


def wilson(correct: float, samples: int, z: float = Z95) -> tuple[float, float] | None:
    """Wilson's score interval for a fraction (E. B. Wilson, JASA 22, 1927). None where it has no meaning."""
    if not 0 <= correct <= samples or samples == 0:
        return None
    share, square = correct / samples, z * z
    centre = share + square / (2 * samples)
    spread = z * math.sqrt(share * (1 - share) / samples + square / (4 * samples * samples))
    scale = 1 + square / samples
    # rounding must not push an edge beyond the fraction itself, nor beyond 0 and 1
    return max(0.0, min(share, (centre - spread) / scale)), min(1.0, max(share, (centre + spread) / scale))


def kendall(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Kendall's tau-b of two scores of the same things: 1 in the same order (Biometrika 33, 1945).

    None where one of them puts nothing before anything else.
    """
    pairs = [
        (_sign(x - z), _sign(y - w)) for (x, y), (z, w) in itertools.combinations(zip(a, b, strict=True), 2)
    ]
    ordered = [sum(first != 0 for first, _ in pairs), sum(second != 0 for _, second in pairs)]
    if not all(ordered):
        return None
    return sum(first * second for first, second in pairs) / math.sqrt(math.prod(ordered))


def mcnemar(only_a: int, only_b: int) -> float:
    """Two-sided exact p of McNemar's test (Q. McNemar, Psychometrika 12, 1947): a fair coin, thrown n times.

    `only_a` and `only_b` count the samples that only the one and only the other gets right. From the
    largest term of the tail downwards each is a simple fraction of the one before, so that some hundred
    suffice among thousands.
    """
    n, k = only_a + only_b, min(only_a, only_b)
    if 2 * k >= n - 1:
        return 1.0  # both halves, or all but the middle
    term = math.exp(math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2))
    total = 0.0
    while k >= 0 and term > _PRECISION * total:
        total += term
        term *= k / (n - k + 1)
        k -= 1
    return min(1.0, 2 * total)


@lru_cache(maxsize=1 << 16)
def mcnemar_limit(discordant: int, level: float) -> int:
    """The most samples that the poorer of two may alone get right, of so many, for p < level; -1 for none."""
    low, high = -1, discordant // 2  # even halves have p 1, and none at all would have less than any
    while high - low > 1:
        middle = (low + high) // 2
        if mcnemar(middle, discordant - middle) < level:
            low = middle
        else:
            high = middle
    return low


def t_two_sided(t: float, df: float) -> float:
    """The probability that Student's t with `df` degrees of freedom is further from 0 than `t`.

    By the regularised incomplete beta function: Abramowitz and Stegun 26.7.1, 26.5.27.
    """
    if math.isinf(t):
        return 0.0
    # of small t, 1 - x is known better than x
    return _beta(df / 2, 0.5, df / (df + t * t), t * t / (df + t * t))


@lru_cache(maxsize=1 << 16)
def t_quantile(p: float, df: float) -> float:
    """The value that Student's t with `df` degrees of freedom stays below with probability p in [0.5, 1)."""
    t = NormalDist().inv_cdf(p)  # too small, as its tails are lighter
    if math.isinf(df):
        return t
    for _ in range(_STEPS):  # Newton's way to a root of a convex function, from one side only
        step = (t_two_sided(t, df) - 2 * (1 - p)) / (2 * _t_density(t, df))
        t += step
        if step <= 1e-14 * t:
            break
    return t


Part = tuple[float, float]
"""One part of a variance, and the degrees of freedom from which it was estimated."""


def critical(parts: Sequence[Part], p: float) -> float:
    """What stands for Student's `t_quantile(p)` where an error's variance is a sum: the parts' own, weighted.

    Each counts as much as its part of the variance (W. G. Cochran, Biometrics 20, 1964). Degrees of freedom
    of the sum, as Welch and Satterthwaite have them, call a chance difference real too often where one part
    is of few seeds and another of many samples: at p 0.995, two-sided 1 %, up to 3.4 % with three seeds;
    this one up to 1.2 %.
    """
    total = math.fsum(variance for variance, _ in parts)
    if total == 0:
        return t_quantile(p, math.inf)
    return math.fsum(variance * t_quantile(p, df) for variance, df in parts if variance) / total


def two_sided(t: float, parts: Sequence[Part]) -> float:
    """The p at which `t` is critical, for an error of these parts. Both tails; t is at least 0."""
    low, high = _LEAST_P, 1.0
    if t > critical(parts, 1 - low / 2):
        return low
    while high - low > 1e-12 * high:
        middle = math.sqrt(low * high)
        if middle in {low, high}:
            break
        if critical(parts, 1 - middle / 2) > t:
            low = middle
        else:
            high = middle
    return high


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


def _t_density(t: float, df: float) -> float:
    return math.exp(-_log_beta(df / 2, 0.5) - (df + 1) / 2 * math.log1p(t * t / df)) / math.sqrt(df)


def _beta(a: float, b: float, x: float, rest: float) -> float:
    """The regularised incomplete beta function I_x(a, b); `rest` is 1 - x."""
    if x <= 0 or rest <= 0:
        return float(rest <= 0)
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta(b, a, rest, x)
    log = a * _log(x, rest) + b * _log(rest, x) - _log_beta(a, b)
    return math.exp(log) * _beta_fraction(a, b, x) / a


def _log_beta(a: float, b: float) -> float:
    """The logarithm of the beta function. lgamma's difference loses digits where one of them is large.

    There b is a half here: the ratio of the gamma functions by Abramowitz and Stegun 6.1.47.
    """
    large, small = max(a, b), min(a, b)
    if large < 100 or small != 0.5:
        return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    ratio = math.log(large) / 2 - 1 / (8 * large) + 1 / (192 * large**3) - 1 / (640 * large**5)
    return math.lgamma(small) - ratio


def _log(value: float, rest: float) -> float:
    """The logarithm of `value`, which is 1 - rest, by whichever is known better."""
    return math.log1p(-rest) if rest < 0.5 else math.log(value)


def _beta_fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of the incomplete beta function (Abramowitz and Stegun 26.5.8), by Lentz."""
    c, d = 1.0, 1 / _apart(1 - (a + b) * x / (a + 1))
    result = d
    for m in range(1, _TERMS):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d, c = 1 / _apart(1 + term * d), _apart(1 + term / c)
            result *= c * d
        if abs(c * d - 1) < _PRECISION:
            break
    return result


def _apart(value: float) -> float:
    """The value, kept away from zero, by which it is to be divided."""
    return value if abs(value) > _TINY else _TINY
