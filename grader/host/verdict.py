"""What is to be said of a record: whether it can be true at all, and whether it came out again."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from grader.contract.errors import StoreError
from grader.contract.record import Record
from grader.contract.status import Status
from grader.contract.text import LINE, one_line
from grader.host.evidence import Evidence, evidence_of, read_evidence
from grader.host.stats import Z95, wilson
from grader.host.store import stem
from grader.host.suspicion import measure, predicted, shown

if TYPE_CHECKING:
    import numpy.typing as npt

    from grader.contract.task import Task

_P95 = 0.975  # two-sided 95 %
_OTHERS = 2  # seeds that it takes, beside the training anew, to say how far trainings differ
_PRECISION = 1e-9  # relative: a mean computed anew, perhaps by another numpy


class Verdict(StrEnum):
    """What came of a record."""

    IDENTICAL = "identical"  # the same outcome: status, every metric and every prediction, to the last bit
    REPRODUCED = "reproduced"  # within the interval, where the same bits are not to be expected
    NOT_REPRODUCED = "not reproduced"
    NOT_CHECKED = "cannot be checked here"
    CONSISTENT = "consistent"  # not trained: record, evidence, files and data fit each other

    @property
    def holds(self) -> bool:
        """Whether the record stands."""
        return self not in {Verdict.NOT_REPRODUCED, Verdict.NOT_CHECKED}


@dataclass(frozen=True)
class Finding:
    """What is said of one record. Every line is plain text."""

    record: Record
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    suspicions: tuple[str, ...] = ()


class Contradiction(Exception):
    """Why a record cannot be true, whatever training again would give: one line."""


# --- without training ---


def evidence_beside(path: Path, record: Record) -> Evidence | None:
    """Return the evidence of the record in this file; None for a failed trial, which has none.

    Raises Contradiction where file, record and evidence are not of one run.
    """
    if path.stem != stem(record):
        raise Contradiction(
            f"the file is named {one_line(path.name)}, and a record that says this {stem(record)}.json: "
            "its submission, task, budget, seed or version was edited, or the file renamed"
        )
    if record.status is not Status.OK:
        return None
    try:
        evidence = read_evidence(path.with_suffix(".npz"), record)
    except StoreError as error:
        raise Contradiction(one_line(str(error))) from error
    _check_counts(record, evidence)
    return evidence


def _check_counts(record: Record, evidence: Evidence) -> None:
    samples, name = record.task.test_samples, measure(record)
    for metric in (name, record.task.metric):
        if metric not in record.metrics:
            raise Contradiction(f"it ended well, and tells no {one_line(metric)}")
    if len(evidence.predictions) != samples:
        raise Contradiction(f"{len(evidence.predictions):,} predictions for {samples:,} test samples")
    if (evidence.correct is None) != (record.task.kind == "regression"):
        raise Contradiction("its predictions are those of another kind of task")
    if evidence.correct is None:
        return
    right = int(evidence.correct.sum())
    if right != record.correct:
        raise Contradiction(f"{record.correct} right predictions, of which its evidence has {right}")
    if not math.isclose(record.metrics["accuracy"], right / samples, rel_tol=_PRECISION):
        raise Contradiction(
            f"accuracy {record.metrics['accuracy']!r}, where {right} of {samples} are {right / samples!r}"
        )


def check_against(
    task: Task, targets: npt.NDArray[np.generic], record: Record, evidence: Evidence | None
) -> None:
    """Hold the predictions against the test targets: int64 (N,) or float32 (N, 1). Raises Contradiction."""
    if evidence is None:
        return
    if evidence.squared_error is not None:
        outputs = evidence.predictions.astype(np.float32)
        _check_metrics(task, targets, record, outputs)
        wrong = evidence.squared_error != evidence_of(outputs, targets).squared_error
    else:
        wrong = evidence.correct != evidence_of(evidence.predictions.astype(np.int64), targets).correct
    if many := int(np.sum(wrong)):
        raise Contradiction(
            f"{many:,} of its {len(evidence.predictions):,} test predictions are marked otherwise than the "
            "task's targets say"
        )


def _check_metrics(
    task: Task, targets: npt.NDArray[np.generic], record: Record, outputs: npt.NDArray[np.float32]
) -> None:
    """A regression's metrics all follow from its predictions."""
    from grader.host.score import metrics_of

    for name, value in metrics_of(task, outputs[:, None], targets).items():
        told = record.metrics.get(name, value)
        if not math.isclose(told, value, rel_tol=_PRECISION):
            raise Contradiction(f"{name} {told!r}, where its predictions have {value!r}")


# --- trained again ---


@dataclass(frozen=True, eq=False)
class Outcome:
    """A record, and the test predictions where the trial ended well."""

    record: Record
    evidence: Evidence | None


def compared(
    then: Outcome, now: Outcome, others: Sequence[Record], differences: Sequence[str]
) -> tuple[Verdict, list[str]]:
    """Return the verdict, with its reasons, on a record whose trial was trained again `now`.

    `others` are the other seeds of the row; `differences` say why the same bits are not to be expected,
    and where there is none, they are.
    """
    record, again = then.record, now.record
    if why := _incomparable(record, again):
        return Verdict.NOT_CHECKED, [why]
    if (again.status, again.phase) != (record.status, record.phase):
        return Verdict.NOT_REPRODUCED, [f"{_ended(again)} here, {_ended(record)} then", *differences]
    if again.status is not Status.OK:
        return Verdict.IDENTICAL, []
    if facts := list(_facts(record, again, exact=not differences)):
        return Verdict.NOT_REPRODUCED, facts
    if told := list(_figures(record, again)) or list(_predictions(then.evidence, now.evidence)):
        return _within(record, now, others, differences, ", ".join(told))
    return Verdict.IDENTICAL, []


