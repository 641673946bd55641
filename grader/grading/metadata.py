"""A file that tells when each hand-in came and whose it is: what a platform knows and its zips do not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from pathlib import Path

from grader.contract.errors import UsageError
from grader.contract.text import plain
from grader.grading import times
from grader.grading.roster import stem
from grader.grading.sheet import Row, Sheet, quoted, read_sheet
from grader.grading.uploads import Upload

_COLUMNS = {
    "file": ("file name", "filename", "path", "folder", "submission"),
    "student": ("user", "login", "email", "email address", "name", "id", "user id", "sis user id"),
    "submitted": ("submitted at", "submission time", "time", "date", "timestamp", "submitted on"),
    "attempt": ("attempt number", "try", "version"),
}


@dataclass(frozen=True)
class Told:
    """One row: what it says of one file."""

    line: int
    file: str
    student: str = ""
    when: datetime | None = None
    attempt: int | None = None


def read_metadata(path: Path, zone: tzinfo) -> tuple[Told, ...]:
    """Return the rows of a metadata file, in their order.

    Raises UsageError with a line for each row that names no file or one that is named already, and for
    each time and attempt that is none.
    """
    sheet = read_sheet(path, _COLUMNS)
    if "file" not in sheet.columns or not {"student", "submitted", "attempt"} & set(sheet.columns):
        raise UsageError(
            f"{sheet.name}: needs a column file, and student, submitted or attempt; "
            f"there are {quoted(sheet.heading)}"
        )
    told = [_told(sheet, row, zone) for row in sheet.rows]
    first: dict[str, int] = {}
    for row, each in zip(sheet.rows, told, strict=True):
        if not each.file:
            sheet.fault(row, "names no file")
        elif first.setdefault(_fold(each.file), row.line) != row.line:
            sheet.fault(row, f"names {plain(each.file, 60)!r}, as line {first[_fold(each.file)]} does")
    sheet.raise_faults()
    return tuple(told)


def with_metadata(found: Sequence[Upload], told: Sequence[Told], name: str) -> tuple[list[Upload], list[str]]:
    """Return the hand-ins with what the rows say of them, and a line for each row that fits none, or several.

    A row's file is a path within what was given, or, where only one has it, a name.
    """
    result, problems = list(found), []
    for row in told:
        places = _meant(found, row.file)
        if len(places) == 1:
            result[places[0]] = _with(result[places[0]], row)
        else:
            why = (
                "was not handed in" if not places else f"is the name of {len(places)} hand-ins: give its path"
            )
            problems.append(f"{name}: line {row.line}: {plain(row.file, 100)} {why}")
    return result, problems


def _told(sheet: Sheet, row: Row, zone: tzinfo) -> Told:
    when, attempt = None, None
    try:
        when = times.parse_moment(row["submitted"], zone, later=False) if row["submitted"] else None
    except UsageError as error:
        sheet.fault(row, f"submitted {error}")
    if re.fullmatch(r"0*[1-9]\d{0,5}", row["attempt"]):
        attempt = int(row["attempt"])
    elif row["attempt"]:
        sheet.fault(row, f"attempt {plain(row['attempt'], 30)!r} is no number of at least 1")
    return Told(row.line, row["file"], row["student"], when, attempt)


def _meant(found: Sequence[Upload], file: str) -> list[int]:
    """The places of the hand-ins that a name may mean: by path, else by the file's own name."""
    wanted = _fold(file)
    for names in (_paths, _names):
        places = [at for at, upload in enumerate(found) if wanted in names(upload)]
        if places:
            return places
    return []


def _paths(upload: Upload) -> set[str]:
    return {_fold(path) for path in (upload.shown, *upload.known_as)}


def _names(upload: Upload) -> set[str]:
    names = [piece.path.name for piece in upload.pieces] + [piece.name for piece in upload.pieces]
    return {_fold(each) for name in names for each in (name, stem(name))}


def _fold(name: str) -> str:
    return name.replace("\\", "/").removeprefix("./").strip("/").casefold()


def _with(upload: Upload, row: Told) -> Upload:
    if row.student:
        upload = replace(upload, words=(row.student,), id="", home="")
    if row.when is not None:
        upload = replace(upload, when=row.when, clock="metadata")
    return upload if row.attempt is None else replace(upload, attempt=row.attempt)
