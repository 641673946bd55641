"""Two submissions side by side: which is better, whether by more than noise, and on which samples."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from grader.contract.errors import UsageError
from grader.contract.status import Status
from grader.contract.text import did_you_mean, one_line
from grader.host import stats
from grader.host.significance import (
    LEVEL,
    Difference,
    Sampled,
    difference,
    is_mean_over_samples,
    sampled,
)
from grader.host.stats import Score, score
from grader.host.store import stem

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from grader.contract.record import Record, TaskInfo
    from grader.host.archive import Archive
    from grader.host.track import Track

Runs = Mapping["Track", Sequence["Record"]]

_POWER = 0.8  # how often a difference that is there is to be found, where seeds are counted out
_MOST_SEEDS = 100_000


@dataclass(frozen=True)
class Side:
    """One of the two: the runs of a submission in one track, or a single one of them."""

    name: str
    good: tuple[Record, ...]  # one a seed
    failed: tuple[Record, ...]
    sample: Sampled
    unproven: int  # of the good ones, those whose evidence is missing

    def score(self, metric: str) -> Score | None:
        """The metric over the seeds, where all have it."""
        values = [run.metrics[metric] for run in self.good if metric in run.metrics]
        return score(values) if values and len(values) == len(self.good) else None


@dataclass(frozen=True)
class Only:
    """The samples that one alone gets right, in more than half of its seeds."""

    positions: tuple[int, ...]  # in the test set, from 0
    classes: Counter[str]  # how many of them are of which class


@dataclass(frozen=True)
class Comparison:
    """Two sides in one track."""

    track: Track
    task: TaskInfo
    a: Side
    b: Side
    apart: Difference | None  # a less b; None where nothing can be said
    only_a: Only | None  # None where it is not known
    only_b: Only | None

    @property
    def better(self) -> Side | None:
        """The side that is better, be it by noise; None where they are equal."""
        ours, theirs = self.a.sample.mean, self.b.sample.mean
        if ours == theirs:
            return None
        return self.a if (ours > theirs) == self.task.higher_is_better else self.b

    @property
    def seeds_needed(self) -> int | None:
        """So many seeds each would show as large a difference four times in five; None: no number would."""
        assert self.apart is not None
        return _seeds_needed(abs(self.apart.mean), self.a.sample, self.b.sample, self.apart.samples)


def comparisons(
    ours: Archive, a: str, b: str, task: str = "", theirs: Archive | None = None
) -> list[Comparison]:
    """Compare `a` with `b`, names or records, in each track that has both; `b` is of `theirs`, where given.

    Raises UsageError, one line, for a name that is not there, and where they have no track in common.
    """
    left, right = _sides(ours, a, task), _sides(theirs or ours, b, task)
    common = [track for track in sorted(left) if track in right]
    if not common:
        raise UsageError(_nothing_in_common(a, b, left, right))
    return [_compared(track, ours, left[track], theirs or ours, right[track]) for track in common]


def _sides(archive: Archive, query: str, task: str) -> Runs:
    """The runs of a submission, or the one record, by track."""
    runs = _named(archive, query) or _numbered(archive, query)
    if not runs:
        known = {record.submission.name for record in archive.records}
        raise UsageError(f"no submission or record is named {one_line(query)!r}{did_you_mean(query, known)}")
    chosen = {track: found for track, found in runs.items() if task in {"", track.task}}
    if not chosen:
        there = ", ".join(sorted({one_line(track.task) for track in runs}))
        raise UsageError(f"{one_line(query)} has no record on task {one_line(task)!r}; it has on {there}")
    return chosen


def _named(archive: Archive, name: str) -> Runs:
    return {
        track: found
        for track, rows in archive.tracks.items()
        for (row, _, _), found in rows.items()
        if row == name
    }


def _numbered(archive: Archive, query: str) -> Runs:
    """The one record of this stem, or file."""
    wanted = Path(query).name.removesuffix(".json")
    return {
        track: [record]
        for track, rows in archive.tracks.items()
        for found in rows.values()
        for record in found
        if stem(record) == wanted
    }


def _nothing_in_common(a: str, b: str, left: Runs, right: Runs) -> str:
    def told(side: Runs) -> str:
        return "; ".join(one_line(f"{track.task}, {track.asked}, {track.device}") for track in sorted(side))

    return (
        f"{one_line(a)} and {one_line(b)} were never run under the same conditions "
        f"({told(left)} against {told(right)}): `grader run` both"
    )


def _compared(
    track: Track, ours: Archive, left: Sequence[Record], theirs: Archive, right: Sequence[Record]
) -> Comparison:
    task = left[-1].task
    a, b = _side(ours, left, task), _side(theirs, right, task)
    most = 1.0 if task.metric == "accuracy" else math.inf
    apart = difference(a.sample, b.sample, most) if a.good and b.good else None
    only = _only(ours, a, theirs, b, task) if task.metric == "accuracy" else (None, None)
    return Comparison(track, task, a, b, apart, *only)


def _side(archive: Archive, runs: Sequence[Record], task: TaskInfo) -> Side:
    good = [run for run in runs if run.status is Status.OK and task.metric in run.metrics]
    sample, unproven = sampled(good, task, archive.scores)
    failed = tuple(run for run in runs if run.status is not Status.OK)
    return Side(runs[0].submission.name, tuple(good), failed, sample, unproven)


def _only(
    ours: Archive, a: Side, theirs: Archive, b: Side, task: TaskInfo
) -> tuple[Only | None, Only | None]:
    if a.sample.each is None or b.sample.each is None:
        return None, None
    right_a, right_b = a.sample.each > 0.5, b.sample.each > 0.5
    alone = ((ours, a, right_a & ~right_b), (theirs, b, right_b & ~right_a))
    only_a, only_b = (
        Only(tuple(wanted.nonzero()[0].tolist()), _classes(archive, side, wanted, task))
        for archive, side, wanted in alone
    )
    return only_a, only_b


def _classes(archive: Archive, side: Side, wanted: npt.NDArray[np.bool_], task: TaskInfo) -> Counter[str]:
    """The classes of samples that the side gets right: a run that does so has predicted them."""
    found: Counter[str] = Counter()
    for run in side.good:
        evidence = archive.evidence(run)
        if evidence is not None and evidence.correct is not None:
            found.update(_names(evidence.predictions[wanted & evidence.correct].tolist(), task))
            wanted = wanted & ~evidence.correct
    return found


def _names(predictions: Sequence[int], task: TaskInfo) -> Iterator[str]:
    return (task.classes[at] if at < len(task.classes) else str(at) for at in predictions)


def _seeds_needed(apart: float, a: Sampled, b: Sampled, samples: float) -> int | None:
    """The fewest seeds each at which the test finds `apart` with a probability of _POWER."""
    if a.of == "weights" or apart == 0:
        return None
    luck = [side.seeds[0] * len(side.scores) for side in (a, b)]  # of one training

    def found(seeds: int) -> bool:
        parts = [*((each / seeds, seeds - 1.0) for each in luck), (samples, math.inf)]
        error = math.sqrt(math.fsum(part for part, _ in parts))
        limit = stats.critical(parts, 1 - LEVEL / 2) + stats.t_quantile(_POWER, math.inf)
        return limit * error <= apart

    if not found(_MOST_SEEDS):
        return None
    low, high = 1, _MOST_SEEDS  # one seed shows nothing of a method
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if found(middle) else (middle, high)
    return high


def comparable(comparison: Comparison) -> str:
    """Why nothing can be said of the two, in a few words, unescaped; '' where something can."""
    a, b = comparison.a, comparison.b
    for side in (a, b):
        if not side.good:
            last = side.failed[-1]
            return f"{side.name} has no run that ended well: {last.status}, {last.reason}"
    if not is_mean_over_samples(comparison.task):
        return f"{comparison.task.metric} is no mean over test samples, so that no test applies"
    for side in (a, b):
        if side.unproven:
            return f"evidence of {side.name} is missing: run it again"
    if a.sample.of != b.sample.of:
        alone = a if a.sample.of == "weights" else b
        return f"{alone.name} has one seed, which says nothing about a method: run it with --seeds 3"
    return ""


def changed(ours: Archive, theirs: Archive) -> list[str]:
    """The names that both have, and whose files differ in some track that both were run in."""
    found = {
        name
        for track, rows in ours.tracks.items()
        for (name, model, loop), runs in rows.items()
        for others in [theirs.tracks.get(track, {}).get((name, model, loop), ())]
        if others and runs[0].submission.digest != others[0].submission.digest
    }
    return sorted(found)


def in_tracks_of(archive: Archive, name: str, task: str) -> list[str]:
    """The other names that were run in a track in which this one was. Raises UsageError where it is none."""
    tracks = _sides(archive, name, task)
    return sorted({row for track in tracks for (row, _, _) in archive.tracks[track]} - {name})
