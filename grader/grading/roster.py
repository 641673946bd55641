"""The roster: who is in the course, from a CSV file of the instructor's own or a learning platform's."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

from grader.contract.errors import UsageError
from grader.contract.text import plain
from grader.grading import times
from grader.grading.model import Student
from grader.grading.sheet import Row, Sheet, quoted, read_sheet
from grader.host.naming import safe_name

# Canvas's gradebook and Moodle's grading worksheet and list of participants are among those that use them
COLUMNS = {
    "file": ("file name", "filename", "folder", "submission", "files"),
    "id": ("student id", "user id", "canvas user id", "identifier", "participant", "userid"),
    "sis_id": ("sis user id", "id number", "sid", "student number", "matriculation number"),
    "login": ("sis login id", "login id", "username", "user name", "user"),
    "email": ("email address", "e mail", "e mail address", "mail"),
    "name": ("student", "full name", "student name", "fullname"),
    "first": ("first name", "given name", "firstname"),
    "last": ("last name", "surname", "family name", "lastname"),
    "section": ("sections",),
    "group": ("groups", "group name", "team"),
    "extension": ("extensions", "extended", "extra time"),
}
KEYS = ("file", "id", "sis_id", "login", "email")  # of which no two students may share one
_IDENTITY = (*KEYS, "name")
_OF_CANVAS = ("points possible", "manual posting", "(read only)")  # rows of its gradebook that are nobody's
_LENGTH = 200  # characters of a cell that is kept


def read_roster(path: Path) -> tuple[Student, ...]:
    """Return the students of a roster, in the order of its rows.

    Raises UsageError with a line for each row that is wrong: two that share a file, an id, a login or an
    e-mail (in any case), one that names nobody, an extension that is no span and no time.
    """
    sheet = read_sheet(path, COLUMNS)
    if not any(name in sheet.columns for name in (*_IDENTITY, "last")):
        raise UsageError(
            f"{sheet.name}: no column tells the students: name one file, id, login, email or name; "
            f"there are {quoted(sheet.heading)}"
        )
    rows = [row for row in sheet.rows if not _is_canvas_s_own(row)]
    people = [_person(row) for row in rows]
    for row, person in zip(rows, people, strict=True):
        _check(sheet, row, person)
    _check_unique(sheet, rows, people)
    if not rows and not sheet.wrong:
        sheet.wrong.append((1, "there is no student below the heading"))
    sheet.raise_faults()
    return with_keys(people)


def with_keys(people: Sequence[Student]) -> tuple[Student, ...]:
    """Return the students with keys that are fit for file names and differ in more than case.

    A key is made of what the row itself says, so that it stays when others come or go; those that would
    be alike each carry a digest of their row.
    """
    bases = [safe_name(_basis(each)) for each in people]
    taken = Counter(base.casefold() for base in bases)
    keys = [
        base if taken[base.casefold()] == 1 else f"{base[:50]}-{_digest(each)}"
        for base, each in zip(bases, people, strict=True)
    ]
    return tuple(msgspec.structs.replace(each, key=key) for each, key in zip(people, keys, strict=True))


def stem(name: str) -> str:
    """Return the name of a file without the ending that a submission has."""
    for ending in (".py", ".ipynb", ".zip"):
        if name.lower().endswith(ending) and len(name) > len(ending):
            return name[: -len(ending)]
    return name


def _person(row: Row) -> Student:
    name = row["name"] or " ".join(filter(None, (row["first"], row["last"])))
    fields = {key: row[key][:_LENGTH] for key in (*KEYS, "section", "group", "extension")}
    return Student(key="", name=name[:_LENGTH], **fields)


def _is_canvas_s_own(row: Row) -> bool:
    """Whether it is one of the rows that Canvas writes below its heading."""
    return any(cell.strip().lower() in _OF_CANVAS for cell in row.written) and not row["id"]


def _check(sheet: Sheet, row: Row, person: Student) -> None:
    if not any(getattr(person, key) for key in _IDENTITY):
        sheet.fault(row, "names nobody: fill it in, or remove it")
    try:
        times.check_extension(person.extension)
    except UsageError as error:
        sheet.fault(row, f"extension {error}")


def _check_unique(sheet: Sheet, rows: Sequence[Row], people: Sequence[Student]) -> None:
    """No two rows share what tells one student from another; names may be alike where more is known."""
    for key in _IDENTITY:
        first: dict[str, int] = {}
        for row, person in zip(rows, people, strict=True):
            value = _alike(person, key)
            if value and first.setdefault(value, row.line) != row.line:
                sheet.fault(
                    row, f"{key} {plain(getattr(person, key), 60)!r} is that of line {first[value]} too"
                )


def _alike(person: Student, key: str) -> str:
    """What no other student's may equal; a name counts where nothing else is known."""
    if key == "name" and any(getattr(person, other) for other in KEYS):
        return ""
    value: str = getattr(person, key)
    return (stem(value) if key == "file" else value).casefold()


def _basis(person: Student) -> str:
    """What the key is made of: what was handed in, else what identifies most shortly."""
    file = stem(person.file.replace("\\", "/").rstrip("/").rpartition("/")[2])
    return next(
        filter(None, (file, person.login, person.id, person.sis_id, person.email, person.name)), "student"
    )


def _digest(person: Student) -> str:
    told = "\0".join(getattr(person, key) for key in _IDENTITY)
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:6]
