"""The plugin managers: one for the harness, and one for each submission in its worker."""

from __future__ import annotations

import importlib
import importlib.metadata
import operator
import os
import re
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pluggy

from grader import __version__, hookspecs
from grader.contract.errors import UsageError
from grader.contract.text import did_you_mean, plain
from grader.shield import Guest, ShieldedManager, Tell, told

if TYPE_CHECKING:
    from grader.contract.task import TaskDefinition, TaskTables

BUILTINS = (
    # tasks, in the order in which `grader tasks` lists them
    "grader.tasks.embedded",  # digits, breast-cancer, diabetes: no network
    "grader.tasks.vision",  # fashion-mnist, mnist, kmnist, cifar10, by torchvision's readers
    "grader.tasks.image_csv",  # [tool.grader.tasks.NAME] tables with family = "image-csv"
    # what is looked for in the paths
    "grader.host.collect",  # files, folders, installed distributions
    "grader.grading.notebooks",  # notebooks, each as the module of its code cells
    # where trials run
    "grader.host.executors.local",
    "grader.host.executors.cluster",  # ray
    # commands, in the order of a submission's life
    "grader.host.commands.collecting",  # list, new
    "grader.host.commands.checking",  # check
    "grader.host.commands.running",  # run
    "grader.host.commands.results",  # leaderboard, show
    "grader.host.commands.comparing",  # compare
    "grader.host.commands.verifying",  # verify
    "grader.grading.command",  # grade
    "grader.grading.bundle.gradescope",  # gradescope
    "grader.host.commands.records",  # records: list, remove, merge
    "grader.host.commands.information",  # tasks, plugins
    # what becomes of the standings
    "grader.host.reports.markdown",
    "grader.host.reports.csv",
    "grader.host.reports.json",
    "grader.host.reports.matrix",  # models by loops, where some were combined
    "grader.host.reports.html",  # index.html and plots/
)
_WITHOUT = "no:"
TASKS = tuple(name for name in BUILTINS if name.startswith("grader.tasks."))
"""The built-ins that the preparer of task data needs."""


def harness_manager(
    modules: Iterable[str] = (), builtins: Iterable[str] = BUILTINS, tell: Tell = warnings.warn
) -> ShieldedManager:
    """Return a manager with the built-ins, the installed plugins (group `grader`) and `-p` modules.

    As in pytest, `no:NAME` leaves a plugin out: of a built-in the last part of its name is enough. `tell`
    gets a line about each other plugin that fails, now or later, and is switched off. Raises UsageError for
    a module that cannot be imported, and for a plugin to leave out that there is not.
    """
    named = [name for name in modules if not name.startswith(_WITHOUT)]
    installed = sorted(importlib.metadata.entry_points(group="grader"), key=lambda entry: entry.name)
    manager = ShieldedManager(tell)
    for name in modules:
        if name.startswith(_WITHOUT):
            known = [*(entry.name for entry in installed), *named]
            manager.set_blocked(_full(name.removeprefix(_WITHOUT), known))
    for name in builtins:
        if not manager.is_blocked(name):
            manager.register(importlib.import_module(name), name)
    for entry in installed:
        if not manager.is_blocked(entry.name):
            _admit_installed(manager, entry)
    for name in named:
        if not (manager.is_blocked(name) or name in BUILTINS):
            _admit_named(manager, name)
    return manager


def named_in_environment() -> list[str]:
    """What GRADER_PLUGINS names, with commas between: as `-p` does, for every command."""
    return [name for name in map(str.strip, os.environ.get("GRADER_PLUGINS", "").split(",")) if name]


def task_definitions(manager: pluggy.PluginManager, tables: TaskTables) -> dict[str, TaskDefinition]:
    """Return all tasks by name, in the order of their plugins. Raises UsageError for a name used twice.

    A table without a family gives the task of its name a private test set.
    """
    from grader.tasks.private import with_private

    found: dict[str, TaskDefinition] = {}
    owners: dict[str, str] = {}
    for plugin, definition in registered_tasks(manager, tables):
        name = definition.task.name
        if name in found:
            both = owners[name] if owners[name] == plugin else f"{owners[name]} and {plugin}"
            raise UsageError(f"task {name!r} is registered twice, by {both}; rename one of them")
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
            raise UsageError(f"task {name!r} of {plugin}: use letters, digits, '.', '_' and '-' in its name")
        found[name], owners[name] = definition, plugin
    for name, table in tables.items():
        if name in found and "family" not in table:
            found[name] = with_private(found[name], table)
        elif "family" not in table:
            raise UsageError(
                f"[tool.grader.tasks.{plain(name)}]: there is no such task{did_you_mean(name, found)}; "
                "one of your own needs family = ..., as 'image-csv' is"
            )
    for name in tables.keys() - found.keys():
        raise UsageError(
            f"[tool.grader.tasks.{name}]: no plugin knows the family {tables[name].get('family')!r}; "
            f"'image-csv' is built in{without(manager)}"
        )
    return found


