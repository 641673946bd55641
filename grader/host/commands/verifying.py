"""`grader verify`: whether records are true, found out by training again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from grader import hookimpl
from grader.contract.text import count
from grader.host.commands import existing_store, leaderboard_option, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pluggy

    from grader.host.verdict import Finding


@hookimpl
def grader_register_commands(cli: click.Group) -> None:
    """Add `verify`."""
    cli.add_command(verify)


@click.command()
@click.argument("queries", nargs=-1, metavar="[RECORD]...")
@click.option("--task", "tasks", multiple=True, help="Of this task; may be given again.")
@click.option(
    "-k", "keyword", default="", metavar="EXPRESSION", help="Whose id matches: 'mlp and not seed=0'."
)
@click.option(
    "-n", "slots", metavar="auto|N", help="Trials at once: N, or auto for all that the machine has."
)
@click.option("--no-train", is_flag=True, help="Only what can be told without training: it takes seconds.")
@click.option(
    "--allow-subprocess", is_flag=True, default=None, help="For records of runs that allowed it, at strict."
)
@click.option("--data", help="Folder with original data sets, in torchvision's layout.")
@leaderboard_option
@click.option(
    "-p", "--plugin", "plugins", multiple=True, help="Load this module as a plugin; no:NAME leaves one out."
)
@click.pass_context
def verify(
    ctx: click.Context,
    /,
    queries: Sequence[str],
    tasks: Sequence[str],
    keyword: str,
    slots: str | None,
    no_train: bool,
    allow_subprocess: bool | None,
    data: str | None,
    directory: str | None,
    plugins: Sequence[str],
) -> None:
    """Train again under the recorded conditions, and say of each record whether it is true.

    RECORD is a record's file or its stem, a node id, or the name of a submission; of several that bear
    it, those that count. Without any: all records that count. Nothing of the leaderboard is written.

    \b
    identical               the same outcome, scores and predictions, to the last bit
    reproduced              within the interval, where the same bits are not to be expected
    not reproduced          with the figures, or what shows that the record was edited
    cannot be checked here  other device, changed data or files: with which, and what to do
    consistent              with --no-train: record, evidence, files and data fit each other

    Exits 0 when every record is identical, reproduced or consistent, and 1 otherwise: what was not
    checked does not pass. Suspicious claims are told in lines of their own, and count only with
    --no-train, as then no training has answered them.
    """
    from grader.host.claims import claims
    from grader.host.filters import filters
    from grader.host.listing import entries
    from grader.host.settings import make_config
    from grader.host.verified import Progress, counts
    from grader.host.verify import Verification

    store = existing_store(directory)
    listed, problems = entries(store)
    for problem in problems:
        say(f"grader: warning: {problem}", err=True)
    wanted = claims(listed, queries, filters(keyword=keyword, tasks=tasks), tasks)
    config = make_config(
        slots=slots, data=data, leaderboard=directory, plugins=plugins, allow_subprocess=allow_subprocess
    )
    progress = Progress()
    manager: pluggy.PluginManager = ctx.obj
    manager.register(progress, "progress")
    verification = Verification(config, manager, progress.found)
    try:
        verification.run(wanted, train=not no_train)
    finally:
        progress.close()
    say(counts(progress.findings, time.monotonic() - progress.started))
    if verification.interrupted:
        said = f"{len(progress.findings)} of {count(len(wanted), 'record')}"
        say(f"interrupted: verified {said}; run the same command again for all", err=True)
    ctx.exit(_exit_code(progress.findings, interrupted=verification.interrupted, trained=not no_train))


def _exit_code(findings: Sequence[Finding], *, interrupted: bool, trained: bool) -> int:
    """0 where every record stands, 1 where one does not or was not checked, 2 when interrupted."""
    if interrupted:
        return 2
    doubted = any(finding.suspicions for finding in findings) and not trained
    return int(doubted or not all(finding.verdict.holds for finding in findings))
