"""From marks to grades: which attempt counts, what lateness costs, what a group shares.

All of it follows from what was handed in and when, so that a rerun changes nothing.

An attempt that cannot be trained never stands in for one that can, and one that came after the closing
never for one before: a student is better served by the hand-in that was taken than by the last click.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from grader.contract.text import count, one_line
from grader.grading import times
from grader.grading.intake import Intake
from grader.grading.late import Late
from grader.grading.model import Attempt, Criterion, Grade, Mark, Outcome, Status, Student, Tried
from grader.grading.pseudonyms import pseudonyms
from grader.grading.rules import Rules

_EARLIEST = datetime.min.replace(tzinfo=UTC)
_PLATFORM = "marked late by the learning platform, which these rules do not find"


@dataclass(frozen=True)
class Judged:
    """What a submission came to, before anything is said of who handed it in and when."""

    submission: str  # its name in the records
    digest: str
    marks: tuple[Mark, ...]


def to_judge(intake: Intake, rules: Rules) -> tuple[Attempt, ...]:
    """Return the attempts that must be judged, by student and number: those that may count for somebody."""
    course = _Course(intake)
    wanted = {
        (each.student, each.number): each
        for student in intake.students
        for each in _that_may_count(_Case(student, course, rules))
        if each.path
    }
    return tuple(wanted[key] for key in sorted(wanted))


def grades(
    intake: Intake,
    criteria: Sequence[Criterion],
    judged: Mapping[tuple[str, int], Judged],
    rules: Rules,
    secret: bytes,
) -> tuple[Grade, ...]:
    """Return a grade for each student, by key. `judged` is by an attempt's student and number.

    Points are rounded to 1e-9, so that 0.1 + 0.2 makes 0.3; of equal totals the earlier attempt counts.
    """
    course = _Course(intake)
    names = pseudonyms((each.key for each in intake.students), secret)
    return tuple(
        _grade(_Case(student, course, rules), criteria, judged, names[student.key])
        for student in sorted(intake.students, key=lambda each: each.key)
    )


# --- which attempts ---


class _Course:
    """Everybody's attempts, and who is in which group."""

    def __init__(self, intake: Intake) -> None:
        self.attempts: dict[str, list[Attempt]] = {}
        self.groups: dict[str, list[str]] = {}
        for attempt in intake.attempts:
            self.attempts.setdefault(attempt.student, []).append(attempt)
        for student in intake.students:
            self.groups.setdefault(student.team, []).append(student.key)

    def together(self, student: Student) -> list[str]:
        """The keys of all for whom a hand-in of the student's counts."""
        return self.groups[student.team] if student.team else [student.key]


@dataclass(frozen=True)
class _Case:
    """One student, with what is the student's to be judged by."""

    student: Student
    course: _Course
    rules: Rules

    @property
    def due(self) -> datetime | None:
        """The student's own, with the extension."""
        due = self.rules.due
        return due and times.extended(due, self.student.extension, self.rules.timezone)

    def late(self, attempt: Attempt) -> timedelta:
        """By how much it is late; zero where it is not, and where nobody knows when it came."""
        due, when = self.due, _moment(attempt)
        return max(when - due, times.ZERO) if due is not None and when is not None else times.ZERO

    def candidates(self) -> list[Attempt]:
        """The attempts of the student and of the whole group, in the order of time."""
        keys = self.course.together(self.student)
        found = [each for key in keys for each in self.course.attempts.get(key, ())]
        if len(keys) == 1:
            return sorted(found, key=lambda each: each.number)
        return sorted(found, key=lambda each: (_moment(each) or _EARLIEST, each.number, each.student))


def _that_may_count(case: _Case) -> list[Attempt]:
    """Those among which the marks decide: one, unless the best counts."""
    found = case.candidates()
    sound = [each for each in found if not each.problem]
    rule = case.rules.late
    in_time = [each for each in sound if not (rule and rule.is_closed(case.late(each)))]
    left = in_time or sound or found
    return (
        left if case.rules.attempts == "best" else left[:1] if case.rules.attempts == "first" else left[-1:]
    )


def _moment(attempt: Attempt) -> datetime | None:
    return datetime.fromisoformat(attempt.submitted).astimezone(UTC) if attempt.submitted else None


# --- points ---


