"""Which records are to be verified: those that were named, or all that count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.contract.errors import NothingCollected
from grader.contract.record import Record
from grader.contract.status import Status
from grader.host.filters import Test, matching, nothing
from grader.host.listing import Entry
from grader.host.rank import Place, Who, runs, who
from grader.host.show import named
from grader.host.store import read_record
from grader.host.track import Track, track

Rows = Mapping[Track, Mapping[Who, Sequence[Record]]]


@dataclass(frozen=True, eq=False)
class Claim:
    """A record that is held to what it says."""

    path: Path  # the file it was read from; its evidence lies beside it
    record: Record
    others: tuple[Record, ...]  # the other seeds of its row that ended well


def claims(
    entries: Sequence[Entry], queries: Sequence[str], tests: Sequence[Test], tasks: Sequence[str] = ()
) -> list[Claim]:
    """Return what the queries mean, as `grader show` reads each, or without any all records that count.

    `tests` narrow them. Raises UsageError for a query that means nothing, and NothingCollected where
    nothing is left.
    """
    wanted = [entry for query in queries for entry in _meant(entries, query)] if queries else entries
    if not queries:
        wanted = _counting(entries)
    left = matching(wanted, tests)
    if not left:
        raise NothingCollected(nothing(wanted, tasks))
    rows = runs(entry.record for entry in entries)
    once = {entry.path.resolve(): entry for entry in left}
    return [Claim(entry.path, entry.record, _others(entry.record, rows)) for entry in once.values()]


def _meant(entries: Sequence[Entry], query: str) -> list[Entry]:
    """The records that a file, a stem, a node id or a name means; of several those that count."""
    path = Path(query)
    if query.endswith(".json") and path.is_file():
        return [Entry(path, read_record(path), Place.CURRENT)]
    found = set(map(id, named([entry.record for entry in entries], query)))
    meant = [entry for entry in entries if id(entry.record) in found]
    return _counting(meant) or meant


def _counting(entries: Sequence[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry.place is Place.CURRENT]


def _others(record: Record, rows: Rows) -> tuple[Record, ...]:
    row = rows.get(track(record), {}).get(who(record), ())
    return tuple(
        other
        for other in row
        if other.seed != record.seed
        and other.submission.digest == record.submission.digest
        and other.status is Status.OK
        and record.task.metric in other.metrics
    )
