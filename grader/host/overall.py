"""Over several tasks: the mean of a submission's ranks, each from the task's own table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from grader.host.track import Track

if TYPE_CHECKING:
    from grader.host.rank import Table, Who

Conditions = tuple[str, str, int]
"""Kind of device, isolation and rules: what tables of several tasks must have in common."""


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """One submission over several tasks."""

    name: str
    model: str
    loop: str
    ranks: tuple[int | None, ...]  # one a task; None where it has none
    mean: float | None  # None unless it has a rank on every task


class Overall(msgspec.Struct, frozen=True, kw_only=True):
    """Tables of several tasks under the same conditions. Of a task with several, the one with most ranks."""

    tracks: tuple[Track, ...]  # one a task, by its name
    rows: tuple[Placed, ...]  # by mean rank, then those without


def overall(tables: Sequence[Table]) -> tuple[Overall, ...]:
    """Return one for each of the conditions under which there is more than one task."""
    groups: dict[Conditions, dict[str, Table]] = {}
    for table in tables:
        key = table.track
        tasks = groups.setdefault((key.device, key.isolation, key.rules), {})
        if key.task not in tasks or _ranked(table) > _ranked(tasks[key.task]):
            tasks[key.task] = table
    return tuple(_overall(tasks) for _, tasks in sorted(groups.items()) if len(tasks) > 1)


def _overall(tasks: Mapping[str, Table]) -> Overall:
    chosen = [tasks[name] for name in sorted(tasks)]
    found: dict[Who, list[int | None]] = {}
    for at, table in enumerate(chosen):
        for row in table.rows:
            found.setdefault(row.who, [None] * len(chosen))[at] = row.rank
    placed = [_placed(who, ranks) for who, ranks in found.items()]
    rows = tuple(
        sorted(placed, key=lambda row: (row.mean is None, row.mean or 0, row.name, row.model, row.loop))
    )
    return Overall(tracks=tuple(table.track for table in chosen), rows=rows)


def _placed(who: Who, ranks: Sequence[int | None]) -> Placed:
    name, model, loop = who
    known = [rank for rank in ranks if rank is not None]
    mean = sum(known) / len(known) if len(known) == len(ranks) else None
    return Placed(name=name, model=model, loop=loop, ranks=tuple(ranks), mean=mean)


def _ranked(table: Table) -> int:
    return sum(row.rank is not None for row in table.rows)
