"""The pictures of a track, by matplotlib: each function returns a figure, or None with nothing to show."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from grader.contract.submission import DEFAULT
from grader.contract.text import one_line
from grader.host.reports import draw
from grader.host.reports.board import Board, Entry, drawable, focus, shown
from grader.host.reports.draw import ACCENT, BAD, INK, MUTED, PAPER, SERIES
from grader.host.reports.matrix import matrix_of
from grader.host.reports.tables import heading, number
from grader.host.show import thinned

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from grader.contract.record import CurvePoint, Record

_WIDTH = 5.2  # inches: text stays legible where a phone shows it at its full width
_LABEL = 22  # characters of a name within a picture
_CURVES = 10  # rows
_POINTS = 120  # of a curve
_DOTS = 60  # rows
_CLASSES = 30  # in one picture
SHADE = 0.5  # opacity of the darkest cell: text on it keeps its contrast in either theme
MATRIX = 20  # classes of a confusion matrix that can be read
_SIDE = 40  # models, and loops

Curve = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Plot:
    """One picture: its name in files and ids, what it is in words, and the drawing."""

    name: str
    title: str
    caption: str
    image: Element


def plots(board: Board) -> Iterator[Plot]:
    """Draw what there is to be drawn of a track. Call it within `draw.styled()`."""
    metric = one_line(heading(board.table.task.metric), _LABEL)
    for name, title, caption, make in (
        ("pareto", f"{metric[:1].upper()}{metric[1:]} against training time", _PARETO, _pareto),
        ("curves", "Learning curves", _TESTED if _is_tested(board) else _TOLD, _curves),
        ("classes", "Accuracy by class", _CLASS, _by_class),
        ("confusion", "What was taken for what", _CONFUSION, _confusion),
        ("matrix", f"Models by loops, {metric}", _HEAT, _heat),
    ):
        figure = make(board)
        if figure is not None:
            best = board.ranked[0].name
            yield Plot(f"{board.slug}-{name}", title, caption.format(best=best), draw.drawn(figure))


_PARETO = (
    "Each point is a submission. The filled ones are the Pareto front: nothing whose every seed ended well "
    "beats them in both. Vertical lines are the 95 % intervals."
)
_TOLD = "Training loss of the best ten, as the submissions told it: the first seed of each."
_TESTED = (
    "Of the best ten, the first seed of each: snapshots of the weights that the host took by its own clock, "
    "and scored on the test set afterwards."
)
_CLASS = "Each dot is a submission, the filled one the best, {best}; the classes it finds hardest come first."
_CONFUSION = (
    "By {best}: rows are what a sample is, columns what it was taken for, over all its seeds. "
    "Blue is right, orange wrong; the stronger, the larger the share of its row."
)
_HEAT = "Each cell is one model trained by one loop; the stronger, the better. Empty: not run, or failed."


# ---- accuracy against training time


def _pareto(board: Board) -> Figure | None:
    """Score over the time of training, with the front of those that nothing beats in both.

    In seconds where those compare, else in calibrations.
    """
    task, alike = board.table.task, board.table.alike
    times = {
        id(entry): entry.row.train_seconds if alike else entry.row.train_relative for entry in board.by_score
    }
    found = [entry for entry in board.by_score if times[id(entry)] is not None]
    if not found:
        return None
    points = [(times[id(entry)] or 0.0, _scaled(board, _mean(board, entry))) for entry in found]
    whole = [at for at, entry in enumerate(found) if entry.row.rank is not None]  # every seed ended well
    front = [whole[at] for at in _front([points[at] for at in whole], higher=task.higher_is_better)]
    edges = [edge for entry in found[: (len(found) + 1) // 2] for edge in _edges(board, entry)]
    low, high = focus([y for _, y in points], edges, 0.1)
    figure = draw.figure(_WIDTH, 3.6)
    axes = figure.add_subplot()
    _time_axis(axes, [x for x, _ in points])
    unit = "seconds" if alike else "calibrations"
    axes.set(xlabel=f"training time, {unit}", ylabel=_metric_label(board), ylim=(low, high))
    _draw_points(axes, board, found, points, front)
    out = [entry.name for entry, (_, y) in zip(found, points, strict=True) if not low <= y <= high]
    _tell_left_out(axes, out, "below" if task.higher_is_better else "above")
    named = [(points[at], found[at].name) for at in front if low <= points[at][1] <= high]
    _label_points(figure, axes, named, free=1 if task.higher_is_better else -1)
    return figure


def _draw_points(
    axes: Axes, board: Board, found: Sequence[Entry], points: Curve, front: Sequence[int]
) -> None:
    for entry, (x, _) in zip(found[:_DOTS], points, strict=False):
        if edges := _edges(board, entry):
            axes.vlines(x, edges[0], edges[1], colors=MUTED, linewidth=1.0, alpha=0.6)
    rest = [point for at, point in enumerate(points) if at not in set(front)]
    if rest:
        axes.plot(*zip(*rest, strict=True), "o", markersize=5, color=PAPER, markeredgecolor=MUTED)
    xs, ys = [points[at][0] for at in front], [points[at][1] for at in front]
    axes.plot(xs, ys, drawstyle="steps-post", color=ACCENT, linewidth=1.2, alpha=0.8)
    axes.plot(xs, ys, "o", markersize=6, color=ACCENT, markeredgecolor=PAPER, zorder=3)


def _front(points: Curve, *, higher: bool) -> list[int]:
    """The points that none beats in both, from the fastest to the best."""
    sign = 1.0 if higher else -1.0
    best, front = -math.inf, []
    for at in sorted(range(len(points)), key=lambda at: (points[at][0], -sign * points[at][1], at)):
        if sign * points[at][1] > best:
            best = sign * points[at][1]
            front.append(at)
    return front


def _time_axis(axes: Axes, seconds: Sequence[float]) -> None:
    """Logarithmic where it spans much; never so narrow that thousandths of a second fill it."""
    low, high = min(seconds), max(seconds)
    if low > 0 and high > 8 * low:
        axes.set_xscale("log")
        axes.set_xlim(low / 1.25, high * 1.4)
        _plain_log(axes.xaxis)
        return
    spare = max(0.08 * (high - low), 0.02 * high, 1e-3)
    axes.set_xlim(max(low - spare, 0.0) if low > spare else -spare / 4, high + 2 * spare)
    axes.xaxis.set_major_formatter(_tick)


def _plain_log(axis: Any) -> None:
    """Ticks such as 1, 2, 5, 10: matplotlib's own would be powers in its markup for mathematics."""
    from matplotlib.ticker import LogLocator, NullLocator

    axis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(_tick)


