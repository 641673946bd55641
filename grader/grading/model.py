"""What grading is about: who handed in what and when, what the rubric asks, and what came of it.

All of it is plain data. A Gradebook is stored as `grades.json`; every other file of `grades/` is made of it
and of the records of the trainings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from grader.contract.record import Record

SCHEMA = 1  # of Gradebook; raised when a reader of the older form would misread the newer


class Outcome(StrEnum):
    """What a criterion came to for one attempt."""

    PASSED = "passed"
    PARTIAL = "partial"  # some of its points
    FAILED = "failed"
    BLOCKED = "blocked"  # a criterion that it comes after was not met: no points
    EXCUSED = "excused"  # the rubric left it out for this student: neither earned nor asked for
    GRADER_ERROR = "grader_error"  # the rubric's fault or the harness's: it costs the student nothing


class Status(StrEnum):
    """How far a student's grade is settled."""

    GRADED = "graded"
    MISSING = "missing"  # nothing was handed in
    INVALID = "invalid"  # what was handed in could not be trained at all: see the attempt's problem
    GRADER_ERROR = "grader_error"  # some criterion erred by no fault of the student's: staff must look


class Criterion(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is worth points."""

    name: str  # unique in the rubric: test_accuracy, test_accuracy[fashion-mnist], test_size[small]
    title: str  # for people: the first line of the docstring, or the name in words
    points: float  # finite, at least 0
    hidden: bool = False  # of which students see nothing
    extra: bool = False  # counts in the total and not in the maximum
    after: tuple[str, ...] = ()  # names of criteria without which it gives no points
    hint: str = ""  # what to try next, shown where it is not fully met


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """What one criterion came to for one attempt."""

    criterion: str
    outcome: Outcome
    points: float  # earned, 0 to the criterion's own; all of them for a grader_error
    message: str = ""  # in the rubric author's words, for the student
    detail: str = ""  # for staff: what pytest said of it


class Student(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the roster; without a roster, whoever handed in a file, by its name."""

    key: str  # unique, and fit for a file's name
    file: str = ""  # the name of the file or folder handed in, as the roster has it
    id: str = ""
    sis_id: str = ""
    login: str = ""
    email: str = ""
    name: str = ""
    section: str = ""
    group: str = ""
    extension: str = ""  # as written: a span like "2 days", or a time in ISO 8601

    @property
    def team(self) -> str:
        """The group, as it is told from others; empty for who is in none."""
        return self.group.strip().casefold()

    @property
    def shown(self) -> str:
        """The name for staff."""
        return self.name or self.key


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One thing handed in by one student."""

    student: str  # the key
    number: int  # 1 for the first, in the order of time
    path: str  # absolute: the file or folder that is collected as a submission; empty with a problem
    source: str  # what was handed in, for people: "hw3.zip: ada_12_34_mlp.ipynb"
    submitted: str = ""  # ISO 8601 with its offset; empty where nobody knows
    clock: str = ""  # what told the time: "metadata", "zip", "file"; empty where nobody knows
    late: bool = False  # what the learning platform said of it
    notes: tuple[str, ...] = ()  # as "2 magics left out of cell 3"
    problem: str = ""  # one line for the student, where there is nothing that could be trained


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt, judged."""

    attempt: Attempt
    submission: str = ""  # its name in the records
    digest: str = ""  # of its files
    marks: tuple[Mark, ...] = ()  # one for each criterion, in the rubric's order
    points: float = 0.0  # before what lateness takes off, extra credit included
    maximum: float = 0.0
    penalty: float = 0.0  # points taken off
    penalty_reason: str = ""
    total: float = 0.0  # points less penalty, never below 0


class Grade(msgspec.Struct, frozen=True, kw_only=True):
    """What a student gets."""

    student: Student
    pseudonym: str
    status: Status
    reason: str = ""  # one line: why it is not simply graded, or what was taken off
    tried: tuple[Tried, ...] = ()  # the attempts that were judged
    counts: int | None = None  # which of them counts, by its place; None without any
    by: str = ""  # the key of the member of the group who handed it in, where it was another one
    total: float = 0.0
    maximum: float = 0.0
    percent: float = 0.0  # of the maximum; more than 100 with extra credit
    flags: tuple[str, ...] = ()  # for staff alone: what is suspicious

    @property
    def best(self) -> Tried | None:
        """The attempt that counts."""
        return None if self.counts is None else self.tried[self.counts]


class Gradebook(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was decided at one time by one rubric."""

    schema: int = SCHEMA
    assignment: str  # for people: the first line of the rubric's docstring, or its file's name
    rubric: str  # the file's name
    rubric_digest: str  # SHA-256 of the rubric and what lies beside it that pytest reads
    graded: str  # UTC, ISO 8601 with seconds
    conditions: Mapping[str, str] = {}  # of the trainings, for people: task, budget, seeds, device
    rules: Mapping[str, str] = {}  # for people: due, late, attempts
    criteria: tuple[Criterion, ...]
    grades: tuple[Grade, ...]  # by student's key
    problems: tuple[str, ...] = ()  # for staff: a file without a student, a gradebook's unmatched rows

    def criterion(self, name: str) -> Criterion | None:
        """Return the criterion of this name, None where there is none."""
        return next((each for each in self.criteria if each.name == name), None)

    @property
    def visible(self) -> tuple[Criterion, ...]:
        """The criteria that students see."""
        return tuple(each for each in self.criteria if not each.hidden)

    @property
    def maximum(self) -> float:
        """The points of all criteria but those for extra credit."""
        return sum(each.points for each in self.criteria if not each.extra)


class Alike(msgspec.Struct, frozen=True, kw_only=True):
    """Two submissions that look alike: a question for staff, not a verdict."""

    a: str  # the keys of the students
    b: str
    share: float  # of the smaller one's code that both have, 0 to 1
    same: bool  # equal after renaming and reformatting
    detail: str  # where, for people


@dataclass(frozen=True)
class Graded:
    """A gradebook with the records that it rests on."""

    book: Gradebook
    records: Mapping[str, Sequence[Record]]  # by the submission's name, in the order of tasks and seeds

    def of(self, tried: Tried) -> Sequence[Record]:
        """The records of one attempt."""
        return self.records.get(tried.submission, ())

    def grades(self) -> Iterator[Grade]:
        """The grades, by student's key."""
        return iter(self.book.grades)
