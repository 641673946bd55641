"""Moodle: an assignment's grading worksheet, or a gradebook exported as CSV, with the grades filled in.

A worksheet has Identifier (`Participant 123456`), mostly Full name and Email address, Status, Grade, Maximum
Grade, Grade can be changed, the times of the last changes, and Feedback comments in HTML. Moodle leaves out,
without a word, a grade above the maximum and one that may not be changed: both are told here. A gradebook
has First name, Last name, ID number, Email address, and a column like `Assignment: Homework 3 (Real)`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from html import escape

from grader.contract.errors import UsageError
from grader.grading.model import Grade, Graded, Student
from grader.grading.reports.cells import Sheet, shown
from grader.grading.reports.gradebooks import (
    Filled,
    Identity,
    Matches,
    logins,
    matches,
    names,
    one_column,
    other_maxima,
    other_maximum,
    parsed,
)
from grader.grading.reports.visible import feedback
from grader.grading.reports.words import figure, points

_OURS = "<p>Graded automatically: "
_MODULE = re.compile(r"(?:[\w ]+: )?(.*\S)\s*\(Real\)", re.DOTALL)
_WRITTEN = re.compile(r"\((?:Percentage|Letter|Feedback)\)$")
_PERSONAL = {
    "first name", "last name", "surname", "id number", "institution", "department", "email address",
    "username", "last downloaded from this course", "course total",
}  # fmt: skip


def fill_moodle(worksheet: bytes, graded: Graded, column: str = "") -> Filled:
    """Fill in the totals, by the participant's number or id, the ID number, and the e-mail address.

    `column` is the assignment's name in a gradebook; a worksheet is of one assignment. Nothing but grades
    and feedback comments changes. Raises UsageError, a line for each thing that is wrong.
    """
    sheet = Sheet(worksheet, "the Moodle file")
    is_worksheet = sheet.column("Identifier") is not None
    target = _grade(sheet) if is_worksheet else _gradebook(sheet, column, graded)
    found = matches(sheet, sheet.filled(), graded, _identities(sheet))
    maximum = sheet.column("Maximum Grade") if is_worksheet else None
    told = {sheet.at(row, maximum) for row in found.grades}
    problems = {other_maximum(text, graded, "Maximum Grade") for text in told} - {""}
    rest = [*other_maxima(graded, found.grades.values()), *_fill(sheet, target, maximum, found)]
    rest += _comment(sheet, found, graded) if is_worksheet else ()
    return Filled(
        data=sheet.data(),
        matched=len(found.grades),
        unmatched_rows=tuple(_named(sheet, row) for row in found.rows),
        unmatched_students=names(found.students),
        problems=(*sorted(problems), *rest),
    )


def _identities(sheet: Sheet) -> list[Identity]:
    known: Sequence[tuple[str, Callable[[Student], tuple[str, ...]]]] = (
        ("Identifier", lambda student: (student.id,)),
        ("ID number", lambda student: (student.sis_id, student.id)),
        ("Email address", lambda student: (student.email,)),
        ("Username", logins),
    )
    found = []
    for name, ours in known:
        column = sheet.column(name)
        if column is not None:
            found.append(Identity(column, ours, _participant if name == "Identifier" else str))
    if not found:
        raise UsageError(
            f"{sheet.what}: its heading line has neither Identifier nor ID number nor Email address; "
            "download it with Moodle in English"
        )
    return found


def _participant(text: str) -> str:
    """`Participant 123456` is 123456."""
    return text.rsplit(maxsplit=1)[-1] if text.strip() else ""


def _grade(sheet: Sheet) -> int:
    column = sheet.column("Grade")
    if column is None or sheet.column("Scale") is not None:
        raise UsageError(
            f"{sheet.what}: {'it is graded by a scale' if column is not None else 'it has no column Grade'}; "
            "download the grading worksheet of an assignment that is graded in points"
        )
    return column


def _gradebook(sheet: Sheet, wanted: str, graded: Graded) -> int:
    columns = [
        at
        for at, head in enumerate(sheet.head)
        if head and head.removesuffix(" (Real)").casefold() not in _PERSONAL and not _WRITTEN.search(head)
    ]
    return one_column(sheet, columns, _titles, wanted or graded.book.assignment)


def _titles(head: str) -> set[str]:
    found = _MODULE.fullmatch(head)
    return {head, found[1]} if found else {head, head.partition(": ")[2] or head}


def _fill(sheet: Sheet, target: int, maximum: int | None, found: Matches) -> Iterator[str]:
    for row, grade in found.grades.items():
        most = parsed(sheet.at(row, maximum))
        if _is_locked(sheet, row):
            who = shown(grade.student.key)
            yield f"{who}: Moodle says that this grade cannot be changed; it was left"
        elif most is not None and grade.total > most:
            yield from _above(sheet, row, target, grade, most)
        else:
            sheet.put(row, target, figure(grade.total))


def _is_locked(sheet: Sheet, row: int) -> bool:
    return sheet.at(row, sheet.column("Grade can be changed")).casefold() == "no"


def _above(sheet: Sheet, row: int, target: int, grade: Grade, most: float) -> Iterator[str]:
    """Extra credit beyond the maximum comes to the maximum; of another maximum a grade is no grade at all."""
    who, total = shown(grade.student.key), points(grade.total)
    if abs(most - grade.maximum) < 0.005:
        sheet.put(row, target, figure(most))
        yield f"{who} has {total} points, and Moodle takes no more than {points(most)}: that is what it gets"
    else:
        yield f"{who} has {total} points, and Moodle takes no more than {points(most)}: nothing was filled in"


def _comment(sheet: Sheet, found: Matches, graded: Graded) -> Iterator[str]:
    column = sheet.column("Feedback comments")
    if column is None:
        return
    for row, grade in found.grades.items():
        now = sheet.at(row, column)
        if _is_locked(sheet, row):
            continue  # told already
        if now and not now.startswith(_OURS):
            yield f"{shown(grade.student.key)} has a feedback comment already, which was left"
        else:
            sheet.put(row, column, comment(graded, grade))


def comment(graded: Graded, grade: Grade) -> str:
    """Return the feedback in short, as one line of HTML: visible criteria alone, every text escaped."""
    told = feedback(graded, grade)
    score = f"{points(told.total)} of {points(told.maximum)} points for the criteria below."
    parts = [f"{_OURS}{score}</p>"]
    parts += [f"<p>{escape(told.lead)}</p>"] if told.lead else []
    parts += (
        [f"<p>Lateness takes off {points(told.taken)} ({escape(told.lateness)}).</p>"]
        if told.lateness
        else []
    )
    lines = [
        f"<li>{escape(line.title)}: {escape(line.score)}, {line.words}. {escape(line.message)}</li>"
        for line in told.lines
    ]
    return "".join([*parts, "<ul>", *lines, "</ul>"] if lines else parts)


def _named(sheet: Sheet, row: int) -> str:
    who = " ".join(
        filter(None, (sheet.at(row, sheet.column(name)) for name in ("First name", "Last name", "Surname")))
    )
    told = sheet.at(row, sheet.column("Full name")) or who or sheet.at(row, 0)
    return f"row {row + 1}: {shown(told)}"
