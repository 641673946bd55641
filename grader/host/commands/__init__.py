"""The built-in commands, each file a plugin over `grader_register_commands`."""

from __future__ import annotations

import shutil
import sys

import click

WIDE = 200  # cells, where there is no terminal to fit into: a pipe, a log


def say(text: str, *, err: bool = False) -> None:
    """Print, also where the locale is not UTF-8."""
    from grader.contract.text import encodable

    stream = sys.stderr if err else sys.stdout
    click.echo(encodable(text, stream.encoding or "utf-8"), err=err)


def terminal_width() -> int:
    """Cells of the terminal; off a terminal wide enough for every column."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDE
