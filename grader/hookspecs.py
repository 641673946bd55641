"""Every hook: first what a submission may implement, then what a plugin of the harness may.

Signatures and docstrings only. Each docstring says what the hook gets, what it returns, when it runs
and on which side of the wall. A hook names only the arguments it wants, in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

from grader.contract.isolation import Isolation
from grader.contract.record import CurvePoint, Record, TaskInfo
from grader.contract.submission import Submission
from grader.contract.task import Task, TaskDefinition
from grader.contract.trial import Trial

if TYPE_CHECKING:
    import click
    import numpy as np
    import numpy.typing as npt
    import torch

    from grader.host.archive import Archive
    from grader.host.config import Config
    from grader.host.executors import Executor
    from grader.host.rank import Standings
    from grader.host.slots import Slot
    from grader.host.supervise import Listener
    from grader.worker.budget import RunningBudget
    from grader.worker.data import Loader, TrainData
    from grader.worker.progress import Progress

hookspec = pluggy.HookspecMarker("grader")


class SubmissionHooks:
    """Implemented by submissions, called in a worker."""

    @hookspec(firstresult=True)
    def build_model(self, task: Task, device: torch.device, seed: int) -> torch.nn.Module:
        """Return a new, untrained model. Off the clock, before any training data is there.

        Its inputs are float32 of shape (N, *task.input_shape). Called once to train and once more, in
        a second process, to predict: both must give the same architecture.
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def build_optimizer(
        self, model: torch.nn.Module, task: Task, budget: RunningBudget
    ) -> torch.optim.Optimizer:
        """Return the optimiser that the default loop steps. On the clock; unused beside an own `train`."""
        raise NotImplementedError

    @hookspec(firstresult=True)
    def train(
        self,
        model: torch.nn.Module,
        train_loader: Loader,
        train_data: TrainData,
        task: Task,
        budget: RunningBudget,
        device: torch.device,
        seed: int,
        progress: Progress,
    ) -> torch.nn.Module | None:
        """Train the model, on the clock. Return None for the model given, or another of its architecture.

        Batches come on the device and end when the budget does; nothing else needs to be done to keep
        to it. Called under `model.train()`.
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def predict(
        self, model: torch.nn.Module, inputs: torch.Tensor, task: Task, device: torch.device
    ) -> torch.Tensor:
        """Return float32 outputs for one batch of inputs, in a fresh process that holds the weights only.

        Multiclass: (N, K) logits. Binary: (N, 1) logits. Regression: (N, 1) in target units. Called under
        `eval()` and `inference_mode`; without it, outputs are `model(inputs)`.
        """
        raise NotImplementedError


class HarnessHooks:
    """Implemented by plugins of the harness, called in the host (and, for tasks, in the preparer)."""

    @hookspec
    def grader_register_commands(self, cli: click.Group) -> None:
        """Add commands to the command line: `cli.add_command(...)`. Host, once at start."""

    @hookspec
    def grader_register_tasks(self, tables: Mapping[str, Mapping[str, Any]]) -> Sequence[TaskDefinition]:
        """Return tasks to train on. Host, and again in the preparer process: import nothing heavy here.

        `tables` are the configuration's `[tool.grader.tasks.NAME]` tables, for families that are
        configured rather than built in. Raise UsageError for a table of your family that is wrong.
        """
        raise NotImplementedError

    @hookspec(firstresult=True)
    def grader_collect(self, path: Path, config: Config) -> Sequence[Submission] | None:
        """Return the submissions at a path, or None to leave it to others. Host; must not import them."""

    @hookspec
    def grader_modify_trials(self, trials: list[Trial], config: Config) -> None:
        """Reorder, drop or add trials in place before the first runs. Host, once a session."""

    @hookspec(firstresult=True)
    def grader_make_executor(
        self,
        name: str,
        config: Config,
        slots: Sequence[Slot],
        submissions: Sequence[Submission],
        trials: int,
        isolation: Isolation,
        hidden: Sequence[Path],
        listen: Listener,
        notice: Callable[[str], None],
    ) -> Executor | None:
        """Return the executor of this name, or None when it is not yours. Host, before the first trial.

        `slots` are what this machine gives as `-n` asks, one trial at a time in each; where `name` is not
        `local`, what it usually gives: `-n` is `config.slots` then. None is asked for where nothing has to
        run. What it returns must pass the contract in grader.host.executors.

        `submissions` are all that may come: their folders must be readable and their imports are worth
        preloading in a worker server; `trials` is about how many there will be. `isolation` is the level
        at which each must run, shown to be possible on this machine; `hidden` are folders that no worker may
        read, wherever they lie: data sets inside libraries, the cache, the leaderboard.
        `listen(trial, phase, point)`, and `notice(line)` for what a person should know of the places where
        trials run, may be called from any thread.
        """

    @hookspec
    def grader_task_prepare(self, task: Task) -> None:
        """A task's data are about to be prepared, once: the cache does not hold them yet. Host."""

    @hookspec
    def grader_session_start(
        self, config: Config, trials: Sequence[Trial], reused: Sequence[Record], slots: int
    ) -> None:
        """Trials are planned and the first is about to run. Host.

        `trials` are those that will run, in the order in which they start, so many `slots` of them at once;
        `reused` are records of earlier runs that stand for the rest of what was asked for.
        """

    @hookspec
    def grader_session_finish(self, config: Config, records: Sequence[Record]) -> None:
        """All has run, or the session was interrupted; the records are stored. Host."""

    @hookspec
    def grader_notice(self, line: str) -> None:
        """An executor has something to say: a node has come, or is lost. Host, in the session's thread."""

    @hookspec
    def grader_trial_start(self, trial: Trial) -> None:
        """A trial starts: perhaps while the one before it is scored and stored. Host, session's thread."""

    @hookspec
    def grader_trial_progress(self, trial: Trial, phase: str, point: CurvePoint | None) -> None:
        """A trial entered a phase, or its worker told how far it is (a claim). Host, session's thread."""

    @hookspec
    def grader_trial_finish(self, trial: Trial, record: Record) -> None:
        """A trial ended, and its record is stored. Host, in the session's thread."""

    @hookspec
    def grader_metrics(
        self, task: Task, logits: npt.NDArray[np.float32], targets: npt.NDArray[np.generic]
    ) -> Mapping[str, float]:
        """Return more metrics by name. Host, after a trial's predictions were checked.

        `logits` (N, K) or (N, 1) are finite and in the order of `targets`, int64 (N,) or float32 (N, 1).
        """
        raise NotImplementedError

    @hookspec
    def grader_columns(self, task: TaskInfo) -> Sequence[str]:
        """Return names of metrics that the leaderboard shows as further columns.

        Host, once for each table. `task` is what the records say of their task, which may be one that
        is no longer installed. A name that no row of the table has is left out.
        """
        raise NotImplementedError

    @hookspec
    def grader_write_leaderboard(
        self, standings: Standings, archive: Archive, directory: Path
    ) -> Sequence[Path]:
        """Write a form of the leaderboard into the directory and return the files. Host.

        `archive` gives the records behind each row, their evidence, and the test samples of tasks that let
        them be shown: what is written depends on nothing else, so that the same of them make the same bytes.
        """
        raise NotImplementedError
