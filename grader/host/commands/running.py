"""`grader run`: the main job."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from grader import hookimpl
from grader.contract.text import count
from grader.host.commands import say, terminal_width

if TYPE_CHECKING:
    import pluggy

    from grader.host.changes import Ranks
    from grader.host.console import Console
    from grader.host.rank import Standings
    from grader.host.session import Session


@hookimpl
def grader_register_commands(cli: click.Group) -> None:
    """Add `run`."""
    cli.add_command(run)


def session_options(command: Any) -> Any:
    """Add the options that settle what a session does."""
    for option in reversed(
        (
            click.option("--task", "tasks", multiple=True, help="Task to train on; may be given again."),
            click.option("--budget", help="'10s', '3 epochs', '1000 steps', '300k samples', or several."),
            click.option("--seeds", help="How many (3 means 0, 1, 2), or which (0,7,9)."),
            click.option("--device", help="auto, cpu, cuda, cuda:1 or mps."),
            click.option("--executor", help="Where trials run: local, ray (a cluster), or ray:HOST:PORT."),
            click.option("--threads", type=int, help="Threads that a trial computes with; one unless told."),
            click.option(
                "--deterministic", is_flag=True, default=None, help="Deterministic algorithms only."
            ),
            click.option("--isolation", help="auto (the best there is), strict, landlock, weak or rlimit."),
            click.option(
                "--allow-subprocess",
                is_flag=True,
                default=None,
                help="Let submissions start processes: DataLoader workers, compiled models. Needs strict.",
            ),
            click.option("--data", help="Folder with original data sets, in torchvision's layout."),
            click.option("--leaderboard", help="Folder for records and tables."),
            click.option(
                "-p",
                "--plugin",
                "plugins",
                multiple=True,
                help="Load this module as a plugin; no:NAME leaves one out.",
            ),
        )
    ):
        command = option(command)
    return command


@click.command()
@click.argument("paths", nargs=-1)
@session_options
@click.option(
    "-k", "keyword", default="", metavar="EXPRESSION", help="Run only what matches: 'mlp and not cnn'."
)
@click.option(
    "-n", "slots", metavar="auto|N", help="Trials at once: N, or auto for all that the machine has."
)
@click.option(
    "--calibrate/--no-calibrate",
    default=None,
    help="Time a short training first, to know how fast this machine is today.",
)
@click.option("--target", help="Also take the time to a metric on the test set: 'accuracy=0.9'.")
@click.option("--rerun", is_flag=True, help="Also run what is done already.")
@click.option("--dry-run", is_flag=True, help="Show what would run, and how long it may take.")
@click.option("--lf", "--last-failed", "last_failed", is_flag=True, help="Run only what failed last time.")
@click.option("--ff", "--failed-first", "failed_first", is_flag=True, help="Run first what failed last time.")
@click.option("--kind", help="Run only these: model (alone), loop (alone), or both (in one).")
@click.option(
    "--cross/--no-cross", default=None, help="Run every model with every loop as well, named model+loop."
)
@click.option("--matrix", is_flag=True, help="Show models by loops as well.")
@click.option("-x", "--exitfirst", is_flag=True, help="Stop at the first failure.")
@click.option("--maxfail", "max_failures", type=int, help="Stop after that many failures.")
@click.option("-v", "--verbose", count=True, help="Show tracebacks; twice, the submissions' output too.")
@click.option("-q", "--quiet", is_flag=True, help="Show failures and the end only.")
@click.option("--durations", type=click.IntRange(min=0), metavar="N", help="Show the N slowest; 0 is all.")
@click.option("--log", metavar="FILE", help="Append what happens to a file, as JSON lines.")
@click.pass_context
def run(
    ctx: click.Context,
    /,
    matrix: bool,
    exitfirst: bool,
    dry_run: bool,
    verbose: int,
    quiet: bool,
    durations: int | None,
    log: str | None,
    **wishes: Any,
) -> None:
    """Train and score submissions, and bring the leaderboard up to date.

    PATHS are files, folders, or names of installed submissions; without any, the folder submissions/.
    """
    from grader.host.changes import former
    from grader.host.console import Console
    from grader.host.log import EventLog
    from grader.host.session import Session
    from grader.host.settings import make_config

    manager: pluggy.PluginManager = ctx.obj
    if exitfirst:
        wishes["max_failures"] = 1
    config = make_config(**wishes, verbosity=-1 if quiet else verbose)
    if dry_run:
        _preview(Session(config, manager))
        return
    console = Console(config.verbosity)
    manager.register(console, "console")
    if log:
        events = EventLog(Path(log))
        manager.register(events, "log")
        ctx.call_on_close(events.close)
    session = Session(config, manager)
    before = former(config.leaderboard)
    try:
        session.run()
    finally:
        console.close()
    if session.standings is not None and config.verbosity >= 0:
        _show_tables(session, session.standings, before, matrix=matrix)
    _conclude(session, console, durations)
    ctx.exit(_exit_code(session))


def _preview(session: Session) -> None:
    from grader.host.preview import preview

    steps, history = session.preview()
    lines = list(preview(steps, history, session.config, len(session.slots)))
    for line in lines if session.config.verbosity >= 0 else lines[-1:]:
        say(line)


def _show_tables(session: Session, standings: Standings, before: Ranks | None, *, matrix: bool) -> None:
    """The tables of the tracks that this session ran on, and what changed."""
    from grader.host import summary
    from grader.host.commands.results import show_matrices
    from grader.host.reports.terminal import overall_text

    tables = summary.of_these(session.records, standings)
    for line in summary.tops(tables, session.records, terminal_width()):
        say(line)
    for overall in standings.overall if len({table.task.name for table in tables}) > 1 else ():
        say("\n" + overall_text(overall, terminal_width()))
    if matrix:
        say("")
        show_matrices(tables)
    for line in summary.written(session.config.leaderboard, before, standings):
        say(line)


def _conclude(session: Session, console: Console, slowest: int | None) -> None:
    from grader.host import summary

    watch = console.watch
    for problem in session.problems:
        say(f"grader: warning: {problem}", err=True)
    if session.unscored:
        again = count(session.unscored, "trial")
        say(f"trained again, as their results on the private test set are not on this host: {again}")
    seconds = time.monotonic() - console.started
    how = {"interrupted": session.interrupted, "stopped_early": session.stopped_early}
    for line in summary.ending(watch, console.verbosity, seconds, slowest=slowest, **how):
        say(line)
    if session.interrupted:
        going_on = "run the same command again to go on: what is done is not redone"
        say(f"interrupted: {watch.done} of {watch.total} done; {going_on}", err=True)


def _exit_code(session: Session) -> int:
    """As pytest's: 0 all well, 1 some failed, 2 interrupted."""
    from grader.contract.status import Status

    if session.interrupted:
        return 2
    return int(any(record.status is not Status.OK for record in session.records))
