"""The files of an attempt as they were handed in: data to be packed, never run, no link followed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from grader.contract.errors import GraderError
from grader.contract.text import one_line, plain
from grader.grading.model import Attempt

if TYPE_CHECKING:
    from grader.contract.record import Record

_MOST = 64 << 20  # bytes of one file
_MANY = 2000  # files


@dataclass(frozen=True)
class Handed:
    """Names in the zip with what they hold."""

    path: str  # of the submission, within the zip; empty without one
    files: tuple[tuple[str, bytes], ...]
    left_out: tuple[str, ...]  # lines about what was not packed


def handed_in(attempt: Attempt, records: Sequence[Record]) -> Handed:
    """Return an attempt's files, where its records say that it lies, so that they can be verified there.

    Records may name a place that no zip should have; then they lie in `submission/attempt-N`.
    """
    if not attempt.path:
        return Handed("", (), (plain(attempt.problem) or "there is no file",))
    path = Path(attempt.path)
    place = _place(path, records) or PurePosixPath(f"submission/attempt-{attempt.number}", _name(path))
    files: list[tuple[str, bytes]] = []
    left_out: list[str] = []
    for at, found in enumerate(_found(path, left_out)):
        problem = "more files than can be packed" if at >= _MANY else _problem(found)
        try:
            data = b"" if problem else found.read_bytes()
        except OSError as error:
            problem = error.strerror or "cannot be read"
        if problem:
            left_out.append(f"{plain(str(found))}: {problem}")
        else:
            files.append((_within(place, path, found), data))
        if at >= _MANY:
            break
    return Handed(str(place), tuple(files), tuple(left_out))


def _place(path: Path, records: Sequence[Record]) -> PurePosixPath | None:
    """The path that the records tell, where a file can lie there in a zip and has the name that it has."""
    told = {record.submission.path for record in records}
    if len(told) != 1:
        return None
    place = PurePosixPath(told.pop())
    safe = not place.is_absolute() and not {"..", ""} & set(place.parts) and plain(str(place)) == str(place)
    return place if safe and place.name == path.name and "\\" not in str(place) else None


def _found(path: Path, left_out: list[str]) -> Iterator[Path]:
    """All below a folder; or a file, and what it imports from beside it, as far as that can be read."""
    if path.is_dir() and not path.is_symlink():
        for folder, names, files in os.walk(path):
            names.sort()
            links = [name for name in names if Path(folder, name).is_symlink()]
            yield from (Path(folder, name) for name in sorted([*files, *links]))
        return
    yield path
    try:
        yield from (beside for beside in _beside(path) if beside != path)
    except (GraderError, OSError) as error:
        left_out.append(f"what it may import from beside it: {one_line(str(error))}")


def _beside(path: Path) -> list[Path]:
    from grader.contract.trial import Limits
    from grader.host.collect import submission_of

    return [path.parent / name for name in submission_of(path, path.name, Limits().submission).files]


def _problem(path: Path) -> str:
    try:
        about = path.lstat()
    except OSError as error:
        return error.strerror or "cannot be read"
    if not stat.S_ISREG(about.st_mode):
        return "a link" if stat.S_ISLNK(about.st_mode) else "no regular file"
    return f"larger than {_MOST >> 20} MiB" if about.st_size > _MOST else ""


def _within(place: PurePosixPath, path: Path, found: Path) -> str:
    if found == path:
        return str(place)
    root = path if path.is_dir() else path.parent
    inside = PurePosixPath(*(_safe(part) for part in found.relative_to(root).parts))
    return str((place if path.is_dir() else place.parent) / inside)


def _name(path: Path) -> str:
    return _safe(path.name) or "submission"


def _safe(name: str) -> str:
    """A name that any tool can unpack: what does not print is written out."""
    return plain(name).replace("\\", "_")