def _tick(value: float, _: float | None = None) -> str:
    return f"{value:,.4g}" if abs(value) < 1e6 else f"{value:.3g}"


def _tell_left_out(axes: Axes, names: Sequence[str], where: str) -> None:
    """What is too far off for the axis is named at its edge, so that nobody misses it."""
    if names:
        known = ", ".join(one_line(name, 14) for name in names[:3])
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        place = {"below": (0.01, "bottom"), "above": (0.99, "top")}[where]
        arrow = {"below": "▾", "above": "▴"}[where]
        axes.text(
            0.985, place[0], f"{arrow} {known}{more}", ha="right", va=place[1], color=MUTED, fontsize=7.5,
            transform=axes.transAxes,
        )  # fmt: skip


def _label_points(
    figure: Figure, axes: Axes, labels: Sequence[tuple[tuple[float, float], str]], free: int
) -> None:
    """Write each name beside its point where it covers no other; one without room goes unnamed.

    At the left and above (`free` 1, else below) of a front there is nothing: names go there first.
    """
    figure.draw_without_rendering()  # the layout is made, so places are known
    box = axes.get_window_extent()
    scale = figure.dpi / 72
    taken = [(x - 4, y - 4, x + 4, y + 4) for x, y in (axes.transData.transform(at) for at, _ in labels)]
    for at, name in reversed(labels):
        text = one_line(name, _LABEL)
        x, y = axes.transData.transform(at)
        width, height = 5.3 * len(text) * scale, 10 * scale
        above, below = (5, -12) if free > 0 else (-12, 5)
        places = ((-3, above, "right"), (5, below, "left"), (3, above, "left"), (-3, below, "right"))
        for dx, dy, ha in places:
            left = x + dx * scale - (width if ha == "right" else 0)
            spot = (left, y + dy * scale, left + width, y + dy * scale + height)
            inside = box.x0 <= spot[0] and spot[2] <= box.x1 and box.y0 <= spot[1] and spot[3] <= box.y1
            if inside and not any(_overlap(spot, other) for other in taken):
                taken.append(spot)
                axes.annotate(text, at, (dx, dy), textcoords="offset points", ha=ha, color=INK)
                break


