"""`grader check`: the rules, one by one, in seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from grader import hookimpl
from grader.contract.text import plain
from grader.host.commands import say
from grader.host.commands.running import session_options

if TYPE_CHECKING:
    import pluggy

    from grader.host.check import Finding

_MARKS = {True: ("ok", "green"), False: ("FAILED", "red"), None: ("-", "yellow")}


@hookimpl
def grader_register_commands(cli: click.Group) -> None:
    """Add `check`."""
    cli.add_command(check)


@click.command()
@click.argument("paths", nargs=-1, required=True)
@session_options
@click.pass_context
def check(ctx: click.Context, /, **wishes: Any) -> None:
    """See whether submissions keep the rules: a short, real trial each. Keeps no record.

    Exits 0 when every rule is kept, 1 otherwise.
    """
    from grader.host.check import BUDGET, Checker, estimate
    from grader.host.session import Session
    from grader.host.settings import make_config

    manager: pluggy.PluginManager = ctx.obj
    wishes["budget"] = wishes["budget"] or BUDGET
    checker = Checker()
    manager.register(checker, "checker")
    # the rules are each submission's own: [tool.grader] cross is for runs
    session = Session(make_config(**wishes, cross=False, calibrate=False), manager, keep=False)
    records = session.run()
    for record in records:
        trial, findings = checker.findings[record.node_id]
        say(f"{plain(trial.node_id)}")
        for finding in findings:
            _show(finding)
        say(f"  {estimate(trial, record)}")
        for note in record.notes:
            say(f"  note: {plain(note)}")
    ctx.exit(2 if session.interrupted else int(not checker.passed))


def _show(finding: Finding) -> None:
    mark, colour = _MARKS[finding.passed]
    said = f": {plain(finding.said)}" if finding.said else ""
    say(f"  {click.style(f'{mark:6}', fg=colour)} {finding.rule}{said}")
