"""The words for a session, a trial and an outcome that every way of showing them uses."""

from __future__ import annotations

import platform
import shutil
from typing import TYPE_CHECKING, NamedTuple

import click

from grader import __version__
from grader.contract.status import Status
from grader.contract.text import NAME, count, one_line, plain
from grader.host.target import NOT_REACHED, time_to_target

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from grader.contract.record import Calibration, Record
    from grader.contract.trial import Trial
    from grader.host.config import Config
    from grader.host.watch import Running

_COLOURS = {Status.OK: "green", Status.HARNESS_ERROR: "magenta"}


def header(config: Config, trials: Sequence[Trial], reused: Sequence[Record], slots: int) -> list[str]:
    """What will run, and on what."""
    from grader.host import environment

    here = environment.current()
    lines = [
        rule("grader session starts"),
        f"grader {__version__}, Python {platform.python_version()}, torch {here.torch}, "
        f"torchvision {here.torchvision}",
        *(_device(trials[0], slots) if trials else []),
        f"root: {plain(str(config.root))}; leaderboard: {plain(str(config.leaderboard))}",
    ]
    if config.plugins:
        lines.append(f"plugins: {plain(', '.join(config.plugins))}")
    lines += _tasks(trials)
    submissions = {each.submission.display for each in trials} | {each.submission.path for each in reused}
    total = len(trials) + len(reused)
    lines.append(f"collected {count(len(submissions), 'submission')}, {count(total, 'trial')}")
    if reused:
        records = count(len(reused), "record")
        lines.append(f"reusing {records} of earlier runs (--rerun to train again)")
    return [*lines, ""]


def _device(first: Trial, slots: int) -> list[str]:
    lines = [
        f"device: {first.device} ({first.device.name}), {count(slots, 'slot')} of "
        f"{count(first.threads, 'thread')}; isolation: {first.isolation}"
    ]
    if first.isolation.openings:
        warning = f"isolation {first.isolation}: {first.isolation.openings}; run only what you trust"
        lines.append(click.style(warning, fg="yellow"))
    return lines


def _tasks(trials: Sequence[Trial]) -> list[str]:
    lines = []
    for name, trial in {trial.task.name: trial for trial in trials}.items():
        task = trial.task
        counts = f"{task.train_samples} to train on, {task.test_samples} to be tested on"
        target = f", target {trial.target}" if trial.target is not None else ""
        budget = f"budget {trial.budget}{target}"
        lines.append(f"task: {plain(name)} ({counts}), {budget}, metric {plain(task.metric)}")
    return lines


def outcome(trial: Trial, record: Record) -> str:
    """`submissions/mlp.py::digits[seed=0] ok  accuracy 97.22 %, loss 0.099, 1.21 s`."""
    status = click.style(record.status, fg=_COLOURS.get(record.status, "red"))
    said = scores(record) if record.status is Status.OK else plain(record.reason)
    return f"{plain(trial.node_id)} {status}  {said}"


class NodeLine(NamedTuple):
    """A line about a node; one that warns is also said to who wants to hear little."""

    text: str
    warns: bool


def of_node(record: Record, told: set[str]) -> Iterator[NodeLine]:
    """What is to be known of the node that a record was made on, but for what is told already."""
    if record.node is None:
        return
    name, found = one_line(record.node.name, NAME), record.node.calibration
    lines = [NodeLine(f"node {name}: {calibrated(found)}", warns=False)] if found else []
    lines += [NodeLine(f"warning: node {name} {one_line(each)}", warns=True) for each in record.node.remarks]
    for line in lines:
        if line.text not in told:
            told.add(line.text)
            yield line


def calibrated(found: Calibration) -> str:
    """`calibrated 0.31 s for 75 steps of the baseline (spread 4 %)`."""
    steps = f"{found.steps:,} steps of the baseline"
    return f"calibrated {found.seconds:.3g} s for {steps} (spread {100 * found.spread:.0f} %)"


def counter(done: int, total: int) -> str:
    """`[ 12/200]`."""
    return f"[{done:{len(str(total))}}/{total}]"


def scores(record: Record) -> str:
    """The record's metrics and training time in a few words, and the time to its target."""
    parts = []
    for name, value in record.metrics.items():
        if name == "accuracy":
            parts.append(f"accuracy {100 * value:.2f} %")
        elif name != "loss" or record.task.kind != "regression":  # there it is the mse once more
            parts.append(f"{plain(name)} {value:.4g}")
    if record.timing.train_seconds is not None:
        parts.append(f"{record.timing.train_seconds:.2f} s")
    if record.target:
        reached = time_to_target(record)
        parts.append(f"{plain(record.target)} {NOT_REACHED if reached is None else f'in {reached:.2f} s'}")
    return ", ".join(parts)


def standing(running: Running, now: float) -> str:
    """`train, epoch 2.3, loss 0.43, 31 s of 60s`: for a line about a trial that takes long."""
    point = running.point
    parts = [running.phase]
    if point is not None:
        parts.append(f"epoch {amount(point.epoch)}")
        parts += [f"loss {point.loss:.4g}"] if point.loss is not None else []
        parts += [f"accuracy {percent(point.accuracy)}"] if point.accuracy is not None else []
    return ", ".join([*parts, f"{now - running.entered:.0f} s of {running.trial.budget}"])


def amount(value: float) -> str:
    """A number that may be anybody's claim, with one decimal where it is of a sane size."""
    return f"{value:.1f}" if abs(value) < 1e5 else f"{value:.2g}"


def percent(value: float) -> str:
    """A fraction that may be anybody's claim."""
    return f"{100 * value:.2f} %" if abs(value) < 10 else f"{100 * value:.2g} %"


def clock(seconds: float) -> str:
    """`0:08`, `12:05`, `1:02:05`, and in days from 100 hours on."""
    whole = round(seconds)
    minutes, hours = whole // 60, whole // 3600
    if hours >= 100:
        return f"{hours // 24} days"
    return f"{hours}:{minutes % 60:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def rule(text: str) -> str:
    """The text in the middle of a line."""
    width = min(shutil.get_terminal_size((80, 24)).columns, 100)
    return f" {text} ".center(width, "=")
