"""Filling in a learning platform's own file: who is who in it, and what is told of those who are not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from grader.contract.errors import UsageError
from grader.contract.text import did_you_mean
from grader.grading.model import Grade, Graded, Student
from grader.grading.reports.cells import Sheet, shown
from grader.grading.reports.words import points

Known = Callable[[Student], Iterable[str]]


@dataclass(frozen=True)
class Filled:
    """The file to upload, and what a person has to know of it."""

    data: bytes
    matched: int  # rows that are students of ours
    unmatched_rows: tuple[str, ...]  # which stay as they are
    unmatched_students: tuple[str, ...]  # who get nothing by this file
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Identity:
    """A column that says who a row is, and what of a student it is compared with."""

    column: int
    known: Known
    read: Callable[[str], str] = str


@dataclass(frozen=True)
class Matches:
    """Whose the rows are."""

    grades: dict[int, Grade]
    rows: tuple[int, ...]  # of nobody
    students: tuple[Grade, ...]  # without a row


def matches(sheet: Sheet, rows: Sequence[int], graded: Graded, identities: Sequence[Identity]) -> Matches:
    """Say whose the rows are, by the identities in their order.

    Raises UsageError, a line each, for a row that could be two students, a student with two rows, and where
    no row is anybody's.
    """
    grades = tuple(graded.grades())
    indexes = [_index(grades, each.known) for each in identities]
    found: dict[int, Grade] = {}
    wrong: list[str] = []
    for row in rows:
        keys = (_folded(each.read(sheet.at(row, each.column))) for each in identities)
        hits = [
            grade for index, key in zip(indexes, keys, strict=True) if key for grade in index.get(key, ())
        ]
        names = list(dict.fromkeys(hit.student.key for hit in hits))
        if len(names) > 1:
            wrong.append(f"row {row + 1} could be {' or '.join(map(shown, names))}")
        elif hits:
            found[row] = hits[0]
    wrong += _twice(found)
    if wrong:
        raise UsageError(
            "\n".join(f"{sheet.what}: {line}; make the roster's ids tell them apart" for line in wrong)
        )
    if not found:
        raise UsageError(_nobody(sheet, graded, identities))
    taken = {grade.student.key for grade in found.values()}
    return Matches(
        found,
        tuple(row for row in rows if row not in found),
        tuple(grade for grade in grades if grade.student.key not in taken),
    )


def one_column(sheet: Sheet, columns: Sequence[int], names: Callable[[str], set[str]], wanted: str) -> int:
    """Return the column that is meant, whatever its case: by any of the `names` that its heading has.

    Raises UsageError, in one line, for none or several.
    """
    said = " ".join(wanted.casefold().split())
    found = [
        column
        for column in columns
        if said in {" ".join(name.casefold().split()) for name in names(sheet.head[column])}
    ]
    if len(found) == 1:
        return found[0]
    heads = [sheet.head[column] for column in found or columns]
    if found:
        told = ", ".join(map(shown, heads))
        raise UsageError(
            f"{sheet.what}: {len(found)} columns are named {shown(wanted)!r}: {told}; give one whole"
        )
    near = did_you_mean(wanted, {name for head in heads for name in sorted(names(head))})
    some = ", ".join(map(shown, heads[:8])) or "none"
    raise UsageError(
        f"{sheet.what}: no assignment's column is named {shown(wanted)!r}{near or f'; there are: {some}'}; "
        "name it by --column"
    )


def other_maximum(told: str, graded: Graded, where: str) -> str:
    """A line where what the platform says an assignment is worth is not what the rubric's points come to."""
    maximum = parsed(told)
    if maximum is None or abs(maximum - graded.book.maximum) < 0.005:
        return ""
    return (
        f"{where} is {points(maximum)}, and the rubric's maximum {points(graded.book.maximum)}: nothing was "
        "scaled; change one of the two"
    )


def other_maxima(graded: Graded, grades: Iterable[Grade]) -> Iterator[str]:
    """A line for each student of whom less was asked, which the platform does not know."""
    for grade in grades:
        if grade.maximum and abs(grade.maximum - graded.book.maximum) > 0.005:
            yield (
                f"{shown(grade.student.key)} has {points(grade.total)} of {points(grade.maximum)}, as some "
                "criteria were left out: the platform takes it for as many of the whole maximum"
            )


def parsed(text: str) -> float | None:
    """The number of a cell, with a decimal point or comma; None for anything else."""
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    return value if abs(value) < 1e9 else None


def names(grades: Iterable[Grade]) -> tuple[str, ...]:
    """Students, for a message."""
    return tuple(
        shown(grade.student.key)
        if grade.student.shown == grade.student.key
        else f"{shown(grade.student.key)} ({shown(grade.student.shown)})"
        for grade in grades
    )


def logins(student: Student) -> tuple[str, ...]:
    """What a student may log in by; the key alone where nothing else is known, as without a roster."""
    known = (student.login, student.email)
    return known if any((*known, student.id, student.sis_id)) else (student.key,)


def _index(grades: Sequence[Grade], known: Known) -> dict[str, list[Grade]]:
    index: dict[str, list[Grade]] = defaultdict(list)
    for grade in grades:
        for key in {_folded(text) for text in known(grade.student)} - {""}:
            index[key].append(grade)
    return index


def _folded(text: str) -> str:
    return text.strip().lstrip("'").casefold()


def _twice(found: dict[int, Grade]) -> Iterator[str]:
    rows: dict[str, list[int]] = defaultdict(list)
    for row, grade in found.items():
        rows[grade.student.key].append(row + 1)
    for key, several in rows.items():
        if len(several) > 1:
            yield f"rows {' and '.join(map(str, several))} are both {shown(key)}"


def _nobody(sheet: Sheet, graded: Graded, identities: Sequence[Identity]) -> str:
    compared = ", ".join(shown(sheet.head[each.column]) for each in identities)
    line = f"{sheet.what}: no row is a student of this assignment (compared were {compared})"
    known = any(
        text.strip() for grade in graded.grades() for each in identities for text in each.known(grade.student)
    )
    return f"{line}: is it another course's?" if known else f"{line}; a roster with ids tells who is who"
