"""Which differences are real: intervals and tests that count both sources of noise, seeds and test samples.

A row of several seeds speaks of a method. Its score is a mean over trainings and over test samples, so
the variance of that mean is s²/k, of k seeds whose scores have the variance s², plus Var(x)/n, of n test
samples whose scores x are averaged over the seeds first. Of a difference between two methods it is

    s²A/kA + s²B/kB + Var(xA - xB)/n

and is held against Student's t, its limits weighted as `stats.critical` says. What chance does to a
single sample in a single training is in both terms, which errs on the side of no difference.

A row of one seed speaks of these weights: one training says nothing of how the next would differ. Two
such rows are compared as two sets of weights, by McNemar's exact test on the samples that one alone gets
right; with a row of several seeds there is nothing to be compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from grader.host import stats

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from grader.contract.record import Record, TaskInfo

LEVEL = 0.01  # p below which a difference counts, for each pair, whoever else is on the board
_ABSURD = 1e100  # no score is beyond it, whatever an edited record says: squares would have no end
_BLOCK = 256  # rows whose samples are multiplied at once: 20 MB of 10,000 samples

Of = Literal["weights", "method"]
ReadScores = Callable[["Record"], "npt.NDArray[Any] | None"]
"""Of a record: bool or float32 (N,), how good each prediction was; None without evidence."""


@dataclass(frozen=True, eq=False)
class Sampled:
    """A row's score as the tests see it.

    `scores`: one a seed. `each`: the score of each test sample, averaged over the seeds, (N,) bool or
    float32; None where evidence is missing, or the metric is no mean over samples.
    """

    scores: tuple[float, ...]
    each: npt.NDArray[Any] | None = None

    @property
    def of(self) -> Of:
        """What it speaks of."""
        return "weights" if len(self.scores) == 1 else "method"

    @cached_property
    def score(self) -> stats.Score:
        """Mean and deviation over the seeds."""
        return stats.score(self.scores)

    @property
    def mean(self) -> float:
        """The mean over the seeds."""
        return self.score.mean

    @property
    def seeds(self) -> tuple[float, float]:
        """What the seeds add to the variance of the mean, and its degrees of freedom."""
        if self.score.std is None:
            return 0.0, math.inf
        k = len(self.scores)
        return self.score.std**2 / k, k - 1

    @cached_property
    def samples(self) -> tuple[float, float]:
        """What the test samples add to it, and its degrees of freedom. Needs `each`."""
        assert self.each is not None
        return _of_mean(self.each)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Of two rows, the first less the second, in the metric's unit."""

    mean: float
    low: float  # 95 %
    high: float
    p: float  # that methods, or weights, which are equally good differ so much or more
    of: Of
    seeds: tuple[float, float]  # what the seeds of the one and of the other add to its variance
    samples: float  # what the test samples add

    @property
    def real(self) -> bool:
        """Whether it is more than noise, at the level that ranks go by."""
        return self.p < LEVEL


def sampled(runs: Sequence[Record], task: TaskInfo, read: ReadScores) -> tuple[Sampled, int]:
    """Return what the tests need of runs that ended well, and of how many of them the evidence lacks."""
    import numpy as np

    scores = tuple(run.metrics[task.metric] for run in runs)
    found = [each for each in (_each(run, task, read) for run in runs) if each is not None]
    if any(abs(score) > _ABSURD for score in scores):
        found = []
    if len(found) < len(runs) or not runs:
        return Sampled(scores), len(runs) - len(found)
    if len(found) == 1:
        return Sampled(scores, found[0]), 0
    total = np.sum(np.asarray(found, np.float64), axis=0)
    return Sampled(scores, (total / len(found)).astype(np.float32)), 0


def is_mean_over_samples(task: TaskInfo) -> bool:
    """Whether evidence tells the primary metric sample by sample."""
    return task.metric == "accuracy" or (task.kind == "regression" and task.metric in {"mse", "loss"})


