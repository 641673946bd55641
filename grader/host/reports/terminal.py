"""The standings on a terminal, at the end of a run."""

from __future__ import annotations

from collections.abc import Callable

from grader.contract.isolation import openings
from grader.contract.text import NAME, one_line
from grader.host.rank import Table
from grader.host.reports.tables import Column, columns, render


def leaderboard_text(table: Table, width: int = 80) -> str:
    """One table as text, at most `width` cells wide: the least telling columns go first.

    On narrow terminals names and statuses are cut, never below ten characters.
    """
    shown = _fitting(table, width)
    key = table.track
    weak = [f"isolation {key.isolation}"] if openings(key.isolation) else []
    title = ", ".join(one_line(part, NAME) for part in (key.task, key.budget, key.device, *weak))
    return f"{one_line(title, max(width, 10))}\n{render(shown, table.rows, 'simple')}"


def _fitting(table: Table, width: int) -> list[Column]:
    for limit in (NAME, 30, 20, 10) if width >= 120 else (30, 20, 10):
        widths = {column: _width(column, table) for column in columns(table, _cut(limit))}
        while _total(widths) > width and (spare := max(widths, key=lambda column: column.spare)).spare:
            del widths[spare]
        if _total(widths) <= width:
            break
    return list(widths)


def _cut(limit: int) -> Callable[..., str]:
    """Text on one line, cut by the cells it takes: an ideograph takes two."""
    from wcwidth import wcswidth

    def cut(text: str, most: int = NAME) -> str:
        line, room = one_line(text, most), min(most, limit)
        if wcswidth(line) <= room:
            return line
        while wcswidth(line) >= room:
            line = line[:-1]
        return f"{line}…"

    return cut


def _total(widths: dict[Column, int]) -> int:
    return sum(widths.values()) + 2 * (len(widths) - 1)  # tabulate puts two spaces between columns


def _width(column: Column, table: Table) -> int:
    from wcwidth import wcswidth

    # tabulate makes a column two wider than its heading
    return max(wcswidth(column.title) + 2, *(wcswidth(column.cell(row)) for row in table.rows))
