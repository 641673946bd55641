"""grades.csv: a row a student, each criterion a column."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from grader.contract.text import csv_cell
from grader.grading.model import Grade, Gradebook
from grader.grading.reports.words import exact

_STUDENT = ("id", "sis_id", "login", "email", "name", "section", "group")
_GRADE = ("total", "maximum", "percent", "status", "reason", "attempt", "submitted", "penalty")


def sheet(book: Gradebook) -> str:
    """Return the text: UTF-8, commas, a heading line; numbers as short as they can be.

    A criterion's column has the points earned, and is empty where nothing was judged. All text is quoted: a
    spreadsheet that splits at semicolons leaves it whole. Raises StoreError for a number that is none.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(csv_cell(name) for name in ("key", *_STUDENT, *_criteria(book), *_GRADE))
    for grade in book.grades:
        writer.writerow(_cells(book, grade))
    return file.getvalue()


def _criteria(book: Gradebook) -> list[str]:
    return [each.name for each in book.criteria]


def _cells(book: Gradebook, grade: Grade) -> Iterator[str | float]:
    student, best = grade.student, grade.best
    yield from (csv_cell(text) for text in (student.key, *(getattr(student, name) for name in _STUDENT)))
    earned = {mark.criterion: mark.points for mark in best.marks} if best else {}
    for name in _criteria(book):
        yield exact(earned[name]) if name in earned else ""
    yield from (exact(number) for number in (grade.total, grade.maximum, grade.percent))
    yield from (csv_cell(text) for text in (grade.status, grade.reason))
    yield best.attempt.number if best else ""
    yield csv_cell(best.attempt.submitted) if best else ""
    yield exact(best.penalty) if best else ""
