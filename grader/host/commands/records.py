"""`grader records`: old results listed, removed, and merged from other folders; and a record's schema."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, cast

import click

from grader import hookimpl
from grader.contract.text import count
from grader.host.commands import existing_store, leaderboard_option, say, task_tables, terminal_width

if TYPE_CHECKING:
    from grader.host.filters import Test
    from grader.host.listing import Entry
    from grader.host.merge import Preference, Step, Verdict
    from grader.host.store import Store

_PREVIEW = 20  # records shown before it is asked whether they may go


@hookimpl
def grader_register_commands(cli: click.Group) -> None:
    """Add `records`."""
    cli.add_command(records)


class _ListsByItself(click.Group):
    """Without a subcommand it is `list`, whose options may follow at once."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_ListsByItself)
def records() -> None:
    """Old results: list them (also without a subcommand), remove them, merge those of other folders.

    And the schema of a record's file.
    """


def _filters(command: Any) -> Any:
    """Add the options that say which records are meant."""
    for option in reversed(
        (
            click.option(
                "-k",
                "keyword",
                default="",
                metavar="EXPRESSION",
                help="Whose id matches: 'mlp and not seed=0'.",
            ),
            click.option(
                "--task", "tasks", multiple=True, help="Of this task; may be given again, as all below."
            ),
            click.option("--status", "statuses", multiple=True, help="ok, failed (all but ok), timeout, ..."),
            click.option("--seed", "seeds", type=int, multiple=True, help="Of this seed."),
            click.option("--budget", "budgets", multiple=True, help="Of this budget: '10s', '3 epochs'."),
            click.option("--before", metavar="DATE", help="Finished before this date or time, in UTC."),
            click.option("--after", metavar="DATE", help="Finished on this date or later, in UTC."),
            click.option(
                "--superseded", is_flag=True, help="Of older files of a submission, or run again since."
            ),
            leaderboard_option,
        )
    ):
        command = option(command)
    return command


@records.command("list")
@_filters
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def list_records(directory: str | None, as_json: bool, **wishes: Any) -> None:
    """List records, and which still count.

    A record is current, superseded (the submission's files have changed since), or a rerun (another run
    of the same files and seed counts).
    """
    from grader.host.filters import filters
    from grader.host.listing import document, table

    listed, line = _wanted(existing_store(directory), filters(**wishes), wishes["tasks"])
    if as_json:
        say(document(listed))
        return
    if listed:
        say(table(listed, terminal_width()) + "\n")
    say(line)


@records.command("remove")
@_filters
@click.option("--all", "everything", is_flag=True, help="Every record, in place of a filter.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def remove_records(
    context: click.Context, /, directory: str | None, everything: bool, yes: bool, **wishes: Any
) -> None:
    """Remove records; shows them and asks first.

    Their evidence goes as well, and the leaderboard is made anew.
    """
    from grader.contract.errors import UsageError
    from grader.host.filters import filters
    from grader.host.leaderboard import regenerating

    tests = filters(**wishes)
    if everything == bool(tests):
        raise UsageError(
            "--all takes no filter beside it"
            if everything
            else "say which records: --superseded, --status, -k and the like, or --all"
        )
    store = existing_store(directory)
    listed, line = _wanted(store, tests, wishes["tasks"])
    if not listed:
        say(line)
        return
    _preview(listed)
    if not yes and not _agreed(len(listed)):
        say("nothing was removed", err=True)
        context.exit(1)
    with regenerating(store.directory, context.obj, task_tables()):
        kept = [entry for entry in listed if not store.remove(entry.path, entry.record)]
    say(f"removed {count(len(listed) - len(kept), 'record')}")
    if kept:
        say(f"{count(len(kept), 'record')} changed or went in the meantime; left alone", err=True)
        context.exit(1)


@records.command("merge")
@click.argument("folders", nargs=-1, required=True, metavar="FOLDER...")
@click.option("--ours", is_flag=True, help="Where two differ, keep the one that is here.")
@click.option("--theirs", is_flag=True, help="Where two differ, take the other folder's.")
@click.option("--newest", is_flag=True, help="Where two differ, the one that finished later.")
@click.option("--dry-run", is_flag=True, help="Show what would be done.")
@leaderboard_option
@click.pass_context
def merge_folders(
    context: click.Context, /, folders: Sequence[str], dry_run: bool, directory: str | None, **choice: bool
) -> None:
    """Take what other leaderboard folders have.

    Records of FOLDERs that are not here are copied with their evidence, and the leaderboard is made anew.
    Two records of one trial that differ are a conflict: each is named, and the one that is here stays
    unless --theirs or --newest says otherwise. Exit code 1 if any was left undecided, or not taken.
    """
    from grader.host.leaderboard import regenerating
    from grader.host.merge import Verdict, merge, source, summary
    from grader.host.settings import make_config
    from grader.host.store import Store

    prefer = _preference(choice)
    store = Store(make_config(leaderboard=directory).leaderboard)
    sources = [source(folder, store) for folder in folders]
    if not dry_run:
        store.open()
    with nullcontext() if dry_run else regenerating(store.directory, context.obj, task_tables()):
        counts = _said(merge(store, sources, prefer, dry_run=dry_run))
    say(summary(counts, dry_run=dry_run))
    context.exit(int(any(counts[verdict] for verdict in (Verdict.UNDECIDED, Verdict.REFUSED))))


@records.command("schema")
def print_schema() -> None:
    """Print the JSON Schema of a record's file."""
    from grader.contract.text import json_document
    from grader.host.schema import schema

    say(json_document(schema()).decode().rstrip("\n"))


def _preference(choice: Mapping[str, bool]) -> Preference | None:
    from grader.contract.errors import UsageError

    said = [name for name in ("ours", "theirs", "newest") if choice[name]]
    if len(said) > 1:
        raise UsageError(f"{' and '.join(f'--{name}' for name in said)} exclude each other")
    return cast("Preference", said[0]) if said else None


def _said(steps: Iterable[Step]) -> Counter[Verdict]:
    """Say what there is to say of each file as it is done, and count."""
    from grader.host.merge import Verdict

    counts: Counter[Verdict] = Counter()
    for step in steps:
        counts[step.verdict] += 1
        if step.line:
            say(step.line, err=step.verdict is Verdict.REFUSED)
    return counts


def _wanted(store: Store, tests: Sequence[Test], tasks: Sequence[str]) -> tuple[list[Entry], str]:
    """The records that are meant, and a line that counts them. What is no record is named on stderr."""
    from grader.host.filters import matching, nothing
    from grader.host.listing import entries

    every, problems = entries(store)
    for problem in problems:
        say(problem, err=True)
    listed = matching(every, tests)
    if not listed:
        return [], nothing(every, tasks)
    return listed, count(len(listed), "record") + (f" of {len(every)}" if len(listed) < len(every) else "")


def _preview(listed: Sequence[Entry]) -> None:
    from grader.host.listing import table

    say(table(listed[:_PREVIEW], terminal_width()))
    if len(listed) > _PREVIEW:
        say(f"and {len(listed) - _PREVIEW} more")


def _agreed(number: int) -> bool:
    """Ask. Raises UsageError where nobody is there to answer."""
    from grader.contract.errors import UsageError

    if not sys.stdin.isatty():
        raise UsageError(
            f"no terminal to ask on whether {count(number, 'record')} may go; --yes removes unasked"
        )
    return click.confirm(f"remove {count(number, 'record')} and the evidence?", err=True)