def _overlap(one: Sequence[float], other: Sequence[float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


# ---- learning curves


def _curves(board: Board) -> Figure | None:
    """Test scores over time where there are any, else the training loss, of the best rows."""
    best = [(entry, entry.good[0]) for entry in board.ranked[:_CURVES]]
    tested = _is_tested(board)
    curves = [(entry, _test_curve(board, run) if tested else _loss_curve(run)) for entry, run in best]
    lines = [(entry, curve) for entry, curve in curves if curve]
    if not lines:
        return None
    figure = draw.figure(_WIDTH, 3.6)
    axes = figure.add_subplot()
    for at, (entry, curve) in enumerate(lines):
        style = "-" if at < len(SERIES) else (0, (4, 2))
        xs, ys = zip(*curve, strict=True)
        colour = SERIES[at % len(SERIES)]
        dot = "o" if len(curve) == 1 else None
        axes.plot(xs, ys, color=colour, linestyle=style, marker=dot, label=one_line(entry.name, _LABEL))
    axes.set(xlabel="training time, seconds", ylabel=_metric_label(board) if tested else "training loss")
    values = [y for _, curve in lines for _, y in curve]
    if not tested and min(values) > 0 and max(values) > 8 * min(values):
        axes.set_yscale("log")
        _plain_log(axes.yaxis)
    axes.xaxis.set_major_formatter(_tick)
    axes.margins(x=0.02)
    # a leading underscore would hide a name from the legend that matplotlib makes by itself
    axes.legend(axes.get_lines(), [one_line(entry.name, _LABEL) for entry, _ in lines], **_LEGEND)
    return figure


_LEGEND: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0), "handlelength": 1.8}


def _is_tested(board: Board) -> bool:
    """Whether the host knows how the scores on the test set went: where there was a target."""
    return any(_test_curve(board, entry.good[0]) for entry in board.ranked[:_CURVES])


def _loss_curve(record: Record) -> Curve:
    told: list[CurvePoint] = [point for point in record.curve if point.loss is not None]
    return [(point.seconds, drawable(point.loss or 0.0)) for point in thinned(told, _POINTS)]


def _test_curve(board: Board, record: Record) -> Curve:
    metric = board.table.task.metric
    points = [point for point in record.test_curve if metric in point.metrics]
    told = [(point.seconds, point.metrics[metric]) for point in points]
    return [(seconds, _scaled(board, value)) for seconds, value in told]


# ---- classes


def _by_class(board: Board) -> Figure | None:
    """The accuracy of each class: a dot a row, the best one's filled, the hardest class on top."""
    from matplotlib.ticker import MaxNLocator

    known = [entry for entry in board.ranked[:_DOTS] if entry.confusion is not None]
    if not known:
        return None
    shares = [_shares(entry) for entry in known]
    order = sorted(range(len(board.classes)), key=lambda at: (shares[0][at], at))[:_CLASSES]
    figure = draw.figure(_WIDTH, 0.9 + 0.24 * len(order))
    axes = figure.add_subplot()
    for every in shares[1:]:
        axes.plot([every[at] for at in order], range(len(order)), "o", **_PALE)
    axes.plot([shares[0][at] for at in order], range(len(order)), "o", markersize=6.5, color=ACCENT)
    axes.set_yticks(range(len(order)), [one_line(board.classes[at], _LABEL) for at in order])
    low, _ = focus(sorted((every[at] for every in shares for at in order), reverse=True))
    axes.set(xlabel="rightly classified, %", ylim=(len(order) - 0.5, -0.5), xlim=(max(low, -2.0), 101.0))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.tick_params(axis="y", length=0)
    return figure


_PALE: dict[str, Any] = {"markersize": 4.5, "color": MUTED, "markeredgewidth": 0, "alpha": 0.45}


