"""Tables on a terminal: the standings at the end of a run, and any other that must fit into its width."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from grader.contract.isolation import openings
from grader.contract.text import NAME, one_line
from grader.host.rank import Table
from grader.host.reports.tables import Column, Line, Text, columns, render


def leaderboard_text(table: Table, width: int = 80) -> str:
    """One table as text, at most `width` cells wide: the least telling columns go first.

    On narrow terminals names and statuses are cut, never below ten characters.
    """
    shown = fitting(lambda text: columns(table, text), table.rows, width)
    key = table.track
    weak = [f"isolation {key.isolation}"] if openings(key.isolation) else []
    title = ", ".join(one_line(part, NAME) for part in (key.task, key.budget, key.device, *weak))
    return f"{one_line(title, max(width, 10))}\n{render(shown, table.rows, 'simple')}"


def fitting(
    make: Callable[[Text], Sequence[Column[Line]]], rows: Sequence[Line], width: int
) -> list[Column[Line]]:
    """The columns that fit: `make` is given shorter and shorter texts, and what can be spared goes."""
    for limit in (NAME, 30, 20, 10) if width >= 120 else (30, 20, 10):
        widths = {column: _width(column, rows) for column in make(_cut(limit))}
        while _total(widths) > width and (spare := max(widths, key=lambda column: column.spare)).spare:
            del widths[spare]
        if _total(widths) <= width:
            break
    return list(widths)


def _cut(limit: int) -> Callable[..., str]:
    """Text on one line, cut by the cells it takes: an ideograph takes two."""

    def cut(text: str, most: int = NAME) -> str:
        line, room = one_line(text, most), min(most, limit)
        if _cells(line) <= room:
            return line
        while _cells(line) >= room:
            line = line[:-1]
        return f"{line}…"

    return cut


def _total(widths: dict[Column[Line], int]) -> int:
    return sum(widths.values()) + 2 * (len(widths) - 1)  # tabulate puts two spaces between columns


def _width(column: Column[Line], rows: Sequence[Line]) -> int:
    # tabulate makes a column two wider than its heading
    return max([_cells(column.title) + 2, *(_cells(column.cell(row)) for row in rows)])


def _cells(line: str) -> int:
    from wcwidth import wcswidth

    return len(line) if line.isascii() else wcswidth(line)
