"""What earlier records tell of trials that are yet to run: how long they take, and which failed last time."""

from __future__ import annotations

import heapq
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from grader.contract.status import Status

if TYPE_CHECKING:
    from grader.contract.record import Record
    from grader.contract.trial import Trial

_AROUND = 0.1  # seconds that a trial takes beside its budget, where nothing is known

Kind = tuple[str, str, str, str]  # task, budget, device, processor


class History:
    """The records of one leaderboard folder, as far as they help to plan."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._latest: dict[tuple[str, str], Record] = {}  # by node id and budget
        times: dict[tuple[Kind, str], list[float]] = defaultdict(list)
        for record in records:
            at = (record.node_id, record.budget)
            if at not in self._latest or record.finished >= self._latest[at].finished:
                self._latest[at] = record
            if record.status is Status.OK:
                times[_kind_of(record), record.submission.name].append(wall_seconds(record))
        self._times = {key: statistics.median(each) for key, each in times.items()}
        by_kind: dict[Kind, list[float]] = defaultdict(list)
        for (kind, _), seconds in self._times.items():
            by_kind[kind].append(seconds)
        self._usual = {kind: statistics.median(each) for kind, each in by_kind.items()}

    def estimate(self, trial: Trial) -> float | None:
        """Seconds that the trial will take, load to prediction; None where nothing like it was run.

        What this submission took with other seeds or before its last change; else its budget, where that is
        in seconds; else what others took.
        """
        kind = (trial.task.name, str(trial.budget), trial.device.kind, trial.device.name)
        own = self._times.get((kind, trial.submission.name))
        if own is not None:
            return own
        if trial.budget.seconds is not None:
            return trial.budget.seconds + _AROUND
        return self._usual.get(kind)

    def outcome(self, trial: Trial) -> Record | None:
        """The latest record of this node id and budget, whatever its files were then."""
        return self._latest.get((trial.node_id, str(trial.budget)))

    def failed(self, trial: Trial) -> bool:
        """Whether it failed when it was last run."""
        last = self.outcome(trial)
        return last is not None and last.status is not Status.OK


def wall_seconds(record: Record) -> float:
    """Seconds that a trial took, from loading to its predictions, those of its snapshots included."""
    timing = record.timing
    predicting = (timing.predict_seconds, timing.snapshots_seconds)
    parts = (timing.load_seconds, timing.train_seconds, *predicting)
    return sum(part for part in parts if part is not None)


def makespan(seconds: Sequence[float], slots: int) -> float:
    """Seconds until all are done, each started in turn in the slot that is free first."""
    free = [0.0] * slots
    for each in seconds:
        heapq.heapreplace(free, free[0] + each)
    return max(free)


def _kind_of(record: Record) -> Kind:
    return record.task.name, record.budget, record.device.kind, record.device.name
