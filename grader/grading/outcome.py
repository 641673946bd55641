"""What becomes of a grading: its changes, its files put in place together, and what platforms are given."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from grader.contract.errors import UsageError
from grader.contract.text import did_you_mean, plain
from grader.grading import keeping
from grader.grading.grade import BOOK, Grading, dated, encoded, former, with_records
from grader.grading.model import Alike, Gradebook, Graded, Status, Student
from grader.grading.regrade import Change, changes

if TYPE_CHECKING:
    import pluggy

    from grader.grading.answers import Told
    from grader.grading.reports.gradebooks import Filled


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the caller wants beside the grades. Files are given as their bytes."""

    canvas: bytes | None = None
    moodle: bytes | None = None
    column: str = ""  # the assignment's, there; empty is the rubric's title
    public: Path | None = None
    alike: bool = False


@dataclass(frozen=True, kw_only=True)
class Result:
    """A grading that is over."""

    graded: Graded
    before: Gradebook | None
    changes: list[Change]
    out: Path
    written: bool  # False where all of it stood there already, or nothing was to be written
    filled: dict[str, Filled] = field(default_factory=dict)  # by file name
    alike: list[Alike] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    public: Path | None = None

    @property
    def exit_code(self) -> int:
        """1 where staff must look at a grade before it is one."""
        return int(any(grade.status is Status.GRADER_ERROR for grade in self.graded.grades()))


@contextlib.contextmanager
def holding(grading: Grading, *, write: bool) -> Iterator[None]:
    """Hold the folder of grades where it will be written. Raises UsageError where another grading does."""
    if not write:
        yield
        return
    with keeping.locked(grading.out):
        former(grading.out)  # a file that is none of ours is told before an hour's training
        yield


def rehearse(grading: Grading, told: Told | None, wanted: Wanted) -> None:
    """Try everything that can be wrong with what the caller gave. Raises UsageError, one line each.

    Without what the rubric told, the platforms' files are tried when it is judged.
    """
    if told is not None:
        _filled(grading.blank(told), wanted)
    if wanted.column and wanted.canvas is None and wanted.moodle is None:
        raise UsageError("--column names a column of the file that --canvas or --moodle gives: give one")
    if wanted.alike:
        from grader.grading.alike import alike

        alike({}, ())
    if wanted.public is not None:
        _check_public(wanted.public, grading.out)


def _check_public(folder: Path, out: Path) -> None:
    shown = f"--public {plain(str(folder))}"
    if out.is_relative_to(folder):
        raise UsageError(f"{shown} holds what staff keep: name a folder of its own")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{shown} is a file: name a folder")


def finished(
    grading: Grading, graded: Graded, wanted: Wanted, manager: pluggy.PluginManager, *, write: bool
) -> Result:
    """Hold the grades against those that stand, and unless told not to, put them in their place.

    Raises StoreError where something cannot be written: the grades that stood stand then.
    """
    before = former(grading.out)
    graded = dated(graded, before)
    pairs, remarks = grading.alike(graded) if wanted.alike else ([], [])
    filled = _filled(graded, wanted)
    result = Result(
        graded=graded,
        before=before,
        changes=changes(before, graded.book) if before else [],
        out=grading.out,
        written=write and _write(grading, graded, before, filled, pairs),
        filled=filled,
        alike=pairs,
        remarks=remarks,
        public=wanted.public if write else None,
    )
    if write and wanted.public is not None:
        from grader.grading.reports.public import write_public
        from grader.host.store import Store

        write_public(graded, wanted.public, Store(grading.config.leaderboard), manager)
    return result


def appeal(grading: Grading, student: str) -> Path:
    """Pack the evidence on one student into `grades/`, from the grades as they stand, and return the zip.

    Raises UsageError for a student that there is not, and where there are no grades.
    """
    from grader.grading.reports.appeal import pack_appeal
    from grader.host.store import Store

    book = former(grading.out)
    if book is None:
        raise UsageError(f"there are no grades in {plain(str(grading.out))} yet: grade first")
    known = {name: each for each in book.grades for name in _names(each.student)}
    if student.casefold() not in known:
        hint = did_you_mean(student, [each.student.key for each in book.grades])
        raise UsageError(f"there is no student {plain(student, 60)!r} in {BOOK}{hint}")
    records, _ = Store(grading.config.leaderboard).read()
    graded = with_records(book, records)
    return pack_appeal(
        graded, known[student.casefold()], grading.out, grading.config.leaderboard, grading.rubric
    )


def _write(
    grading: Grading, graded: Graded, before: Gradebook | None, filled: dict[str, Filled], pairs: list[Alike]
) -> bool:
    """Write everything beside, and put it in place together. False where it all stands there already.

    The former grades go to history/ where they were other ones.
    """
    from grader.grading.reports.write import write_all

    with keeping.staged(grading.out) as place:
        (place / BOOK).write_bytes(encoded(graded.book))
        write_all(graded, place, pairs)
        for name, file in filled.items():
            (place / name).write_bytes(file.data)
        if keeping.same(grading.out, place):
            return False
        name = f"{before.graded[:19].replace(':', '-')}-{before.rubric_digest[:8]}" if before else ""
        keeping.put_in_place(grading.out, place, name if before != graded.book else "")
    return True


def _filled(graded: Graded, wanted: Wanted) -> dict[str, Filled]:
    """The platforms' files, filled in, by name. Raises UsageError for one of another course."""
    from grader.grading.reports.canvas import fill_canvas
    from grader.grading.reports.moodle import fill_moodle

    found = {}
    if wanted.canvas is not None:
        found["canvas.csv"] = fill_canvas(wanted.canvas, wanted.column or graded.book.assignment, graded)
    if wanted.moodle is not None:
        found["moodle.csv"] = fill_moodle(wanted.moodle, graded, wanted.column)
    return found


def _names(student: Student) -> set[str]:
    told = (student.key, student.id, student.sis_id, student.login, student.email, student.name)
    return {name.casefold() for name in told if name}
