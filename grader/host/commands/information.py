"""`grader tasks` and `grader plugins`: what there is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from grader import hookimpl

if TYPE_CHECKING:
    from grader.contract.task import Task


@hookimpl
def grader_register_commands(cli: click.Group) -> None:
    """Add `tasks` and `plugins`."""
    cli.add_command(tasks)
    cli.add_command(plugins)


@click.command()
@click.pass_context
def tasks(ctx: click.Context) -> None:
    """List what can be trained on."""
    from grader.host.settings import make_config
    from grader.plugins import task_definitions

    found = task_definitions(ctx.obj, make_config().task_tables)
    heads = ("task", "kind", "input", "range", "metric", "batch", "optimiser", "budget", "baseline", "title")
    _table(heads, [_row(definition.task) for definition in found.values()])


@click.command()
@click.pass_context
def plugins(ctx: click.Context) -> None:
    """List the plugins: where each comes from, what it brings and the hooks that it implements."""
    from grader.host.commands import say, task_tables, terminal_width
    from grader.host.provided import absent, provided, text, wrapped

    commands, width = getattr(ctx.find_root().command, "owners", {}), terminal_width()
    say(text(provided(ctx.obj, commands, task_tables()), width))
    for line in absent(ctx.obj):
        say("\n".join(wrapped(line, width)))


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    from grader.contract.text import one_line
    from grader.host.commands import say
    from grader.host.reports.tables import grid

    say(grid(heads, [[one_line(cell) for cell in row] for row in rows], "simple", ["left"] * len(heads)))


def _row(task: Task) -> tuple[str, ...]:
    arrow = "up" if task.higher_is_better else "down"
    return (
        task.name,
        task.kind if task.kind != "multiclass" else f"{task.num_classes or '?'} classes",
        "x".join(map(str, task.input_shape)) or "?",
        task.input_range,
        f"{task.metric} ({arrow})",
        str(task.batch_size),
        f"{task.optimizer} {task.learning_rate:g}",
        task.budget,
        task.baseline,
        task.title,
    )
