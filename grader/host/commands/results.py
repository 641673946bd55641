"""`grader leaderboard` and `grader show`: from records to tables."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pluggy

from grader import hookimpl

if TYPE_CHECKING:
    from grader.contract.record import Record
    from grader.host.store import Evidence, Store

_directory = click.option(
    "--leaderboard",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("leaderboard"),
    show_default=True,
    help="Folder that holds records/ and the tables made from them.",
)


@hookimpl
def grader_register_commands(cli: click.Group) -> None:
    """Add the commands."""
    cli.add_command(leaderboard)
    cli.add_command(show)


@click.command()
@_directory
@click.pass_context
def leaderboard(context: click.Context, directory: Path) -> None:
    """Make the leaderboard anew from its records: README.md, leaderboard.csv and leaderboard.json."""
    from grader.contract.errors import UsageError
    from grader.host.leaderboard import regenerate
    from grader.host.reports.terminal import leaderboard_text
    from grader.host.text import visible

    if not (directory / "records").is_dir():
        raise UsageError(f"{visible(str(directory))} holds no records/ folder; `grader run` makes one")
    ranked, problems, paths = regenerate(directory, _manager(context))
    width = _terminal_width()
    for table in ranked.tables:
        _say(leaderboard_text(table, width) + "\n")
    for problem in problems:
        _say(problem, err=True)
    _say(f"wrote {', '.join(visible(str(path)) for path in paths)}")


@click.command()
@click.argument("query")
@_directory
def show(query: str, directory: Path) -> None:
    """Print one record whole: its phases, curve, layers, traceback.

    QUERY is a record's file or its stem, a node id such as 'submissions/mlp.py::digits[seed=0]', or the
    name of a submission that has one record only.
    """
    from grader.host.show import find, render
    from grader.host.store import Store

    store = Store(directory)
    records, problems = store.read()
    for problem in problems:
        _say(problem, err=True)
    record = find(records, query)
    plain = not _can_print("█▁")
    _say(render(record, _evidence(store, query, record), plain=plain))


def _evidence(store: Store, query: str, record: Record) -> Evidence | None:
    """The evidence beside the record that was found; one line on stderr where an ok record lacks it."""
    from grader.host.store import StoreError, read_evidence

    named = Path(query)
    path = named if named.suffix == ".json" and named.is_file() else store.path(record)
    try:
        return read_evidence(path.with_suffix(".npz"), record)
    except StoreError as error:
        if record.status == "ok":
            _say(str(error), err=True)
        return None


def _manager(context: click.Context) -> pluggy.PluginManager:
    """The session's plugins, where the group keeps them; else the built-ins and the installed ones."""
    from grader.plugins import harness_manager

    return context.find_object(pluggy.PluginManager) or harness_manager()


def _terminal_width() -> int:
    """Cells of the terminal; off a terminal (a pipe, a log) wide enough for every column."""
    import shutil

    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 200


def _say(text: str, *, err: bool = False) -> None:
    """Print, also where the locale is not UTF-8."""
    from grader.host.text import encodable

    stream = sys.stderr if err else sys.stdout
    click.echo(encodable(text, stream.encoding or "utf-8"), err=err)


def _can_print(text: str) -> bool:
    from grader.host.text import encodable

    return encodable(text, sys.stdout.encoding or "utf-8") == text
