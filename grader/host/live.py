"""A session on a terminal: bars for what runs, one for all, and the standings so far, at the screen's foot.

Imports rich, so it is imported only where there is a terminal to draw on. A thread calls `tick` now
and then; whatever happens between two ticks is drawn once.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, ConsoleRenderable
from rich.control import Control
from rich.live import Live
from rich.segment import ControlType, Segment
from rich.style import Style
from rich.text import Text

from grader.contract.text import NAME, one_line, plain
from grader.host.commands import expressible
from grader.host.lines import amount, clock, counter, percent
from grader.host.rank import Row, Table, standings
from grader.host.reports.tables import heading, number
from grader.host.track import Track, track

if TYPE_CHECKING:
    from grader.contract.record import Record
    from grader.host.watch import Running, Watch

_TOP = 3  # rows of the standings so far
_SHARE = 300  # of a time as long as this many rankings, one goes into ranking anew: 0.3 %
_STYLES = {"": Style(), "done": Style(color="green"), "rest": Style(dim=True), "bad": Style(color="red")}

Line = list[tuple[str, str]]
"""Pieces of text, each with the name of its style."""


class Drawing(NamedTuple):
    """Where and with what the frame is drawn. `width` and `height` are the terminal's, in cells."""

    width: int
    height: int
    encoding: str = "utf-8"

    @property
    def room(self) -> int:
        """Cells of a line. The last column stays empty: a line that fills it may wrap."""
        return self.width - 1

    @property
    def narrow(self) -> bool:
        """Whether words must go, so that there is room for a bar."""
        return self.room < 55

    def text(self, text: str) -> str:
        """The text, never markup and of one line, in what the terminal can show."""
        return expressible(plain(text), self.encoding)

    def cut(self, text: str, cells: int) -> str:
        """The text in at most so many cells."""
        text = self.text(text)
        if cell_len(text) <= cells:
            return text
        dots = expressible("…", self.encoding)[: max(cells, 0)]
        return set_cell_size(text, max(0, cells - len(dots))).rstrip() + dots

    def fit(self, text: str, cells: int) -> str:
        """The text in exactly so many cells."""
        return set_cell_size(self.cut(text, cells), cells)

    def bar(self, fraction: float, cells: int, style: str = "done") -> Line:
        """So much of a bar."""
        full, empty = "━─" if self.encoding.lower().startswith("utf") else "#."
        done = round(fraction * cells)
        return [(full * done, style), (empty * (cells - done), "rest")]


# --- the frame: a pure function of what is known, the time and the terminal ---


def frame(watch: Watch, tables: Sequence[Table], on: Drawing) -> list[Line]:
    """The lines to draw, fewer than the terminal has, each narrower than it."""
    rows = max(1, on.height - 2)  # the cursor's line and one for what scrolls away stay free
    bars = _bars(watch, on, rows - 1)
    total = [_total(watch, on)]
    return [*bars, *total, *_standings(tables, on, rows - len(bars) - 1)]


def _bars(watch: Watch, on: Drawing, rows: int) -> list[Line]:
    running = watch.running()
    if not running or rows < 1:
        return []
    shown = running if len(running) <= rows else running[: rows - 1]
    now = watch.clock()
    cells = [_cells(each, now, on) for each in shown]
    names = [(each.trial.submission.name, watch.apart(each.trial)) for each in shown]
    lines = [
        _bar(name, each.fraction(now), texts, widths, on)
        for widths in [_widths(names, cells, on)]
        for name, each, texts in zip(names, shown, cells, strict=True)
    ]
    if len(shown) < len(running):
        lines.append([(on.cut(f"and {len(running) - len(shown)} more", on.room), "rest")])
    return lines


_COLUMNS = {"phase": 7, "left": 5, "loss": 11, "epoch": 10, "accuracy": 8}
"""What follows the bar, by how soon there must be room for it, and how wide it is at least."""
_LONGEST = 16  # cells of any of them


