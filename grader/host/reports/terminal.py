"""Tables on a terminal: the standings at the end of a run, and any other that must fit into its width."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Sequence

from grader.contract.text import NAME, one_line
from grader.host.overall import Overall
from grader.host.rank import Table
from grader.host.reports.tables import Column, Line, Text, columns, mean_ranks, render, times
from grader.host.reports.words import conditions, rule_in_short, rule_of_seconds
from grader.host.timed import by_time
from grader.host.track import Track


def leaderboard_text(table: Table, width: int = 80) -> str:
    """One table as text, at most `width` cells wide: the least telling columns go first.

    On narrow terminals names and statuses are cut, never below ten characters.
    """
    shown = fitting(lambda text: columns(table, text), table.rows, width)
    lines = [one_line(track_title(table), max(width, 10)), render(shown, table.rows, "simple")]
    for line in filter(None, [rule_in_short(table), *rule_of_seconds(table)]):
        lines += textwrap.wrap(line, max(width, 10))
    if table.track.target:
        shown = fitting(lambda text: times(table, text), by_time(table.rows), width)
        lines += ["", render(shown, by_time(table.rows), "simple")]
    return "\n".join(lines)


def overall_text(overall: Overall, width: int = 80) -> str:
    """The mean ranks over several tasks as text, at most `width` cells wide."""
    shown = fitting(lambda text: mean_ranks(overall, text), overall.rows, width)
    return f"{one_line(overall_title(overall), max(width, 10))}\n{render(shown, overall.rows, 'simple')}"


def overall_title(overall: Overall) -> str:
    """What the tasks have in common, in a few words."""
    return ", ".join((f"over {len(overall.tracks)} tasks", *conditions(overall.tracks[0])))


def track_title(table: Table) -> str:
    """The track in a few words."""
    return title_of(table.track)


def title_of(track: Track, text: Text = one_line) -> str:
    """The same of a track alone; `text` escapes names."""
    return ", ".join((text(track.task, NAME), text(track.asked, NAME), *conditions(track, text)))


def fitting(
    make: Callable[[Text], Sequence[Column[Line]]], rows: Sequence[Line], width: int
) -> list[Column[Line]]:
    """The columns that fit: `make` is given shorter and shorter texts, and what can be spared goes."""
    for limit in (NAME, 30, 20, 10) if width >= 120 else (30, 20, 10):
        widths = {column: width_of(column.title, *map(column.cell, rows)) for column in make(cut(limit))}
        while (
            width_of_table(widths.values()) > width
            and (spare := max(widths, key=lambda column: column.spare)).spare
        ):
            del widths[spare]
        if width_of_table(widths.values()) <= width:
            break
    return list(widths)


def cut(limit: int) -> Callable[..., str]:
    """Text on one line, cut by the cells it takes: an ideograph takes two."""

    def shortened(text: str, most: int = NAME) -> str:
        line, room = one_line(text, most), min(most, limit)
        if _cells(line) <= room:
            return line
        while _cells(line) >= room:
            line = line[:-1]
        return f"{line}…"

    return shortened


def width_of_table(widths: Iterable[int]) -> int:
    """Terminal cells that columns of these widths take beside each other."""
    return sum(width + 2 for width in widths) - 2  # tabulate puts two spaces between columns


def width_of(title: str, *cells: str) -> int:
    """Terminal cells that a column takes."""
    return max(_cells(title) + 2, *map(_cells, cells))  # tabulate makes it two wider than its heading


def _cells(line: str) -> int:
    from wcwidth import wcswidth

    return len(line) if line.isascii() else wcswidth(line)