def interval(row: Sampled, task: TaskInfo) -> tuple[float, float] | None:
    """Return the 95 % interval of a row's score; None where the noise of the samples is not known.

    With one seed over the test samples: Wilson's for an accuracy. With several over both.
    """
    fraction = task.metric == "accuracy"
    if fraction and row.of == "weights":
        return stats.wilson(row.mean * task.test_samples, task.test_samples)
    if row.each is None:
        return None
    parts = [row.seeds, row.samples]
    variance = math.fsum(part for part, _ in parts)
    if fraction and variance == 0:  # all of them right every time is no proof that all ever will be
        return stats.wilson(row.mean * task.test_samples, task.test_samples)
    half = stats.critical(parts, 0.975) * math.sqrt(variance)
    low, high = row.mean - half, row.mean + half
    return (max(low, 0.0), min(high, 1.0)) if fraction else (low, high)


def difference(a: Sampled, b: Sampled, most: float = math.inf) -> Difference | None:
    """Return a less b; None where nothing can be said: one is of weights, or their samples are not known.

    No difference can be larger than `most`, so neither is an edge of its interval.
    """
    if a.of != b.of or a.each is None or b.each is None:
        return None
    apart = a.each.astype("float64") - b.each
    samples, df = _of_mean(apart)
    parts = [a.seeds, b.seeds, (samples, df)]
    error = math.sqrt(math.fsum(part for part, _ in parts))
    mean = a.mean - b.mean
    half = stats.critical(parts, 0.975) * error
    if a.of == "weights" and a.each.dtype == bool:
        p = stats.mcnemar(int((apart > 0).sum()), int((apart < 0).sum()))
    else:
        p = stats.two_sided(abs(mean) / error, parts) if error else float(mean == 0)
    return Difference(
        mean=mean,
        low=max(mean - half, -most),
        high=min(mean + half, most),
        p=p,
        of=a.of,
        seeds=(a.seeds[0], b.seeds[0]),
        samples=samples,
    )


def distinct(rows: Sequence[Sampled]) -> npt.NDArray[np.bool_]:
    """Return for each pair of rows, (R, R), whether their difference is real, as `difference` has it."""
    import numpy as np

    found = np.zeros((len(rows), len(rows)), bool)
    for of in ("method", "weights"):
        places = np.array([at for at, row in enumerate(rows) if row.each is not None and row.of == of], int)
        chosen = [rows[at] for at in places]
        coins = of == "weights" and all(_is_binary(row) for row in chosen)
        for ours, theirs in _blocks(len(chosen)):
            unlike = _unlike_weights if coins else _unlike
            real = unlike(chosen[ours], chosen[theirs])
            found[np.ix_(places[ours], places[theirs])] = real
            found[np.ix_(places[theirs], places[ours])] = real.T
    return found


def ranks(unlike: npt.NDArray[np.bool_]) -> list[int]:
    """Return the ranks of rows, best first: 1 + the number of those above whose difference is real.

    No row ranks above one with a better mean: where a noisy row ties with all above it, it has the rank of
    the one right above.
    """
    found: list[int] = []
    for at, better in enumerate(unlike):
        found.append(max(found[-1] if found else 1, 1 + int(better[:at].sum())))
    return found


def distinct_times(rows: Sequence[Sampled]) -> npt.NDArray[np.bool_]:
    """Return for each pair of rows, (R, R), whether their scores, seconds, differ by more than seeds do.

    No test sample has a time of its own. Where a row has one seed nothing is told.
    """
    import numpy as np

    found = np.zeros((len(rows), len(rows)), bool)
    places = np.array([at for at, row in enumerate(rows) if row.of == "method"], int)
    if len(places):
        seeds = np.array([(rows[at].mean, rows[at].seeds[0], _limit(rows[at].seeds[1])) for at in places])
        own, other = seeds.T[:, :, None], seeds.T[:, None, :]
        found[np.ix_(places, places)] = _real(own, other, np.float64(0), 0.0)
    return found


