"""What `grader grade` says on the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from grader.contract.text import count, one_line, plain
from grader.grading.keeping import HISTORY
from grader.grading.model import Criterion, Grade, Gradebook, Outcome, Status
from grader.grading.reports.words import figure

if TYPE_CHECKING:
    from grader.grading.answers import Told
    from grader.grading.grade import Grading
    from grader.grading.outcome import Result
    from grader.grading.regrade import Change

_LISTED = 60  # students whose grades stand on the terminal; all of them stand in grades.csv
_PROBLEMS = 20


def before(grading: Grading, told: Told | None, *, quiet: bool) -> Iterator[str]:
    """Yield what is about to happen: how many are graded by what, and what needs a look at once."""
    students, attempts = len(grading.intake.students), len(grading.attempts)
    if told is not None and not quiet:
        yield f"{one_line(told.title or grading.rubric.name)}: {_worth(told.criteria)}"
    if not quiet:
        done = "" if told is not None else ", all trained before (--rerun trains them again)"
        yield f"{count(attempts, 'submission')} to judge{done}; {count(students, 'student')}"
    problems = grading.intake.problems
    yield from (f"warning: {one_line(problem)}" for problem in problems[:_PROBLEMS])
    if len(problems) > _PROBLEMS:
        yield f"warning: and {len(problems) - _PROBLEMS} more like these: staff.html has them all"


def after(result: Result, width: int, *, quiet: bool) -> Iterator[str]:
    """Yield what came of it: a table, what changed, what staff must look at, and where everything is."""
    book = result.graded.book
    if not quiet:
        yield ""
        yield f"{one_line(book.assignment)}: {_worth(book.criteria)}"
        yield table(book, width)
        yield ""
    yield from _changes(result)
    yield from _to_look_at(book)
    for name, filled in result.filled.items():
        yield f"{name}: {count(filled.matched, 'row')} filled in"
        yield from (f"{name}: no student for the row {one_line(row)}" for row in filled.unmatched_rows)
        yield from (f"{name}: no row for {one_line(student)}" for student in filled.unmatched_students)
        yield from (f"{name}: {one_line(problem)}" for problem in filled.problems)
    yield from (one_line(remark) for remark in result.remarks)
    for pair in result.alike:
        yield f"alike: {plain(pair.a)} and {plain(pair.b)}, {pair.share:.0%} ({one_line(pair.detail)})"
    yield _in_short(book)
    yield _where(result)


def table(book: Gradebook, width: int) -> str:
    """Return the grades as a table, by student; cut to what a terminal has room for."""
    from tabulate import tabulate

    shown = book.grades[:_LISTED]
    rows = [
        [
            plain(grade.student.shown, 30),
            f"{grade.total:.2f}",
            figure(round(grade.maximum, 2)),
            f"{grade.percent:.1f}",
            "" if grade.status is Status.GRADED else str(grade.status),
        ]
        for grade in shown
    ]
    taken = sum(max(map(len, cells)) + 2 for cells in zip(*rows, strict=True)) if rows else 0
    for row, grade in zip(rows, shown, strict=True):
        row.append(one_line(_why(grade), max(10, width - taken)))
    heads = ["student", "total", "of", "%", "", ""]
    aligned = ("left", "decimal", "right", "decimal", "left", "left")
    made = tabulate(rows, heads, colalign=aligned, disable_numparse=True)
    more = len(book.grades) - len(shown)
    text = "\n".join(line.rstrip()[:width] for line in made.splitlines())
    return f"{text}\n… and {more} more, in grades.csv" if more else text


def _why(grade: Grade) -> str:
    by = f"handed in by {grade.by}" if grade.by else ""
    return "; ".join(part for part in (by, grade.reason) if part)


def _worth(criteria: Sequence[Criterion]) -> str:
    maximum = math.fsum(each.points for each in criteria if not each.extra)
    extra = math.fsum(each.points for each in criteria if each.extra)
    told = count(len(criteria), "criterion", "criteria")
    return f"{told}, {maximum:g} points" + (f" and {extra:g} extra" if extra else "")


def _changes(result: Result) -> Iterator[str]:
    if result.before is None:
        return
    if not result.changes:
        yield f"no grade differs from those of {result.before.graded}"
        return
    would = "changed" if result.written else "would change"
    yield f"{count(len(result.changes), 'grade')} {would} since {result.before.graded}:"
    yield from (f"  {_change(change)}" for change in result.changes)


def _change(change: Change) -> str:
    figures = " → ".join("nothing" if each is None else f"{each:g}" for each in (change.before, change.now))
    return one_line(f"{change.student}: {figures} ({change.difference:+g}): {'; '.join(change.reasons)}", 500)


def _to_look_at(book: Gradebook) -> Iterator[str]:
    """Criteria that could not be judged, each once: they cost nobody points."""
    erred: dict[str, list[Grade]] = {}
    said: dict[str, str] = {}
    for grade in book.grades:
        for mark in grade.best.marks if grade.best else ():
            if mark.outcome is Outcome.GRADER_ERROR:
                erred.setdefault(mark.criterion, []).append(grade)
                said.setdefault(mark.criterion, mark.detail)
    for name, grades in erred.items():
        who = ", ".join(grade.student.key for grade in grades[:3]) + (", …" if len(grades) > 3 else "")
        yield (
            f"grader_error: {plain(name)} could not be judged for {count(len(grades), 'student')} "
            f"({plain(who)}), which costs them nothing: {_in_a_line(said[name])}"
        )


def _in_a_line(detail: str) -> str:
    """What was raised, and where, of pytest's account: it marks the one with an E, and ends in the other."""
    written = detail.strip().splitlines() or [""]
    raised = next((line[1:].strip() for line in written if line.startswith("E  ")), "")
    where, _, kind = written[-1].rpartition(": ")
    return one_line(f"{where}: {raised}" if where and kind and raised.startswith(kind) else written[-1], 200)


def _in_short(book: Gradebook) -> str:
    by: dict[Status, int] = {}
    for grade in book.grades:
        by[grade.status] = by.get(grade.status, 0) + 1
    told = ", ".join(f"{number} {status}" for status, number in sorted(by.items()))
    graded = [grade.percent for grade in book.grades if grade.status is not Status.MISSING]
    mean = f"; mean of those who handed in {math.fsum(graded) / len(graded):.1f} %" if graded else ""
    return f"{told}{mean}"


def _where(result: Result) -> str:
    place = plain(str(result.out))
    if result.written:
        former = f"; the former ones are in {HISTORY}/" if result.changes else ""
        where = f"wrote {place}: grades.csv, feedback/, staff.html, gradescope/{former}"
    elif result.before is not None and not result.changes:
        where = f"{place} stands as it was"
    else:
        where = f"nothing was written to {place}"
    return where + (f"; and {plain(str(result.public))}, which may be published" if result.public else "")
