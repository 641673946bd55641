"""The shake-up: what the private test set has made of the public standings. A pure function of both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from grader.contract.record import TaskInfo
from grader.host.rank import Row, Table
from grader.host.stats import kendall
from grader.host.track import Track


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """A row on both sides. Scores are of the primary metric; None on a side where no seed ended well."""

    name: str
    model: str
    loop: str
    public_rank: int | None
    private_rank: int | None
    public: float | None
    private: float | None
    interval: tuple[float, float] | None  # 95 %, of the public score
    private_interval: tuple[float, float] | None
    outside: Literal["", "worse", "better"] = ""  # the private score, by the public interval

    @property
    def difference(self) -> float | None:
        """The private score less the public one."""
        if self.public is None or self.private is None:
            return None
        return self.private - self.public


class ShakeUp(msgspec.Struct, frozen=True, kw_only=True):
    """Of one track; its rows in the order of the private standings."""

    track: Track  # that of the public records
    task: TaskInfo  # of the public ones, too
    rows: tuple[Moved, ...]
    tau: float | None  # Kendall's, between the orders of the rows with a rank on both sides

    @property
    def ranked(self) -> list[Moved]:
        """The rows with a rank on both sides."""
        return [row for row in self.rows if row.public_rank is not None and row.private_rank is not None]


def shake_up(public: Table, private: Table) -> ShakeUp:
    """Hold the private table of a track against the public one."""
    before = {row.who: row for row in public.rows}
    rows = tuple(_moved(before[row.who], row, public.task) for row in private.rows if row.who in before)
    made = ShakeUp(track=public.track, task=public.task, rows=rows, tau=None)
    return msgspec.structs.replace(made, tau=_tau(made.ranked))


def _moved(public: Row, private: Row, task: TaskInfo) -> Moved:
    before, after = (
        row.metrics[task.metric].mean if row.ok and task.metric in row.metrics else None
        for row in (public, private)
    )
    return Moved(
        name=private.name,
        model=private.model,
        loop=private.loop,
        public_rank=public.rank,
        private_rank=private.rank,
        public=before,
        private=after,
        interval=public.interval,
        private_interval=private.interval,
        outside=_outside(after, public.interval, task),
    )


def _outside(
    score: float | None, interval: tuple[float, float] | None, task: TaskInfo
) -> Literal["", "worse", "better"]:
    if score is None or interval is None or interval[0] <= score <= interval[1]:
        return ""
    return "better" if (score > interval[1]) == task.higher_is_better else "worse"


def _tau(rows: Sequence[Moved]) -> float | None:
    public = [row.public for row in rows if row.public is not None]
    private = [row.private for row in rows if row.private is not None]
    return kendall(public, private)
