"""What staff should look at: what is hard to believe, and who was late or had longer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from grader.contract.status import Status
from grader.contract.text import LINE, NAME, one_line
from grader.grading.model import Gradebook, Graded
from grader.grading.reports.words import points
from grader.host.suspicion import suspicions

if TYPE_CHECKING:
    from grader.contract.record import Record


def suspicious(graded: Graded) -> Iterator[tuple[str, list[str]]]:
    """Yield the key of each student of whom something is hard to believe, and what."""
    for grade in graded.grades():
        found = [one_line(flag, 2 * LINE) for flag in grade.flags]
        for tried in grade.tried if not grade.by else ():
            found += _of_records(graded.of(tried))
        if found:
            yield grade.student.key, list(dict.fromkeys(found))


def late(book: Gradebook) -> Iterator[tuple[str, str]]:
    """Yield a line for each student who was late, or had an extension."""
    for grade in book.grades:
        best, extension = grade.best, one_line(grade.student.extension, NAME)
        told = [f"extension: {extension}"] if extension else []
        if best and (best.penalty or best.attempt.late):
            when = one_line(best.attempt.submitted, NAME) or "a time that nobody knows"
            why = one_line(best.penalty_reason) or "late by the learning platform's word"
            told.append(f"submitted {when}; {why}; {points(best.penalty)} points taken off")
        if told:
            yield grade.student.key, "; ".join(told)


def _of_records(records: Sequence[Record]) -> Iterator[str]:
    for record in records:
        row = [each for each in records if each is not record and _row(each) == _row(record)]
        good = [each for each in row if each.status is Status.OK]
        for line in suspicions(record, good):
            yield one_line(f"{record.task.name}, seed {record.seed}: {line}", 2 * LINE)


def _row(record: Record) -> tuple[str, str, str]:
    return record.task.name, record.task.digest, record.budget
