"""What the tables of all forms have in common: columns, how numbers are written, and tabulate tamed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from grader.contract.record import TaskInfo
from grader.contract.text import NAME, one_line
from grader.host.overall import Overall, Placed
from grader.host.rank import Row, Table
from grader.host.stats import Score
from grader.host.target import NOT_REACHED

Text = Callable[..., str]  # text(raw, limit) -> the same, escaped for the form at hand
Line = TypeVar("Line")  # what a line of a table shows


@dataclass(frozen=True)
class Column(Generic[Line]):
    """One column: its heading, its cells, and how soon it goes where there is no room (0: never)."""

    title: str
    cell: Callable[[Line], str]
    align: Literal["left", "right"] = "right"
    spare: int = 0


TRAIN = "train s"
RELATIVE = "train ×cal"  # noqa: RUF001 - times the calibration


def columns(table: Table, text: Text = one_line) -> list[Column[Row]]:
    """The columns that show a table to people; `text` escapes what submissions wrote."""
    metric = table.task.metric
    return [
        Column("#", lambda row: rank(row.rank)),
        Column("submission", lambda row: text(row.name, NAME), "left"),
        Column(text(heading(metric), NAME), lambda row: primary(row, metric)),
        Column("95 % interval", lambda row: between(row, metric), "left", spare=2),
        *(_further(name, text) for name in table.columns if name != metric),
        Column(
            "seeds", lambda row: f"{row.ok}/{row.counted}" if row.ok < row.counted else str(row.ok), spare=5
        ),
        Column(TRAIN if table.alike else f"{TRAIN} (mixed)", lambda row: seconds(row.train_seconds), spare=3),
        *([Column(RELATIVE, relative, spare=4 if table.alike else 2)] if table.relative else []),
        Column("samples/s", lambda row: whole(row.samples_per_second), spare=6),
        Column("parameters", lambda row: whole(row.parameters), spare=4),
        Column(
            "model", lambda row: "own" if row.model == row.name else text(row.model, NAME), "left", spare=8
        ),
        Column("loop", lambda row: "own" if row.loop == row.name else text(row.loop, NAME), "left", spare=7),
        Column("status", lambda row: text(row.status), "left", spare=1),
    ]


def times(table: Table, text: Text = one_line) -> list[Column[Row]]:
    """The columns of the other ranking, by the time to the target."""
    metric = table.task.metric
    return [
        Column("#", lambda row: rank(row.reached.rank if row.reached else None)),
        Column("submission", lambda row: text(row.name, NAME), "left"),
        Column(f"s to {text(table.track.target, NAME)}", reached),
        Column("seeds", lambda row: f"{row.reached.seeds if row.reached else 0}/{row.counted}", spare=1),
        Column(TRAIN, lambda row: seconds(row.train_seconds), spare=2),
        Column(text(heading(metric), NAME), lambda row: primary(row, metric), spare=3),
    ]


def reached(row: Row) -> str:
    """Seconds of training until the target, with ± their deviation over seeds; or that it was not reached."""
    found = row.reached
    if not row.ok or found is None:
        return row.status
    if found.mean is None:
        return NOT_REACHED
    if found.std is None:
        return seconds(found.mean)
    digits = decimals(found.std) if found.std else 2
    return f"{found.mean:.{digits}f} ± {found.std:.{digits}f}"


def relative(row: Row) -> str:
    """Training time in calibrations, a dash for a row that has seconds and no calibration."""
    if row.train_seconds is None:
        return ""
    return "–" if row.train_relative is None else seconds(row.train_relative)  # noqa: RUF001 - to look at


def mean_ranks(overall: Overall, text: Text = one_line) -> list[Column[Placed]]:
    """The columns that show the ranks over several tasks."""

    def task(at: int) -> Column[Placed]:
        track = overall.tracks[at]
        title = f"{text(track.task, NAME)}, {text(track.budget, NAME)}"
        return Column(title, lambda row: rank(row.ranks[at]), spare=1 + at)

    return [
        Column("mean rank", lambda row: rank(row.mean)),
        Column("submission", lambda row: text(row.name, NAME), "left"),
        *map(task, range(len(overall.tracks))),
    ]


def rank(rank: float | None) -> str:
    """A rank, or a mean of some; a dash for none."""
    return "–" if rank is None else f"{rank:.2f}".rstrip("0").rstrip(".")  # noqa: RUF001 - a dash to look at


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
    return f"{metric} %" if is_fraction(metric) else metric


def unit(metric: str) -> str:
    """What a difference of the metric is counted in, '' for a number without a unit."""
    return "points" if is_fraction(metric) else ""


def primary(row: Row, metric: str) -> str:
    """The score a row is ranked by, with ± its deviation over seeds, to the digits that its noise leaves."""
    return with_spread(metric, row.metrics.get(metric), _half(row))


def between(row: Row, metric: str) -> str:
    """The 95 % interval of that score, and where it is not of the method but of one training, so it says."""
    if row.interval is None:
        return ""
    low, high = (number(metric, edge, _half(row)) for edge in row.interval)
    return f"{low} to {high}" + (", these weights" if row.interval_of == "weights" else "")


def with_spread(metric: str, value: Score | None, noise: float | None = None) -> str:
    """The mean, with ± the standard deviation over seeds where there are several.

    `noise` says how far the mean is known, in the metric's unit; the deviation does where it is None.
    """
    if value is None:
        return ""
    noise = noise or value.std
    if value.std is None:
        return number(metric, value.mean, noise)
    return f"{number(metric, value.mean, noise)} ± {number(metric, value.std, noise)}"


def number(metric: str, value: float, noise: float | None = None) -> str:
    """A metric's value, a fraction in percent, to the digits that its noise leaves.

    Where the noise is not known or none, fractions have two decimals, others three that say something.
    """
    shown, spread = (100 * value, 100 * (noise or 0)) if is_fraction(metric) else (value, noise or 0)
    if spread and math.isfinite(spread) and abs(shown) < 1e6:
        return f"{shown:.{decimals(spread)}f}"
    if is_fraction(metric):
        return f"{shown:.2f}" if abs(value) < 1e4 else f"{shown:.3g}"
    if value == 0 or 0.01 <= abs(value) < 1e6:
        return f"{value:.3f}"
    return f"{value:.3g}"


def decimals(noise: float) -> int:
    """Digits after the point that a number with this noise has: two of the noise, or one from 3.55 on.

    So the Particle Data Group writes its figures (Review of Particle Physics, 5.3): 93.02 with 0.50 is 93.0.
    """
    power = math.floor(math.log10(noise))
    return max(0, min(6, (1 if noise / 10**power < 3.55 else 0) - power))


def _half(row: Row) -> float | None:
    """Half of the interval's width."""
    return (row.interval[1] - row.interval[0]) / 2 if row.interval else None


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


def is_fraction(metric: str) -> bool:
    """Whether the metric is a fraction, which is shown in percent."""
    return metric == "accuracy" or metric.endswith("_accuracy")
