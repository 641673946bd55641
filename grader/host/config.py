"""What a session was asked to do: the command line's or the Python call's words, checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from grader.contract.isolation import Isolation
from grader.contract.trial import Limits

if TYPE_CHECKING:
    from grader.contract.budget import Budget
    from grader.contract.target import Target
    from grader.contract.task import TaskTables


LOCAL = "local"  # the executor that is this machine


@dataclass(frozen=True, kw_only=True)
class Config:
    """One session's settings. Paths are absolute; what is None falls back to the task's default."""

    root: Path  # the folder that holds pyproject.toml, or the working directory
    paths: tuple[str, ...] = ()  # files, folders, or names of installed submissions
    tasks: tuple[str, ...] = ("digits",)
    budget: Budget | None = None
    target: Target | None = None  # None takes no snapshots
    seeds: tuple[int, ...] = (0,)
    device: str = "auto"
    threads: int | None = None
    slots: int | str | None = None  # trials at once: a number, "auto", or None: one, or one a GPU
    data: Path | None = None
    leaderboard: Path = Path("leaderboard")
    keyword: str = ""
    kind: str = ""  # model, loop or both; empty is any
    cross: bool = False  # also every model with every loop
    max_failures: int | None = None
    rerun: bool = False  # also what is done already
    failures_stand: bool = False  # what failed once is done as well: a grade does not hang on another try
    last_failed: bool = False  # only what failed last time
    failed_first: bool = False
    deterministic: bool = False
    verbosity: int = 0
    executor: str = LOCAL
    calibrate: bool | None = None  # None: where trials run elsewhere, on nodes that nobody watches
    isolation: Isolation | None = None  # None takes the best that this machine can give
    allow_subprocess: bool = False
    libraries: tuple[Path, ...] = ()  # folders that submissions may read beside what is installed
    limits: Limits = Limits()
    plugins: tuple[str, ...] = ()  # modules named with -p
    task_tables: TaskTables = field(default_factory=dict)

    @property
    def calibrates(self) -> bool:
        """Whether each node is calibrated before its first trial."""
        return self.executor != "local" if self.calibrate is None else self.calibrate
