"""What `grader new --assignment` writes: a small assignment, to be changed into one's own."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

from grader.contract.errors import UsageError
from grader.contract.text import plain

FILES = (
    "README.md",
    "handout.py",
    "rubric.py",
    "pyproject.toml",
    "roster.csv",
    "submissions/ada.py",
)


def new_assignment(folder: Path) -> tuple[Path, ...]:
    """Write the files of a first assignment into a folder, new or not, and return their paths.

    All of them or none. Raises UsageError where one of them exists, or the folder cannot be written.
    """
    shown = plain(str(folder))
    template = files("grader.grading") / "template"
    contents = {folder / name: (template / name).read_bytes() for name in FILES}
    there = [name for name in FILES if os.path.lexists(folder / name)]
    if there:
        raise UsageError(
            f"{shown} holds {', '.join(there)} already, and is left as it is: take another folder"
        )
    _write(contents, folder)
    return tuple(contents)


def _write(contents: dict[Path, bytes], folder: Path) -> None:
    made: list[Path] = []
    try:
        for path, data in contents.items():
            _make_folder(path.parent, made)
            with path.open("xb") as file:
                made.append(path)
                file.write(data)
    except BaseException as error:
        _unmake(made)
        if isinstance(error, OSError | ValueError):
            why = getattr(error, "strerror", None) or str(error)
            raise UsageError(
                f"{plain(str(folder))} cannot be written: {plain(why, 200)}; nothing was left there"
            ) from None
        raise


def _make_folder(folder: Path, made: list[Path]) -> None:
    """Make a folder and those above it that are missing, and note each."""
    if not folder.is_dir():
        _make_folder(folder.parent, made)
        folder.mkdir()
        made.append(folder)


def _unmake(made: list[Path]) -> None:
    for path in reversed(made):
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink()
