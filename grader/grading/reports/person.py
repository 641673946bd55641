"""One student on the staff's page: marks with what pytest said, attempts, failures with tracebacks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grader.contract.status import Status as Ended
from grader.contract.text import LINE, NAME, block, one_line
from grader.grading.model import Grade, Gradebook, Graded, Mark, Outcome, Tried
from grader.grading.reports.words import OUTCOMES, TEXT, points

if TYPE_CHECKING:
    from grader.contract.record import Record

_DETAIL = 6000  # characters, of a traceback as well


@dataclass(frozen=True)
class Said:
    """What went wrong, a line and perhaps many."""

    head: str
    reason: str
    text: str


@dataclass(frozen=True)
class Person:
    """Texts that the page escapes."""

    anchor: str
    key: str
    name: str
    score: str
    reason: str
    facts: tuple[tuple[str, str], ...]
    marks: tuple[tuple[str, ...], ...]  # criterion, points, outcome, message
    attempts: tuple[str, ...]
    errors: tuple[Said, ...]  # the rubric's and the grader's own
    failures: tuple[Said, ...]
    notes: tuple[str, ...]


def person(graded: Graded, grade: Grade) -> Person:
    """Return all that staff may want to know of a student."""
    best, student = grade.best, grade.student
    records = [(tried, record) for tried in grade.tried for record in graded.of(tried)]
    ours = [pair for pair in records if pair[1].status is Ended.HARNESS_ERROR]
    theirs = [pair for pair in records if pair[1].status not in {Ended.OK, Ended.HARNESS_ERROR}]
    return Person(
        anchor=anchor(student.key),
        key=one_line(student.key, NAME),
        name=one_line(student.shown, NAME) or one_line(student.key, NAME),
        score=f"{points(grade.total)} of {points(grade.maximum)}",
        reason=one_line(grade.reason, TEXT),
        facts=tuple(_facts(grade)),
        marks=tuple(_mark(graded.book, mark) for mark in best.marks) if best else (),
        attempts=tuple(_attempt(tried, counts=tried is best) for tried in grade.tried),
        errors=(*_of_marks(grade), *(_failure(*pair) for pair in ours)),
        failures=(*_untrained(grade), *(_failure(*pair) for pair in theirs)),
        notes=tuple(one_line(note) for tried in grade.tried for note in tried.attempt.notes),
    )


def anchor(key: str) -> str:
    """The id of a student's section."""
    return f"p-{hashlib.sha256(ascii(key).encode()).hexdigest()[:12]}"


def _facts(grade: Grade) -> Iterator[tuple[str, str]]:
    student = grade.student
    told = (
        ("Key", student.key), ("Id", student.id), ("SIS id", student.sis_id), ("Login", student.login),
        ("E-mail", student.email), ("Section", student.section), ("Group", student.group),
        ("Extension", student.extension), ("Pseudonym", grade.pseudonym), ("Handed in by", grade.by),
    )  # fmt: skip
    yield from ((name, one_line(text, NAME)) for name, text in told if text)


def _mark(book: Gradebook, mark: Mark) -> tuple[str, ...]:
    criterion = book.criterion(mark.criterion)
    hidden = " (hidden)" if criterion and criterion.hidden else ""
    worth = f" of {points(criterion.points)}" if criterion else ""
    return (
        f"{one_line(mark.criterion, NAME)}{hidden}",
        f"{points(mark.points)}{worth}",
        OUTCOMES[mark.outcome],
        one_line(mark.message, TEXT),
    )


def _attempt(tried: Tried, *, counts: bool) -> str:
    attempt = tried.attempt
    taken = f", less {points(tried.penalty)}: {tried.penalty_reason}" if tried.penalty else ""
    clock = f" by the {attempt.clock}" if attempt.clock else ""
    told = (
        f"Attempt {attempt.number}, {attempt.source}, {attempt.submitted or 'at a time that nobody knows'}"
        f"{clock}: {points(tried.points)} of {points(tried.maximum)}{taken}"
    )
    return one_line(told + ("; it counts" if counts else "") + f"; {attempt.path or 'no file'}", TEXT)


def _of_marks(grade: Grade) -> Iterator[Said]:
    for tried in grade.tried:
        for mark in tried.marks:
            if mark.outcome is Outcome.GRADER_ERROR:
                head = f"Attempt {tried.attempt.number}, {one_line(mark.criterion, NAME)}"
                yield Said(head, one_line(mark.message, TEXT), _end(mark.detail))


def _untrained(grade: Grade) -> Iterator[Said]:
    for tried in grade.tried:
        if tried.attempt.problem:
            yield Said(f"Attempt {tried.attempt.number}", one_line(tried.attempt.problem, TEXT), "")


def _failure(tried: Tried, record: Record) -> Said:
    where = f" in {record.phase}" if record.phase else ""
    head = (
        f"Attempt {tried.attempt.number}, {one_line(record.task.name, NAME)}, seed {record.seed}: "
        f"{record.status.replace('_', ' ')}{where}"
    )
    return Said(head, one_line(record.reason, 2 * LINE), _end(record.detail))


def _end(text: str) -> str:
    return block(text.strip()[-_DETAIL:], LINE)
