"""The folder `grades/`: everything in it is made anew beside it, and put in place together.

What stood there before goes to `history/`. A process that is killed in between leaves either what was there,
or a folder that the next one goes on to put in place: it holds a list of its own once it is whole.
"""

from __future__ import annotations

import contextlib
import filecmp
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from grader.contract.errors import StoreError, UsageError
from grader.contract.text import plain
from grader.host import files

HISTORY = "history"
OURS = ("grades.json", "grades.csv", "staff.html", "feedback", "gradescope", "canvas.csv", "moodle.csv")
_STAGED, _WHOLE = ".staged-", ".whole"  # a folder in the making, and the file that says that it is made


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder, made where it is missing, for one grading at a time.

    Goes on first with what a killed one had made whole. Raises UsageError where another process holds it,
    and StoreError where it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = files.locked(folder)
    except OSError as error:
        raise files.not_written(folder, error) from error
    if held is None:
        raise UsageError(f"another `grader grade` is at work in {plain(str(folder))}: wait for it to end")
    try:
        _go_on(folder)
        yield
    finally:
        os.close(held)


@contextlib.contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """Yield an empty folder to write into; where the block raises, it is gone. Raises StoreError."""
    place = folder / f"{_STAGED}{secrets.token_hex(4)}"
    try:
        place.mkdir()
        yield place
    except OSError as error:
        raise files.not_written(folder, error) from error
    finally:
        if not (place / _WHOLE).exists():
            shutil.rmtree(place, ignore_errors=True)


def put_in_place(folder: Path, place: Path, former: str) -> None:
    """Move what was staged into the folder, and what stood there to `history/<former>/`.

    Where `former` is empty nothing of it is kept. Raises StoreError.
    """
    taken, base = 1, former
    while former and (folder / HISTORY / former).exists():
        taken += 1
        former = f"{base}-{taken}"
    try:
        _to_disk(place)
        names = sorted(entry.name for entry in place.iterdir())
        files.replace(place / _WHOLE, "\n".join([former, *names]).encode())
        _move(folder, place)
    except OSError as error:
        raise files.not_written(folder, error) from error


def same(folder: Path, place: Path) -> bool:
    """Whether every file that was staged stands in the folder already, byte for byte."""
    made = [path for path in place.rglob("*") if path.is_file()]
    return all(
        (there := folder / path.relative_to(place)).is_file() and filecmp.cmp(path, there, shallow=False)
        for path in made
    )


def _go_on(folder: Path) -> None:
    """Finish what a killed process had made whole, and sweep away what it had not."""
    try:
        for place in sorted(folder.glob(f"{_STAGED}*")):
            if (place / _WHOLE).is_file():
                _move(folder, place)
            else:
                shutil.rmtree(place)
    except OSError as error:
        raise StoreError(f"cannot go on with {plain(str(folder))}: {error.strerror}") from error


def _move(folder: Path, place: Path) -> None:
    """Each step may have been done by a process that was killed after it.

    What was made and is not staged any more stands in its place already: the former one must not follow it.
    """
    former, *made = (place / _WHOLE).read_text(encoding="utf-8").split("\n")
    past = folder / HISTORY / former if former else None
    for name in sorted({*OURS, *made}):
        stands, new = folder / name, place / name
        if stands.exists() and (new.exists() or (name not in made and past is not None)):
            _make_room(stands, past)
        if new.exists():
            new.replace(stands)
    files.sync_folder(folder)
    shutil.rmtree(place)


def _make_room(stands: Path, past: Path | None) -> None:
    if past is not None:
        past.mkdir(parents=True, exist_ok=True)
        stands.replace(past / stands.name)
    elif stands.is_dir():
        shutil.rmtree(stands)


def _to_disk(place: Path) -> None:
    """What is told to be whole is on disk: a power cut must not leave the word without the files."""
    for path in [place, *place.rglob("*")]:
        files.sync_folder(path)  # an fsync, of files as well
