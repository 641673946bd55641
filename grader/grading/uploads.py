"""What lies in a folder of hand-ins: whose each is said to be, by the names that people and platforms give.

Nothing is opened here but folders. What a hand-in consists of, and which student is meant, is for others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from grader.grading.roster import stem

CODE = (".py", ".ipynb", ".zip")

# lastfirst_LATE_12345_67890_hw-1.py: the user's number, the upload's, and which upload of that name it is
_CANVAS = re.compile(r"(?P<name>[^_]+)(?P<late>_LATE)?_(?P<id>\d+)_\d+_(?P<file>.+)", re.DOTALL)
_MOODLE = re.compile(r"(?P<name>.+?)_(?P<id>\d+)_assignsubmission_file_?(?P<file>.*)", re.DOTALL)
_MOODLE_TEXT = re.compile(r".+_\d+_assignsubmission_onlinetext_?.*", re.DOTALL)
_AGAIN = re.compile(r"(?P<stem>.+)-(?P<again>\d{1,3})(?P<ending>\.[A-Za-z0-9]+)", re.DOTALL)
_ATTEMPT = re.compile(r"(?:attempt|try|version|upload)[ _-]?(\d{1,3})", re.IGNORECASE)
_NUMBER = re.compile(r"\d{1,2}")


@dataclass(frozen=True)
class Piece:
    """One file or folder on disk, and the name that its author gave it."""

    name: str
    path: Path


@dataclass(frozen=True)
class Upload:
    """What was handed in at one time by one student, not yet looked into."""

    shown: str  # for people, safe to print: "hw3.zip: ada_12_34_mlp.py"
    words: tuple[str, ...]  # names that may tell the student, the most telling first
    pieces: tuple[Piece, ...]  # one, unless a platform has put several files side by side
    apart: bool = False  # whether the pieces lie among those of others, under names of the platform's
    id: str = ""  # the platform's number of the student
    attempt: int | None = None  # where a folder or the platform numbers them
    late: bool = False
    foreign: tuple[str, ...] = ()  # files beside it that it imports, and that are other students'
    when: datetime | None = None
    clock: str = ""
    home: str = ""  # the folder in which no other student has the same name
    problem: str = ""
    known_as: tuple[str, ...] = field(default=(), compare=False)  # what a metadata file may call it

    @property
    def label(self) -> str:
        """What to call it where no roster tells the student."""
        return stem(self.words[0]) if self.words else "submission"


def attempt_number(name: str, *, within: bool) -> int | None:
    """Which attempt a folder of this name holds: 2 for 'attempt-2', and for '2' within a student's folder."""
    match = _ATTEMPT.fullmatch(name)
    if match is not None:
        return int(match[1])
    return int(name) if within and _NUMBER.fullmatch(name) else None


def is_platform_s(name: str) -> bool:
    """Whether a learning platform has given this name."""
    return _MOODLE.fullmatch(name) is not None or _CANVAS.fullmatch(name) is not None


def is_text_of_moodle(name: str) -> bool:
    """Whether it is what a student typed into Moodle's own field."""
    return _MOODLE_TEXT.fullmatch(name) is not None


def from_platform(paths: Iterable[Path]) -> Iterator[Upload]:
    """Yield the hand-ins among files and folders that a platform has named, by the student's number."""
    found: dict[tuple[str, str], list[tuple[re.Match[str], Path]]] = {}
    for path in paths:
        match = _MOODLE.fullmatch(path.name) or _CANVAS.fullmatch(path.name)
        if match is not None:
            found.setdefault((match["id"], match["name"]), []).append((match, path))
    for (number, name), files in sorted(found.items()):
        words = tuple(dict.fromkeys((name, name.replace("_", " "))))
        late = {path for match, path in files if match.groupdict().get("late")}
        for attempt, pieces in _attempts(files):
            yield Upload(
                shown=", ".join(piece.path.name for piece in pieces),
                words=words,
                pieces=pieces,
                apart=any(match["file"] for match, _ in files),
                id=number,
                attempt=attempt,
                late=any(piece.path in late for piece in pieces),
            )


def _attempts(files: Sequence[tuple[re.Match[str], Path]]) -> Iterator[tuple[int | None, tuple[Piece, ...]]]:
    """The files of one student, once for each time that one of them was uploaded again."""
    versions: dict[str, dict[int, Path]] = {}
    for match, path in files:
        name, again = _again(match["file"])
        at = again
        while at in versions.setdefault(name, {}):  # two of one name that are told apart by a number alone
            at += 1
        versions[name][at] = path
    turns = sorted({at for each in versions.values() if len(each) > 1 for at in each})
    if not turns:
        yield (
            None,
            tuple(Piece(name, path) for name, each in sorted(versions.items()) for path in each.values()),
        )
    for number, turn in enumerate(turns, start=1):
        upto = {name: [at for at in each if at <= turn or len(each) == 1] for name, each in versions.items()}
        yield (
            number,
            tuple(Piece(name, versions[name][max(ats)]) for name, ats in sorted(upto.items()) if ats),
        )


def _again(name: str) -> tuple[str, int]:
    """Return a file's own name, without what Canvas adds to one that is uploaded again, and how often."""
    match = _AGAIN.fullmatch(name)
    return (match["stem"] + match["ending"], int(match["again"])) if match else (name, 0)
