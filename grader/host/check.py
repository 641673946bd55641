"""The conformance suite that a contributor runs before a pull request: one short, real trial, read closely.

It takes the same path as `grader run`, with the same workers, on a budget of a few steps, and keeps no
record. Each rule becomes a line: passed, failed with the reason, or not reached.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from grader import hookimpl
from grader.contract.budget import Budget
from grader.contract.status import Phase, Status
from grader.host.supervise import UNCHANGED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grader.contract.record import Record
    from grader.contract.trial import Trial

BUDGET = "20 steps, 20s"  # enough to tell the speed; the seconds are for very slow models


@dataclass(frozen=True)
class Finding:
    """One rule: `passed` is None when it was not reached."""

    rule: str
    passed: bool | None
    said: str


class Checker:
    """Makes a session's trials checks, and turns their records into findings."""

    def __init__(self) -> None:
        self.findings: dict[str, tuple[Trial, list[Finding]]] = {}  # by node id

    @hookimpl
    def grader_modify_trials(self, trials: list[Trial]) -> None:
        """Ask the worker to compare parameters before and after training; nobody takes the time."""
        trials[:] = [msgspec.structs.replace(trial, check=True, target=None) for trial in trials]

    @hookimpl
    def grader_trial_finish(self, trial: Trial, record: Record) -> None:
        """Read the record rule by rule."""
        self.findings[trial.node_id] = (trial, list(findings(trial, record)))

    @property
    def passed(self) -> bool:
        """Whether every rule was kept."""
        return all(finding.passed for _, found in self.findings.values() for finding in found)


def findings(trial: Trial, record: Record) -> Iterator[Finding]:
    """Yield what a record says about each rule, in the order in which a trial meets them."""
    reached = _Reached(record)
    size, limit = trial.submission.size, trial.limits.submission
    yield reached.until("size of its files", size <= limit, f"{size:,} of at most {limit:,} bytes")
    hooks = ", ".join(trial.submission.hooks) or "none"
    yield reached.until("hooks", bool(not trial.submission.problem), hooks)
    shape = f"{_model(trial, record)}, ({trial.task.outputs},) a sample, float32"
    yield reached.until("built, and gives the task's shape", record.model is not None, shape)
    yield reached.until("training ends with the budget", _past(record, Phase.TRAIN), _used(record))
    changed = UNCHANGED not in record.notes
    yield reached.rule("training changes the parameters", changed, UNCHANGED if not changed else "")
    yield reached.until("saved and loaded, it predicts the same", _past(record, Phase.PREDICT), _size(record))
    yield reached.until("predictions are finite", record.status is Status.OK, "")
    likeness = next((note for note in record.notes if "look like probabilities" in note), "")
    yield reached.rule("outputs are logits", not likeness, likeness)


class _Reached:
    """Tells the rule at which a trial ended from those before and after it."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._ended = False

    def until(self, name: str, passed: bool, said: str) -> Finding:
        if self._ended:
            return Finding(name, None, "not reached")
        self._ended = not passed
        return Finding(name, passed, said if passed else self._record.reason)

    def rule(self, name: str, passed: bool, said: str) -> Finding:
        return Finding(name, None, "not reached") if self._ended else Finding(name, passed, said)


def estimate(trial: Trial, record: Record) -> str:
    """What the task's default budget would take at the speed just seen."""
    usage, task = record.usage, trial.task
    if not usage.samples or not record.timing.train_seconds:
        return "no speed: no batch was taken from a loader"
    speed = usage.samples / record.timing.train_seconds
    budget = Budget.parse(task.budget)
    times = [
        (budget.epochs or 0) * task.train_samples / speed,
        (budget.steps or 0) * task.batch_size / speed,
        (budget.samples or 0) / speed,
        budget.seconds or 0,
    ]
    return (
        f"about {speed:,.0f} samples/s, so about {max(times):.0f} s for {task.name}'s budget of {task.budget}"
    )


def _past(record: Record, phase: Phase) -> bool:
    order = list(Phase)
    return record.phase is None or order.index(record.phase) > order.index(phase)


def _model(trial: Trial, record: Record) -> str:
    limit = trial.limits.parameters
    allowed = f" of at most {limit:,}" if limit is not None else ""
    return f"{record.model.parameters:,}{allowed} parameters" if record.model else ""


def _used(record: Record) -> str:
    return f"{record.usage.steps} steps, {record.timing.train_seconds or 0:.2f} s"


def _size(record: Record) -> str:
    size = record.model.weights_bytes if record.model else None
    return f"{size / 2**20:.1f} MiB of weights" if size else ""
