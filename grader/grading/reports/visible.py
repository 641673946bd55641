"""What one student may see of the grading: nothing hidden, nothing of others, no paths of a machine.

All texts here are plain text on one line, or several where it says so, harmless for a terminal; each form
still escapes them in its own way. What hidden criteria give or ask for cannot be computed from it: points
and maximum are those of visible criteria, and what lateness takes off is told as a share of them. The
points that it took in truth, and the reason's words, would tell what all criteria are worth.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from grader.contract.text import NAME, one_line
from grader.grading.model import Attempt, Criterion, Grade, Gradebook, Graded, Mark, Outcome, Status, Tried
from grader.grading.reports import advice
from grader.grading.reports.trainings import Training, trainings
from grader.grading.reports.words import NOT_YOURS, OUTCOMES, points, said

_SPAN = re.compile(r"\d+ (?:minute|hour|day|week)s? late")
_NOISE = 1e-6  # points


@dataclass(frozen=True)
class Line:
    """One visible criterion, and what came of it."""

    title: str
    outcome: Outcome
    words: str  # the outcome's
    earned: float
    maximum: float
    extra: bool
    message: str
    hint: str  # what to try next; empty where it is met

    @property
    def score(self) -> str:
        """`12.5 of 40`; what was left out is worth nothing either way."""
        if self.outcome is Outcome.EXCUSED:
            return "–"  # noqa: RUF001 - a dash to look at
        return f"{points(self.earned)} of {points(self.maximum)}"


@dataclass(frozen=True)
class Feedback:
    """Everything on a student's page."""

    assignment: str
    name: str
    lead: str  # how far the grade is settled, where it is not simply graded
    earned: float
    maximum: float
    taken: float  # points of the visible ones that lateness takes off
    lateness: str  # why; empty without
    lines: tuple[Line, ...]
    advice: tuple[str, ...]
    trainings: tuple[Training, ...]
    trainings_left: int
    facts: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]

    @property
    def total(self) -> float:
        """Points of the visible criteria less what lateness takes off."""
        return max(0.0, self.earned - self.taken)


def feedback(graded: Graded, grade: Grade) -> Feedback:
    """Return what this student may see."""
    book, best = graded.book, grade.best
    lines = tuple(_lines(book, best)) if best else ()
    earned = math.fsum(line.earned for line in lines)
    maximum = math.fsum(line.maximum for line in lines if _counts(line))
    if best is None:
        maximum = math.fsum(each.points for each in book.visible if not each.extra)
    taken, why = _lateness(book, best, earned, maximum) if best else (0.0, "")
    records = graded.of(best) if best else ()
    shown, left = trainings(records, _stem(best) if best and grade.by else "")
    return Feedback(
        assignment=said(book.assignment),
        name=one_line(grade.student.shown, NAME),
        lead=_lead(grade, lines),
        earned=earned,
        maximum=maximum,
        taken=taken,
        lateness=why,
        lines=lines,
        advice=tuple(advice.of_records(records)),
        trainings=shown,
        trainings_left=left,
        facts=tuple(_facts(book, grade)),
        notes=tuple(said(note) for note in best.attempt.notes) if best and not grade.by else (),
    )


def _counts(line: Line) -> bool:
    return not line.extra and line.outcome is not Outcome.EXCUSED


def _lines(book: Gradebook, tried: Tried) -> Iterator[Line]:
    marks = {mark.criterion: mark for mark in tried.marks}
    for criterion in book.visible:
        mark = marks.get(criterion.name)
        if mark is not None:
            met = mark.outcome in {Outcome.PASSED, Outcome.EXCUSED, Outcome.GRADER_ERROR}
            yield Line(
                title=said(criterion.title or criterion.name),
                outcome=mark.outcome,
                words=OUTCOMES[mark.outcome],
                earned=0.0 if mark.outcome is Outcome.EXCUSED else mark.points,
                maximum=criterion.points,
                extra=criterion.extra,
                message=_message(book, criterion, mark, marks),
                hint="" if met else said(criterion.hint),
            )


def _message(book: Gradebook, criterion: Criterion, mark: Mark, marks: Mapping[str, Mark]) -> str:
    if mark.outcome is Outcome.GRADER_ERROR:
        return NOT_YOURS
    if mark.outcome is not Outcome.BLOCKED:
        return said(mark.message)
    # not in the words of the mark: they may name a hidden criterion
    visible = {each.name: each.title or each.name for each in book.visible}
    unmet = [name for name in criterion.after if name in visible and not _met(marks.get(name))]
    if not unmet:
        return "Something that this builds on was not met."
    return f"This builds on what was not met: {', '.join(said(visible[name]).rstrip('.') for name in unmet)}."


def _met(mark: Mark | None) -> bool:
    return mark is not None and mark.outcome in {Outcome.PASSED, Outcome.GRADER_ERROR, Outcome.EXCUSED}


def _lateness(book: Gradebook, tried: Tried, earned: float, maximum: float) -> tuple[float, str]:
    """How many of the visible points go, and why.

    A penalty is a share of the maximum, so that the same share of the visible maximum goes. Where nothing
    was left to take, it was cut off at what all criteria gave, and only that may be told.
    """
    if tried.penalty <= _NOISE:
        return 0.0, ""
    if len(book.visible) == len(book.criteria):
        return min(tried.penalty, earned), said(tried.penalty_reason) or "late"
    span = _SPAN.search(tried.penalty_reason)
    late = span[0] if span else "late"
    if tried.penalty >= tried.points - _NOISE or tried.maximum <= 0:
        return earned, f"{late}: no points are left"
    share = tried.penalty / tried.maximum
    return min(share * maximum, earned), f"{late}: {points(100 * share)} % of the maximum"


def _lead(grade: Grade, lines: tuple[Line, ...]) -> str:
    """Never the grade's own reason: it may name what is hidden, or tell totals."""
    best = grade.best
    if grade.status is Status.MISSING or (best is None and grade.status is not Status.INVALID):
        return "Nothing was handed in."
    problem = said(best.attempt.problem if best else _first_problem(grade))
    if grade.status is Status.INVALID or problem:
        why = "" if grade.by else f": {problem}"  # a group's file may be named after another member
        return f"What was handed in could not be trained{why if problem else ''}."
    if any(line.outcome is Outcome.GRADER_ERROR for line in lines):
        return "Part of this could not be judged, by no fault of yours. It costs you nothing."
    return ""


def _first_problem(grade: Grade) -> str:
    return next((tried.attempt.problem for tried in grade.tried if tried.attempt.problem), "")


def _facts(book: Gradebook, grade: Grade) -> Iterator[tuple[str, str]]:
    best = grade.best
    if best is not None:
        yield from _of_attempt(best.attempt, grade)
    for name, rule in book.rules.items():
        yield said(name, NAME).capitalize(), said(rule)
    for name, condition in book.conditions.items():
        yield said(name, NAME).capitalize(), said(condition)
    yield "Graded", one_line(book.graded, NAME)


def _of_attempt(attempt: Attempt, grade: Grade) -> Iterator[tuple[str, str]]:
    if grade.by:
        yield "Handed in", "by another member of your group"
    elif attempt.source:
        yield "Handed in", said(attempt.source)
    if attempt.submitted:
        yield "Submitted", one_line(attempt.submitted, NAME)
    if len(grade.tried) > 1 or attempt.number > 1:
        yield "Attempt", f"number {attempt.number} counts"


def _stem(tried: Tried) -> str:
    """The name of the file handed in, which may be that of the member of the group who did it."""
    return re.split(r"[\\/]", tried.attempt.path.rstrip("/"))[-1].removesuffix(".py")
