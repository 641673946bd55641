"""One grading: taken in, checked, trained, judged, put together. It prints nothing and writes no grades."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from grader.contract.errors import NothingCollected, StoreError, UsageError
from grader.contract.text import plain
from grader.grading import rubric as rubrics
from grader.grading.answers import Told
from grader.grading.asked import Asked, HandedIn, Named
from grader.grading.cases import cases
from grader.grading.intake import Intake, take_in
from grader.grading.model import Alike, Attempt, Gradebook, Graded, Mark
from grader.grading.pseudonyms import secret
from grader.grading.rules import Rules, in_words, read_rules
from grader.grading.totals import Judged, grades, to_judge
from grader.grading.trainings import Trainings
from grader.host.commands import warn
from grader.host.files import absolute

if TYPE_CHECKING:
    from grader.contract.record import Record
    from grader.contract.submission import Submission
    from grader.host.config import Config

BOOK = "grades.json"
_WORK = "handed-in"  # what came in zips and notebooks, below the folder of grades


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the command's caller asked for. Paths are absolute."""

    rubric: Path
    paths: tuple[Path, ...] = ()  # files, folders, zips; empty is what the configuration names
    out: Path | None = None  # None is grades/ beside the configuration
    said: Mapping[str, Any] = field(default_factory=dict)  # of `make_config`, but paths
    rules: Mapping[str, object] = field(default_factory=dict)  # of `read_rules`


class Grading:
    """One grading, step by step. Its first steps raise UsageError, a line for each thing that is wrong."""

    def __init__(self, request: Request) -> None:
        from grader.host.pyproject import read_pyproject

        self.rubric = request.rubric
        if not self.rubric.is_file():
            raise UsageError(f"there is no rubric {plain(str(self.rubric))}")
        home = self.rubric.parent
        found = read_pyproject(home)
        self.out = request.out or found.root / "grades"
        said = {**request.said}
        said["leaderboard"] = said.get("leaderboard") or str(self.out / "leaderboard")
        self._asked = Asked(cwd=str(home), said=said, attempts=())
        self.config: Config = self._asked.config()
        self.paths = request.paths or self._configured(found.given)
        self.rules: Rules = read_rules(found.grading, request.rules, Path.cwd())
        for path in self.paths:
            for mine, what in ((self.rubric, "rubric"), (self.out, "grades")):
                if mine.is_relative_to(path):
                    raise UsageError(
                        f"{plain(str(mine))} lies among the submissions in {plain(str(path))}: keep the "
                        f"{what} in a folder of its own"
                    )

    def _configured(self, given: Mapping[str, Any]) -> tuple[Path, ...]:
        paths = given["paths"].value if "paths" in given else ["submissions"]
        return tuple(absolute(self.config.root / path) for path in paths)

    @cached_property
    def intake(self) -> Intake:
        """Who handed in what. Raises UsageError."""
        return take_in(self.paths, self.rules.roster, self.rules, self.out / _WORK)

    @cached_property
    def attempts(self) -> tuple[Attempt, ...]:
        """The attempts that are judged. Raises NothingCollected where nobody handed in anything."""
        if not self.intake.attempts:
            where = ", ".join(plain(str(path)) for path in self.paths)
            problems = "".join(f"; {problem}" for problem in self.intake.problems[:3])
            raise NothingCollected(f"no submission in {where}{problems}")
        return to_judge(self.intake, self.rules)

    @cached_property
    def asked(self) -> Asked:
        """What both processes go by."""
        handed_in = tuple(
            HandedIn(path=each.path, name=_name(each), shown=self._shown(each)) for each in self.attempts
        )
        return msgspec.structs.replace(self._asked, attempts=handed_in)

    def check(self) -> Told:
        """Look whether the rubric can be run, before anything is trained for it. Raises UsageError."""
        return rubrics.check(self.rubric, self.asked)

    def missing(self, *, rerun: bool = False) -> int:
        """Return how many trainings there are to do. Raises GraderError."""
        return self._trainings((), rerun=rerun).missing() if self.asked.attempts else 0

    def train(self, plugins: Sequence[object] = (), *, rerun: bool = False) -> list[Record]:
        """Train what is not trained yet. `plugins` listen. Raises GraderError and KeyboardInterrupt."""
        return self._trainings(plugins, rerun=rerun).records() if self.asked.attempts else []

    def _trainings(self, plugins: Sequence[object], *, rerun: bool) -> Trainings:
        config = msgspec.structs.replace(self.asked, said={**self.asked.said, "rerun": rerun}).config()
        trainings = Trainings(config, [Named(self.asked.attempts), *plugins], tell=warn)
        trainings.want(cases(self._submissions, config.tasks, config.seeds))
        return trainings

    @cached_property
    def _submissions(self) -> list[Submission]:
        """The attempts that are judged, as discovery reads them. Raises GraderError."""
        if not self.asked.attempts:
            return []
        return Trainings(self.asked.config(), [Named(self.asked.attempts)], tell=warn).submissions()

    def judge(self, records: Sequence[Record]) -> Graded:
        """Run the rubric on these trainings, and put everything together. Raises UsageError."""
        told = rubrics.evaluate(self.rubric, self.asked) if self.asked.attempts else self.check()
        marks = rubrics.marks(told.criteria, told.answers, [each.name for each in self._submissions])
        by_path = {each.path: each for each in self._submissions}
        judged = {
            (each.student, each.number): _judged(each, by_path.get(each.path), marks)
            for each in self.attempts
        }
        return self._graded(told, judged, records)

    def blank(self, told: Told) -> Graded:
        """Put everything together as if nobody had earned a point: what fits it will fit the grades."""
        return self._graded(told, {}, ())

    def _graded(
        self, told: Told, judged: Mapping[tuple[str, int], Judged], records: Sequence[Record]
    ) -> Graded:
        """The grading's date is that of now."""
        book = Gradebook(
            assignment=told.title or self.rubric.stem,
            rubric=self.rubric.name,
            rubric_digest=rubrics.digest(self.rubric),
            graded=datetime.now(UTC).isoformat(timespec="seconds"),
            conditions=_conditions(records),
            rules=in_words(self.rules),
            criteria=told.criteria,
            grades=grades(self.intake, told.criteria, judged, self.rules, secret(self.out)),
            problems=self.intake.problems,
        )
        return with_records(book, records)

    def alike(self, graded: Graded) -> tuple[list[Alike], list[str]]:
        """Compare the attempts that count. Returns the pairs, and a line for each file that could not be.

        Raises UsageError without the library.
        """
        from grader.grading.alike import alike

        by_name = {each.name: each for each in self._submissions}
        handed: dict[str, list[Path]] = {}
        groups: dict[str, list[str]] = {}
        for grade in graded.grades():
            submission = by_name.get(grade.best.submission) if grade.best and not grade.by else None
            if submission is not None:
                handed[grade.student.key] = [Path(submission.folder, name) for name in submission.files]
                groups.setdefault(grade.student.team or grade.student.key, []).append(grade.student.key)
        apart = [(a, b) for keys in groups.values() for a in keys for b in keys]
        said: list[str] = []
        return alike(handed, self.rules.handout, apart=apart, tell=said.append), said

    def _shown(self, attempt: Attempt) -> str:
        """What node ids and messages call it: never where it lies on this machine."""
        path = Path(attempt.path)
        if path.is_relative_to(self.config.root) and not path.is_relative_to(self.out):
            return plain(path.relative_to(self.config.root).as_posix())
        return plain(f"{_name(attempt)}/{path.name}")


