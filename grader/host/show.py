"""One record, whole, as text: what `grader show` prints. Everything in it is escaped for a terminal."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from grader.contract.errors import UsageError
from grader.contract.record import CurvePoint, Layer, Record, TestPoint
from grader.contract.text import block, one_line
from grader.host.evidence import Evidence
from grader.host.lines import calibrated
from grader.host.reports.tables import RELATIVE, grid, heading, number, seconds, whole
from grader.host.store import read_record, stem
from grader.host.target import NOT_REACHED, time_to_target

Point = TypeVar("Point")  # of a curve

_CURVE_ROWS = 12  # a longer curve is thinned: first and last point stay
_BARS = {False: "▁▂▃▄▅▆▇█", True: "_.-~=+*#"}  # by whether only ASCII may be printed
_CANDIDATES = 5  # named when a query is ambiguous or finds nothing


def find(records: Sequence[Record], query: str) -> Record:
    """Return the one record that is meant by a file's path or stem, a node id, or a submission's name.

    Raises UsageError, in one line with the nearest names, when there is none or more than one.
    """
    if query.endswith(".json") and Path(query).is_file():
        return read_record(query)
    found = named(records, query)
    if len(found) > 1:
        raise UsageError(f"{one_line(query)!r} means {len(found)} records; name one: {_stems(found)}")
    return found[0]


def named(records: Sequence[Record], query: str) -> list[Record]:
    """Find the records of this stem; where there are none, of this node id, or else of this submission.

    Raises UsageError, in one line with the nearest names, when there is none.
    """
    # a stem knows more than a node id (the track), which knows more than a name
    for name in (stem, lambda record: record.node_id, lambda record: record.submission.name):
        found = [record for record in records if name(record) == query.removesuffix(".json")]
        if found:
            return found
    raise UsageError(_nothing(records, query))


def _stems(found: Sequence[Record]) -> str:
    names = sorted({stem(record) for record in found})
    more = f" and {len(names) - _CANDIDATES} more" if len(names) > _CANDIDATES else ""
    return ", ".join(names[:_CANDIDATES]) + more


def _nothing(records: Sequence[Record], query: str) -> str:
    names = [text for record in records for text in (stem(record), record.node_id, record.submission.name)]
    close = difflib.get_close_matches(query, sorted(set(names)), n=_CANDIDATES, cutoff=0.5)
    if close:
        hint = f"did you mean {', '.join(one_line(name) for name in close)}?"
    else:
        hint = f"there are {len(records)} records; `grader leaderboard` lists the submissions"
    return f"no record is named {one_line(query)!r}; {hint}"


def render(record: Record, evidence: Evidence | None = None, *, ascii_only: bool = False) -> str:
    """Return all that is known of one trial. `ascii_only` keeps the drawing to ASCII."""
    parts = [_head(record), _facts("phases", _phases(record)), _facts("usage", _usage(record))]
    parts.append(_facts("metrics", _metrics(record)))
    parts.append("".join(f"note: {one_line(note)}\n" for note in record.notes))
    parts += [
        _curve(record.curve, ascii_only),
        _test_curve(record, ascii_only),
        _model(record),
        _predicted(record, evidence, ascii_only),
    ]
    parts.append(_facts("environment", _environment(record)))
    parts += [_quoted("traceback", record.detail), _quoted("output", record.output)]
    return "\n".join(part for part in parts if part)


def _head(record: Record) -> str:
    status = record.status.replace("_", " ") + (f" in {record.phase}" if record.phase else "")
    lines = [one_line(record.node_id), f"{status}: {one_line(record.reason)}" if record.reason else status]
    if record.submission.title:
        lines.append(one_line(record.submission.title))
    who = record.submission
    body = [
        ("submission", f"{who.name}, model {who.model}, loop {who.loop}"),
        ("digest", who.digest),
        ("task", f"{record.task.name} ({record.task.kind}), data {record.task.digest}"),
        ("budget", record.budget),
        *([("target", f"{record.target}, {_reached(record)}")] if record.target else []),
        ("device", _device(record)),
        *_node(record),
        *(
            [("attempt", f"{record.attempt}, those before were lost with their node")]
            if record.attempt > 1
            else []
        ),
        ("finished", record.finished),
        ("record", stem(record)),
    ]
    return "\n".join(lines) + "\n\n" + _pairs(body)


def _reached(record: Record) -> str:
    reached = time_to_target(record)
    return NOT_REACHED if reached is None else f"reached in {seconds(reached)} s"


def _device(record: Record) -> str:
    device = record.device
    where = device.kind if device.index is None else f"{device.kind}:{device.index}"
    alone = f", {record.alongside} other trials alongside" if record.alongside else ""
    exact = ", deterministic" if record.deterministic else ""
    return f"{where}, {device.name}, threads {device.threads}{exact}, isolation {record.isolation}{alone}"


def _node(record: Record) -> Iterator[tuple[str, str]]:
    if record.node is None:
        return
    found = record.node.calibration
    told = calibrated(found) if found else "; ".join(record.node.remarks) or "not calibrated"
    yield "node", f"{record.node.name}, {told}"
    if record.train_relative is not None:
        yield RELATIVE, seconds(record.train_relative)


def _phases(record: Record) -> Iterator[tuple[str, str]]:
    timing = record.timing
    for phase in ("load", "train", "predict", "score"):
        value = getattr(timing, f"{phase}_seconds")
        told = f"{seconds(value)} s" if value is not None else "not reached"
        if phase == "train" and timing.train_cpu_seconds is not None:
            told += f" ({seconds(timing.train_cpu_seconds)} s of CPU time)"
        yield phase, told
    if timing.snapshots_seconds is not None:
        yield "snapshots", f"{seconds(timing.snapshots_seconds)} s"


def _usage(record: Record) -> Iterator[tuple[str, str]]:
    usage = record.usage
    yield "epochs", f"{usage.epochs:.4g}"
    yield "steps", f"{usage.steps:,} ({usage.optimizer_steps:,} of the optimiser)"
    yield "samples", f"{usage.samples:,}"
    if usage.samples_per_second is not None:
        yield "samples/s", whole(usage.samples_per_second)
    if usage.max_rss is not None:
        yield "peak memory", _size(usage.max_rss)
    if usage.max_device_memory is not None:
        yield "peak device memory", _size(usage.max_device_memory)


def _metrics(record: Record) -> Iterator[tuple[str, str]]:
    names = sorted(record.metrics, key=lambda name: (name != record.task.metric, name))
    for name in names:
        yield heading(name), number(name, record.metrics[name])
    if record.correct is not None:
        yield "correct", f"{record.correct:,} of {record.task.test_samples:,}"


def _environment(record: Record) -> Iterator[tuple[str, str]]:
    for name, value in msgspec.structs.asdict(record.environment).items():
        if value is not None:
            yield name, str(value)


def _size(count: int) -> str:
    return f"{count / 2**20:,.1f} MiB" if count >= 1 << 20 else f"{count / 2**10:,.1f} KiB"


def _facts(title: str, pairs: Iterator[tuple[str, str]]) -> str:
    body = list(pairs)
    return f"{title}\n{_pairs(body)}" if body else ""


def _pairs(body: Sequence[tuple[str, str]]) -> str:
    names = [one_line(name) for name, _ in body]
    width = max(map(len, names))
    return "".join(
        f"  {name:<{width}}  {one_line(text)}\n" for name, (_, text) in zip(names, body, strict=True)
    )


def _curve(curve: Sequence[CurvePoint], ascii_only: bool) -> str:
    """The learning curve as the submission told it: lines of bars, and a table of at most some rows."""
    if not curve:
        return ""
    lines = ["curve (as told by the worker)"]
    getters: dict[str, Callable[[CurvePoint], float | None]] = {
        "loss": lambda point: point.loss,
        "accuracy": lambda point: point.accuracy,
    }
    for name, getter in getters.items():
        values = [value for value in map(getter, curve) if value is not None]
        if len(values) > 1:
            lines.append(f"  {name:<8}  {sparkline(values, ascii_only=ascii_only)}")
    return "\n".join(lines) + "\n" + _indented(_curve_table(thinned(curve, _CURVE_ROWS)))


def _curve_table(points: Sequence[CurvePoint]) -> str:
    body = [
        [
            f"{point.epoch:.4g}",
            f"{point.steps:,}",
            f"{point.samples:,}",
            seconds(point.seconds),
            "" if point.loss is None else number("loss", point.loss),
            "" if point.accuracy is None else number("accuracy", point.accuracy),
        ]
        for point in points
    ]
    return grid(["epoch", "steps", "samples", "seconds", "loss", "accuracy %"], body, "simple", ["right"] * 6)


def _test_curve(record: Record, ascii_only: bool) -> str:
    """What the host measured on the test set, as the training went on; the final weights last."""
    curve = record.test_curve
    if not curve:
        return ""
    names = sorted({*curve[-1].metrics, record.task.metric}, key=lambda n: (n != record.task.metric, n))
    values = [point.metrics[names[0]] for point in curve if names[0] in point.metrics]
    lines = ["test curve (measured by the host)"]
    if len(values) > 1:
        lines.append(f"  {one_line(names[0]):<8}  {sparkline(values, ascii_only=ascii_only)}")
    return "\n".join(lines) + "\n" + _indented(_test_table(thinned(curve, _CURVE_ROWS), names))


def _test_table(points: Sequence[TestPoint], names: Sequence[str]) -> str:
    body = [
        [
            seconds(point.seconds),
            f"{point.epoch:.4g}",
            *(number(name, point.metrics[name]) if name in point.metrics else "" for name in names),
        ]
        for point in points
    ]
    headings = ["seconds", "epoch", *(one_line(heading(name)) for name in names)]
    return grid(headings, body, "simple", ["right"] * len(headings))


def thinned(points: Sequence[Point], most: int) -> list[Point]:
    """At most `most` (2 or more) points, evenly spaced, the first and the last among them."""
    if len(points) <= most:
        return list(points)
    return [points[round(index * (len(points) - 1) / (most - 1))] for index in range(most)]


def sparkline(values: Sequence[float], width: int = 60, *, ascii_only: bool = False) -> str:
    """A line of bars from the lowest value to the highest, at most `width` wide."""
    if len(values) > width:
        values = [values[round(index * (len(values) - 1) / (width - 1))] for index in range(width)]
    bars = _BARS[ascii_only]
    values = [value / 2 for value in values]  # what lies between the largest and its opposite is no number
    low, high = min(values), max(values)
    scale = (len(bars) - 1) / (high - low) if high > low else 0.0
    return "".join(bars[round((value - low) * scale)] for value in values)


def _model(record: Record) -> str:
    model = record.model
    if model is None:
        return ""
    told = f"model: {model.parameters:,} parameters, {model.trainable:,} trainable"
    if model.weights_bytes is not None:
        told += f", weights file {_size(model.weights_bytes)}"
    if not model.layers:
        return f"{told}\n{_indented(block(model.structure))}"
    body = [_layer(layer) for layer in model.layers]
    align = ["left", "left", "right", "right"]
    return (
        f"{told}\n{_indented(grid(['layer', 'kind', 'output shape', 'parameters'], body, 'simple', align))}"
    )


def _layer(layer: Layer) -> list[str]:
    shape = "?" if layer.shape is None else " x ".join(map(str, layer.shape)) or "scalar"
    return [one_line(layer.name), one_line(layer.kind), shape, f"{layer.parameters:,}"]


def _predicted(record: Record, evidence: Evidence | None, ascii_only: bool) -> str:
    """How often each class was predicted, and how often rightly."""
    if evidence is None or evidence.correct is None:
        return ""
    import numpy as np

    classes = record.task.classes
    counts = np.bincount(evidence.predictions.astype(np.int64), minlength=len(classes))
    right = np.bincount(evidence.predictions[evidence.correct].astype(np.int64), minlength=len(counts))
    most = max(int(counts.max(initial=0)), 1)
    bar = "#" if ascii_only else "█"
    body = [
        [
            one_line(classes[index]) if index < len(classes) else str(index),
            f"{count:,}",
            f"{right[index]:,}",
            bar * round(24 * int(count) / most),
        ]
        for index, count in enumerate(counts)
    ]
    align = ["left", "right", "right", "left"]
    return (
        f"predicted classes\n{_indented(grid(['class', 'predicted', 'rightly', ''], body, 'simple', align))}"
    )


def _quoted(title: str, text: str) -> str:
    return f"{title}\n{_indented(block(text.rstrip()))}" if text.strip() else ""


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" if line else "\n" for line in text.split("\n"))
