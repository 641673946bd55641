"""The other ranking: by the time to a target, where a track has one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from grader.host.significance import Sampled, distinct_times, ranks
from grader.host.target import time_to_target

if TYPE_CHECKING:
    from grader.contract.record import Record
    from grader.host.rank import Row, Who


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    """When a row reached the target of its track."""

    seeds: int  # that reached it
    rank: int | None = None  # None unless every counted seed reached it, and the times compare
    mean: float | None = None  # seconds of training, over the seeds; None unless every counted one reached it
    std: float | None = None  # sample standard deviation; None for a single seed


def with_times(
    rows: Sequence[Row], runs: Mapping[Who, Sequence[Record]], *, comparable: bool = True
) -> tuple[Row, ...]:
    """Return the rows, in their order, each with when it reached the target.

    Times that are not comparable, because they were taken on different devices, get no ranks.
    """
    times = [_times(row, runs[row.who]) for row in rows]
    whole = [at for at, row in enumerate(rows) if row.counted and len(times[at].scores) == row.counted]
    order = sorted(whole, key=lambda at: (times[at].mean, rows[at].who))
    unlike = distinct_times([times[at] for at in order])
    found = dict(zip(order, ranks(unlike), strict=True)) if comparable else {}
    return tuple(
        msgspec.structs.replace(row, reached=_reached(times[at], found.get(at), whole=at in order))
        for at, row in enumerate(rows)
    )


def by_time(rows: Sequence[Row]) -> list[Row]:
    """The rows in the order of their times: then those of which fewer and fewer seeds reached the target."""

    def place(row: Row) -> tuple[bool, float, int, Who]:
        reached = row.reached or Reached(seeds=0)
        mean = reached.mean if reached.mean is not None else 0.0
        return reached.mean is None, mean, -reached.seeds, row.who

    return sorted(rows, key=place)


def _times(row: Row, runs: Sequence[Record]) -> Sampled:
    found = (time_to_target(run) for run in runs if run.seed in row.seeds)
    return Sampled(tuple(seconds for seconds in found if seconds is not None))


def _reached(times: Sampled, rank: int | None, *, whole: bool) -> Reached:
    many = len(times.scores)
    if not whole:
        return Reached(seeds=many)
    return Reached(seeds=many, rank=rank, mean=times.mean, std=times.score.std)
