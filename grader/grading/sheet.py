"""CSV files that people and learning platforms write, read row by row with the numbers of their lines."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from grader.contract.errors import UsageError
from grader.contract.text import plain
from grader.host import source

_LIMIT = 16 << 20  # bytes: a course of 10,000 takes one or two
_SHOWN = 8  # names of columns that a message quotes


@dataclass(frozen=True)
class Row:
    """One row: the line it begins on, and its cells by what the columns are about, stripped."""

    line: int
    cells: Mapping[str, str]
    written: tuple[str, ...] = ()  # all of them, as they stand there

    def __getitem__(self, name: str) -> str:
        return self.cells.get(name, "")


@dataclass
class Sheet:
    """A file's rows, the columns that were understood, and what is wrong, with its line."""

    name: str
    rows: list[Row] = field(default_factory=list)
    columns: tuple[str, ...] = ()
    heading: tuple[str, ...] = ()  # as the file has it
    wrong: list[tuple[int, str]] = field(default_factory=list)

    def fault(self, row: Row, message: str) -> None:
        """Keep what is wrong with a row."""
        self.wrong.append((row.line, message))

    def raise_faults(self) -> None:
        """Raise one UsageError for all that is wrong, if anything is."""
        if self.wrong:
            lines = sorted(self.wrong, key=lambda each: each[0])
            raise UsageError("\n".join(f"{self.name}: line {line}: {message}" for line, message in lines))


def read_sheet(path: Path, columns: Mapping[str, Sequence[str]]) -> Sheet:
    """Return the rows of a CSV file: UTF-8, with commas, semicolons or tabs, under a heading.

    `columns` are other names, in lower case, of what a column is about. Columns that say nothing of it are
    left out. Raises UsageError where the file cannot be read at all; all else is in `wrong`.
    """
    name = plain(str(path))
    text = _text(path, name)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    lines = _lines(reader)
    sheet = Sheet(name)
    try:
        _, heading = next(lines, (1, []))
        places = _places(heading, columns, sheet)
        sheet.heading = tuple(heading)
        sheet.columns = tuple(places)
        for line, cells in lines:
            known = {about: cells[at].strip() for about, at in places.items() if at < len(cells)}
            row = Row(line, known, tuple(cells))
            if any(map(str.strip, cells[len(heading) :])):
                sheet.fault(row, f"{len(cells)} cells under a heading of {len(heading)}")
            sheet.rows.append(row)
    except csv.Error as error:
        sheet.wrong.append((reader.line_num, f"broken CSV: {error}"))
    return sheet


def quoted(names: Sequence[str]) -> str:
    """Return names of columns for a message, the first few of them."""
    shown = ", ".join(plain(name.strip(), 40) or "(empty)" for name in names[:_SHOWN])
    return f"{shown}, ..." if len(names) > _SHOWN else shown


def _text(path: Path, name: str) -> str:
    try:
        return source.read(path, _LIMIT).decode("utf-8-sig")
    except source.TooLarge as error:
        raise UsageError(f"{name}: takes {error.size:,} bytes, which is no list of a course") from None
    except source.Unreadable as error:
        raise UsageError(f"{name} {error}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{name}: not UTF-8, at byte {error.start}: save it as CSV UTF-8") from None


def _delimiter(text: str) -> str:
    """The one of them that the heading has most, quoted text aside."""
    heading = re.sub(r'"[^"]*"', "", text.split("\n", 1)[0])
    return max(",;\t", key=heading.count)


def _lines(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """The rows with the lines they begin on; empty lines are passed over."""
    before = 0
    for cells in reader:
        if cells:
            yield before + 1, cells
        before = reader.line_num  # type: ignore[attr-defined]  # csv's own reader has it


def _places(heading: Sequence[str], columns: Mapping[str, Sequence[str]], sheet: Sheet) -> dict[str, int]:
    """Which column is about what; a column's own name goes before other names for it."""
    names = [re.sub(r"[\s_-]+", " ", cell).strip().lower() for cell in heading]
    places: dict[str, int] = {}
    for about, others in columns.items():
        for name in (about.replace("_", " "), *others):
            found = [at for at, each in enumerate(names) if each == name]
            if len(found) > 1:
                sheet.wrong.append((1, f"two columns are named {plain(name)}"))
            if found:
                places[about] = found[0]
                break
    return places