def _shares(entry: Entry) -> list[float]:
    """Percent of each class that was right; of a class without samples 0."""
    assert entry.confusion is not None
    sums = entry.confusion.sum(axis=1).clip(min=1)
    return [float(share) for share in 100 * entry.confusion.diagonal() / sums]


def _confusion(board: Board) -> Figure | None:
    """The confusion matrix of the best row."""
    best = board.ranked[0] if board.ranked else None
    if best is None or best.confusion is None or not 1 < len(board.classes) <= MATRIX:
        return None
    counts = best.confusion
    side = len(counts)
    figure = draw.figure(_WIDTH, _WIDTH * 0.86)
    axes = figure.add_subplot()
    for row, total in enumerate(counts.sum(axis=1).clip(min=1)):
        for column, many in enumerate(counts[row]):
            if many:
                share = float(many / total)
                right = row == column
                _cell(axes, column, row, ACCENT if right else BAD, share if right else min(1.0, 3 * share))
                _write(axes, column, row, f"{many:,}", side)
    names = [one_line(name, 14) for name in board.classes]
    _square(axes, names, names, "taken for", "was")
    return figure


# ---- models by loops


def _heat(board: Board) -> Figure | None:
    """The primary metric by model and loop, where some were combined."""
    found = matrix_of(board.table)
    if found is None or not board.ranked:
        return None
    models, loops = found.models[:_SIDE], found.loops[:_SIDE]
    rows = {place: row for place, row in found.rows.items() if row.ok}
    means = {place: row.metrics[found.metric].mean for place, row in rows.items()}
    sign = 1 if board.table.task.higher_is_better else -1
    low, high = focus(sorted(map(drawable, means.values()), key=lambda mean: -sign * mean))
    worst, best = (low, high) if sign > 0 else (high, low)
    figure = draw.figure(_WIDTH, 1.1 + 0.26 * len(models))
    axes = figure.add_subplot()
    for place, mean in means.items():
        if place[0] in models and place[1] in loops:
            at = loops.index(place[1]), models.index(place[0])
            _cell(axes, *at, ACCENT, min(1.0, max(0.0, (mean - worst) / (best - worst))))
            _write(axes, *at, number(found.metric, mean), 2 * len(loops))
    columns = ["default loop" if loop == DEFAULT else one_line(shown(loop), 14) for loop in loops]
    _square(axes, columns, [one_line(shown(model), _LABEL) for model in models], "loop", "model")
    return figure


def _cell(axes: Axes, x: float, y: float, colour: str, share: float) -> None:
    from matplotlib.patches import Rectangle

    strength = 0.07 + (SHADE - 0.07) * share

    corner = (x - 0.47, y - 0.47)
    axes.add_patch(Rectangle(corner, 0.94, 0.94, facecolor=colour, alpha=round(strength, 3), linewidth=0))


def _write(axes: Axes, x: float, y: float, text: str, across: int) -> None:
    if across <= 24:
        size = 7.5 if across <= 12 else 5.5
        axes.text(x, y, text, ha="center", va="center_baseline", fontsize=size, color=INK)


def _square(axes: Axes, columns: Sequence[str], rows: Sequence[str], across: str, down: str) -> None:
    """Names on top and at the left, no frame."""
    long = max(map(len, columns)) * len(columns) > 50
    axes.set_xticks(range(len(columns)), columns, rotation=40 if long else 0, ha="left" if long else "center")
    axes.set_yticks(range(len(rows)), rows)
    axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(rows) - 0.5, -0.5), xlabel=across, ylabel=down)
    axes.xaxis.set_label_position("top")
    axes.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


# ---- what several need


def _mean(board: Board, entry: Entry) -> float:
    return entry.row.metrics[board.table.task.metric].mean


def _edges(board: Board, entry: Entry) -> list[float]:
    return [_scaled(board, edge) for edge in entry.row.interval or ()]


def _scaled(board: Board, value: float) -> float:
    """As the metric is shown: fractions in percent."""
    percent = heading(board.table.task.metric).endswith("%")
    return drawable(100 * value if percent else value)


def _metric_label(board: Board) -> str:
    return one_line(heading(board.table.task.metric), _LABEL)
