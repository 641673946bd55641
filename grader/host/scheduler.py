"""Keeps an executor's slots busy, and brings what its threads tell into the one thread that asked."""

from __future__ import annotations

import itertools
import queue
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING

from grader.contract.errors import GraderError
from grader.contract.status import Phase, Status
from grader.host.supervise import Attempt

if TYPE_CHECKING:
    import pluggy

    from grader.contract.record import CurvePoint
    from grader.contract.trial import Trial
    from grader.host.executors import Executor
    from grader.host.supervise import TaskData

Ended = Callable[["Trial", Future[Attempt], int], bool]


class Scheduler:
    """Runs trials in the order given, as many at once as there are slots.

    `ended(trial, future, alongside)` is called for each, with how many others ran beside it at most, and
    returns whether to go on starting more. With `ahead` the next one is started before: scoring and storing
    take a few milliseconds in which no slot need be idle. Hooks are called in the thread that calls `run`.
    """

    def __init__(self, manager: pluggy.PluginManager, ended: Ended, *, ahead: bool) -> None:
        self._hook = manager.hook
        self._ended = ended
        self._ahead = ahead
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._alongside: dict[int, int] = {}  # by the number of the trial that runs

    def listen(self, trial: Trial, phase: str, point: CurvePoint | None) -> None:
        """Take a word from a trial, in any thread."""

        def tell() -> None:
            self._hook.grader_trial_progress(trial=trial, phase=phase, point=point)

        self._inbox.put(tell)

    def notice(self, line: str) -> None:
        """Take a line from the executor, in any thread."""
        self._inbox.put(lambda: self._hook.grader_notice(line=line))

    def run(self, trials: Sequence[Trial], data: Mapping[str, TaskData], executor: Executor) -> None:
        """Run all, or those that come before `ended` said no."""
        waiting = iter(enumerate(trials))

        def start() -> None:
            """Start the next one, if there is one."""
            for number, trial in itertools.islice(waiting, 1):
                self._hook.grader_trial_start(trial=trial)
                self._submit(number, trial, data[trial.task.name], executor, start)

        for _ in range(executor.slots):
            start()
        while self._alongside:
            self._inbox.get()()

    def _submit(
        self, number: int, trial: Trial, data: TaskData, executor: Executor, start: Callable[[], None]
    ) -> None:
        problem = _problem(trial)
        future = _settled(_refused(trial, problem)) if problem else _submitted(executor, trial, data)
        self._alongside[number] = 0
        for each in self._alongside:
            self._alongside[each] = max(self._alongside[each], len(self._alongside) - 1)

        def end() -> None:
            alongside = self._alongside.pop(number)
            if self._ahead:
                start()
            if self._ended(trial, future, alongside) and not self._ahead:
                start()

        future.add_done_callback(lambda _: self._inbox.put(end))


def _problem(trial: Trial) -> str:
    """What keeps a submission from running: found when it was collected, or since."""
    from grader.host.source import changed

    submission = trial.submission
    for part in submission.parts if not submission.problem else ():
        if changed(part, trial.limits.submission):
            return f"{part.display} was changed after it was collected: run it again"
    return submission.problem


def _refused(trial: Trial, problem: str) -> Attempt:
    """The attempt of a submission that discovery already found wanting."""
    return Attempt(trial, status=Status.INVALID, phase=Phase.LOAD, reason=problem)


def _submitted(executor: Executor, trial: Trial, data: TaskData) -> Future[Attempt]:
    """Hand a trial over; an executor that will not take it, as a plugin's may, costs that trial alone."""
    try:
        return executor.submit(trial, data)
    except GraderError:
        raise
    except Exception as error:
        future: Future[Attempt] = Future()
        future.set_exception(error)
        return future


def _settled(attempt: Attempt) -> Future[Attempt]:
    future: Future[Attempt] = Future()
    future.set_result(attempt)
    return future