def _cells(running: Running, now: float, on: Drawing) -> dict[str, str]:
    """What the columns say of a trial; those it tells nothing for are left out."""
    point, cells = running.point, {"phase": running.phase}
    left = running.left(now)
    if left is not None:
        told = f"{'' if running.trial.budget.seconds else '~'}{clock(left)}"
        cells["left"] = told.rjust(5) if on.narrow else f"{told} left".rjust(11)
    if point is not None:
        cells["epoch"] = f"epoch {amount(point.epoch)}"
        if point.loss is not None:
            cells["loss"] = f"loss {point.loss:.4g}"
        if point.accuracy is not None:
            cells["accuracy"] = percent(point.accuracy).rjust(_COLUMNS["accuracy"])
    return cells


def _widths(names: Sequence[tuple[str, str]], cells: Sequence[dict[str, str]], on: Drawing) -> dict[str, int]:
    """The columns there is room for, and how wide each is."""
    most = 14 if on.narrow else 24 if on.room < 100 else 40
    longest = max(cell_len(on.text(name + apart)) for name, apart in names)
    widths = {"name": min(longest, most, on.room)}
    free = on.room - widths["name"]
    for column, least in _COLUMNS.items():
        texts = [each[column] for each in cells if column in each]
        width = min(_LONGEST, max(least, *map(len, texts))) if texts else 0
        if width and width + 2 <= free - (7 if column != "phase" else 0):  # 7: a short bar
            widths[column] = width
            free -= width + 2
    widths["bar"] = min(free - 2, 30 if on.room >= 110 else 20)
    return widths


