"""`grader leaderboard` and `grader show`: from records to tables."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from grader import hookimpl
from grader.contract.text import count, plain
from grader.host.commands import existing_store, leaderboard_option, say, task_tables, terminal_width

if TYPE_CHECKING:
    import pluggy

    from grader.contract.record import Record
    from grader.host.rank import Standings, Table
    from grader.host.store import Evidence, Store


@hookimpl
def grader_register_commands(cli: click.Group) -> None:
    """Add the commands."""
    cli.add_command(leaderboard)
    cli.add_command(show)


@click.command()
@leaderboard_option
@click.option("--matrix", is_flag=True, help="Show models by loops as well.")
@click.option(
    "--final", is_flag=True, help="Publish the ranks by private test sets, with their evidence, in final/."
)
@click.pass_context
def leaderboard(context: click.Context, directory: str | None, matrix: bool, final: bool) -> None:
    """Make the leaderboard anew from its records: index.html, plots, README.md, leaderboard.csv and .json.

    And matrix.md, models by loops, where some were combined.

    With --final the same from the private results that this host keeps, into the folder final/ below, with
    their records and evidence: from then on they are public. What has moved since the public leaderboard is
    shown as well. Exits 1 where a private result is missing, which is named.
    """
    from grader.host.leaderboard import regenerate

    folder = existing_store(directory).directory
    if final:
        context.exit(_publish(context.obj, folder, matrix=matrix))
    ranked, problems, paths = regenerate(folder, context.obj, tables=task_tables())
    _show(ranked, problems, matrix=matrix)
    say(f"wrote {_written(folder, paths)}")


def _publish(manager: pluggy.PluginManager, folder: Path, *, matrix: bool) -> int:
    from grader.host.final import publish
    from grader.host.reports.shakeup import in_text

    final = publish(folder, manager)
    _show(final.standings, final.problems, matrix=matrix)
    for each in final.shake_ups:
        say(in_text(each, terminal_width()) + "\n")
    for record in final.lacking:
        say(f"no private result on this host: {plain(record.node_id)}; run it again to have one", err=True)
    say(f"wrote {_written(final.folder, final.written)}")
    return int(bool(final.lacking))


def _show(ranked: Standings, problems: Iterable[str], *, matrix: bool) -> None:
    from grader.host.reports.terminal import leaderboard_text, overall_text

    width = terminal_width()
    for table in ranked.tables:
        say(leaderboard_text(table, width) + "\n")
    for overall in ranked.overall:
        say(overall_text(overall, width) + "\n")
    if matrix:
        show_matrices(ranked.tables)
    for problem in problems:
        say(problem, err=True)


def _written(folder: Path, paths: Iterable[Path]) -> str:
    """The files; those of a folder below are counted."""
    counts = Counter(path if path.parent == folder else path.parent for path in paths)
    lines = (
        f"{path} ({count(many, 'file')})" if path.is_dir() else str(path) for path, many in counts.items()
    )
    return ", ".join(map(plain, lines))


def show_matrices(tables: Iterable[Table]) -> None:
    """Print models by loops for each of the tables, or where they come from."""
    from grader.host.reports.matrix import matrix_text

    texts = list(filter(None, (matrix_text(table, terminal_width()) for table in tables)))
    for text in texts:
        say(f"{text}\n")
    if not texts:
        say("no model was combined with a loop: `grader run --cross` does it\n")


@click.command()
@click.argument("query")
@leaderboard_option
def show(query: str, directory: str | None) -> None:
    """Print one record whole: its phases, curve, layers, traceback.

    QUERY is a record's file or its stem, a node id such as 'submissions/mlp.py::digits[seed=0]', or the
    name of a submission that has one record only.
    """
    from grader.host.settings import make_config
    from grader.host.show import find, render
    from grader.host.store import Store

    store = Store(make_config(leaderboard=directory).leaderboard)
    records, problems = store.read()
    for problem in problems:
        say(problem, err=True)
    record = find(records, query)
    ascii_only = not _can_print("█▁")
    say(render(record, _evidence(store, query, record), ascii_only=ascii_only))


def _evidence(store: Store, query: str, record: Record) -> Evidence | None:
    """The evidence beside the record that was found; one line on stderr where an ok record lacks it."""
    from grader.host.store import StoreError, read_evidence

    named = Path(query)
    path = named if named.suffix == ".json" and named.is_file() else store.path(record)
    try:
        return read_evidence(path.with_suffix(".npz"), record)
    except StoreError as error:
        if record.status == "ok":
            say(str(error), err=True)
        return None


def _can_print(text: str) -> bool:
    from grader.contract.text import encodable

    return encodable(text, sys.stdout.encoding or "utf-8") == text
