"""Which plugin gives what: for `grader plugins`."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grader.contract.errors import GraderError
from grader.contract.text import one_line
from grader.plugins import by_plugin, guests, registered_tasks
from grader.shield import ShieldedManager

if TYPE_CHECKING:
    import pluggy

    from grader.contract.task import TaskDefinition, TaskTables

_HEADS = ("plugin", "from", "brings", "hooks")


@dataclass(frozen=True)
class Provided:
    """A plugin at work: its name, where it comes from, what it brings by name, and its hooks."""

    plugin: str
    origin: str
    brings: str
    hooks: str

    def cells(self) -> tuple[str, ...]:
        """What a table shows of it."""
        return tuple(map(one_line, (self.plugin, self.origin, self.brings, self.hooks)))


def provided(
    manager: pluggy.PluginManager, commands: Mapping[str, str], tables: TaskTables
) -> list[Provided]:
    """List the plugins at work, in their order. `commands` tells the plugin of each command."""
    brought: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for plugin, definition in _tasks(manager, tables):
        brought[plugin]["tasks"].append(definition.task.name)
    for command, plugin in sorted(commands.items()):
        brought[plugin]["commands"].append(command)
    for plugin, columns in _columns(manager, tables):
        brought[plugin]["columns"] += columns
    known = guests(manager)
    return [
        Provided(
            name,
            known[name].origin if name in known else "grader",
            "; ".join(f"{kind} {', '.join(names)}" for kind, names in brought[name].items() if names),
            ", ".join(sorted({caller.name for caller in manager.get_hookcallers(plugin) or ()})),
        )
        for name, plugin in manager.list_name_plugin()
        if plugin is not None
    ]


def absent(manager: pluggy.PluginManager) -> Iterator[str]:
    """Yield a line about each plugin that was switched off, or that the user left out."""
    for off in manager.off if isinstance(manager, ShieldedManager) else ():
        yield f"switched off: {off.guest}: {off.why}"
    for name, plugin in manager.list_name_plugin():
        if plugin is None:
            yield one_line(f"left out by no:{name.rpartition('.')[2]}: {name}")


def text(rows: Sequence[Provided], width: int) -> str:
    """The plugins as a table, or one below the other where the width has no room for it."""
    from grader.host.reports.tables import grid

    table = grid(_HEADS, [row.cells() for row in rows], "simple", ["left"] * len(_HEADS))
    if max(map(len, table.splitlines())) <= width:
        return table
    return "\n".join(line for row in rows for line in _below(row, width))


def _below(row: Provided, width: int) -> Iterator[str]:
    name, *cells = row.cells()
    yield from textwrap.wrap(name, width)
    for head, cell in zip(_HEADS[1:], cells, strict=True):
        yield from wrapped(cell, width, f"  {head:<6}  ")


def wrapped(text: str, width: int, before: str = "") -> list[str]:
    """The text in lines of at most this width, with `before` on the first and blanks below it."""
    return textwrap.wrap(
        text,
        width,
        initial_indent=before,
        subsequent_indent=" " * len(before),
        break_on_hyphens=False,
    )


def _tasks(manager: pluggy.PluginManager, tables: TaskTables) -> list[tuple[str, TaskDefinition]]:
    """The tasks with their plugins; none where one of the tables is wrong, as `grader tasks` will say."""
    try:
        return list(registered_tasks(manager, tables))
    except GraderError:
        return []


def _columns(manager: pluggy.PluginManager, tables: TaskTables) -> Iterator[tuple[str, list[str]]]:
    """The columns that plugins show beside the primary metric of the tasks that there are."""
    if not manager.hook.grader_columns.get_hookimpls():
        return
    from grader.host.score import task_info

    tasks = [task_info(definition.task) for _, definition in _tasks(manager, tables)]
    for plugin, columns in by_plugin(manager, "grader_columns"):
        found = (name for task in tasks for names in columns(task=task) for name in names)
        yield plugin, list(dict.fromkeys(found))
