"""What `run_autograder` starts in the container: `python -I -m grader.grading.bundle.run /autograder`.

Before it starts, a results.json lies there that says that nothing could be graded. It is replaced at the
very end; whatever goes wrong before, it stands, and what is printed here, which the platform shows to staff
alone, tells why. With --check, at the end of setup.sh, everything is tried but a submission.
"""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import msgspec

from grader.contract.errors import GraderError
from grader.contract.isolation import Isolation
from grader.contract.text import block, plain
from grader.grading import rubric as rubrics
from grader.grading import times
from grader.grading.answers import Told
from grader.grading.bundle import document, settings
from grader.grading.bundle.metadata import KEY, Metadata, read_metadata
from grader.grading.bundle.standin import stand_in
from grader.grading.grade import Grading, Request
from grader.grading.intake import Intake
from grader.grading.making import make
from grader.grading.model import Attempt, Graded
from grader.grading.reports.gradescope import results
from grader.grading.uploads import Piece, Upload
from grader.host import files, isolation

_FEW = 3  # files that a student's page names


def main(arguments: Sequence[str]) -> int:
    """Grade what lies in the folder that is named, or try whether that could be done. Returns 0 or 1."""
    *options, folder = arguments
    try:
        with tempfile.TemporaryDirectory(prefix="grader-") as work:
            place = Place(Path(folder), Path(work))
            if options == ["--check"]:
                place.check()
            else:
                place.grade()
    except GraderError as error:
        _tell(f"grader: error: {error}")
        return 1
    except Exception:
        _tell(f"{traceback.format_exc()}grader: internal error, please report it")
        return 1
    return 0


class Place:
    """The platform's folder, with what the bundle has put there."""

    def __init__(self, root: Path, work: Path) -> None:
        self.root, self.source, self.work = root, root / "source", work
        file = self.source / settings.FILE
        self.carried = msgspec.json.decode(file.read_bytes(), type=settings.Carried)
        self.rubric = self.source / "assignment" / self.carried.rubric
        # Root's own, but to be passed through: what a zip or a notebook holds is unpacked below it, and read
        # by a user without rights. Who could only read with rights of root's could read the targets as well.
        self.work.chmod(0o711)
        self._room = settings.room(self.source / "cache")
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"  # what Python makes of the rubric would lie open
        os.environ["GRADER_CACHE"] = str(self.source / "cache")
        os.environ["GRADER_STATE"] = str(self._private("state"))
        os.chdir(self.rubric.parent)  # where plugins beside the rubric are looked for

    def check(self) -> None:
        """Try all but a submission. Raises GraderError; prints what staff may want to know."""
        for folder in self._libraries_secrets():
            folder.chmod(0o700)
        level = self._level()
        told = self._grading(Metadata(), level).check()
        _tell(f"{len(told.criteria)} criteria; isolation {level.value} while the image is built")

    def grade(self) -> None:
        """Grade the submission, and write its results.json. Raises GraderError."""
        told = read_metadata(self.root / "submission_metadata.json")
        for problem in told.problems:
            _tell(problem)
        level = self._level()
        grading = self._grading(told, level)
        _tell(f"isolation: {level.value}{'' if level.confines else ', as a user who owns nothing'}")
        _tell(self._room[1])
        graded = _judged(grading)
        grade = graded.book.grades[0]
        for line in document.for_staff(grade):
            _tell(line)
        facts = {
            "isolation": level.value,
            "earlier submissions": told.earlier,
            "rubric": graded.book.rubric_digest,
        }
        found = document.with_facts(results(graded, grade), facts)
        files.replace(self.root / "results" / "results.json", found)

    # --- what it goes by ---

    def _table(self, told: Metadata) -> dict[str, object]:
        """The settings for this submission. Where nobody knows when it came, nothing is due."""
        table = self.carried.with_memory(self._room[0])
        rules = dict(table.get("grading", {}))
        zone = times.parse_zone(str(rules.get("timezone", "UTC")))
        own = times.parse_moment(str(rules.pop("due")), zone) if "due" in rules else None
        due = told.due_with(own, self.carried.extended, zone)
        if due is not None and told.created is not None:
            rules["due"] = due.isoformat()
        else:
            rules.pop("late", None)
        return {**table, "grading": rules}

    def _grading(self, told: Metadata, level: Isolation) -> OnPlatform:
        """Raises UsageError for settings that do not hold here."""
        file = self.rubric.with_name("pyproject.toml")
        files.replace(file, settings.toml(self._table(told)).encode())
        said = {"leaderboard": str(self._private("records")), "isolation": level.value}
        request = Request(rubric=self.rubric, paths=(self.root / "submission",), out=self.work, said=said)
        return OnPlatform(request, told)

    def _level(self) -> Isolation:
        """The isolation that holds here. Raises GraderError where it keeps no submission from the targets.

        In a container without namespaces, and of a kernel without Landlock, files are kept by their owners
        and modes alone. That is enough for a user who owns nothing, and is tried before it is trusted.
        """
        wish = str(self.carried.table.get("isolation", "auto")).strip().lower()
        level = isolation.achieve(None if wish == "auto" else Isolation(wish))
        if level.confines:
            return level
        secrets = [*self._libraries_secrets(), self.rubric, *(self.source / "cache").rglob("*.bin")]
        if reason := isolation.fault(level, secrets):
            raise GraderError(
                f"isolation {level.value}, which is all that can be had here, does not keep submissions from "
                f"the targets ({reason}): nothing was graded. Is run_autograder run as root?"
            )
        return level

    def _libraries_secrets(self) -> Iterator[Path]:
        """Folders of libraries that hold targets, as scikit-learn's data sets."""
        from grader.host.commands import warn
        from grader.plugins import harness_manager, task_definitions

        manager = harness_manager(self.carried.table["plugins"], tell=warn)
        for definition in task_definitions(manager, {}).values():
            yield from (path for path in definition.hidden if path.is_dir())

    def _private(self, name: str) -> Path:
        folder = self.work / name
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder


