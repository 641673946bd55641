"""What a person sees of a session: a header, live bars on a terminal or plain lines elsewhere, a summary.

A plugin over the session's hooks; the session itself prints nothing. Names and messages come from
submissions: they are shown as plain text, never as markup.
"""

from __future__ import annotations

import platform
import shutil
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

import click

from grader import __version__, hookimpl
from grader.contract.status import Status
from grader.contract.text import plain
from grader.host.commands import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.progress import Progress, TaskID

    from grader.contract.record import CurvePoint, Record
    from grader.contract.task import Task
    from grader.contract.trial import Trial
    from grader.host.config import Config

_HEARTBEAT = 30.0  # seconds between two lines about one trial where there is no terminal
_COLOURS = {Status.OK: "green", Status.HARNESS_ERROR: "magenta"}


class Console:
    """Listens to one session. `verbosity`: -1 quiet, 0 usual, 1 with tracebacks, 2 with output."""

    def __init__(self, verbosity: int = 0) -> None:
        self._verbosity = verbosity
        self._started = time.monotonic()
        self._bars: Bars | None = None
        self._beat = 0.0

    @hookimpl
    def grader_task_prepare(self, task: Task) -> None:
        """Say why nothing happens yet."""
        if self._verbosity >= 0:
            say(f"preparing {plain(task.name)}, once …")

    @hookimpl
    def grader_session_start(self, config: Config, trials: Sequence[Trial]) -> None:
        """Say what will run, and on what."""
        if self._verbosity >= 0:
            for line in _header(config, trials):
                say(line)
        if self._verbosity >= 0 and sys.stdout.isatty():
            self._bars = Bars(len(trials))

    @hookimpl
    def grader_trial_start(self, trial: Trial) -> None:
        """Begin its bar."""
        self._beat = time.monotonic() + _HEARTBEAT
        if self._bars:
            self._bars.begin(trial)

    @hookimpl
    def grader_trial_progress(self, trial: Trial, phase: str, point: CurvePoint | None) -> None:
        """Move its bar, or say now and then that it lives."""
        if self._bars:
            self._bars.move(trial, phase, point)
        elif self._verbosity >= 0 and time.monotonic() >= self._beat:
            self._beat = time.monotonic() + _HEARTBEAT
            say(f"{plain(trial.node_id)}: {phase}, {_standing(trial, point)}")

    @hookimpl
    def grader_trial_finish(self, trial: Trial, record: Record) -> None:
        """One line about how it ended."""
        line = outcome_line(trial, record)
        if self._bars:
            self._bars.end(line)
        elif self._verbosity >= 0 or record.status is not Status.OK:
            say(line)

    @hookimpl
    def grader_session_finish(self) -> None:
        """Take the bars away before the summary."""
        self.close()

    def close(self) -> None:
        """Give the terminal back."""
        if self._bars:
            self._bars.close()
            self._bars = None

    def summary(self, records: Sequence[Record], *, interrupted: bool, stopped_early: bool) -> None:
        """Repeat the failures, and count."""
        failed = [record for record in records if record.status is not Status.OK]
        if failed:
            say(_rule("failures"))
        for record in failed:
            for line in _failure(record, self._verbosity):
                say(line)
        counts = Counter(str(record.status) for record in records)
        said = (
            ", ".join(f"{n} {status}" for status, n in sorted(counts.items(), key=_ok_first)) or "nothing ran"
        )
        early = ", interrupted" if interrupted else ", stopped early" if stopped_early else ""
        colour = "red" if failed or interrupted else "green"
        say(click.style(_rule(f"{said}{early} in {time.monotonic() - self._started:.1f} s"), fg=colour))


class Bars:
    """Live bars: one for the running trial, one for all."""

    def __init__(self, total: int) -> None:
        from rich.console import Console as RichConsole
        from rich.progress import BarColumn, Progress, TextColumn

        self._console = RichConsole(highlight=False, markup=False, emoji=False)
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[said]}", markup=False),
        )
        self._progress: Progress = Progress(
            *columns, console=self._console, transient=True, refresh_per_second=5
        )
        self._all: TaskID = self._progress.add_task("all trials", total=total, said=f"0/{total}")
        self._running: TaskID | None = None
        self._done, self._total = 0, total
        self._progress.start()

    def begin(self, trial: Trial) -> None:
        """Show a bar for the trial."""
        self._running = self._progress.add_task(plain(trial.submission.name), total=1.0, said="waiting")

    def move(self, trial: Trial, phase: str, point: CurvePoint | None) -> None:
        """Show how far it is."""
        if self._running is None:
            return
        done = _fraction(trial, point) if phase == "train" else 1.0 if phase == "predict" else 0.0
        self._progress.update(self._running, completed=done, said=f"{phase} {_standing(trial, point)}")

    def end(self, line: str) -> None:
        """Take its bar away and leave its line above the others."""
        from rich.text import Text

        if self._running is not None:
            self._progress.remove_task(self._running)
            self._running = None
        self._done += 1
        self._progress.update(self._all, completed=self._done, said=f"{self._done}/{self._total}")
        self._console.print(Text.from_ansi(line))

    def close(self) -> None:
        """Stop drawing."""
        self._progress.stop()


