"""The plugin managers: one for the harness, and one for each submission in its worker."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pluggy

from grader import hookspecs
from grader.contract.errors import UsageError
from grader.contract.text import did_you_mean, plain

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


def harness_manager(modules: Iterable[str] = (), builtins: Iterable[str] = BUILTINS) -> pluggy.PluginManager:
    """Return a manager with the built-ins, the installed plugins (group `grader`) and `-p` modules.

    As in pytest, `no:NAME` leaves a plugin out: of a built-in the last part of its name is enough. Raises
    UsageError for a module that cannot be imported, and for a built-in that there is not.
    """
    named = tuple(modules)
    manager = pluggy.PluginManager("grader")
    manager.add_hookspecs(hookspecs.HarnessHooks)
    for name in named:
        if name.startswith(_WITHOUT):
            manager.set_blocked(_full(name.removeprefix(_WITHOUT)))
    for name in builtins:
        if not manager.is_blocked(name):
            manager.register(importlib.import_module(name), name)
    manager.load_setuptools_entrypoints("grader")
    for name in named:
        if not name.startswith(_WITHOUT):
            manager.register(_imported(name), name)
    manager.check_pending()
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
    for plugin, definition in _registered_tasks(manager, tables):
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
            "'image-csv' is built in"
        )
    return found


def submission_manager() -> pluggy.PluginManager:
    """Return an empty manager for one submission."""
    manager = pluggy.PluginManager("grader")
    manager.add_hookspecs(hookspecs.SubmissionHooks)
    return manager


def _registered_tasks(
    manager: pluggy.PluginManager, tables: TaskTables
) -> Iterable[tuple[str, TaskDefinition]]:
    # One plugin at a time, so that an error can name it; pluggy would call the last one first.
    for name, plugin in manager.list_name_plugin():
        others = [other for other in manager.get_plugins() if other is not plugin]
        for definitions in manager.subset_hook_caller("grader_register_tasks", others)(tables=tables):
            for definition in definitions:
                yield name, definition


def _full(name: str) -> str:
    """The name of the plugin that `no:NAME` leaves out."""
    short = {builtin.rpartition(".")[2]: builtin for builtin in BUILTINS}
    installed = {each.name for each in importlib.metadata.entry_points(group="grader")}
    if name in {*BUILTINS, *installed}:
        return name
    if name not in short:
        hint = did_you_mean(name, [*short, *installed])
        raise UsageError(
            f"-p no:{plain(name, 60)}: there is no such plugin{hint}; `grader plugins` lists them"
        )
    return short[name]


def _imported(name: str) -> object:
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))  # last: nothing there stands in for an installed module
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UsageError(f"-p {name}: cannot import this plugin ({error})") from error
