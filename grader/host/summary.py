"""What is said when a session has ended: the tables, what changed, what failed and why, what was slow."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click
import msgspec

from grader.contract.status import Status
from grader.contract.text import count, one_line, plain
from grader.host.changes import changes, ranks, told
from grader.host.commands import terminal_width
from grader.host.history import wall_seconds
from grader.host.lines import rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from grader.contract.record import Record
    from grader.host.changes import Ranks
    from grader.host.rank import Row, Standings, Table
    from grader.host.watch import Watch

_LONG = 12  # rows from which a table is cut
_TOP = 10  # rows that are left of it, and those of this session's submissions
_OWN = 5  # so many of them
_FULL = 20  # failures up to which each is told in full
_OUTPUT = 50  # lines of a submission's output


def of_these(records: Iterable[Record], standings: Standings) -> list[Table]:
    """The tables of the tracks that these records are of."""
    from grader.host.track import track

    ours = {track(record) for record in records}
    return [table for table in standings.tables if table.track in ours]


def tops(tables: Iterable[Table], records: Iterable[Record], width: int) -> Iterator[str]:
    """The tables, long ones cut to their best rows and those of the records."""
    from grader.host.reports.terminal import leaderboard_text

    names = {record.submission.name for record in records}
    for table in tables:
        shown = _top(table, names)
        yield "\n" + leaderboard_text(msgspec.structs.replace(table, rows=shown), width)
        if len(shown) < len(table.rows):
            yield f"… and {len(table.rows) - len(shown)} more: see README.md"


def written(directory: Path, before: Ranks | None, standings: Standings) -> Iterator[str]:
    """Where all of it is, and what changed, where the last leaderboard is known."""
    yield f"leaderboard: {plain(str(directory / 'README.md'))}"
    if before is not None:
        yield from told(changes(before, ranks(standings)))
    yield ""


def _top(table: Table, ours: set[str]) -> tuple[Row, ...]:
    if len(table.rows) <= _LONG:
        return table.rows
    own = [row for row in table.rows[_TOP:] if row.name in ours]
    return (*table.rows[:_TOP], *(own if len(own) <= _OWN else ()))


def ending(
    watch: Watch,
    verbosity: int,
    seconds: float,
    *,
    slowest: int | None = None,
    interrupted: bool = False,
    stopped_early: bool = False,
) -> Iterator[str]:
    """Failures, the slowest trials where they were asked for, and the line that counts."""
    yield from failures(watch.records, verbosity)
    if slowest is not None:
        yield from durations(watch.records, slowest)
    counts = Counter(str(record.status) for record in watch.records)
    said = [f"{n} {status}" for status, n in sorted(counts.items(), key=_ok_first)] or ["nothing ran"]
    if watch.reused:
        said.append(f"{len(watch.reused)} reused")
    if interrupted or stopped_early:
        said.append("interrupted" if interrupted else "stopped early")
    colour = "red" if watch.failed or interrupted else "green"
    yield click.style(rule(f"{', '.join(said)} in {seconds:.1f} s"), fg=colour)


def failures(records: Sequence[Record], verbosity: int = 0) -> Iterator[str]:
    """Each failure with its reason; seeds of a submission that failed alike are told together.

    Two lines each, or one where there are many; `verbosity` 1 adds tracebacks, 2 the output.
    """
    groups: dict[object, list[Record]] = {}
    for record in records:
        if record.status is not Status.OK:
            who = record.submission
            alike = (who.name, who.digest, record.task.name, record.budget, record.status, record.phase)
            groups.setdefault((alike, record.reason), []).append(record)
    if groups:
        yield rule("failures")
    for group in groups.values():
        if verbosity < 1 and len(groups) > _FULL:
            yield one_line(f"{_what(group)}: {group[0].reason}", max(40, terminal_width()))
            continue
        yield _what(group)
        yield f"    {plain(group[0].reason)}"
        yield from _details(group[0], verbosity)


def _what(group: Sequence[Record]) -> str:
    first, *others = group
    phase = f" in {first.phase}" if first.phase else ""
    seeds = one_line(", ".join(str(record.seed) for record in others), 60)
    more = f" and seed{'s' if len(others) > 1 else ''} {seeds}" if others else ""
    return f"{plain(first.node_id)}{more}: {first.status}{phase}"


def _details(record: Record, verbosity: int) -> Iterator[str]:
    if verbosity >= 1:
        yield from (f"    {plain(line)}" for line in record.detail.splitlines())
    if verbosity >= 2 and record.output:
        yield "    its output:"
        yield from (f"    | {plain(line)}" for line in record.output.splitlines()[-_OUTPUT:])


def durations(records: Sequence[Record], most: int) -> Iterator[str]:
    """The trials that took longest from loading to predicting; all of them for 0."""
    timed = sorted(records, key=wall_seconds, reverse=True)
    shown = timed[:most] if most else timed
    if shown:
        yield rule(f"slowest {count(len(shown), 'trial')}")
    for record in shown:
        parts = (f"{name} {value:.2f}" for name, value in _phases(record) if value is not None)
        told = ", ".join(parts) or "did not start"
        yield f"{wall_seconds(record):8.2f} s  {plain(record.node_id)}  ({told})"


def _phases(record: Record) -> list[tuple[str, float | None]]:
    timing = record.timing
    return [
        ("load", timing.load_seconds),
        ("train", timing.train_seconds),
        ("predict", timing.predict_seconds),
        ("snapshots", timing.snapshots_seconds),
    ]


def _ok_first(item: tuple[str, int]) -> tuple[bool, str]:
    return item[0] != Status.OK, item[0]