def outcome_line(trial: Trial, record: Record) -> str:
    """`submissions/mlp.py::digits[seed=0] ok  accuracy 97.22 %, loss 0.099, 1.21 s`."""
    status = click.style(record.status, fg=_COLOURS.get(record.status, "red"))
    said = scores(record) if record.status is Status.OK else plain(record.reason)
    return f"{plain(trial.node_id)} {status}  {said}"


def scores(record: Record) -> str:
    """The record's metrics and training time in a few words."""
    parts = []
    for name, value in record.metrics.items():
        if name == "accuracy":
            parts.append(f"accuracy {100 * value:.2f} %")
        elif name != "loss" or record.task.kind != "regression":  # there it is the mse once more
            parts.append(f"{plain(name)} {value:.4g}")
    if record.timing.train_seconds is not None:
        parts.append(f"{record.timing.train_seconds:.2f} s")
    return ", ".join(parts)


def _header(config: Config, trials: Sequence[Trial]) -> list[str]:
    from grader.host import environment

    if not trials:
        return [_rule("grader session starts"), "nothing has to be run", ""]
    first, here = trials[0], environment.current()
    lines = [
        _rule("grader session starts"),
        f"grader {__version__}, Python {platform.python_version()}, torch {here.torch}, "
        f"torchvision {here.torchvision}",
        f"device: {first.device} ({first.device.name}), {first.threads} threads; "
        f"isolation: {first.isolation}",
        f"root: {plain(str(config.root))}; leaderboard: {plain(str(config.leaderboard))}",
    ]
    if first.isolation.openings:
        warning = f"isolation {first.isolation}: {first.isolation.openings}; run only what you trust"
        lines.append(click.style(warning, fg="yellow"))
    if config.plugins:
        lines.append(f"plugins: {plain(', '.join(config.plugins))}")
    tasks = {trial.task.name: trial for trial in trials}
    for name, trial in tasks.items():
        task = trial.task
        counts = f"{task.train_samples} to train on, {task.test_samples} to be tested on"
        lines.append(f"task: {name} ({counts}), budget {trial.budget}, metric {task.metric}")
    submissions = {trial.submission.path for trial in trials}
    lines.append(f"collected {_count(len(submissions), 'submission')}, {_count(len(trials), 'trial')}")
    return [*lines, ""]


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'s' if number != 1 else ''}"


def _rule(text: str) -> str:
    width = min(shutil.get_terminal_size((80, 24)).columns, 100)
    return f" {text} ".center(width, "=")


def _ok_first(item: tuple[str, int]) -> tuple[bool, str]:
    return item[0] != Status.OK, item[0]


def _failure(record: Record, verbosity: int) -> list[str]:
    phase = f" in {record.phase}" if record.phase else ""
    lines = [f"{plain(record.node_id)}: {record.status}{phase}", f"    {plain(record.reason)}"]
    if verbosity >= 1:
        lines += [f"    {plain(line)}" for line in record.detail.splitlines()]
    if verbosity >= 2 and record.output:
        lines += ["    its output:", *(f"    | {plain(line)}" for line in record.output.splitlines()[-50:])]
    return lines


def _fraction(trial: Trial, point: CurvePoint | None) -> float:
    if point is None:
        return 0.0
    budget = trial.budget
    used = (
        (point.seconds, budget.seconds),
        (point.epoch, budget.epochs),
        (point.steps, budget.steps),
        (point.samples, budget.samples),
    )
    return min(1.0, max(value / limit for value, limit in used if limit))


def _standing(trial: Trial, point: CurvePoint | None) -> str:
    if point is None:
        return f"budget {trial.budget}"
    loss = f", loss {point.loss:.4g}" if point.loss is not None else ""
    return f"epoch {point.epoch:.1f}{loss}, {point.seconds:.0f} s of {trial.budget}"
