"""Reading the files of a submission: what belongs to it, within limits, and its digest.

Nothing here trusts what it finds: a pipe does not block, a device is not opened, a huge file is not
read to its end. What cannot be read raises `Unreadable`, whose message completes the sentence
"FILE ...".
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from grader.contract.submission import Submission

MAX_FILE = 16 << 20  # bytes of one file
MAX_TOTAL = 64 << 20  # bytes of all files of one submission
MAX_FILES = 2000  # a virtual environment or a data set that was left in the folder has more


class Unreadable(Exception):
    """A file that cannot be part of a submission."""


def read(path: Path) -> bytes:
    """Return the bytes of a regular file of at most 16 MB. Raises Unreadable."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # before opening: some devices act on being opened
            raise Unreadable("is not a regular file")
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):  # swapped for a pipe in between
                raise Unreadable("is not a regular file")
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise Unreadable(f"cannot be read: {error.strerror}") from error
    if len(data) > MAX_FILE:
        raise Unreadable(f"is larger than {MAX_FILE >> 20} MB: submissions hold code, not data or weights")
    return data


def tree(folder: Path) -> Iterator[Path]:
    """Yield every file below a folder, but for hidden ones and byte code. Raises Unreadable.

    A linked folder is refused: its files could change, or lead round in a circle, unseen.
    """
    waiting = [folder]
    while waiting:
        for entry in _entries(waiting.pop()):
            if entry.name.startswith(".") or entry.name == "__pycache__" or entry.name.endswith(".pyc"):
                continue
            path = Path(entry.path)
            if not entry.is_dir():
                yield path
            elif entry.is_symlink():
                raise Unreadable(f"holds a link to a folder, {entry.name}: put a copy in its place")
            else:
                waiting.append(path)


def read_tree(folder: Path) -> tuple[dict[str, bytes], dict[str, str]]:
    """Return bytes by relative name of all files below a folder, and reasons by name of those unread.

    The reason stands under '' where it concerns the folder as a whole.
    """
    data: dict[str, bytes] = {}
    unread: dict[str, str] = {}
    total = 0
    try:
        for path in tree(folder):
            name = path.relative_to(folder).as_posix()
            try:
                data[name] = read(path)
            except Unreadable as error:
                unread[name] = str(error)
            total += len(data.get(name, b""))
            _check_limits(len(data) + len(unread), total)
    except Unreadable as error:
        unread[""] = str(error)
    return data, unread


def digest(data: Mapping[str, bytes]) -> str:
    """Return SHA-256 over names and bytes, each preceded by its length, in the order of the names."""
    result = hashlib.sha256()
    for name in sorted(data):
        for part in (name.encode("utf-8", "surrogateescape"), data[name]):
            result.update(len(part).to_bytes(8, "little"))
            result.update(part)
    return result.hexdigest()


def changed(submission: Submission) -> bool:
    """Whether the files of a submission are no longer those that were collected."""
    try:
        now = {name: read(Path(submission.folder, name)) for name in submission.files}
    except Unreadable:
        return True
    return digest(now) != submission.digest


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise Unreadable(f"holds {folder.name}, which cannot be read: {error.strerror}") from error


def _check_limits(files: int, total: int) -> None:
    if files > MAX_FILES:
        raise Unreadable(f"holds more than {MAX_FILES:,} files: leave data and environments outside")
    if total > MAX_TOTAL:
        raise Unreadable(f"holds more than {MAX_TOTAL >> 20} MB: submissions hold code, not data or weights")
