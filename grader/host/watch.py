"""What a session is doing, as its hooks tell it. Kept for whoever shows it; draws nothing itself."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grader.contract.status import Phase, Status
from grader.host.history import wall_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from grader.contract.record import CurvePoint, Record
    from grader.contract.trial import Trial

WAITING = "waiting"  # no phase yet
_ANYBODY = ""  # in the place of a submission's name
_LEAST = 0.01  # of a budget: from less, nothing is foretold


@dataclass
class Running:
    """A trial that runs. Times are the clock's; what `point` says is the worker's claim."""

    trial: Trial
    started: float  # until its first phase this is when it was handed over: a worker server may have to start
    phase: str = WAITING
    entered: float = 0.0  # into the phase
    point: CurvePoint | None = None
    told: float = 0.0  # when the point came
    spoken: float = 0.0  # when a line last spoke of it

    def fraction(self, now: float) -> float:
        """How much of the budget is used, 0 to 1."""
        if self.phase != Phase.TRAIN:
            return float(self.phase in {Phase.PREDICT, Phase.SCORE})
        seconds = self.trial.budget.seconds
        timed = (now - self.entered) / seconds if seconds else 0.0
        return min(1.0, max(timed, self._counted()))

    def left(self, now: float) -> float | None:
        """Seconds of the budget that are left, None where nothing tells. Exact for a budget in seconds."""
        if self.phase != Phase.TRAIN:
            return None
        seconds, counted = self.trial.budget.seconds, self._counted()
        ends = [self.entered + seconds] if seconds else []
        if counted > _LEAST:
            ends.append(self.entered + (self.told - self.entered) / counted)
        return max(0.0, min(ends) - now) if ends else None

    def _counted(self) -> float:
        budget, point = self.trial.budget, self.point
        if point is None:
            return 0.0
        used = (
            (point.epoch, budget.epochs),
            (point.steps, budget.steps),
            (point.samples, budget.samples),
        )
        return min(1.0, max((value / limit for value, limit in used if limit), default=0.0))


class Watch:
    """The trials of one session: those that run, the records of those that ended, how many wait.

    Told by the session's thread, read by the one that draws.
    """

    def __init__(
        self,
        trials: Sequence[Trial],
        reused: Sequence[Record] = (),
        slots: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.trials = trials
        self.reused = list(reused)
        self.slots = max(1, slots)
        self.records: list[Record] = []  # of trials that ran
        self.failed = 0
        self.clock = clock
        self._lock = threading.Lock()
        self._running: dict[tuple[str, str], Running] = {}
        self._waiting = Counter(_whose(trial) for trial in trials)
        self._took: dict[tuple[str, str], tuple[float, int]] = {}  # seconds of how many trials, by whose
        for record in reused:
            self._add((record.task.name, record.submission.name), wall_seconds(record))
        self._tasks = len({trial.task.name for trial in trials})
        self._seeds = len({trial.seed for trial in trials})
        self._budgets = {trial.task.name: trial.budget.seconds for trial in trials}

    @property
    def total(self) -> int:
        """How many trials run in this session, all told."""
        return len(self.trials)

    @property
    def done(self) -> int:
        """How many of them have ended."""
        return len(self.records)

    def tasks(self) -> set[str]:
        """The tasks of the trials that run; of all of them while none does."""
        return {each.trial.task.name for each in self.running()} or {trial.task.name for trial in self.trials}

    def apart(self, trial: Trial) -> str:
        """What tells a trial from the others of its submission: ` digits seed 3`, where it takes that."""
        task = f" {trial.task.name}" if self._tasks > 1 else ""
        return f"{task} seed {trial.seed}" if self._seeds > 1 else task

    def running(self) -> list[Running]:
        """Those that run now, the longest first."""
        with self._lock:
            return list(self._running.values())

    def begin(self, trial: Trial) -> None:
        """A trial starts."""
        now = self.clock()
        with self._lock:
            self._running[_key(trial)] = Running(trial, started=now, entered=now, spoken=now)
            self._waiting[_whose(trial)] -= 1

    def move(self, trial: Trial, phase: str, point: CurvePoint | None) -> None:
        """Keep the latest word of a trial, and do nothing else: words come by the thousand."""
        running = self._running.get(_key(trial))
        if running is None:
            return
        if phase != running.phase:
            now = self.clock()
            if running.phase == WAITING:
                running.started = now
            running.phase, running.entered = phase, now
        if point is not None:
            running.point, running.told = point, self.clock()

    def end(self, trial: Trial, record: Record) -> None:
        """A trial ended."""
        with self._lock:
            running = self._running.pop(_key(trial), None)
            self.records.append(record)
            self.failed += record.status is not Status.OK
            if running is not None:
                took = self.clock() - running.started
                for whose in (_whose(trial), (trial.task.name, _ANYBODY)):
                    self._add(whose, took)

    def left(self) -> float | None:
        """Seconds until all have ended, about; None while nothing tells how long one takes."""
        now = self.clock()
        with self._lock:
            running = list(self._running.values())
            waiting = +self._waiting
        ahead = [(self._rest(each, now), 1) for each in running]
        ahead += [(self._usual(whose), number) for whose, number in waiting.items()]
        work = 0.0
        for seconds, number in ahead:
            if seconds is None:
                return None
            work += number * seconds
        return work / min(self.slots, max(1, len(running) + waiting.total()))

    def _rest(self, running: Running, now: float) -> float | None:
        """Seconds that a running trial still takes: its budget's, and those it usually takes beside."""
        usual, left = self._usual(_whose(running.trial)), running.left(now)
        if usual is None:
            return left
        return max(left or 0.0, usual - (now - running.started))

    def _usual(self, whose: tuple[str, str]) -> float | None:
        """Seconds that such a trial takes: as others of its submission, else of its task, else its budget."""
        task, _ = whose
        for known in (whose, (task, _ANYBODY)):
            if known in self._took:
                seconds, trials = self._took[known]
                return seconds / trials
        return self._budgets[task]

    def _add(self, whose: tuple[str, str], seconds: float) -> None:
        known, trials = self._took.get(whose, (0.0, 0))
        self._took[whose] = known + seconds, trials + 1


def _key(trial: Trial) -> tuple[str, str]:
    return trial.submission.name, trial.node_id


def _whose(trial: Trial) -> tuple[str, str]:
    return trial.task.name, trial.submission.name
