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
from itertools import islice
from pathlib import Path

from grader.contract.size import in_words
from grader.contract.submission import Submission

MAX_FILES = 2000  # a virtual environment or a data set that was left in the folder has more


class Unreadable(Exception):
    """A file that cannot be part of a submission."""


class TooLarge(Unreadable):
    """The files of a submission take more than `limits.submission`. `size` is what they take."""

    def __init__(self, size: int, limit: int, taken: int = 0) -> None:
        self.size = size + taken
        what = "brings the submission to" if taken else "takes"
        super().__init__(
            f"{what} {in_words(self.size)}, at most {in_words(limit)} are allowed (limits.submission): "
            "submissions hold code, not data or weights"
        )


def read(path: Path, limit: int, taken: int = 0) -> bytes:
    """Return the bytes of a regular file that keeps to the limit, `taken` bytes of which are used up.

    Raises TooLarge, before anything is read where the size is known, or Unreadable.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # before opening: some devices act on being opened
            raise Unreadable("is not a regular file")
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):  # swapped for a pipe in between
                raise Unreadable("is not a regular file")
            if found.st_size > limit - taken:
                raise TooLarge(found.st_size, limit, taken)
            data = file.read(limit - taken + 1)  # one that grows, or of /proc, holds more than it says
    except OSError as error:
        raise Unreadable(f"cannot be read: {error.strerror}") from error
    if len(data) > limit - taken:
        raise TooLarge(len(data), limit, taken)
    return data


def tree(folder: Path) -> Iterator[Path]:
    """Yield every file below a folder, but for hidden ones and byte code. Raises Unreadable.

    A linked folder is refused: its files could change, or lead round in a circle, unseen. So is a link
    that leads out of the folder: whatever belongs to a submission its worker may read, and the link could
    name the targets.
    """
    waiting, met = [folder], 0
    while waiting:
        entries = _entries(waiting.pop(), MAX_FILES - met)
        met += len(entries)
        for entry in entries:
            path = Path(entry.path)
            if entry.is_symlink() and entry.is_dir():
                raise Unreadable(f"holds a link to a folder, {entry.name}: put a copy in its place")
            if entry.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
                raise Unreadable(f"holds a link that leads out of it, {entry.name}: put a copy in its place")
            if entry.is_dir():
                waiting.append(path)
            else:
                yield path


def read_tree(folder: Path, limit: int) -> tuple[dict[str, bytes], dict[str, str], int]:
    """Return bytes by relative name of all files below a folder, reasons by name of those unread, and
    how many bytes they take.

    The reason stands under '' where it concerns the folder as a whole; then nothing is read.
    """
    data: dict[str, bytes] = {}
    unread: dict[str, str] = {}
    taken = 0
    try:
        paths = list(tree(folder))
        if (size := sum(map(_size, paths))) > limit:
            raise TooLarge(size, limit)
        for path in paths:
            name = path.relative_to(folder).as_posix()
            try:
                data[name] = read(path, limit, taken)
                taken += len(data[name])
            except TooLarge:
                raise
            except Unreadable as error:
                unread[name] = str(error)
    except TooLarge as error:
        return {}, {"": str(error)}, error.size
    except Unreadable as error:
        return {}, {"": str(error)}, taken
    return data, unread, taken


def digest(data: Mapping[str, bytes]) -> str:
    """Return SHA-256 over names and bytes, each preceded by its length, in the order of the names."""
    result = hashlib.sha256()
    for name in sorted(data):
        for part in (name.encode("utf-8", "surrogateescape"), data[name]):
            result.update(len(part).to_bytes(8, "little"))
            result.update(part)
    return result.hexdigest()


def changed(submission: Submission, limit: int) -> bool:
    """Whether the files of a submission are no longer those that were collected."""
    now: dict[str, bytes] = {}
    taken = 0
    try:
        for name in submission.files:
            now[name] = read(Path(submission.folder, name), limit, taken)
            taken += len(now[name])
    except Unreadable:
        return True
    return digest(now) != submission.digest


def _size(path: Path) -> int:
    try:
        found = path.stat()
    except OSError:
        return 0  # reading it will say what is wrong
    return found.st_size if stat.S_ISREG(found.st_mode) else 0


def _entries(folder: Path, most: int) -> list[os.DirEntry[str]]:
    """Return what a folder holds and a submission can consist of, sorted. Raises Unreadable."""
    try:
        with os.scandir(folder) as entries:
            found = list(islice(filter(_counts, entries), most + 1))
    except OSError as error:
        raise Unreadable(f"holds {folder.name}, which cannot be read: {error.strerror}") from error
    if len(found) > most:  # before all of a million are listed
        raise Unreadable(f"holds more than {MAX_FILES:,} files: leave data and environments outside")
    return sorted(found, key=lambda entry: entry.name)


def _counts(entry: os.DirEntry[str]) -> bool:
    return not (entry.name.startswith(".") or entry.name == "__pycache__" or entry.name.endswith(".pyc"))