def _incomparable(record: Record, again: Record) -> str:
    if again.status is Status.HARNESS_ERROR:
        return f"training again failed: {one_line(again.reason)}"
    missing = [name for name in record.metrics if name not in again.metrics]
    if again.status is Status.OK and missing:
        return f"nothing here computes its {one_line(', '.join(missing))}: load the plugin that does (-p)"
    return ""


def _within(
    record: Record, now: Outcome, others: Sequence[Record], differences: Sequence[str], told: str
) -> tuple[Verdict, list[str]]:
    name = measure(record)
    low, high, kind = interval(now, others)
    span = f"the 95 % interval {shown(name, low)} to {shown(name, high)} ({kind})"
    if not low <= record.metrics[name] <= high:
        return Verdict.NOT_REPRODUCED, [
            f"{told}: {name} outside {span}",
            *differences,
            *_pace(record, now.record),
        ]
    if differences:
        why = "; ".join([*differences, *_pace(record, now.record)])
        return Verdict.REPRODUCED, [
            f"{told}: {name} within {span}",
            f"the same bits are not to be expected: {why}",
        ]
    return Verdict.NOT_REPRODUCED, [
        f"{told}: {name} within {span}, but with this processor, these threads and libraries the same seed "
        "gives the same bits: it is the record of another run, or its submission draws on more than its seed"
    ]


def interval(now: Outcome, others: Sequence[Record]) -> tuple[float, float, str]:
    """Return the 95 % interval in which a true record's `measure` lies, and in words what it is.

    Wilson's over the test samples, or for regression that of the mean squared error over them. With two
    other seeds of the row or more, where it is wider, the one for one more training, by Student's t. The
    record that is in doubt has no part in it: a forged score would widen what it is held to.
    """
    again, name = now.record, measure(now.record)
    samples = again.task.test_samples
    low, high = _of_these_weights(now)
    values = [again.metrics[name], *(other.metrics[name] for other in others if name in other.metrics)]
    if len(values) > _OTHERS:
        less, more = predicted(values, _P95)
        top = 1.0 if name == "accuracy" else math.inf
        if more - less > high - low:
            kind = f"of one more training, by this and {len(values) - 1} other seeds"
            return max(0.0, less), min(top, more), kind
    return low, high, f"of these weights, over {samples:,} test samples"


def _of_these_weights(now: Outcome) -> tuple[float, float]:
    value, samples = now.record.metrics[measure(now.record)], now.record.task.test_samples
    if now.record.correct is not None:
        return wilson(now.record.correct, samples) or (value, value)
    if now.evidence is None or now.evidence.squared_error is None or samples < 2:
        return value, value
    errors = now.evidence.squared_error.astype(np.float64)
    reach = Z95 * float(errors.std(ddof=1)) / math.sqrt(samples)
    return max(0.0, value - reach), value + reach


def _ended(record: Record) -> str:
    if record.status is Status.OK:
        name = measure(record)
        told = f" ({name} {shown(name, record.metrics[name])})" if name in record.metrics else ""
        return f"ok{told}"
    phase = f" in {record.phase}" if record.phase else ""
    return one_line(f"{record.status}{phase} ({record.reason})", LINE)


def _figures(record: Record, again: Record) -> Iterator[str]:
    """`accuracy 88.71 % against the recorded 88.62 %`, for each metric that is not the same."""
    for name, then in sorted(record.metrics.items(), key=lambda item: item[0] != record.task.metric):
        now = again.metrics[name]
        if now != then:
            texts = shown(name, now), shown(name, then)
            if texts[0] == texts[1]:
                texts = repr(now), repr(then)
            yield f"{one_line(name)} {texts[0]} against the recorded {texts[1]}"


def _predictions(evidence: Evidence | None, now: Evidence | None) -> Iterator[str]:
    """Evidence that was exchanged with its scores kept: paired tests against other rows would tell lies."""
    if evidence is None or now is None:
        return
    other = int(np.sum(evidence.predictions != now.predictions))
    if other:
        samples = len(evidence.predictions)
        yield f"the scores are the same, and {other:,} of {samples:,} test predictions are not"


def _pace(record: Record, again: Record) -> Iterator[str]:
    """What a budget in seconds was worth: on a busy machine less, and then the score says little."""
    then, now = record.usage.steps, again.usage.steps
    if then != now:
        yield f"{now:,} steps here, {then:,} then"


def _facts(record: Record, again: Record, *, exact: bool) -> Iterator[str]:
    """What else is in the tables, and follows from the files and the seed."""
    told = [("parameters", _parameters(record), _parameters(again))]
    if exact:
        told += [
            ("steps", record.usage.steps, again.usage.steps),
            ("samples", record.usage.samples, again.usage.samples),
        ]
    for name, then, now in told:
        if then != now:
            yield f"{now:,} {name} against the recorded {then:,}"
    if exact and _on_test(record) != _on_test(again):
        yield "another curve on the test set than the recorded one"


def _on_test(record: Record) -> list[tuple[float, dict[str, float]]]:
    """The curve on the test set but for its times."""
    return [(point.epoch, point.metrics) for point in record.test_curve]


def _parameters(record: Record) -> int:
    return record.model.parameters if record.model else 0
