"""A comparison in words and tables, for a terminal and for a pull request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from grader.contract.text import NAME, markdown, one_line
from grader.host.compare import Comparison, Side, comparable
from grader.host.reports.tables import (
    Text,
    grid,
    heading,
    number,
    seconds,
    unit,
    whole,
    with_spread,
)
from grader.host.reports.words import tested_on
from grader.host.significance import interval
from grader.host.stats import mean_of

if TYPE_CHECKING:
    from grader.contract.record import ModelInfo, Record
    from grader.host.significance import Difference

_CLASSES = 3  # that are named, of the samples that one alone gets right


def in_text(comparison: Comparison) -> str:
    """All of one comparison, for a terminal: the two beside each other, and the verdict."""
    a, b = (one_line(side.name, NAME) for side in (comparison.a, comparison.b))
    body = list(_lines(comparison, one_line))
    table = grid(["", a, b, "first less second"], body, "simple", ["left", "right", "right", "right"])
    lines = [
        _title(comparison, one_line),
        table,
        *_alone(comparison, one_line),
        verdict(comparison, one_line),
    ]
    return "\n".join(lines) + "\n"


def in_markdown(comparison: Comparison) -> str:
    """The same as Markdown."""
    a, b = (markdown(side.name, NAME) for side in (comparison.a, comparison.b))
    body = list(_lines(comparison, markdown))
    table = grid(["", a, b, "first less second"], body, "pipe", ["left", "right", "right", "right"])
    alone = "".join(f"\n{line}\n" for line in _alone(comparison, markdown))
    return f"**{_title(comparison, markdown)}**: {verdict(comparison, markdown)}\n\n{table}\n{alone}"


def summary(comparisons: Sequence[Comparison]) -> str:
    """A table in Markdown of many comparisons with their baselines, a row each."""
    body = [
        [
            markdown(each.a.name, NAME),
            ", ".join(
                markdown(part, NAME) for part in (each.track.task, each.track.asked, each.track.device)
            ),
            _primary(each.a, each),
            f"{_primary(each.b, each)} ({markdown(each.b.name, NAME)})",
            verdict(each, markdown),
        ]
        for each in comparisons
    ]
    headings = ["submission", "track", "score", "baseline", "verdict"]
    return grid(headings, body, "pipe", ["left"] * 5)


def verdict(comparison: Comparison, text: Text = one_line) -> str:
    """Who is better, and whether that is more than noise, in a sentence."""
    if reason := comparable(comparison):
        return f"nothing can be said: {text(reason)}"
    apart, better = comparison.apart, comparison.better
    assert apart is not None
    whose = "" if apart.of == "method" else "these weights of "
    if apart.real and better is not None:
        return (
            f"{whose}{text(better.name, NAME)} {'is' if not whose else 'are'} better by {_size(comparison)}"
        )
    return f"no difference that {_means(comparison)} can show (p = {_p(apart.p)}){_needed(comparison)}"


def _title(comparison: Comparison, text: Text) -> str:
    track = comparison.track
    sides = (text(side.name, NAME) for side in (comparison.a, comparison.b))
    return f"{' against '.join(sides)}: " + ", ".join(
        text(part, NAME) for part in (track.task, track.asked, track.device)
    )


def _size(comparison: Comparison) -> str:
    """How large the difference is: its amount, its interval, its p, and over what."""
    apart, metric = comparison.apart, comparison.task.metric
    assert apart is not None
    low, high = sorted((abs(apart.low), abs(apart.high)))
    if apart.low < 0 < apart.high:  # McNemar's p and the interval of a mean may disagree at the edge
        low = 0.0
    amount = _number(metric, abs(apart.mean), apart)
    edges = f"95 %: {_number(metric, low, apart)} to {_number(metric, high, apart)}"
    named = f" {unit(metric)}" if unit(metric) else ""
    over = _means(comparison)
    alone = "; of the methods, one seed each says nothing" if apart.of == "weights" else ""
    return f"{amount}{named} ({edges}; p {_less(apart.p)}), over {over}{alone}"


def _means(comparison: Comparison) -> str:
    samples = tested_on(comparison.task)
    if comparison.a.sample.of == "weights":
        return samples
    seeds = [len(side.good) for side in (comparison.a, comparison.b)]
    told = f"{seeds[0]} seeds each" if seeds[0] == seeds[1] else f"{seeds[0]} and {seeds[1]} seeds"
    return f"{told} and {samples}"


def _needed(comparison: Comparison) -> str:
    apart, metric = comparison.apart, comparison.task.metric
    assert apart is not None
    if apart.mean == 0:
        return ""
    amount = _number(metric, abs(apart.mean), apart) + (f" {unit(metric)}" if unit(metric) else "")
    if apart.of == "weights":
        return "; of the methods, one seed each says nothing"
    seeds = comparison.seeds_needed
    if seeds is None:
        return f"; no number of seeds would show {amount}, only more test samples"
    return f"; about {whole(seeds)} seeds each would be needed for {amount}"


def _lines(comparison: Comparison, text: Text) -> Iterator[list[str]]:
    yield from _scores(comparison, text)
    yield from _facts(comparison.a, comparison.b)
    if comparison.only_a is not None and comparison.only_b is not None:
        only = (comparison.only_a, comparison.only_b)
        yield ["right alone", *(whole(len(each.positions)) for each in only), ""]


def _scores(comparison: Comparison, text: Text) -> Iterator[list[str]]:
    a, b, metric = comparison.a, comparison.b, comparison.task.metric
    yield [
        text(heading(metric), NAME),
        *(_primary(side, comparison) for side in (a, b)),
        _difference(comparison),
    ]
    yield ["95 % interval", *(_interval(side, comparison) for side in (a, b)), ""]
    names = {name for side in (a, b) for run in side.good for name in run.metrics} - {metric}
    for name in sorted(names):
        found = [side.score(name) for side in (a, b)]
        if all(found):
            left, right = (each.mean for each in found if each)
            told = [with_spread(name, each) for each in found]
            yield [text(heading(name), NAME), *told, _signed(left - right, number(name, abs(left - right)))]


def _primary(side: Side, comparison: Comparison) -> str:
    metric = comparison.task.metric
    return with_spread(metric, side.score(metric), _half(side, comparison))


def _interval(side: Side, comparison: Comparison) -> str:
    edges = interval(side.sample, comparison.task) if side.good else None
    if edges is None:
        return ""
    return " to ".join(number(comparison.task.metric, edge, _half(side, comparison)) for edge in edges)


def _half(side: Side, comparison: Comparison) -> float | None:
    edges = interval(side.sample, comparison.task) if side.good else None
    return (edges[1] - edges[0]) / 2 if edges else None


def _difference(comparison: Comparison) -> str:
    apart, metric = comparison.apart, comparison.task.metric
    if apart is None:
        return ""
    edges = (_signed(edge, _number(metric, abs(edge), apart)) for edge in (apart.low, apart.high))
    return f"{_signed(apart.mean, _number(metric, abs(apart.mean), apart))} ({' to '.join(edges)})"


def _signed(value: float, told: str) -> str:
    zero = not any(char in "123456789" for char in told)
    return told if zero else f"{'-' if value < 0 else '+'}{told}"


def _number(metric: str, value: float, apart: Difference) -> str:
    return number(metric, value, (apart.high - apart.low) / 2)


def _p(p: float) -> str:
    return f"{p:.2f}" if p >= 0.1 else f"{p:.2g}"


def _less(p: float) -> str:
    return "< 1e-12" if p <= 1e-12 else f"= {_p(p)}"


def _seeds(side: Side) -> str:
    failed = f", {len(side.failed)} failed" if side.failed else ""
    return f"{len(side.good)}{failed}"


def _model(get: Callable[[ModelInfo], float | None]) -> Callable[[Record], float | None]:
    return lambda run: get(run.model) if run.model else None


_FACTS: tuple[tuple[str, Callable[[Record], float | None], Callable[[float | None], str]], ...] = (
    ("train s", lambda run: run.timing.train_seconds, seconds),
    ("predict s", lambda run: run.timing.predict_seconds, seconds),
    ("samples/s", lambda run: run.usage.samples_per_second, whole),
    ("parameters", _model(lambda model: model.parameters), whole),
    ("weights bytes", _model(lambda model: model.weights_bytes), whole),
    ("peak memory bytes", lambda run: run.usage.max_rss, whole),
)


def _facts(a: Side, b: Side) -> Iterator[list[str]]:
    """Time and size, as means over the seeds, and how many times the second the first is."""
    yield ["seeds", _seeds(a), _seeds(b), ""]
    for name, get, told in _FACTS:
        left, right = (mean_of(get(run) for run in side.good) for side in (a, b))
        if left is not None or right is not None:
            yield [name, told(left), told(right), f"{left / right:.2f} times" if left and right else ""]


def _alone(comparison: Comparison, text: Text) -> Iterator[str]:
    """Of which classes most of the samples are that the one alone gets right."""
    for side, only in ((comparison.a, comparison.only_a), (comparison.b, comparison.only_b)):
        if only is not None and only.positions:
            yield f"{text(side.name, NAME)} alone gets right: {_most(only.classes, text)}"


def _most(found: Counter[str], text: Text) -> str:
    most = sorted(found.items(), key=lambda item: (-item[1], item[0]))[:_CLASSES]
    more = found.total() - sum(number for _, number in most)
    told = [f"{number} of {text(name, NAME)}" for name, number in most]
    return ", ".join([*told, *([f"{more} of others"] if more else [])])


def positions(comparison: Comparison) -> Iterator[str]:
    """Yield a line for each of the two: which test samples, from 0, it gets right alone."""
    for side, only in ((comparison.a, comparison.only_a), (comparison.b, comparison.only_b)):
        if only is not None:
            where = ", ".join(map(str, only.positions)) or "none"
            yield f"only {one_line(side.name, NAME)} gets right: {where}"