def _bar(
    name: tuple[str, str], fraction: float, texts: dict[str, str], widths: dict[str, int], on: Drawing
) -> Line:
    apart = on.text(name[1])
    own = max(widths["name"] - cell_len(apart), widths["name"] // 2)
    line: Line = [(on.fit(on.cut(name[0], own) + apart, widths["name"]), "")]
    if widths["bar"] >= 3:
        line += [("  ", ""), *on.bar(fraction, widths["bar"])]
    order = [column for column in ("phase", "left", "epoch", "loss", "accuracy") if column in widths]
    return [*line, *(("  " + on.fit(texts.get(column, ""), widths[column]), "") for column in order)]


def _total(watch: Watch, on: Drawing) -> Line:
    """`[ 12/200] ━━━━────  2 failed, about 3:20 left, 12 reused`."""
    left = watch.left()
    said = {
        "failed": f"{watch.failed} failed" if watch.failed else "",
        "left": f"about {clock(left)} left" if left is not None and watch.done < watch.total else "",
        "reused": f"{len(watch.reused)} reused" if watch.reused else "",
    }
    head = counter(watch.done, watch.total)
    words: Line = []
    used = len(head)
    for name, text in said.items():
        if text and used + len(text) + 2 <= on.room:
            words += [(", " if words else "  ", ""), (text, "bad" if name == "failed" else "")]
            used += len(text) + 2
    bar = min(on.room - used - 1, 30)
    done = on.bar(watch.done / max(1, watch.total), bar) if bar >= 3 else []
    return [(on.cut(head, on.room), ""), *([(" ", ""), *done] if done else []), *words]


def _standings(tables: Sequence[Table], on: Drawing, rows: int) -> list[Line]:
    """The best so far, of as many tables as there is room for."""
    lines: list[Line] = []
    if on.height < 12 or on.narrow:
        return lines
    for table in tables:
        top = list(islice((row for row in table.rows if row.rank), _TOP))
        if top and len(lines) + len(top) + 1 <= rows:
            key = table.track
            title = f"so far: {key.task}, {key.asked}, {heading(table.task.metric)}"
            lines.append([(on.cut(one_line(title), on.room), "rest")])
            lines += [_ranked(row, table, top, on) for row in top]
    return lines


def _ranked(row: Row, table: Table, top: Sequence[Row], on: Drawing) -> Line:
    """No rank: it takes the evidence, and whether a difference is real is not for the middle of a run."""
    metric = table.task.metric
    width = min(max(cell_len(on.text(each.name)) for each in top), on.room - 20, NAME)
    value = number(metric, row.metrics[metric].mean)
    return [(f"  {on.fit(row.name, width)}  {value:>10}"[: on.room], "")]


# --- drawing it ---


class LiveDisplay:
    """Draws a session's frame at the foot of the terminal. Lines that stay come above it."""

    period = 0.5  # seconds between two ticks

    def __init__(self, watch: Watch, *, every: bool) -> None:
        self._watch, self._every = watch, every  # every outcome gets a line, not failures alone
        self._lines: deque[str] = deque()  # one thread puts them in, the other takes them out
        self._lock = threading.RLock()  # of drawing
        self._standings = SoFar(watch)
        self._console = Console(highlight=False, markup=False, emoji=False)
        self._foot = Foot(self._console)
        self._draw(start=True)

    def ended(self, line: str, *, failed: bool) -> None:
        """A trial ended so: a line that stays, where it is wanted. Drawn with the next tick."""
        if failed or self._every:
            self._lines.append(line)

    def said(self, line: str) -> None:
        """A line that stays. Drawn with the next tick."""
        self._lines.append(line)

    def tick(self) -> None:
        """Draw all that is new since the last time."""
        self._draw()

    def close(self) -> None:
        """Leave the lines that stay, and nothing else."""
        with self._lock:
            self._draw()
            self._foot.stop()

    def _draw(self, *, start: bool = False) -> None:
        with self._lock:
            on = Drawing(*terminal_size(), self._console.encoding)
            self._console.size = on.width, on.height
            self._foot.update(Frame(frame(self._watch, self._standings.tables(), on)))
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            if start:
                self._foot.start(refresh=True)
            elif lines:
                said = (Text.from_ansi(expressible(line, on.encoding)) for line in lines)
                self._console.print(*said, sep="\n")
            else:
                self._foot.refresh()


class SoFar:
    """The standings of the session's own records, of the tasks that run."""

    def __init__(self, watch: Watch, clock: Callable[[], float] = time.thread_time) -> None:
        self._watch = watch
        self._clock = clock
        self._tables: list[Table] = []
        self._known = -1  # records that the tables are of
        self._not_before = watch.clock()

    def tables(self) -> list[Table]:
        """Rank anew, where a trial has ended since and ranking has not taken its share of the time."""
        watch = self._watch
        if watch.done == self._known or watch.clock() < self._not_before:
            return self._tables
        started = self._clock()
        self._known = watch.done
        self._tables = self._ranked([*watch.reused, *watch.records])
        self._not_before = watch.clock() + _SHARE * (self._clock() - started)
        return self._tables

    def _ranked(self, records: Sequence[Record]) -> list[Table]:
        tasks = self._watch.tasks()
        chosen: dict[Track, list[Record]] = {}
        for record in records:
            if record.task.name in tasks:
                chosen.setdefault(track(record), []).append(record)
        return [table for track in chosen.values() for table in standings(track).tables]


class Frame:
    """Lines for rich: it measures and wraps nothing of them."""

    def __init__(self, lines: Sequence[Line] = ()) -> None:
        self.lines = lines
        self.widths = [sum(cell_len(text) for text, _ in line) for line in lines]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for index, line in enumerate(self.lines):
            if index:
                yield Segment.line()
            yield from (Segment(text, _STYLES[style]) for text, style in line if text)


class Foot(Live):
    """Rich's live display, drawn when told, that survives a terminal made narrower."""

    def __init__(self, console: Console) -> None:
        self._drawn: list[int] = []  # cells of the lines on the screen
        super().__init__(console=console, auto_refresh=False, transient=True, vertical_overflow="crop")

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Erase what the terminal made of the last frame, which may be more lines than were drawn."""
        first, *rest = super().process_renderables(renderables)
        extra = folds(self._drawn, self.console.width)
        frame = self.get_renderable()
        self._drawn = frame.widths if isinstance(frame, Frame) else []
        erase = ((ControlType.CURSOR_UP, 1), (ControlType.ERASE_IN_LINE, 2))
        return [first, Control(*(erase * extra)), *rest] if extra else [first, *rest]


def folds(widths: Sequence[int], room: int) -> int:
    """How many lines more there are when a terminal has folded lines of these widths to its new one."""
    return sum(max(0, -(-width // room) - 1) for width in widths)


def terminal_size() -> tuple[int, int]:
    """Columns and lines of the terminal as it is now, whatever COLUMNS said when it was started."""
    try:
        size = os.get_terminal_size(sys.__stdout__.fileno() if sys.__stdout__ else 1)
    except (OSError, ValueError):
        return 80, 24
    return size.columns or 80, size.lines or 24  # a new pseudo-terminal says 0
