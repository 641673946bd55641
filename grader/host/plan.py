"""From what was asked for to what has to run: chosen, held against what is done, and put in order."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grader.contract.errors import NothingCollected
from grader.contract.status import Status

if TYPE_CHECKING:
    from grader.contract.record import Record
    from grader.contract.trial import Trial
    from grader.host.history import History
    from grader.host.store import Store


@dataclass(frozen=True)
class Step:
    """One trial that was asked for, and the record that makes it needless, or None."""

    trial: Trial
    done: Record | None = None
    unscored: bool = False  # all that its record lacks is the private result


def chosen(trials: Sequence[Trial], keyword: str, failures: History | None) -> list[Trial]:
    """Return the trials that -k leaves, and where a history is given for --lf, those that failed last time.

    Raises NothingCollected when -k leaves none.
    """
    left = list(trials)
    if keyword:
        from grader.host.keywords import match

        matches = match(keyword)
        left = [trial for trial in left if matches(trial.node_id)]
        if not left:
            raise NothingCollected(f"-k {keyword!r} deselects all {len(trials)} trials")
    if failures is not None:
        failed = [trial for trial in left if failures.failed(trial)]
        left = failed or left  # as pytest: where nothing had failed, all
    return left


def steps(
    trials: Sequence[Trial],
    store: Store,
    torch: str,
    there: Mapping[str, Record],
    *,
    rerun: bool,
    failures_stand: bool = False,
    has_private: Callable[[Record], bool] = lambda _: True,
) -> list[Step]:
    """Hold every trial against the records that are `there`, by file: what ended well is not run again.

    With `failures_stand` neither is what failed by the submission's own fault. Of a task with a private test
    set `has_private` tells whether a record's result on that is here: without it the trial is run again.
    """

    def step(trial: Trial) -> Step:
        record = None if rerun else store.find(trial, torch, there)
        if record is not None and failures_stand and _failed_by_itself(record):
            return Step(trial, record)
        done = _usable(trial, record)
        if done is not None and trial.task.private and not has_private(done):
            return Step(trial, unscored=True)
        return Step(trial, done)

    return [step(trial) for trial in trials]


def in_order(trials: Sequence[Trial], history: History, slots: int, *, failed_first: bool) -> list[Trial]:
    """Return the trials in the order in which they start: with --ff those first that failed last time.

    In several slots the longest first, so that none is left to run alone at the end; unknown may be long.
    """

    def place(trial: Trial) -> tuple[bool, float]:
        seconds = history.estimate(trial) if slots > 1 else 0.0
        return failed_first and not history.failed(trial), -(math.inf if seconds is None else seconds)

    return sorted(trials, key=place)


def reasons(steps: Sequence[Step], history: History, *, rerun: bool) -> dict[int, str]:
    """Say in a word or two why each step is to run, by its place; those that are done are left out."""
    return {at: _reason(step, history, rerun) for at, step in enumerate(steps) if step.done is None}


def _usable(trial: Trial, record: Record | None) -> Record | None:
    """The record, where the trial could do no more than repeat it."""
    if record is None or record.status is not Status.OK or trial.submission.problem:
        return None
    if trial.deterministic and not record.deterministic:
        return None
    if record.model is not None and trial.limits.too_many(record.model.parameters):
        return None
    return record


def _failed_by_itself(record: Record) -> bool:
    return record.status not in {Status.OK, Status.HARNESS_ERROR}


def _reason(step: Step, history: History, rerun: bool) -> str:
    if step.unscored:
        return "no private result here"
    trial = step.trial
    last = history.outcome(trial)
    if last is None:
        return "new"
    if last.status is not Status.OK:
        return f"failed: {last.status}"
    if last.submission.digest != trial.submission.digest:
        return "changed"
    return "done before" if rerun else "other conditions"