class OnPlatform(Grading):
    """A grading of the one submission in the platform's folder: whose it is, and when it came, is known."""

    def __init__(self, request: Request, told: Metadata) -> None:
        super().__init__(request)
        self._told = told

    def check(self) -> Told:
        """Look whether the rubric can be run, though there be nothing to hold it against."""
        attempts = self.asked.attempts if self.intake.attempts else ()
        attempts = attempts or stand_in(self.config.leaderboard)
        return rubrics.check(self.rubric, msgspec.structs.replace(self._asked, attempts=attempts))

    @cached_property
    def intake(self) -> Intake:
        """The submission, as one attempt; none where the folder is empty."""
        folder, student = self.paths[0], self._told.student()
        names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        if not names:
            return Intake((student,), ())
        more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
        shown = plain(", ".join(names[:_FEW]) + more, 200)
        upload = Upload(shown=shown, words=(KEY,), pieces=(Piece(folder.name, folder),))
        made = make(upload, student.key, self.out / "handed-in")
        created = self._told.created
        attempt = Attempt(
            student=student.key,
            number=1,
            path=made.path,
            source=shown,
            submitted=times.stamp(created, self.rules.timezone) if created else "",
            clock="metadata" if created else "",
            notes=made.notes,
            problem=made.problem,
        )
        return Intake((student,), (attempt,))


def _judged(grading: Grading) -> Graded:
    """Which attempt counts is left unsaid: on the platform, students choose that."""
    graded = grading.judge(grading.train()) if grading.intake.attempts else grading.blank(grading.check())
    rules = {name: rule for name, rule in graded.book.rules.items() if name != "attempts"}
    return Graded(msgspec.structs.replace(graded.book, rules=rules), graded.records)


def _tell(text: str) -> None:
    print(block(text, 2000), flush=True)  # noqa: T201 - the platform keeps it for staff


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
