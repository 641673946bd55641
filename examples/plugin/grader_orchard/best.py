"""A command: `grader best TASK` names the record with the best score."""

import click

import grader
from grader import hookimpl
from grader.contract.errors import UsageError
from grader.contract.text import one_line


@hookimpl
def grader_register_commands(cli):
    cli.add_command(best)


@click.command()
@click.argument("task")
@click.option("--leaderboard", default="leaderboard", help="Folder that holds records/.")
def best(task, leaderboard):
    """Name the best record of TASK."""
    found = [each for each in grader.records(leaderboard) if each.task.name == task and each.status == "ok"]
    if not found:
        raise UsageError(f"no record of {one_line(task)} in {one_line(leaderboard)}: `grader run` makes some")
    metric, sign = found[0].task.metric, 1 if found[0].task.higher_is_better else -1
    first = max(found, key=lambda each: sign * each.metrics[metric])
    click.echo(f"{one_line(first.node_id)} {metric}={first.metrics[metric]:.4f}")