def with_records(book: Gradebook, records: Iterable[Record]) -> Graded:
    """Return the grades with these records, by the submissions' names."""
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(record.submission.name, []).append(record)
    return Graded(book, found)


def former(out: Path) -> Gradebook | None:
    """Return the grades as they stand, None where there are none. Raises StoreError for a broken file."""
    path = out / BOOK
    try:
        return msgspec.json.decode(path.read_bytes(), type=Gradebook)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{plain(str(path))} is not the grades of an earlier run ({plain(str(error), 200)}): move it away"
        ) from None


def dated(graded: Graded, before: Gradebook | None) -> Graded:
    """Return it with the date of the former grading where nothing else differs: then nothing is new."""
    if before is None or msgspec.structs.replace(graded.book, graded=before.graded) != before:
        return graded
    return Graded(before, graded.records)


def encoded(book: Gradebook) -> bytes:
    """The bytes of grades.json: the same for the same grades. What is read from them is in the same order."""
    return msgspec.json.format(msgspec.json.encode(book), indent=2) + b"\n"


def _name(attempt: Attempt) -> str:
    return attempt.student if attempt.number == 1 else f"{attempt.student}-{attempt.number}"


def _judged(attempt: Attempt, submission: Submission | None, marks: Mapping[str, tuple[Mark, ...]]) -> Judged:
    if submission is None:
        raise UsageError(f"{plain(attempt.source)} of {plain(attempt.student)} was found and is gone again")
    return Judged(submission.name, submission.digest, marks[submission.name])


def _conditions(records: Sequence[Record]) -> dict[str, str]:
    """What all trainings had in common, and what there was of it, for people."""
    told = {
        "task": (record.task.name for record in records),
        "budget": (record.budget for record in records),
        "seeds": (str(record.seed) for record in records),
        "device": (f"{record.device.kind} ({record.device.name})" for record in records),
        "isolation": (record.isolation for record in records),
    }
    return {name: ", ".join(dict.fromkeys(values)) for name, values in told.items()}
