"""The built-in commands, each file a plugin over `grader_register_commands`."""

from __future__ import annotations

import functools
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from grader.contract.task import TaskTables
    from grader.host.store import Store

_LONGEST = 2000  # characters of a line of an error
_LINES = 50
_MARKS = {"…": "...", "–": "-"}  # noqa: RUF001 - the dash is what it is about

WIDE = 200  # cells, where there is no terminal to fit into: a pipe, a log

leaderboard_option = click.option(
    "--leaderboard", "directory", help="Folder that holds records/ and its tables."
)


def say(text: str, *, err: bool = False) -> None:
    """Print, also where the locale is not UTF-8; in colour only where somebody wants to see it."""
    stream = sys.stderr if err else sys.stdout
    click.echo(expressible(text, stream.encoding or "utf-8"), err=err, color=None if _colours() else False)


def expressible(text: str, encoding: str) -> str:
    """Return the text in what the encoding has; our own marks become ASCII, all else is written out."""
    from grader.contract.text import encodable

    if not encoding.lower().replace("-", "").startswith("utf"):
        for mark, spelling in _MARKS.items():
            text = text.replace(mark, spelling)
    return encodable(text, encoding)


def lively() -> bool:
    """Whether stdout is a terminal that somebody watches, on which things may move."""
    return sys.stdout.isatty() and not _dumb() and not _unwatched()


def _colours() -> bool:
    """See https://no-color.org; that the stream is a terminal is click's to see."""
    return not (os.environ.get("NO_COLOR") or _dumb() or _unwatched())


def _dumb() -> bool:
    return os.environ.get("TERM", "").lower() in {"dumb", "unknown"}


def _unwatched() -> bool:
    """Whether this is a job of continuous integration: some have a terminal that goes into a log."""
    return os.environ.get("CI", "").lower() not in {"", "0", "false"}


def complain(text: str) -> None:
    """Print an error on stderr. It may quote anything, so what does not print is written out here."""
    from grader.contract.text import block

    lines = block(text, _LONGEST).split("\n")
    say("\n".join(lines[-_LINES:]), err=True)


@functools.cache
def warn(line: str) -> None:
    """Print a warning on stderr, each once: a command may load the same plugins several times."""
    complain(f"grader: warning: {line}")


def terminal_width() -> int:
    """Cells of the terminal; off a terminal wide enough for every column."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDE


def existing_store(directory: str | None) -> Store:
    """The store of a leaderboard that has records. Raises UsageError where there is none."""
    from grader.contract.errors import UsageError
    from grader.contract.text import plain
    from grader.host.settings import make_config
    from grader.host.store import Store

    store = Store(make_config(leaderboard=directory).leaderboard)
    if not store.records.is_dir():
        raise UsageError(f"{plain(str(store.directory))} holds no records/ folder; `grader run` makes one")
    return store


def task_tables() -> TaskTables:
    """The configuration's tables of tasks."""
    from grader.host.settings import make_config

    return make_config().task_tables


def given_path(text: str) -> Path:
    """A path that the caller named, made absolute: other processes work elsewhere."""
    from grader.host.files import absolute

    return absolute(Path(text).expanduser())
