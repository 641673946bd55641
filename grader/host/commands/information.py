"""`grader tasks` and `grader plugins`: what there is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from grader import hookimpl

if TYPE_CHECKING:
    import pluggy

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
    """List the plugins that are loaded, and the hooks that each implements."""
    manager: pluggy.PluginManager = ctx.obj
    rows = []
    for name, plugin in manager.list_name_plugin():
        if plugin is not None:
            hooks = [caller.name for caller in manager.get_hookcallers(plugin) or ()]
            rows.append((name, _origin(manager, plugin), ", ".join(sorted(set(hooks)))))
    _table(("plugin", "from", "hooks"), rows)


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


def _origin(manager: pluggy.PluginManager, plugin: object) -> str:
    for candidate, distribution in manager.list_plugin_distinfo():
        if candidate is plugin:
            return f"{distribution.project_name} {distribution.version}"
    return "grader" if getattr(plugin, "__name__", "").startswith("grader.") else "-p"
