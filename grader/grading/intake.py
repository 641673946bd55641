"""Everything that was handed in, student by student and attempt by attempt. All of it is read as data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from grader.contract.errors import UsageError
from grader.contract.text import plain
from grader.grading import times
from grader.grading.finding import Finder
from grader.grading.making import make
from grader.grading.matching import Roll
from grader.grading.metadata import Told, read_metadata, with_metadata
from grader.grading.model import Attempt, Student
from grader.grading.roster import read_roster, stem, with_keys
from grader.grading.rules import Rules
from grader.grading.uploads import Upload
from grader.host.files import absolute

_DOWNLOAD = timedelta(minutes=2)  # dates of so many files so close together are those of a download
_FEW = 3
_EARLIEST = datetime.min.replace(tzinfo=UTC)
_CLOCKS = {"file": "by the date of the file", "zip": "by the date in the zip"}


@dataclass(frozen=True)
class Intake:
    """Who is graded, what each handed in, and a line for each thing that staff should look at."""

    students: tuple[Student, ...]  # by key
    attempts: tuple[Attempt, ...]  # by student's key and number
    problems: tuple[str, ...] = ()


def take_in(paths: Sequence[Path], roster: Path | None, rules: Rules, work: Path) -> Intake:
    """Return what was handed in at these paths, in whatever order they are given.

    A path is a Python file, a notebook, a folder of them, or a zip of those: a learning platform's
    download, say. What is in zips or notebooks is written below `work`, once. With a roster its students
    are those who are graded, with and without a file; without one, whoever handed in something. Raises
    UsageError with a line for each file that cannot be read, and StoreError.
    """
    students, told, found, problems = _read(paths, roster, rules, work)
    if rules.metadata is not None:
        found, unmatched = with_metadata(found, told, plain(rules.metadata.name))
        problems += unmatched
    problems += [*_foreign(found), *_downloaded(found, rules)]
    owned = _by_roster(found, students, problems) if roster else _by_name(found)
    made = [each for student, uploads in owned for each in _attempts(student.key, uploads, rules, work)]
    return Intake(
        students=tuple(sorted(students or [student for student, _ in owned], key=lambda each: each.key)),
        attempts=tuple(made),
        problems=tuple(sorted(set(problems))),
    )


def _read(
    paths: Sequence[Path], roster: Path | None, rules: Rules, work: Path
) -> tuple[tuple[Student, ...], tuple[Told, ...], list[Upload], list[str]]:
    """Read all that was named, and tell all that cannot be read at once. Raises UsageError."""
    wrong: list[str] = []
    students: tuple[Student, ...] = ()
    told: tuple[Told, ...] = ()
    with _kept(wrong):
        students = read_roster(roster) if roster else ()
    with _kept(wrong):
        told = read_metadata(rules.metadata, rules.timezone) if rules.metadata else ()
    roll = Roll(students)
    finder = Finder((lambda word: bool(roll.find(word))) if roster else None, rules.timezone, work)
    found: list[Upload] = []
    for folder, beside in _by_folder(paths, finder).items():
        with _kept(wrong):
            found += finder.find_together(folder, beside) if len(beside) > 1 else finder.find(beside[0])
    if wrong:
        raise UsageError("\n".join(sorted(set(wrong))))
    return students, told, _once(found), finder.problems


def _by_folder(paths: Iterable[Path], finder: Finder) -> dict[Path, list[Path]]:
    """The paths by the folder that they lie in: a shell makes many of one `folder/*`."""
    together: dict[Path, list[Path]] = {}
    for path in dict.fromkeys(map(absolute, paths)):
        apart = not path.exists() or finder.is_container(path)
        together.setdefault(path if apart else path.parent, []).append(path)
    return together


@contextmanager
def _kept(wrong: list[str]) -> Iterator[None]:
    try:
        yield
    except UsageError as error:
        wrong.append(str(error))


def _once(found: Iterable[Upload]) -> list[Upload]:
    """Each hand-in once, though two of the paths lead to it."""
    ordered = sorted(found, key=lambda each: each.shown)
    return list({tuple(piece.path.resolve() for piece in each.pieces): each for each in ordered}.values())


# --- whose ---


_Owned = list[tuple[Student, list[Upload]]]


def _by_roster(found: Sequence[Upload], students: Sequence[Student], problems: list[str]) -> _Owned:
    """The students with what each handed in, by key; what is nobody's is a problem."""
    roll = Roll(students)
    owned: dict[str, list[Upload]] = {key: [] for key in roll.students}
    for upload in found:
        key, why = roll.whose(upload.words, upload.id)
        if key:
            owned[key].append(upload)
        else:
            problems.append(f"{upload.shown}: {why}; not graded")
    return [(roll.students[key], uploads) for key, uploads in sorted(owned.items())]


