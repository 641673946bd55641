"""What a new grading changes: whose total, by how much, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from grader.grading.model import Criterion, Grade, Gradebook, Outcome, Tried

_NOTHING = 1e-6  # points


@dataclass(frozen=True)
class Change:
    """One student's grade, before and now; None where there is none."""

    student: str  # the key
    before: float | None
    now: float | None
    reasons: tuple[str, ...]

    @property
    def difference(self) -> float:
        """Points more than before."""
        return (self.now or 0.0) - (self.before or 0.0)


def changes(before: Gradebook, now: Gradebook) -> list[Change]:
    """Return the students whose total, maximum or standing differs, by key, each with its reasons."""
    then, today = ({grade.student.key: grade for grade in book.grades} for book in (before, now))
    found = []
    for key in sorted({*then, *today}):
        one, other = then.get(key), today.get(key)
        reasons = tuple(_reasons(one, other, before, now))
        if reasons:
            found.append(Change(key, one.total if one else None, other.total if other else None, reasons))
    return found


def _reasons(one: Grade | None, other: Grade | None, before: Gradebook, now: Gradebook) -> Iterator[str]:
    if one is None or other is None:
        yield "new to the roster" if one is None else "no longer in the roster"
        return
    if one.status is not other.status:
        yield f"was {one.status}, is {other.status}"
    if abs(one.maximum - other.maximum) > _NOTHING:
        yield f"maximum {one.maximum:g} → {other.maximum:g}"
    yield from _of_attempts(one.best, other.best, before, now)
    if one.by != other.by:
        yield f"handed in by {other.by or 'the student'} instead of {one.by or 'the student'}"


def _of_attempts(one: Tried | None, other: Tried | None, before: Gradebook, now: Gradebook) -> Iterator[str]:
    if one is None or other is None:
        if one is not other:
            yield "nothing was handed in before" if one is None else "nothing is handed in any more"
        return
    if one.attempt.number != other.attempt.number:
        yield f"another hand-in counts: attempt {one.attempt.number} → {other.attempt.number}"
    elif one.digest != other.digest:
        yield f"attempt {one.attempt.number} is not the same any more"
    if one.marks and other.marks:  # else it could not be judged at all, which its status tells
        yield from _of_marks(one, other, _by_name(before), _by_name(now))
    if abs(one.penalty - other.penalty) > _NOTHING:
        yield f"penalty {one.penalty:g} → {other.penalty:g}"


def _of_marks(
    one: Tried, other: Tried, then: Mapping[str, Criterion], now: Mapping[str, Criterion]
) -> Iterator[str]:
    """What each criterion gave and gives. One that neither book has for this student says nothing."""
    gave = {mark.criterion: mark for mark in one.marks}
    gives = {mark.criterion: mark for mark in other.marks}
    for name in dict.fromkeys([*gave, *gives]):
        old, new = gave.get(name), gives.get(name)
        worth = "new criterion " if old is None else "criterion dropped: " if new is None else ""
        points = [_points(mark.points, mark.outcome) if mark else "nothing" for mark in (old, new)]
        unlike = old is None or new is None or abs(old.points - new.points) > _NOTHING
        if unlike or (old is not None and new is not None and old.outcome is not new.outcome):
            yield f"{worth}{name} {points[0]} → {points[1]}"
        elif then[name].extra != now[name].extra or then[name].points != now[name].points:
            yield f"{name} is worth something else now"


def _points(points: float, outcome: Outcome) -> str:
    told = f" ({outcome})" if outcome in {Outcome.EXCUSED, Outcome.GRADER_ERROR, Outcome.BLOCKED} else ""
    return f"{points:g}{told}"


def _by_name(book: Gradebook) -> Mapping[str, Criterion]:
    return {criterion.name: criterion for criterion in book.criteria}