def _tried(case: _Case, attempt: Attempt, criteria: Sequence[Criterion], judged: Judged | None) -> Tried:
    marks = judged.marks if judged else ()
    excused = {mark.criterion for mark in marks if mark.outcome is Outcome.EXCUSED}
    maximum = _sum(each.points for each in criteria if not each.extra and each.name not in excused)
    points = _sum(mark.points for mark in marks if mark.criterion not in excused)
    penalty, reason = _penalty(case, attempt, points, maximum)
    return Tried(
        attempt=attempt,
        submission=judged.submission if judged else "",
        digest=judged.digest if judged else "",
        marks=marks,
        points=points,
        maximum=maximum,
        penalty=penalty,
        penalty_reason=reason,
        total=_round(max(points - penalty, 0.0)),
    )


def _penalty(case: _Case, attempt: Attempt, points: float, maximum: float) -> tuple[float, str]:
    """The points that lateness takes off, never more than there are, and why."""
    late = case.late(attempt)
    if not late:
        return 0.0, ""
    clock = {"file": ", by the file's date", "zip": ", by the zip's date"}.get(attempt.clock, "")
    percent, how_late = (case.rules.late or Late()).percent_off(late)
    if not percent:
        return 0.0, f"{how_late or times.in_words(late) + ' late'}{clock}: nothing is taken off"
    if percent >= 100:
        return points, f"{how_late}{clock}: no points"
    taken = _round(min(percent / 100 * maximum, points))
    return taken, f"{how_late}{clock}: {percent:g} % of {maximum:g}"


def _sum(values: Iterable[float]) -> float:
    return _round(math.fsum(values))


def _round(value: float) -> float:
    return round(value, 9) + 0.0  # a sum of nothing is 0.0, and no -0.0


# --- one grade ---


def _grade(
    case: _Case, criteria: Sequence[Criterion], judged: Mapping[tuple[str, int], Judged], pseudonym: str
) -> Grade:
    attempts = _that_may_count(case)
    tried = tuple(_tried(case, each, criteria, judged.get((each.student, each.number))) for each in attempts)
    if not tried:
        return Grade(
            student=case.student,
            pseudonym=pseudonym,
            status=Status.MISSING,
            reason="nothing was handed in",
            maximum=_sum(each.points for each in criteria if not each.extra),
        )
    counts = max(range(len(tried)), key=lambda at: (tried[at].total, -at))
    best = tried[counts]
    status = _status(best)
    return Grade(
        student=case.student,
        pseudonym=pseudonym,
        status=status,
        reason=_reason(case, best, status),
        tried=tried,
        counts=counts,
        by=best.attempt.student if best.attempt.student != case.student.key else "",
        total=best.total,
        maximum=best.maximum,
        percent=_round(100 * best.total / best.maximum) if best.maximum else 0.0,
        flags=tuple(_flags(case, best)),
    )


def _status(best: Tried) -> Status:
    if best.attempt.problem:
        return Status.INVALID
    erred = any(mark.outcome is Outcome.GRADER_ERROR for mark in best.marks)
    return Status.GRADER_ERROR if erred or not best.marks else Status.GRADED


def _reason(case: _Case, best: Tried, status: Status) -> str:
    """Why it is not simply the marks' sum, on one line; nothing where it is."""
    told = [*_why_unsettled(best, status), *_passed_over(case, best.attempt)]
    return one_line("; ".join(filter(None, [*told, best.penalty_reason])))


def _why_unsettled(best: Tried, status: Status) -> Iterator[str]:
    if status is Status.INVALID:
        yield best.attempt.problem
    elif status is Status.GRADER_ERROR:
        erred = sum(mark.outcome is Outcome.GRADER_ERROR for mark in best.marks)
        what = count(erred, "criterion", "criteria") if best.marks else "grading"
        yield f"{what} failed by no fault of this submission's: staff looks at it"


def _passed_over(case: _Case, counts: Attempt) -> Iterator[str]:
    """Attempts that would have counted, had they been in order and in time."""
    first, latest = (case.rules.attempts == each for each in ("first", "latest"))
    found = case.candidates()
    at = found.index(counts)
    for each in found[:at] if first else found[at + 1 :] if latest else found:
        if each is not counts:
            whose = f" of {each.student}" if each.student != counts.student else ""
            if each.problem:
                yield f"attempt {each.number}{whose} does not count: {each.problem}"
            elif case.rules.late and case.rules.late.is_closed(case.late(each)):
                yield f"attempt {each.number}{whose} came after the closing"


def _flags(case: _Case, best: Tried) -> Iterator[str]:
    attempt = best.attempt
    if attempt.late and not case.late(attempt):
        yield _PLATFORM
    if case.due is not None and not attempt.submitted:
        yield "nobody knows when it was handed in: not taken for late"
