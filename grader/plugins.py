"""The plugin managers: one for the harness, and one for each submission in its worker."""

from __future__ import annotations

import importlib
from collections.abc import Iterable

import pluggy

from grader import hookspecs
from grader.contract.errors import UsageError

BUILTINS = (
    # tasks, in the order in which `grader tasks` lists them
    "grader.tasks.embedded",  # digits, breast-cancer, diabetes: no network
    "grader.tasks.vision",  # fashion-mnist, mnist, kmnist, cifar10, by torchvision's readers
    "grader.tasks.image_csv",  # [tool.grader.tasks.NAME] tables with family = "image-csv"
    # what is looked for in the paths
    "grader.host.collect",  # files, folders, installed distributions
    # commands
    "grader.host.commands.collecting",  # list, new
    # where trials run
    "grader.host.executors.local",
    # what becomes of the standings
    "grader.host.reports.markdown",
    "grader.host.reports.csv",
    "grader.host.reports.json",
)


def harness_manager(modules: Iterable[str] = ()) -> pluggy.PluginManager:
    """Return a manager with the built-ins, the installed plugins (group `grader`) and `-p` modules."""
    manager = pluggy.PluginManager("grader")
    manager.add_hookspecs(hookspecs.HarnessHooks)
    for name in BUILTINS:
        manager.register(importlib.import_module(name), name)
    manager.load_setuptools_entrypoints("grader")
    for name in modules:
        manager.register(_imported(name), name)
    manager.check_pending()
    return manager


def submission_manager() -> pluggy.PluginManager:
    """Return an empty manager for one submission."""
    manager = pluggy.PluginManager("grader")
    manager.add_hookspecs(hookspecs.SubmissionHooks)
    return manager


def _imported(name: str) -> object:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UsageError(f"-p {name}: cannot import this plugin ({error})") from error
