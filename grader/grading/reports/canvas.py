"""Canvas: the gradebook CSV that an instructor exported, with one assignment's column filled in.

Its columns are Student (or LastName, FirstName), ID, SIS User ID, SIS Login ID, sometimes Integration ID and
Root Account, Section, then columns of one's own, assignments as `Title (id)`, and totals that are read-only.
Below the heading may come a line that says Manual Posting, and one with the Points Possible.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from grader.contract.errors import UsageError
from grader.grading.model import Grade, Graded
from grader.grading.reports.cells import Sheet, shown
from grader.grading.reports.gradebooks import (
    Filled,
    Identity,
    logins,
    matches,
    names,
    one_column,
    other_maxima,
    other_maximum,
)
from grader.grading.reports.words import figure

_TITLE = re.compile(r"(.*\S)\s*\((\d+)\)", re.DOTALL)
_POSTING = re.compile(r"\s*(?:muted|manual posting.*)?\s*", re.IGNORECASE)
_TOTALS = re.compile(r"(?:Current|Final|Override) (?:Score|Points|Grade|Status)")
_LEFT = {"ex", "n/a"}  # excused there, or not assigned: a number would undo it


def fill_canvas(gradebook_csv: bytes, column: str, graded: Graded) -> Filled:
    """Fill in the totals, by ID, SIS User ID and SIS Login ID; nothing else in the file changes.

    `column` is the assignment's title, with or without its id; empty, it is the rubric's. Raises UsageError,
    a line for each thing that is wrong, for a file that is no gradebook, a column that is not there or
    read-only, a row that could be two students, and a gradebook of another course.
    """
    sheet = Sheet(gradebook_csv, "the Canvas gradebook")
    identities = _identities(sheet)
    target = _column(sheet, column or graded.book.assignment)
    worth = _worth(sheet)
    told = sheet.at(worth, target) if worth is not None else ""
    if "read only" in told.lower():
        raise UsageError(
            f"{sheet.what}: {shown(sheet.head[target])} is read-only; name an assignment's column"
        )
    found = matches(sheet, [row for row in _students(sheet) if row != worth], graded, identities)
    problems = [other_maximum(told, graded, f"Points Possible of {shown(sheet.head[target])}")]
    problems += other_maxima(graded, found.grades.values())
    problems += _fill(sheet, target, found.grades)
    return Filled(
        data=sheet.data(),
        matched=len(found.grades),
        unmatched_rows=tuple(_named(sheet, row) for row in found.rows if not _is_test(sheet, row)),
        unmatched_students=names(found.students),
        problems=tuple(filter(None, problems)),
    )


def _worth(sheet: Sheet) -> int | None:
    """The row of the Points Possible; a student of that name would have an id."""
    number = sheet.column("ID")
    return next(
        (
            row
            for row in sheet.filled()
            if "Points Possible" in sheet.at(row, 0) and not sheet.at(row, number)
        ),
        None,
    )


def _fill(sheet: Sheet, target: int, grades: dict[int, Grade]) -> Iterator[str]:
    for row, grade in grades.items():
        now = sheet.at(row, target)
        if now.lower() in _LEFT:
            yield f"{shown(grade.student.key)} has {now} there, and keeps it: {figure(grade.total)} points"
        else:
            sheet.put(row, target, figure(grade.total))


def _identities(sheet: Sheet) -> list[Identity]:
    known = (
        ("ID", lambda student: (student.id,)),
        ("SIS User ID", lambda student: (student.sis_id,)),
        ("SIS Login ID", logins),
    )
    found = [(sheet.column(name), ours) for name, ours in known]
    if sheet.column("Student", "LastName") is None or sheet.column("Section") is None or found[0][0] is None:
        raise UsageError(
            f"{sheet.what}: its heading line lacks Student, ID or Section; export it from Canvas anew"
        )
    return [Identity(column, ours) for column, ours in found if column is not None]


def _column(sheet: Sheet, wanted: str) -> int:
    first = (sheet.column("Section") or 0) + 1
    columns = range(first, len(sheet.head))
    titled = [at for at in columns if _TITLE.fullmatch(sheet.head[at])]
    plain = [at for at in columns if not _TOTALS.search(sheet.head[at])]
    return one_column(sheet, titled or plain, _titles, wanted)


def _titles(head: str) -> set[str]:
    found = _TITLE.fullmatch(head)
    return {head, found[1], found[2]} if found else {head}


def _students(sheet: Sheet) -> Sequence[int]:
    """The rows but those that are about the assignments."""
    return [
        row for row in sheet.filled() if not all(_POSTING.fullmatch(cell.text) for cell in sheet.rows[row])
    ]


def _is_test(sheet: Sheet, row: int) -> bool:
    """Canvas's own Test Student, whom nobody misses."""
    first, second = sheet.at(row, 0), sheet.at(row, 1)
    return first == "Student, Test" or (
        sheet.head[0] == "LastName" and (first, second) == ("Student", "Test")
    )


def _named(sheet: Sheet, row: int) -> str:
    return f"row {row + 1}: {shown(sheet.at(row, 0))} (ID {shown(sheet.at(row, sheet.column('ID')))})"
