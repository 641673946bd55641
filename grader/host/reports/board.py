"""One track with all that a picture of it needs, gathered from the records and their evidence once."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from grader.contract.text import NAME, one_line

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from grader.contract.record import Record
    from grader.host.archive import Archive
    from grader.host.evidence import Evidence
    from grader.host.rank import Row, Table
    from grader.host.track import Track


@dataclass(frozen=True, eq=False)
class Entry:
    """A row and what lies behind it. `confusion` (K, K) is summed over the seeds that ended well."""

    row: Row
    records: Sequence[Record]  # one a seed, failed ones among them
    confusion: npt.NDArray[np.int64] | None = None

    @property
    def good(self) -> list[Record]:
        """The records that the row's numbers are means of."""
        return [record for record in self.records if record.seed in self.row.seeds]

    @property
    def name(self) -> str:
        """The row's name, to be shown."""
        return shown(self.row.name)


@dataclass(frozen=True, eq=False)
class Mistakes:
    """Who got which test sample wrong: by the first seed of each row whose evidence is there."""

    wrong: npt.NDArray[np.int64]  # (N,): rows that got it wrong
    rows: int
    predictions: npt.NDArray[np.generic]  # (N,): of the best row
    correct: npt.NDArray[np.bool_]  # (N,): of the best row
    name: str  # of the best row, to be shown


@dataclass(frozen=True, eq=False)
class Board:
    """A table, its rows in their order, and a name for files and ids: letters, digits and dashes."""

    table: Table
    entries: Sequence[Entry]
    slug: str
    mistakes: Mistakes | None = None

    @property
    def ranked(self) -> list[Entry]:
        """Rows with a score, the best first."""
        return [entry for entry in self.entries if entry.row.ok]

    @property
    def by_score(self) -> list[Entry]:
        """The same by score alone: a row with a failed seed may have a better one than those above it."""
        metric = self.table.task.metric
        sign = -1.0 if self.table.task.higher_is_better else 1.0
        return sorted(self.ranked, key=lambda entry: sign * entry.row.metrics[metric].mean)

    @property
    def classes(self) -> list[str]:
        """Names of the classes, to be shown."""
        return [shown(name) for name in self.table.task.classes]


def board(table: Table, archive: Archive) -> Board:
    """Gather it. Each evidence file is read once, and only what is made of it is kept."""
    gathered = _Gatherer(len(table.task.classes))
    entries = []
    for row in table.rows:
        entry = Entry(row, archive.runs(table, row))
        entries.append(Entry(row, entry.records, gathered.confusion(entry, archive)))
    return Board(table, entries, slug(table.track), gathered.mistakes())


def shown(name: str) -> str:
    """A name on one line, with something to see where it is empty."""
    return one_line(name, NAME) or "(no name)"


def slug(track: Track) -> str:
    """A name for the track's files, for people and machines: what it is, and a digest that tells it apart."""
    parts = (track.task, track.budget, track.device)
    words = "-".join(re.sub(r"[^a-z0-9]+", "-", part.lower())[:24].strip("-") for part in parts)
    return f"{words.strip('-')}-{_digest(msgspec.structs.astuple(track))}"


def anchor(board: Board, row: Row) -> str:
    """The id of a row's section: the same as long as the track and the submission's name are."""
    return f"s-{_digest((board.slug, row.name, row.model, row.loop))}"


def ties(rows: Sequence[Row]) -> list[int]:
    """For each row how many share its rank, itself included; 0 without a rank."""
    shared = Counter(row.rank for row in rows)
    return [shared[row.rank] if row.rank is not None else 0 for row in rows]


def drawable(value: float) -> float:
    """The value, or the nearest that a drawing can be computed with: records may hold 1e308."""
    return min(max(value, -1e12), 1e12)


def focus(values: Sequence[float], edges: Sequence[float] = (), margin: float = 0.06) -> tuple[float, float]:
    """The part of an axis that shows differences, for values the best first: what lies far off is left out.

    From the better half it reaches down to others as long as it grows to 2.5 times as much at most: all of
    values that are spread evenly are within. `edges` are those of the better half's intervals.
    """
    half = [*values[: (len(values) + 1) // 2], *edges]
    low, high = min(half), max(half)
    room = 2.5 * (high - low) or abs(high) or 1.0
    for value in values:
        if max(high, value) - min(low, value) <= room:
            low, high = min(low, value), max(high, value)
    around = margin * (high - low) if high > low else 0.05 * abs(high) or 1.0
    return low - around, high + around


class _Gatherer:
    def __init__(self, classes: int) -> None:
        self._classes = classes
        self._first: tuple[str, Evidence] | None = None  # name and evidence of the best row
        self._wrong: npt.NDArray[np.int64] | None = None
        self._rows = 0

    def confusion(self, entry: Entry, archive: Archive) -> npt.NDArray[np.int64] | None:
        """The row's confusions; what its first seed got wrong is counted."""
        found = list(self._evidence(entry, archive))
        if found:
            self._count(entry, found[0])
        matrices = [each.confusion for each in found if each.confusion is not None]
        if not matrices or len(matrices) < len(entry.good):
            return None
        if any(len(matrix) != self._classes for matrix in matrices):
            return None
        return sum((matrix.astype("int64") for matrix in matrices[1:]), matrices[0].astype("int64"))

    def mistakes(self) -> Mistakes | None:
        """What was counted."""
        if self._first is None or self._wrong is None:
            return None
        name, evidence = self._first
        assert evidence.correct is not None
        return Mistakes(self._wrong, self._rows, evidence.predictions, evidence.correct, name)

    def _evidence(self, entry: Entry, archive: Archive) -> Iterator[Evidence]:
        for record in entry.good:
            evidence = archive.evidence(record) if self._classes else None
            if evidence is not None and evidence.correct is not None:
                yield evidence

    def _count(self, entry: Entry, evidence: Evidence) -> None:
        assert evidence.correct is not None
        if self._first is None or self._wrong is None:
            self._first = entry.name, evidence
            self._wrong = (~evidence.correct).astype("int64")
        elif len(evidence.correct) == len(self._wrong):
            self._wrong += ~evidence.correct
        else:
            return
        self._rows += 1


def _digest(facts: object) -> str:
    return hashlib.sha256(ascii(facts).encode()).hexdigest()[:10]
