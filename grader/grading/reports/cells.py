"""A CSV file of which single cells are changed, and all the rest stays as it is to the byte.

The csv module tells what is in a file, and not where: writing a file anew would change its quotes and line
ends, and whatever else a learning platform's importer may want as it was.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from grader.contract.errors import UsageError
from grader.contract.text import plain

_BOM = b"\xef\xbb\xbf"
_DELIMITERS = ",;\t"


class Cell(NamedTuple):
    """What a cell says, and where it stands in the text, quotes included."""

    text: str
    start: int
    end: int


class Sheet:
    """A file's rows, the heading first, and the cells that are to say something else."""

    def __init__(self, data: bytes, what: str) -> None:
        """Read the file. Raises UsageError, in one line that begins with `what`, for what is no CSV."""
        self.what = what
        self._bom = data.startswith(_BOM)
        try:
            self._text = data.removeprefix(_BOM).decode("utf-8")
        except UnicodeDecodeError:
            raise UsageError(f"{what}: no UTF-8 text; save it as 'CSV UTF-8' in the spreadsheet") from None
        found = [_split(self._text, delimiter) for delimiter in _DELIMITERS]
        whole = [rows for rows in found if rows and len(rows[0]) > 1]
        if not whole:
            raise UsageError(f"{what}: no CSV file with a heading line; download it again")
        self.rows = max(whole, key=lambda rows: len(rows[0]))
        self._delimiter = _DELIMITERS[next(at for at, rows in enumerate(found) if rows is self.rows)]
        self.head = [cell.text.strip() for cell in self.rows[0]]
        self._changes: dict[tuple[int, int], str] = {}

    def at(self, row: int, column: int | None) -> str:
        """What a cell says, without the blanks around it; '' where there is none."""
        cells = self.rows[row]
        return cells[column].text.strip() if column is not None and column < len(cells) else ""

    def filled(self) -> list[int]:
        """The rows below the heading that say anything; blank ones count, as a spreadsheet counts them."""
        return [row for row in range(1, len(self.rows)) if any(cell.text.strip() for cell in self.rows[row])]

    def column(self, *names: str) -> int | None:
        """The first column of one of these names, whatever their case."""
        heads = [head.casefold() for head in self.head]
        return next((heads.index(name.casefold()) for name in names if name.casefold() in heads), None)

    def put(self, row: int, column: int, text: str) -> None:
        """Have a cell say this. Raises UsageError for a row that ends before it."""
        if column >= len(self.rows[row]):
            raise UsageError(
                f"{self.what}: row {row + 1} has {len(self.rows[row])} cells, and the heading line "
                f"{len(self.head)}; download it again"
            )
        self._changes[row, column] = text

    def data(self) -> bytes:
        """The file with its changes."""
        parts, last = [], 0
        for (row, column), text in sorted(self._changes.items()):
            cell = self.rows[row][column]
            quoted = self._text[cell.start : cell.end].startswith('"')
            parts += [self._text[last : cell.start], self._written(text, quoted=quoted)]
            last = cell.end
        return (_BOM if self._bom else b"") + "".join([*parts, self._text[last:]]).encode("utf-8")

    def _written(self, text: str, *, quoted: bool) -> str:
        if not quoted and not set(text) & {'"', "\r", "\n", *_DELIMITERS} and text == text.strip():
            return text
        return '"' + text.replace('"', '""') + '"'


def _split(text: str, delimiter: str) -> list[list[Cell]]:
    """The rows; none where the text is no CSV with this delimiter."""
    cell = re.compile(rf'"((?:[^"]|"")*+)"|((?:[^"{delimiter}\r\n][^{delimiter}\r\n]*)?)')
    end = re.compile(r"\r\n|\r|\n|\Z")
    rows: list[list[Cell]] = [[]]
    at = 0
    while True:
        found = cell.match(text, at)
        assert found is not None  # the second form matches nothing as well
        quoted = found[1] is not None
        rows[-1].append(Cell(found[1].replace('""', '"') if quoted else found[2], at, found.end()))
        at = found.end()
        if text[at : at + 1] == delimiter:
            at += 1
            continue
        ended = end.match(text, at)
        if ended is None:
            return []  # a quote without its other half, or something after that
        at = ended.end()
        if at == len(text):
            return rows
        rows.append([])


def shown(text: str) -> str:
    """A cell's text for a message."""
    return plain(text, 60)
