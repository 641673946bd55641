"""The page and the plots as bytes: a function of the standings, the records, their evidence and samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from grader.host.archive import Archive
from grader.host.rank import Standings, Table
from grader.host.reports import draw, page, pictures
from grader.host.reports.board import Board, board
from grader.host.reports.plots import Plot, plots
from grader.host.shakeup import ShakeUp


def made(
    standings: Standings, archive: Archive, made_of: str, moved: Sequence[ShakeUp] = ()
) -> tuple[str, dict[str, bytes]]:
    """Return the page, and the plots by their file names. `moved` is told on a final leaderboard's page."""
    files: dict[str, bytes] = {}
    panels = []
    for table in standings.tables:
        panel, drawn = _panel(table, archive)
        panels.append(panel)
        files |= drawn
    listed = " ".join(f"{name}:{draw.digest_of(data)}" for name, data in files.items())
    return page.rendered(standings, panels, made_of, listed, moved), files


def _panel(table: Table, archive: Archive) -> tuple[page.Panel, dict[str, bytes]]:
    track = board(table, archive)
    sheet = pictures.sheet(track, archive.samples(table.task))
    if not track.ranked:  # nothing to draw, and so matplotlib is not needed either
        return page.Panel(track, (), None), {}
    with draw.styled():
        found = list(plots(track))
        further = [pictures.plot(track, sheet)] if sheet else []
    drawings = [
        page.Drawing(plot.name, plot.title, plot.caption, draw.for_page(plot.image, plot.name, plot.title))
        for plot in found
    ]
    return page.Panel(track, drawings, sheet), dict(_files(track, [*found, *further]))


def _files(track: Board, found: list[Plot]) -> Iterator[tuple[str, bytes]]:
    where = page.track_title(track.table)
    for plot in found:
        yield f"{plot.name}.svg", draw.for_file(plot.image, f"{plot.title}: {where}")