def _by_name(found: Sequence[Upload]) -> _Owned:
    """Whoever handed in something, by the platform's number, else by name within a folder."""
    people: dict[tuple[str, str], list[Upload]] = {}
    for upload in found:
        who = (upload.id, "") if upload.id else (upload.home, upload.label.casefold())
        people.setdefault(who, []).append(upload)
    labels = Counter(uploads[0].label.casefold() for uploads in people.values())
    unnamed = [_student(each, alone=labels[each[0].label.casefold()] == 1) for each in people.values()]
    named = zip(with_keys(unnamed), people.values(), strict=True)
    return sorted(named, key=lambda each: each[0].key)


def _student(uploads: Sequence[Upload], *, alone: bool) -> Student:
    """A student whom only the names tell; where others are called the same, by the way to the file."""
    first = uploads[0]
    file = first.label if alone or not first.known_as else stem(first.known_as[0])
    name = first.words[-1] if first.id else ""
    return Student(key="", file=plain(file, 200), id=first.id, name=plain(name, 200))


# --- attempts ---


def _attempts(student: str, uploads: Sequence[Upload], rules: Rules, work: Path) -> Iterator[Attempt]:
    """One student's, numbered in the order of time."""
    for number, upload in enumerate(_in_order(uploads), start=1):
        made = make(upload, student, work)
        when = times.stamp(upload.when, rules.timezone) if upload.when is not None else ""
        clock = [f"time of submission {_CLOCKS[upload.clock]}"] if upload.clock in _CLOCKS else []
        yield Attempt(
            student=student,
            number=number,
            path=made.path,
            source=upload.shown,
            submitted=when,
            clock=upload.clock,
            late=upload.late,
            notes=(*clock, *made.notes),
            problem=made.problem,
        )


def _in_order(uploads: Sequence[Upload]) -> list[Upload]:
    """By time; but by the numbers of folders, which no copying changes, where metadata do not tell all."""
    told = all(each.clock == "metadata" for each in uploads)
    numbered = all(each.attempt is not None for each in uploads) and not told

    def order(each: Upload) -> tuple[int, datetime, int, str]:
        number = each.attempt or 0
        return (number if numbered else 0), each.when or _EARLIEST, number, each.shown

    return sorted(uploads, key=order)


# --- what staff should look at ---


def _foreign(found: Iterable[Upload]) -> Iterator[str]:
    for each in found:
        if each.foreign:
            names = ", ".join(plain(name, 60) for name in each.foreign[:3])
            yield f"{each.shown}: imports {names}, handed in by another student; trained without it"


def _downloaded(found: Sequence[Upload], rules: Rules) -> Iterator[str]:
    """Many dates close together were made by copying: with a due date they would decide who is late."""
    when = [each.when for each in found if each.clock in _CLOCKS and each.when is not None]
    if rules.due is not None and len(when) >= _FEW and max(when) - min(when) < _DOWNLOAD:
        yield (
            f"the dates of all {len(when)} hand-ins lie within {times.in_words(_DOWNLOAD)}: they may tell "
            "when the files were copied; a metadata file (file, submitted) tells when they were handed in"
        )
