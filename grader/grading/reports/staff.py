"""staff.html: the whole class on one page, with all that is hidden from students. Not to be published."""

from __future__ import annotations

import base64
import hashlib
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from grader.contract.text import LINE, NAME, count, one_line
from grader.grading.model import Alike, Criterion, Grade, Gradebook, Graded, Mark, Outcome, Status
from grader.grading.reports.feedback import html, style
from grader.grading.reports.odd import late, suspicious
from grader.grading.reports.person import Person, person
from grader.grading.reports.spread import spread
from grader.grading.reports.words import exact, points
from grader.host.reports import page

_STATES = {
    Status.GRADED: "graded",
    Status.MISSING: "missing",
    Status.INVALID: "invalid",
    Status.GRADER_ERROR: "grader error",
}
_MET = {Outcome.PASSED}
_JUDGED = {Outcome.PASSED, Outcome.PARTIAL, Outcome.FAILED, Outcome.BLOCKED}


def staff_page(graded: Graded, pairs: Sequence[Alike] = ()) -> str:
    """Return the page: one file that needs no network. `pairs` are look-alikes, by students' keys.

    Raises StoreError for a number that is none.
    """
    from markupsafe import Markup

    book = graded.book
    script = Path(page.__file__).with_name("page.js").read_text(encoding="utf-8")
    people = [person(graded, grade) for grade in book.grades]
    names = {each.key: each for each in people}
    # of a group's work it is told once, of the member who handed it in
    own = [each for grade, each in zip(book.grades, people, strict=True) if not grade.by]
    return (
        html()
        .get_template("staff.html.j2")
        .render(
            title=one_line(book.assignment),
            style=style(),
            script=Markup(script),  # noqa: S704 - our own
            script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            summary=_summary(book),
            figures=list(_figures(book)),
            spread=spread([grade.percent for grade in book.grades]),
            criteria=[_column(each) for each in book.criteria],
            rows=[_row(book, grade, each) for grade, each in zip(book.grades, people, strict=True)],
            hardest=_hardest(book),
            people=people,
            errors=[(each, error) for each in own for error in each.errors],
            failures=[(each, failure) for each in own for failure in each.failures],
            suspicious=[(names[one_line(key, NAME)], lines) for key, lines in suspicious(graded)],
            late=[(names[one_line(key, NAME)], line) for key, line in late(book)],
            problems=[one_line(problem, 2 * LINE) for problem in book.problems],
            pairs=[_pair(pair, names) for pair in pairs],
            states={status.value: words for status, words in _STATES.items()},
            facts=list(_facts(book)),
        )
    )


def _summary(book: Gradebook) -> str:
    found = Counter(grade.status for grade in book.grades)
    told = ", ".join(f"{found[status]} {words}" for status, words in _STATES.items() if found[status])
    return f"{count(len(book.grades), 'student')}: {told}" if told else "no students"


def _figures(book: Gradebook) -> Iterator[tuple[str, str]]:
    percents = [grade.percent for grade in book.grades if grade.status is not Status.MISSING]
    if percents:
        yield "Mean", f"{statistics.fmean(percents):.1f} %"
        yield "Median", f"{statistics.median(percents):.1f} %"
        yield "Lowest", f"{min(percents):.1f} %"
        yield "Highest", f"{max(percents):.1f} %"
    yield "Maximum", f"{points(book.maximum)} points"


def _facts(book: Gradebook) -> Iterator[tuple[str, str]]:
    for name, text in {**book.rules, **book.conditions}.items():
        yield one_line(name, NAME).capitalize(), one_line(text)
    yield "Rubric", f"{one_line(book.rubric)} ({one_line(book.rubric_digest, 13).rstrip('…')})"
    yield "Graded", one_line(book.graded, NAME)


def _column(criterion: Criterion) -> dict[str, Any]:
    return {"name": one_line(criterion.name, NAME), "hidden": criterion.hidden}


def _row(book: Gradebook, grade: Grade, each: Person) -> dict[str, Any]:
    best = grade.best
    marks = {mark.criterion: mark for mark in best.marks} if best else {}
    words = (each.name, each.key, grade.student.section, grade.student.group, grade.student.email)
    return {
        "person": each,
        "state": grade.status.value,
        "words": one_line(f"{' '.join(words)} {_STATES[grade.status]}", 2 * LINE).lower(),
        "total": (points(grade.total), exact(grade.total)),
        "percent": (f"{exact(grade.percent):.1f}", exact(grade.percent)),
        "marks": [_cell(marks.get(criterion.name)) for criterion in book.criteria],
        "status": _STATES[grade.status],
        "submitted": one_line(best.attempt.submitted, NAME) if best else "",
        "section": one_line(grade.student.section, NAME),
        "group": one_line(grade.student.group, NAME),
    }


def _cell(mark: Mark | None) -> tuple[str, float | None]:
    if mark is None:
        return "", None
    if mark.outcome is Outcome.EXCUSED:
        return "excused", None
    return f"{points(mark.points)}{'!' if mark.outcome is Outcome.GRADER_ERROR else ''}", exact(mark.points)


def _hardest(book: Gradebook) -> list[dict[str, Any]]:
    """Each criterion, the one first of whose points students got the smallest share."""
    found = [_difficulty(book, criterion) for criterion in book.criteria]
    return sorted(found, key=lambda each: (not each["judged"], each["share"]))


def _difficulty(book: Gradebook, criterion: Criterion) -> dict[str, Any]:
    marks = [
        mark
        for grade in book.grades
        if grade.best
        for mark in grade.best.marks
        if mark.criterion == criterion.name and mark.outcome in _JUDGED
    ]
    worth = [mark.points / criterion.points for mark in marks] if criterion.points else []
    worth = worth or [float(mark.outcome in _MET) for mark in marks]
    return {
        "name": one_line(criterion.name, NAME),
        "title": one_line(criterion.title),
        "hidden": criterion.hidden,
        "extra": criterion.extra,
        "points": points(criterion.points),
        "share": statistics.fmean(worth) if worth else 0.0,
        "met": sum(mark.outcome in _MET for mark in marks),
        "judged": len(marks),
    }


def _pair(pair: Alike, people: Mapping[str, Person]) -> dict[str, Any]:
    return {
        "a": people.get(pair.a) or one_line(pair.a, NAME),
        "b": people.get(pair.b) or one_line(pair.b, NAME),
        "share": f"{100 * exact(pair.share):.0f} %",
        "same": pair.same,
        "detail": one_line(pair.detail, 2 * LINE),
    }
