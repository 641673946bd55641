"""`grader list` and `grader new`: what is there, and a first submission or assignment of one's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from grader import hookimpl
from grader.host.commands import say

if TYPE_CHECKING:
    from grader.contract.submission import Submission


@hookimpl
def grader_register_commands(cli: click.Group) -> None:
    """Add `list` and `new`."""
    cli.add_command(list_submissions)
    cli.add_command(new)


@click.command("list")
@click.argument("paths", nargs=-1)
@click.pass_context
def list_submissions(context: click.Context, paths: Sequence[str]) -> None:
    """List submissions with their hooks, running none. PATHS are files, folders or installed names."""
    from grader.host.collect import collect
    from grader.host.settings import make_config

    config = make_config(paths=paths)
    submissions = collect(config, context.obj)
    say(_table(submissions))
    for line in _remarks(submissions):
        say(line)
    context.exit(1 if any(each.problem for each in submissions) else 0)


@click.command("new")
@click.argument("name")
@click.option("--assignment", is_flag=True, help="Write an assignment with its rubric into the folder NAME.")
def new(name: str, assignment: bool) -> None:
    """Write a first submission, submissions/NAME.py, or the file given with a path."""
    (_new_assignment if assignment else _new_submission)(name)


def _new_submission(name: str) -> None:
    from pathlib import Path

    from grader.contract.text import plain
    from grader.host.settings import make_config
    from grader.host.template import new_submission

    cwd = Path.cwd()
    path = new_submission(name, root=make_config().root, cwd=cwd)
    shown = path.relative_to(cwd) if path.is_relative_to(cwd) else path
    say(f"wrote {plain(str(shown))}; train it with `grader run {plain(str(shown))}`")


def _new_assignment(name: str) -> None:
    import shlex
    from pathlib import Path

    from grader.contract.errors import UsageError
    from grader.contract.text import plain
    from grader.grading.starter import FILES, new_assignment

    if not name.strip():
        raise UsageError("an assignment needs a folder: `grader new --assignment hw1`")
    folder = Path(name).expanduser()
    new_assignment(folder)
    say(f"wrote {', '.join(FILES)} into {plain(str(folder))}")
    say(f"grade it with `grader grade {plain(shlex.quote(str(folder / 'rubric.py')))}`")


def _table(submissions: Sequence[Submission]) -> str:
    from tabulate import tabulate

    from grader.contract.text import plain

    rows = [
        [
            plain(cell)
            for cell in (each.name, _kind(each), ", ".join(each.hooks), each.digest[:12], each.title)
        ]
        for each in submissions
    ]
    # names like 007 and 1e3 are no numbers
    return tabulate(rows, ["name", "kind", "hooks", "digest", "title"], disable_numparse=True)


def _kind(submission: Submission) -> str:
    return "invalid" if submission.problem else submission.kind or "-"


def _remarks(submissions: Sequence[Submission]) -> Iterator[str]:
    """Yield problems, then notes; a problem names its place itself."""
    from grader.contract.text import plain

    for each in submissions:
        if each.problem:
            yield plain(f"invalid: {each.problem}")
    for each in submissions:
        for note in each.notes:
            yield plain(f"note: {each.display}: {note}")
