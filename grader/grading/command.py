"""`grader grade`: from what was handed in to grades, feedback, and files for the learning platform."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from grader import hookimpl
from grader.contract.text import plain
from grader.host.commands import given_path, say, terminal_width
from grader.host.commands.running import session_options
from grader.host.files import content

if TYPE_CHECKING:
    from grader.contract.record import Record
    from grader.grading.grade import Grading, Request

_RULES = ("roster", "metadata", "due", "late", "attempts")


@hookimpl
def grader_register_commands(cli: click.Group) -> None:
    """Add `grade`."""
    cli.add_command(grade)


@click.command()
@click.argument("rubric")
@click.argument("paths", nargs=-1)
@click.option(
    "--roster", help="CSV of who is graded: file, id, sis_id, login, email, name, section, group, extension."
)
@click.option("--metadata", help="CSV of when what was handed in: file, submitted, attempt.")
@click.option("--due", help="When it was due: '2026-10-01 23:59', in ISO 8601.")
@click.option("--late", help="What lateness costs: '10% per day, at most 50%, grace 15 minutes'.")
@click.option("--attempts", help="Which counts of several: latest, first or best.")
@click.option("--out", help="Folder for the grades; grades/ unless told.")
@click.option(
    "--diff", is_flag=True, help="Show whose total would change, by how much and why; write no grades."
)
@click.option(
    "--canvas", metavar="CSV", help="Canvas's gradebook, as downloaded: writes canvas.csv, filled in."
)
@click.option(
    "--moodle", metavar="CSV", help="Moodle's grading worksheet or gradebook: writes moodle.csv, filled in."
)
@click.option("--column", default="", help="The assignment's column there; the rubric's title unless told.")
@click.option("--public", metavar="DIR", help="Write a leaderboard with pseudonyms, fit to be published.")
@click.option("--alike", is_flag=True, help="Tell staff which submissions look alike (needs grader[alike]).")
@click.option(
    "--appeal", metavar="STUDENT", help="Pack all evidence on one student, from the grades as they stand."
)
@session_options
@click.option(
    "-n", "slots", metavar="auto|N", help="Trainings at once: N, or auto for all that the machine has."
)
@click.option("--rerun", is_flag=True, help="Train again what is done already, and what failed.")
@click.option("-v", "--verbose", count=True, help="Show tracebacks; twice, what submissions printed too.")
@click.option("-q", "--quiet", is_flag=True, help="Show problems and the end only.")
@click.pass_context
def grade(
    ctx: click.Context,
    /,
    rubric: str,
    paths: Sequence[str],
    verbose: int,
    quiet: bool,
    diff: bool,
    canvas: str | None,
    moodle: str | None,
    column: str,
    public: str | None,
    alike: bool,
    appeal: str | None,
    **wishes: Any,
) -> None:
    """Grade what was handed in by a RUBRIC, a pytest file, and write grades/.

    PATHS are files, notebooks, folders or zips, also those of Canvas and Moodle; without any, the folder
    submissions/. Nothing handed in is run outside of a confined worker.
    """
    from grader.grading import lines, outcome
    from grader.grading.grade import Grading

    grading = Grading(_request(rubric, paths, wishes))
    if appeal is not None:
        say(f"wrote {plain(str(outcome.appeal(grading, appeal)))}")
        return
    wanted = outcome.Wanted(
        canvas=content(given_path(canvas)) if canvas else None,
        moodle=content(given_path(moodle)) if moodle else None,
        column=column,
        public=given_path(public) if public else None,
        alike=alike,
    )
    with outcome.holding(grading, write=not diff):
        # where nothing is to be trained, what is wrong with the rubric is told soon enough by judging
        told = grading.check() if grading.missing(rerun=wishes["rerun"]) else None
        for line in lines.before(grading, told, quiet=quiet):
            say(line)
        outcome.rehearse(grading, told, wanted)
        verbosity = -1 if quiet or told is None else verbose
        records = _train(grading, verbosity, rerun=wishes["rerun"])
        if not quiet:
            say(f"judging by {plain(grading.rubric.name)} …")  # which may train further, unseen
        result = outcome.finished(grading, grading.judge(records), wanted, ctx.obj, write=not diff)
    for line in lines.after(result, terminal_width(), quiet=quiet):
        say(line)
    ctx.exit(result.exit_code)


def _request(rubric: str, paths: Sequence[str], wishes: dict[str, Any]) -> Request:
    """The caller's words, with paths made absolute: the rubric's process works elsewhere."""
    from grader.grading.grade import Request

    rules = {name: wishes.pop(name) for name in _RULES}
    out = wishes.pop("out")
    for name in ("data", "leaderboard"):
        wishes[name] = str(given_path(wishes[name])) if wishes[name] else None
    said = {name: value for name, value in wishes.items() if name != "rerun" and value not in (None, ())}
    return Request(
        rubric=given_path(rubric),
        paths=tuple(map(given_path, paths)),
        out=given_path(out) if out else None,
        said=said,
        rules=rules,
    )


def _train(grading: Grading, verbosity: int, *, rerun: bool) -> list[Record]:
    from grader.host.console import Console

    console = Console(verbosity)
    try:
        return grading.train([console], rerun=rerun)
    except KeyboardInterrupt:
        say("what was trained is kept: run the same command again to go on", err=True)
        raise
    finally:
        console.close()
