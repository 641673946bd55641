"""grader: train what people hand in, under one budget, and keep an honest leaderboard.

The public names. Nothing heavy is imported here, and of our own only what is asked for: submissions import
this module in a worker, the command line before it knows what it is asked, and every pytest does that finds
the plugin.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from grader.contract.budget import Budget
    from grader.contract.errors import BudgetExhausted, GraderError
    from grader.contract.record import Record
    from grader.contract.task import Task

__version__ = "0.1.0"
__all__ = ["Budget", "BudgetExhausted", "GraderError", "Task", "hookimpl", "records", "run"]

hookimpl = pluggy.HookimplMarker("grader")
"""Marks a function of a submission, or of a plugin, as the implementation of a hook."""

_PLACES = {
    "Budget": "grader.contract.budget",
    "BudgetExhausted": "grader.contract.errors",
    "GraderError": "grader.contract.errors",
    "Task": "grader.contract.task",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    globals()[name] = value = getattr(importlib.import_module(_PLACES[name]), name)
    return value


def run(
    paths: str | Path | Sequence[str | Path] = (),
    *,
    task: str | Sequence[str] | None = None,
    budget: str | Budget | None = None,
    target: str | None = None,
    seeds: int | str | Sequence[int] | None = None,
    device: str | None = None,
    threads: int | None = None,
    slots: int | str | None = None,
    data: str | Path | None = None,
    leaderboard: str | Path | None = None,
    keyword: str = "",
    kind: str | None = None,
    cross: bool | None = None,
    max_failures: int | None = None,
    rerun: bool = False,
    last_failed: bool = False,
    failed_first: bool = False,
    deterministic: bool | None = None,
    executor: str | None = None,
    isolation: str | None = None,
    allow_subprocess: bool | None = None,
    calibrate: bool | None = None,
    plugins: Sequence[str] = (),
) -> list[Record]:
    """Train and score submissions as `grader run` does, and return a record for each trial, as asked for.

    A trial that was run before with the same outcome to come is not run again, and its record is returned:
    the same files, task, budget, seed, level of isolation and torch (`rerun=True` trains all the same).
    Settings that are None come from the environment and `[tool.grader]`, as on the command line. Prints
    nothing; records and leaderboard are written. Raises GraderError (one line) when nothing can run, and
    KeyboardInterrupt after an interrupted session has kept what had ended.
    """
    from grader.host.session import Session
    from grader.host.settings import make_config
    from grader.plugins import harness_manager

    config = make_config(
        paths=[paths] if isinstance(paths, str | os.PathLike) else paths,
        tasks=task,
        budget=budget,
        target=target,
        seeds=seeds,
        device=device,
        threads=threads,
        slots=slots,
        data=data,
        leaderboard=leaderboard,
        keyword=keyword,
        kind=kind,
        cross=cross,
        max_failures=max_failures,
        rerun=rerun,
        last_failed=last_failed,
        failed_first=failed_first,
        deterministic=deterministic,
        executor=executor,
        isolation=isolation,
        allow_subprocess=allow_subprocess,
        calibrate=calibrate,
        plugins=plugins,
    )
    session = Session(config, harness_manager(config.plugins))
    session.run()
    if session.interrupted:
        raise KeyboardInterrupt
    return session.records


def records(leaderboard: str | Path = "leaderboard") -> list[Record]:
    """Read a leaderboard's records back, in a settled order. Files that are no records are warned of."""
    import warnings
    from pathlib import Path

    from grader.host.store import Store

    found, problems = Store(Path(leaderboard)).read()
    for problem in problems:
        warnings.warn(problem, stacklevel=2)
    return found
