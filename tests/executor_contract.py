"""What every executor must keep, as tests: a class derives from `ExecutorContract` and says how to make one.

    class TestMine(ExecutorContract):
        @classmethod
    def make(cls, submissions, slots, listen):
            return MyExecutor(...)

Trials are real, on digits, in processes of their own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest
from sessions import GOOD, gone, loop, write

from grader.contract.budget import Budget
from grader.contract.isolation import Isolation
from grader.contract.record import CurvePoint
from grader.contract.status import Phase, Status
from grader.contract.submission import Submission
from grader.contract.task import DataPlaces
from grader.contract.trial import Limits, Trial
from grader.host import device
from grader.host.collect import collect
from grader.host.data import PreparedTask, open_task
from grader.host.executors import Executor
from grader.host.settings import make_config
from grader.host.supervise import Attempt, Listener
from grader.host.workers import Cancelled
from grader.plugins import TASKS, harness_manager, task_definitions

SOURCES = {
    "good.py": GOOD,
    "raises.py": loop("raise ValueError('no good')"),
    "dies.py": loop("import os; os.abort()"),
    "sleeps.py": loop("import time\nprogress(loss=1.0)\ntime.sleep(600)", "model, progress"),
    "naps.py": loop("import time\ntime.sleep(0.5)"),
}
LIMITS = Limits(load=30, train=60, predict=30)


class Heard:
    """What an executor told of its trials, and in which threads it did."""

    def __init__(self) -> None:
        self.phases: dict[str, list[str]] = {}
        self.points: dict[str, int] = {}

    def __call__(self, trial: Trial, phase: str, point: CurvePoint | None) -> None:
        if point is None:
            self.phases.setdefault(trial.node_id, []).append(phase)
        else:
            self.points[trial.node_id] = self.points.get(trial.node_id, 0) + 1

    def until(self, trial: Trial, phase: str, seconds: float = 60) -> None:
        """Wait until the trial is in this phase."""
        deadline = time.monotonic() + seconds
        while phase not in self.phases.get(trial.node_id, ()):
            assert time.monotonic() < deadline, f"{trial.node_id} never came to {phase}"
            time.sleep(0.01)


class ExecutorContract:
    """Derive from it, and say how an executor is made."""

    SLOTS = 2

    @classmethod
    def make(cls, submissions: Sequence[Submission], slots: int, listen: Listener) -> Executor:
        """Return an executor of `slots` slots for trials of these submissions, on this machine's CPU."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def submissions(cls, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Submission]:
        folder = write(tmp_path_factory.mktemp("contract"), SOURCES)
        found = collect(make_config(cwd=folder, paths=[folder]), harness_manager())
        return {submission.name: submission for submission in found}

    @pytest.fixture(scope="class")
    @classmethod
    def digits(cls, places: Path) -> Iterator[PreparedTask]:
        definition = task_definitions(harness_manager((), TASKS), {})["digits"]
        cache = places / "cache"
        with open_task(definition, DataPlaces(data=None, downloads=cache / "downloads"), cache) as task:
            yield task

    @pytest.fixture(scope="class")
    @classmethod
    def heard(cls) -> Heard:
        return Heard()

    @pytest.fixture(scope="class")
    @classmethod
    def shared(cls, submissions: dict[str, Submission], heard: Heard) -> Iterator[Executor]:
        """One executor for all that leaves it whole."""
        with closing(cls.make(list(submissions.values()), cls.SLOTS, heard)) as executor:
            yield executor

    @pytest.fixture(scope="class")
    @classmethod
    def trial(cls, submissions: dict[str, Submission], digits: PreparedTask) -> Callable[..., Trial]:
        def make(name: str, seed: int = 0, **changes: Any) -> Trial:
            wishes = {"budget": Budget.parse("3 steps"), "limits": LIMITS} | changes
            return Trial(
                submission=submissions[name],
                task=digits.task,
                seed=seed,
                device=device.choose("cpu")[0],
                threads=1,
                isolation=Isolation.LANDLOCK,
                **wishes,
            )

        return make

    def test_it_says_how_many_trials_it_runs_at_once(self, shared: Executor) -> None:
        assert shared.slots == self.SLOTS

    def test_submit_returns_before_the_trial_has_begun_to_train(
        self, shared: Executor, trial: Callable[..., Trial], digits: PreparedTask
    ) -> None:
        started = time.monotonic()
        future = shared.submit(trial("naps"), digits)
        assert time.monotonic() - started < 0.5
        assert not future.done()
        assert future.result(60).status is Status.OK

    def test_a_good_trial_has_all_that_scoring_needs(
        self, shared: Executor, trial: Callable[..., Trial], digits: PreparedTask
    ) -> None:
        asked = trial("good", seed=3)
        attempt = shared.submit(asked, digits).result(60)
        assert attempt.status is Status.OK, attempt.reason
        assert (attempt.trial.node_id, attempt.trial.seed) == (asked.node_id, 3)
        assert attempt.logits is not None
        assert attempt.logits.shape == (digits.task.test_samples, 10)
        assert (attempt.done and attempt.done.steps, attempt.train_seconds is not None) == (3, True)

    @pytest.mark.parametrize(
        ("name", "words"), [("raises", "ValueError while training: no good"), ("dies", "aborted (SIGABRT)")]
    )
    def test_a_bad_trial_is_an_attempt_and_no_exception(
        self, shared: Executor, trial: Callable[..., Trial], digits: PreparedTask, name: str, words: str
    ) -> None:
        attempt = shared.submit(trial(name), digits).result(60)
        assert (attempt.status, attempt.phase, attempt.logits) == (Status.CRASHED, Phase.TRAIN, None)
        assert words in attempt.reason

    def test_a_trial_without_end_ends_at_its_limit(
        self, shared: Executor, trial: Callable[..., Trial], digits: PreparedTask
    ) -> None:
        limits = Limits(load=30, train=0.5, predict=30)
        attempt = shared.submit(trial("sleeps", limits=limits), digits).result(60)
        assert (attempt.status, attempt.phase) == (Status.TIMEOUT, Phase.TRAIN)

    def test_phases_and_progress_are_told_in_order(
        self, shared: Executor, trial: Callable[..., Trial], digits: PreparedTask, heard: Heard
    ) -> None:
        asked = trial("good", seed=8)
        shared.submit(asked, digits).result(60)
        assert heard.phases[asked.node_id] == [Phase.LOAD, Phase.TRAIN, Phase.PREDICT]
        assert heard.points[asked.node_id] >= 1

    def test_as_many_run_at_once_as_it_says_and_no_more(
        self, shared: Executor, trial: Callable[..., Trial], digits: PreparedTask, heard: Heard
    ) -> None:
        trials = [trial("naps", seed=seed) for seed in range(10, 10 + 2 * self.SLOTS)]
        ended: list[Future[Attempt]] = []
        begun_beside = []
        for each in trials:
            shared.submit(each, digits).add_done_callback(ended.append)
        deadline = time.monotonic() + 60
        while len(ended) < len(trials) and time.monotonic() < deadline:
            begun = sum(each.node_id in heard.phases for each in trials)
            begun_beside.append(begun - len(ended))
            time.sleep(0.01)
        assert len(ended) == len(trials)
        assert max(begun_beside) == self.SLOTS

    def test_what_comes_out_does_not_depend_on_what_runs_beside(
        self, shared: Executor, trial: Callable[..., Trial], digits: PreparedTask
    ) -> None:
        beside = [shared.submit(trial("good", seed=seed), digits) for seed in (1, 2, 3, 4)]
        for seed, future in zip((1, 2, 3, 4), beside, strict=True):
            alone = shared.submit(trial("good", seed=seed), digits).result(60)
            assert bits(future.result(60)) == bits(alone)

    def test_cancelling_kills_what_runs_and_drops_what_waits(
        self, submissions: dict[str, Submission], trial: Callable[..., Trial], digits: PreparedTask
    ) -> None:
        heard = Heard()
        before = set(processes())
        with closing(self.make(list(submissions.values()), self.SLOTS, heard)) as executor:
            trials = [trial("sleeps", seed=seed) for seed in range(self.SLOTS + 2)]
            futures = [executor.submit(each, digits) for each in trials]
            for each in trials[: self.SLOTS]:
                heard.until(each, Phase.TRAIN)
            started = time.monotonic()
            executor.cancel()
            errors = [error(future) for future in futures]
            assert time.monotonic() - started < 5
            assert all(isinstance(each, Cancelled | CancelledError) for each in errors), errors
            assert len(heard.phases) == self.SLOTS, "nothing that waited was begun"
        assert gone([pid for pid in processes() if pid not in before])

    def test_closing_waits_leaves_nobody_and_may_be_done_twice(
        self, submissions: dict[str, Submission], trial: Callable[..., Trial], digits: PreparedTask
    ) -> None:
        before, threads = set(processes()), threading.active_count()
        executor = self.make(list(submissions.values()), self.SLOTS, Heard())
        future = executor.submit(trial("good"), digits)
        executor.close()
        assert future.done()
        assert future.result().status is Status.OK
        executor.close()
        assert gone([pid for pid in processes() if pid not in before])
        assert threading.active_count() <= threads


def bits(attempt: Attempt) -> bytes:
    """Its predictions, to the bit."""
    assert attempt.logits is not None, attempt.reason
    return attempt.logits.tobytes()


def error(future: Future[Attempt]) -> BaseException | None:
    """What the future raises, in the end."""
    try:
        return future.exception(10)
    except CancelledError as cancelled:
        return cancelled


def processes() -> list[int]:
    """All that this process has started."""
    return [child.pid for child in psutil.Process().children(recursive=True)]
