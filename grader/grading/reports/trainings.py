"""The trainings of one student as the own page shows them: curve, times, reason, traceback and output."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grader.contract.status import Status
from grader.contract.text import NAME, one_line
from grader.grading.reports.words import printed, said
from grader.host.reports.tables import heading, number, seconds, whole

if TYPE_CHECKING:
    from grader.contract.record import CurvePoint, Record

_MOST = 12  # of which one page tells
_TRACEBACK = 6000  # characters
_OUTPUT = 4000


@dataclass(frozen=True)
class Training:
    """One of them. `traceback` and `output` have several lines."""

    title: str
    status: str
    ok: bool
    reason: str
    facts: tuple[tuple[str, str], ...]
    curve: tuple[CurvePoint, ...]
    traceback: str
    output: str
    notes: tuple[str, ...]


def trainings(records: Sequence[Record], other: str = "") -> tuple[tuple[Training, ...], int]:
    """Return the first of them, and how many are left.

    `other` is the name of the file handed in, where somebody else of the group did it: it may hold a name.
    """
    return tuple(_training(record, other) for record in records[:_MOST]), max(0, len(records) - _MOST)


def _training(record: Record, other: str) -> Training:
    def masked(text: str) -> str:
        return re.sub(rf"(?<!\w){re.escape(other)}(?=\.py\b|[\\/])", "submission", text) if other else text

    ours = record.status is Status.HARNESS_ERROR
    return Training(
        title=f"{one_line(record.task.name, NAME)}, {one_line(record.budget, NAME)}, seed {record.seed}",
        status=record.status.replace("_", " "),
        ok=record.status is Status.OK,
        reason="a fault of the grader, not of yours" if ours else said(masked(record.reason)),
        facts=tuple(_facts(record)),
        curve=record.curve,
        traceback="" if ours else printed(masked(record.detail), _TRACEBACK),
        output=printed(masked(record.output), _OUTPUT),
        notes=tuple(said(masked(note)) for note in record.notes),
    )


def _facts(record: Record) -> Iterator[tuple[str, str]]:
    metric, timing, usage = record.task.metric, record.timing, record.usage
    if metric in record.metrics:
        yield one_line(heading(metric), NAME).capitalize(), number(metric, record.metrics[metric])
    phases = (
        ("Load", timing.load_seconds), ("Train", timing.train_seconds), ("Predict", timing.predict_seconds),
        ("Score", timing.score_seconds),
    )  # fmt: skip
    yield from ((f"{name}, s", seconds(value)) for name, value in phases if value is not None)
    yield "Epochs", f"{usage.epochs:.4g}"
    yield "Steps", whole(usage.steps)
    if record.model is not None:
        yield "Parameters", whole(record.model.parameters)