def _blocks(rows: int) -> Iterator[tuple[slice, slice]]:
    """Each block of rows with itself and with each block after it."""
    starts = range(0, rows, _BLOCK)
    return (
        (slice(at, at + _BLOCK), slice(other, other + _BLOCK))
        for at in starts
        for other in starts
        if other >= at
    )


def _unlike(ours: Sequence[Sampled], theirs: Sequence[Sampled]) -> npt.NDArray[np.bool_]:
    """The test of each of ours with each of theirs. Var(x - y) is Var(x) + Var(y) - 2 Cov(x, y)."""
    import numpy as np

    x, y = _matrix(ours), _matrix(theirs)
    n = x.shape[1]
    together = (x - x.mean(axis=1, keepdims=True)) @ (y - y.mean(axis=1, keepdims=True)).T / (n - 1) / n
    own, other = _facts(ours).T[:, :, None], _facts(theirs).T[:, None, :]
    samples = np.maximum(own[3] + other[3] - 2 * together, 0)
    return _real(own, other, samples, _limit(n - 1))


def _real(
    own: npt.NDArray[np.float64], other: npt.NDArray[np.float64], samples: Any, limit: float
) -> npt.NDArray[np.bool_]:
    """Whether means differ by more than noise.

    Each has its mean, what its seeds add to the variance, and how far t must go by them; `samples` is what
    the test samples add, with its own limit.
    """
    import numpy as np

    variance = own[1] + other[1] + samples
    # |difference| > limit * sqrt(variance), where the limit is the mean of three, weighted by variances
    limits = own[1] * own[2] + other[1] * other[2] + samples * limit
    found: npt.NDArray[np.bool_] = np.abs(own[0] - other[0]) * np.sqrt(variance) > limits
    found |= (variance == 0) & (own[0] != other[0])
    return found


def _facts(rows: Sequence[Sampled]) -> npt.NDArray[np.float64]:
    """Mean, what the seeds add to its variance, how far t must go by them, what the samples add: (R, 4)."""
    import numpy as np

    return np.array([(row.mean, row.seeds[0], _limit(row.seeds[1]), row.samples[0]) for row in rows])


def _limit(df: float) -> float:
    return stats.t_quantile(1 - LEVEL / 2, float(df))


def _unlike_weights(ours: Sequence[Sampled], theirs: Sequence[Sampled]) -> npt.NDArray[np.bool_]:
    """McNemar's test of each of ours with each of theirs."""
    import numpy as np

    x, y = _matrix(ours), _matrix(theirs)
    both = x @ y.T
    only_ours, only_theirs = x.sum(axis=1)[:, None] - both, y.sum(axis=1)[None, :] - both
    discordant, place = np.unique((only_ours + only_theirs).astype(int), return_inverse=True)
    limit = np.array([stats.mcnemar_limit(int(n), LEVEL) for n in discordant])
    found: npt.NDArray[np.bool_] = np.minimum(only_ours, only_theirs) <= limit[place.reshape(both.shape)]
    return found


def _matrix(rows: Sequence[Sampled]) -> npt.NDArray[np.float64]:
    import numpy as np

    return np.array([row.each for row in rows], np.float64)


def _is_binary(row: Sampled) -> bool:
    return row.each is not None and row.each.dtype == bool


def _of_mean(each: npt.NDArray[Any]) -> tuple[float, float]:
    """The variance of the mean over samples, and its degrees of freedom."""
    n = len(each)
    return float(each.var(dtype="float64", ddof=1)) / n if n > 1 else math.inf, max(n - 1, 1)


def _each(run: Record, task: TaskInfo, read: ReadScores) -> npt.NDArray[Any] | None:
    """The score of each test sample in one training."""
    each = read(run) if is_mean_over_samples(task) else None
    return each if each is not None and len(each) == task.test_samples else None