def registered_tasks(
    manager: pluggy.PluginManager, tables: TaskTables
) -> Iterable[tuple[str, TaskDefinition]]:
    """Yield each plugin's name with each task that it registers. Raises UsageError for a wrong table."""
    for name, register in by_plugin(manager, "grader_register_tasks"):
        for definitions in register(tables=tables):
            for definition in definitions:
                yield name, definition


def submission_manager() -> pluggy.PluginManager:
    """Return an empty manager for one submission."""
    manager = pluggy.PluginManager("grader")
    manager.add_hookspecs(hookspecs.SubmissionHooks)
    return manager


def by_plugin(manager: pluggy.PluginManager, hook: str) -> Iterator[tuple[str, pluggy.HookCaller]]:
    """Yield each plugin's name and a caller of its own implementation of a hook, in the plugins' order.

    So that what comes of it can be told by who gave it; pluggy would call all at once, the last one first.
    """
    for name, plugin in manager.list_name_plugin():
        others = [other for other in manager.get_plugins() if other is not plugin]
        if plugin is not None:
            yield name, manager.subset_hook_caller(hook, others)


def without(manager: pluggy.PluginManager) -> str:
    """Return what to add to a message about something that no plugin brings: the plugins switched off."""
    return manager.absent() if isinstance(manager, ShieldedManager) else ""


def guests(manager: pluggy.PluginManager) -> Mapping[str, Guest]:
    """Return the plugins that are at work and not built in, by name."""
    return manager.guests if isinstance(manager, ShieldedManager) else {}


def _admit_installed(manager: ShieldedManager, entry: importlib.metadata.EntryPoint) -> None:
    assert entry.dist is not None
    guest = Guest(entry.name, f"{entry.dist.name} {entry.dist.version}", entry.module)
    other = _written_for(entry.dist)
    if other:
        manager.switch_off(guest, f"it is written for {other}, and this is grader {__version__}")
    else:
        manager.admit(guest, entry.load)


def _admit_named(manager: ShieldedManager, name: str) -> None:
    plugin = _imported(name)
    manager.admit(Guest(name, "-p", name.partition(":")[0]), lambda: plugin)


def _written_for(distribution: importlib.metadata.Distribution) -> str:
    """The versions of grader that a distribution requires, where this one is none of them."""
    asked = [line for line in distribution.requires or () if line.lower().startswith("grader")]
    if not asked:
        return ""
    from packaging.requirements import Requirement

    for each in map(Requirement, asked):
        meant = each.name.lower() == "grader" and (each.marker is None or each.marker.evaluate({"extra": ""}))
        if meant and not each.specifier.contains(__version__, prereleases=True):
            return f"grader {each.specifier}"
    return ""


def _full(name: str, others: Sequence[str]) -> str:
    """The name of the plugin that `no:NAME` leaves out: a built-in, or one of the others."""
    short = {builtin.rpartition(".")[2]: builtin for builtin in BUILTINS}
    if name in {*BUILTINS, *others}:
        return name
    if name not in short:
        hint = did_you_mean(name, [*short, *others])
        raise UsageError(
            f"-p no:{plain(name, 60)}: there is no such plugin{hint}; `grader plugins` lists them"
        )
    return short[name]


def _imported(name: str) -> object:
    """The module of this name, or the object in it: `module:object`, as entry points spell it."""
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))  # last: nothing there stands in for an installed module
    module, _, inside = name.partition(":")
    try:
        found = importlib.import_module(module)
        return operator.attrgetter(inside)(found) if inside else found
    except (Exception, SystemExit) as error:
        raise UsageError(
            f"-p {plain(name, 60)}: cannot import this plugin ({told(error, module)})"
        ) from error
