"""What the tables of all forms have in common: columns, how numbers are written, and tabulate tamed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from grader.contract.record import TaskInfo
from grader.contract.text import NAME, one_line
from grader.host.rank import Row, Score, Table

Text = Callable[..., str]  # text(raw, limit) -> the same, escaped for the form at hand
Line = TypeVar("Line")  # what a line of a table shows


@dataclass(frozen=True)
class Column(Generic[Line]):
    """One column: its heading, its cells, and how soon it goes where there is no room (0: never)."""

    title: str
    cell: Callable[[Line], str]
    align: Literal["left", "right"] = "right"
    spare: int = 0


def columns(table: Table, text: Text = one_line) -> list[Column[Row]]:
    """The columns that show a table to people; `text` escapes what submissions wrote."""
    metric = table.task.metric
    return [
        Column("#", lambda row: str(row.rank) if row.rank else "–"),  # noqa: RUF001 - a dash to look at
        Column("submission", lambda row: text(row.name, NAME), "left"),
        Column(text(heading(metric), NAME), lambda row: primary(row, metric)),
        *(_further(name, text) for name in table.columns if name != metric),
        Column(
            "seeds", lambda row: f"{row.ok}/{row.counted}" if row.ok < row.counted else str(row.ok), spare=5
        ),
        Column("train s", lambda row: seconds(row.train_seconds), spare=3),
        Column("samples/s", lambda row: whole(row.samples_per_second), spare=6),
        Column("parameters", lambda row: whole(row.parameters), spare=4),
        Column(
            "model", lambda row: "own" if row.model == row.name else text(row.model, NAME), "left", spare=8
        ),
        Column("loop", lambda row: "own" if row.loop == row.name else text(row.loop, NAME), "left", spare=7),
        Column("status", lambda row: text(row.status), "left", spare=1),
    ]


def _further(name: str, text: Text) -> Column[Row]:
    return Column(text(heading(name), NAME), lambda row: with_spread(name, row.metrics.get(name)), spare=9)


def render(columns: Sequence[Column[Line]], rows: Sequence[Line], form: str) -> str:
    """The table as tabulate's `form` ('pipe', 'simple'); cells stand exactly as they are given."""
    body = [[column.cell(row) for column in columns] for row in rows]
    return grid([column.title for column in columns], body, form, [column.align for column in columns])


def grid(headings: Sequence[str], body: Sequence[Sequence[str]], form: str, align: Sequence[str]) -> str:
    """Call tabulate as it must be called: numbers are ours to write (`007` and `1e3` are names)."""
    from tabulate import tabulate

    if not body:
        return tabulate([], headings, tablefmt=form, disable_numparse=True)
    return tabulate(body, headings, tablefmt=form, disable_numparse=True, colalign=align)


def better(task: TaskInfo) -> str:
    """Which way its metric goes."""
    return f"{'higher' if task.higher_is_better else 'lower'} is better"


def heading(metric: str) -> str:
    """The metric's name, with its unit where it is shown in one."""
    return f"{metric} %" if _is_fraction(metric) else metric


def primary(row: Row, metric: str) -> str:
    """The score a row is ranked by, with what is known of its noise."""
    told = with_spread(metric, row.metrics.get(metric))
    if row.interval is None:
        return told
    low, high = row.interval
    return f"{told} ({number(metric, low)} to {number(metric, high)})"


def with_spread(metric: str, value: Score | None) -> str:
    """The mean, with ± the standard deviation over seeds where there are several."""
    if value is None:
        return ""
    if value.std is None:
        return number(metric, value.mean)
    return f"{number(metric, value.mean)} ± {number(metric, value.std)}"


def number(metric: str, value: float) -> str:
    """A metric's value: fractions in percent with two decimals, others with three that say something."""
    if _is_fraction(metric):
        return f"{100 * value:.2f}" if abs(value) < 1e4 else f"{100 * value:.3g}"
    if value == 0 or 0.01 <= abs(value) < 1e6:
        return f"{value:.3f}"
    return f"{value:.3g}"


def seconds(value: float | None) -> str:
    """Seconds: two decimals below ten, one above."""
    if value is None:
        return ""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 1e9 else f"{value:.3g}"


def whole(value: float | None) -> str:
    """A count, with commas between thousands."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) < 1e15 else f"{value:.3g}"


def _is_fraction(metric: str) -> bool:
    return metric == "accuracy" or metric.endswith("_accuracy")
