"""The built-in commands, each file a plugin over `grader_register_commands`."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from grader.host.store import Store

_LONGEST = 2000  # characters of a line of an error
_LINES = 50

WIDE = 200  # cells, where there is no terminal to fit into: a pipe, a log

leaderboard_option = click.option(
    "--leaderboard", "directory", help="Folder that holds records/ and its tables."
)


def say(text: str, *, err: bool = False) -> None:
    """Print, also where the locale is not UTF-8."""
    from grader.contract.text import encodable

    stream = sys.stderr if err else sys.stdout
    click.echo(encodable(text, stream.encoding or "utf-8"), err=err)


def complain(text: str) -> None:
    """Print an error on stderr. It may quote anything, so what does not print is written out here."""
    from grader.contract.text import block

    lines = block(text, _LONGEST).split("\n")
    say("\n".join(lines[-_LINES:]), err=True)


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
