"""The interval of each row as a bar beside its number: inline SVG, on one axis for the whole table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grader.host.reports.board import Board, Entry, drawable, focus
from grader.host.reports.tables import number

if TYPE_CHECKING:
    from markupsafe import Markup

_WIDTH, _HEIGHT, _EDGE = 150, 18, 7


@dataclass(frozen=True)
class Bars:
    """The axis, from `low` to `high` in the metric's own unit."""

    metric: str
    low: float
    high: float

    @classmethod
    def of(cls, board: Board) -> Bars:
        """The axis that shows the differences among the better rows; who is far off gets an arrow."""
        metric = board.table.task.metric
        means = [drawable(entry.row.metrics[metric].mean) for entry in board.by_score]
        half = board.by_score[: (len(means) + 1) // 2]
        edges = [drawable(edge) for entry in half for edge in (entry.row.interval or ())]
        return cls(metric, *(focus(means, edges, 0.0) if means else (0.0, 1.0)))

    def svg(self, entry: Entry) -> Markup:
        """The row's interval, a tick for each seed, a dot for the mean. All numbers are ours."""
        from markupsafe import Markup

        if not entry.row.ok:
            return Markup()
        parts = "".join(self._parts(entry))
        head = f'<svg class="bar" width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
        return Markup(f'{head} aria-hidden="true" focusable="false">{parts}</svg>')  # noqa: S704

    @property
    def ends(self) -> tuple[str, str]:
        """The axis's ends in words."""
        return number(self.metric, self.low), number(self.metric, self.high)

    def _parts(self, entry: Entry) -> Iterator[str]:
        mean = entry.row.metrics[self.metric].mean
        if not self.low <= mean <= self.high:
            tip, back = (1, 7) if mean < self.low else (_WIDTH - 1, _WIDTH - 7)
            yield f'<path class="off" d="M{back} 4L{tip} 9L{back} 14z"/>'
            return
        if entry.row.interval:
            left, right = (self._x(edge) for edge in entry.row.interval)
            yield f'<rect x="{left}" y="4" width="{max(1.0, round(right - left, 1))}" height="10" rx="2"/>'
        good = entry.good
        if len(good) > 1:
            places = (self._x(record.metrics[self.metric]) for record in good)
            yield f'<path d="{"".join(f"M{x} 3v12" for x in places)}"/>'
        yield f'<circle cx="{self._x(mean)}" cy="9" r="3.5"/>'

    def _x(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(min(max(_EDGE + share * (_WIDTH - 2 * _EDGE), 1), _WIDTH - 1), 1)
