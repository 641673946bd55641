"""`grader compare`: two submissions, or those of a branch and their baselines, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from grader import hookimpl
from grader.host.commands import existing_store, leaderboard_option, say

if TYPE_CHECKING:
    from grader.host.archive import Archive
    from grader.host.compare import Comparison


@hookimpl
def grader_register_commands(cli: click.Group) -> None:
    """Add the command."""
    cli.add_command(compare)


@click.command()
@click.argument("names", nargs=-1, metavar="A B")
@leaderboard_option
@click.option("--task", default="", help="Only on this task.")
@click.option(
    "--baseline",
    metavar="NAME|FOLDER",
    help="Hold each of the names against this submission, or against those of the same names in another "
    "leaderboard folder; as Markdown, for a pull request.",
)
@click.option("--markdown", "as_markdown", is_flag=True, help="As Markdown.")
@click.option("--samples", is_flag=True, help="Also which test samples the one alone gets right.")
def compare(
    names: tuple[str, ...],
    directory: str | None,
    task: str,
    baseline: str | None,
    as_markdown: bool,
    samples: bool,
) -> None:
    """Say which of two submissions is better, and whether that is more than noise.

    A and B are names, or records (a file or its stem), which compares these weights. With --baseline any
    number of names; without a name all that are not the baseline, or differ from it.
    """
    from grader.contract.errors import UsageError

    archive = _archive(directory)
    if baseline is not None:
        _show_against(archive, names, baseline, task)
        return
    if len(names) != 2:
        raise UsageError("grader compare takes two names: grader compare A B, or A --baseline B")
    from grader.host.compare import comparisons
    from grader.host.reports.comparison import in_markdown, in_text, positions

    for each in comparisons(archive, *names, task):
        say(in_markdown(each) if as_markdown else in_text(each))
        for line in positions(each) if samples else ():
            say(f"{line}\n")


def _archive(directory: str | None) -> Archive:
    from grader.host.archive import Archive

    files, problems = existing_store(directory).read_files()
    for problem in problems:
        say(problem, err=True)
    return Archive(files)


def _show_against(archive: Archive, names: tuple[str, ...], baseline: str, task: str) -> None:
    """Print a summary of all, and each in full where it folds."""
    from grader.host.reports.comparison import in_markdown, summary

    found = list(_against(archive, names, baseline, task))
    if not found:
        say("nothing differs from the baseline")
        return
    say(f"{summary(found)}\n\n<details><summary>All figures</summary>\n")
    for each in found:
        say(in_markdown(each))
    say("</details>")


def _against(archive: Archive, names: tuple[str, ...], baseline: str, task: str) -> list[Comparison]:
    """Compare each name that was given with the baseline; without names, all that can be."""
    from grader.host.compare import changed, comparisons, in_tracks_of

    if Path(baseline).is_dir():
        theirs = _archive(baseline)
        chosen = names or changed(archive, theirs)
        return [each for name in chosen for each in comparisons(archive, name, name, task, theirs)]
    chosen = names or in_tracks_of(archive, baseline, task)
    return [each for name in chosen for each in comparisons(archive, name, baseline, task)]
