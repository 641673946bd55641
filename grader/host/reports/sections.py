"""A submission's section of the page: what it is, its seeds and phases, its model, and why it failed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grader.contract.record import Layer, Record
from grader.contract.submission import BASELINE, DEFAULT
from grader.contract.text import LINE, NAME, block, one_line
from grader.host.rank import Failure
from grader.host.reports.board import Board, Entry, anchor, drawable, shown
from grader.host.reports.plots import MATRIX
from grader.host.reports.tables import heading, number, primary, seconds, whole
from grader.host.show import thinned

if TYPE_CHECKING:
    from markupsafe import Markup

_LAYERS = 40
_STRUCTURE = 3000  # characters
_TRACEBACK = 1500
_PAIRS = 12  # of classes that were confused, where there are too many for a matrix
_OF = {"weights": "95 %, of these weights", "method": "95 %, of the method"}


@dataclass(frozen=True)
class Reason:
    """Why a seed did not end well."""

    head: str
    reason: str
    traceback: str


@dataclass(frozen=True)
class Section:
    """Texts to be escaped, but for `spark` and `confusion`, which are."""

    anchor: str
    rank: str
    name: str
    title: str
    score: str
    status: str
    facts: Sequence[tuple[str, str]]
    reasons: Sequence[Reason]
    notes: Sequence[str]
    seeds_head: Sequence[str]
    seeds: Sequence[Sequence[str]]
    layers: Sequence[Sequence[str]]
    layers_left: int
    structure: str
    spark: Markup | None
    spark_words: str
    confusion: Markup | None
    confused: Sequence[str]


def section(board: Board, entry: Entry) -> Section:
    """Make the section of a row."""
    row, metric = entry.row, board.table.task.metric
    model = next((record.model for record in (*entry.good, *entry.records) if record.model), None)
    layers = [] if model is None else [_layer(layer) for layer in model.layers[:_LAYERS]]
    spark, spark_words = _spark(entry)
    small = len(board.classes) <= MATRIX
    return Section(
        anchor=anchor(board, row),
        rank=str(row.rank) if row.rank else "–",  # noqa: RUF001 - a dash to look at
        name=entry.name,
        title=one_line(row.title),
        score=primary(row, metric),
        status=row.status,
        facts=list(_facts(entry)),
        reasons=[_reason(failure, entry) for failure in row.failures],
        notes=[one_line(note) for note in row.notes],
        seeds_head=_seeds_head(board),
        seeds=[_seed(board, record) for record in entry.records],
        layers=layers,
        layers_left=0 if model is None else len(model.layers) - len(layers),
        structure=block(model.structure[:_STRUCTURE]) if model and not layers else "",
        spark=spark,
        spark_words=spark_words,
        confusion=_confusion(board, entry) if small else None,
        confused=[] if small else list(_confused(board, entry)),
    )


def _facts(entry: Entry) -> Iterator[tuple[str, str]]:
    row = entry.row
    yield "Model", "the baseline" if row.model == BASELINE else _whose(row.model, row.name)
    yield "Loop", "the default one" if row.loop == DEFAULT else _whose(row.loop, row.name)
    yield "File", one_line(row.path)
    yield "Digest", one_line(row.digest, 13).rstrip("…")
    if row.interval_of:
        yield "Interval", _OF[row.interval_of]
    if row.parameters is not None:
        yield "Parameters", whole(row.parameters)
    if row.weights_bytes is not None:
        yield "Weights file", f"{row.weights_bytes / 1e6:,.2f} MB"


def _whose(part: str, name: str) -> str:
    return "its own" if part == name else shown(part)


def _reason(failure: Failure, entry: Entry) -> Reason:
    """The reason, and the end of the traceback of the record that it is of."""
    where = f" in {one_line(failure.phase, NAME)}" if failure.phase else ""
    spared = "" if failure.counted else " (not held against it)"
    details = [record.detail for record in entry.records if record.seed == failure.seed]
    return Reason(
        f"Seed {failure.seed}: {failure.status.replace('_', ' ')}{where}{spared}",
        one_line(failure.reason, 2 * LINE) or "no reason was recorded",
        block(details[0].strip()[-_TRACEBACK:], LINE) if details else "",
    )


def _seeds_head(board: Board) -> list[str]:
    metrics = [one_line(heading(name), NAME) for name in board.table.columns]
    phases = ["load s", "train s", "of it CPU", "predict s", "score s"]
    return ["seed", "status", *metrics, *phases, "epochs", "steps", "peak memory"]


def _seed(board: Board, record: Record) -> list[str]:
    timing, usage = record.timing, record.usage
    known, names = record.metrics, board.table.columns
    metrics = (number(name, known[name]) if name in known else "" for name in names)
    phases = (
        timing.load_seconds, timing.train_seconds, timing.train_cpu_seconds, timing.predict_seconds,
        timing.score_seconds,
    )  # fmt: skip
    return [
        str(record.seed),
        record.status.replace("_", " "),
        *metrics,
        *map(seconds, phases),
        f"{usage.epochs:.4g}",
        whole(usage.steps),
        "" if usage.max_rss is None else f"{whole(usage.max_rss / 2**20)} MiB",
    ]


def _layer(layer: Layer) -> list[str]:
    shape = "?" if layer.shape is None else " × ".join(map(str, layer.shape)) or "scalar"  # noqa: RUF001
    return [one_line(layer.name, NAME), one_line(layer.kind, NAME), shape, whole(layer.parameters)]


def _spark(entry: Entry) -> tuple[Markup | None, str]:
    """The loss of the first seed that ended well as a line, and the same in words."""
    from markupsafe import Markup

    told = [point for point in (entry.good[0].curve if entry.good else ()) if point.loss is not None]
    if len(told) < 2:
        return None, ""
    values = [drawable(point.loss or 0.0) for point in thinned(told, 60)]
    low, high = min(values), max(values)
    scale = 30 / (high - low) if high > low else 0.0
    step = 236 / (len(values) - 1)
    line = " ".join(
        f"{2 + at * step:.1f},{33 - (value - low) * scale:.1f}" for at, value in enumerate(values)
    )
    first, last = (number("loss", told[at].loss or 0.0) for at in (0, -1))
    words = f"training loss, from {first} to {last}, as the submission told it"
    svg = f'<svg class="spark" viewBox="0 0 240 36" aria-hidden="true"><polyline points="{line}"/></svg>'
    return Markup(svg), words  # noqa: S704 - all numbers of ours


def _confusion(board: Board, entry: Entry) -> Markup | None:
    """The matrix as rows of a table, cells shaded by their share of the row; some end tags are left out."""
    from markupsafe import Markup, escape

    if entry.confusion is None:
        return None
    names = [escape(name) for name in board.classes]
    heads = "".join(f"<th scope=col><span>{name}</span>" for name in names)
    lines = [f"<thead><tr><td>{heads}<th scope=col><span>right %</span></thead><tbody>"]
    for at, counts in enumerate(entry.confusion.tolist()):
        total = sum(counts) or 1
        cells = "".join(_shaded(many, many / total, right=at == column) for column, many in enumerate(counts))
        right = number("accuracy", counts[at] / total)
        lines.append(f"<tr><th scope=row>{names[at]}{cells}<td>{right}")
    return Markup("".join(lines))  # noqa: S704 - names are escaped above, the rest are numbers


def _shaded(many: int, share: float, *, right: bool) -> str:
    if not many:
        return "<td>"
    level = min(4, int(share * (4 if right else 16)))
    return f"<td class={'r' if right else 'w'}{level}>{many}"


def _confused(board: Board, entry: Entry) -> Iterator[str]:
    """The commonest confusions, where the classes are too many for a matrix."""
    if entry.confusion is None:
        return
    wrong = entry.confusion.copy()
    for at in range(len(wrong)):
        wrong[at, at] = 0
    order = sorted(zip(*wrong.nonzero(), strict=True), key=lambda at: (-wrong[at], at))
    for true, taken in order[:_PAIRS]:
        yield f"{board.classes[true]} taken for {board.classes[taken]}: {whole(int(wrong[true, taken]))}"
