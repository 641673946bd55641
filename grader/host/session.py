"""One session: collect, plan, run, score, store, rank. The command line and `grader.run` are doors to it.

It neither prints nor exits: whoever wants to see something listens to its hooks.
"""

from __future__ import annotations

import itertools
import queue
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from grader.contract.budget import Budget
from grader.contract.errors import GraderError, NothingCollected, UsageError
from grader.contract.isolation import Isolation
from grader.contract.status import Phase, Status
from grader.contract.text import did_you_mean
from grader.contract.trial import Trial
from grader.host import device as devices
from grader.host import environment
from grader.host.store import Store
from grader.host.supervise import Attempt

if TYPE_CHECKING:
    from pathlib import Path

    import pluggy

    from grader.contract.record import CurvePoint, Record
    from grader.contract.submission import Submission
    from grader.contract.task import TaskDefinition
    from grader.contract.trial import Device
    from grader.host.config import Config
    from grader.host.data import PreparedTask
    from grader.host.executors import Executor
    from grader.host.rank import Standings


class Session:
    """Runs what a Config asks for. `records` grows as trials end; `interrupted` says whether all did."""

    def __init__(self, config: Config, manager: pluggy.PluginManager, *, keep: bool = True) -> None:
        self.config = config
        self._keep = keep  # records and leaderboard are written
        self._store = Store(config.leaderboard)  # one for all trials: it sweeps a folder at its first write
        self.standings: Standings | None = None  # of the whole leaderboard, once written
        self.problems: list[str] = []  # files of the leaderboard that could not be read
        self.manager = manager
        self.records: list[Record] = []
        self.reused: list[Record] = []  # of earlier runs, in place of trials
        self._hidden: list[Path] = []  # folders that no worker may read
        self.interrupted = False
        self.stopped_early = False  # by -x or --maxfail
        self._inbox: queue.SimpleQueue[Callable[[], bool]] = queue.SimpleQueue()

    def run(self) -> list[Record]:
        """Return a record for each trial that ended. Raises GraderError when nothing can run."""
        definitions = self._definitions()
        submissions = self._submissions()
        device = devices.choose(self.config.device)
        isolation = self._isolation()
        with ExitStack() as stack:
            executor = stack.enter_context(closing(self._executor(device, isolation, submissions)))
            tasks = {name: stack.enter_context(closing(self._open(d))) for name, d in definitions.items()}
            trials = self._plan(submissions, tasks, device, isolation)
            self._open_leaderboard()
            self.manager.hook.grader_session_start(
                config=self.config, trials=trials, reused=self.reused, slots=executor.slots
            )
            try:
                self._run_all(trials, tasks, executor)
            except KeyboardInterrupt:
                self.interrupted = True
                executor.cancel()
            except BaseException:
                executor.cancel()
                raise
            self._write_leaderboard()
        self.manager.hook.grader_session_finish(config=self.config, records=self.records)
        return self.records

    def _open_leaderboard(self) -> None:
        """Nobody should train for an hour to learn that the folder cannot be written."""
        if self._keep:
            self._store.open()

    def _isolation(self) -> Isolation:
        from grader.host import isolation

        level = isolation.achieve(self.config.isolation)
        if self.config.allow_subprocess and level is not Isolation.STRICT:
            raise UsageError(
                f"--allow-subprocess needs isolation 'strict', and this machine gives {level.value!r}: "
                f"{isolation.REMEDIES[Isolation.STRICT]}"
            )
        isolation.hide_from(level)
        return level

    def _definitions(self) -> dict[str, TaskDefinition]:
        from grader.plugins import task_definitions

        known = task_definitions(self.manager, self.config.task_tables)
        for name in self.config.tasks:
            if name not in known:
                raise UsageError(
                    f"there is no task {name!r}{did_you_mean(name, known)}; `grader tasks` lists them"
                )
        carried = (path for each in known.values() for path in each.hidden)
        self._hidden = sorted({*carried, *self._own_places()})
        return {name: known[name] for name in self.config.tasks}

    def _own_places(self) -> Iterator[Path]:
        """What no worker may read, wherever the user has put it."""
        from grader.host import data, places

        found = data.data_places(self.config)
        folders = (
            self.config.leaderboard,
            data.cache_root(),
            found.data,
            found.downloads,
            places.state_folder(),
        )
        return filter(None, folders)

    def _submissions(self) -> list[Submission]:
        from grader.host.collect import collect
        from grader.host.cross import chosen

        return chosen(collect(self.config, self.manager), self.config)

    def _open(self, definition: TaskDefinition) -> PreparedTask:
        from grader.host import data

        config = self.config
        return data.open_task(
            definition,
            data.data_places(config),
            data.cache_root(),
            config.task_tables,
            config.plugins,
            lambda: self.manager.hook.grader_task_prepare(task=definition.task),
        )

    def _executor(self, device: Device, isolation: Isolation, submissions: Sequence[Submission]) -> Executor:
        executor: Executor | None = self.manager.hook.grader_make_executor(
            name=self.config.executor,
            config=self.config,
            device=device,
            submissions=list({part.name: part for each in submissions for part in each.parts}.values()),
            trials=len(submissions) * len(self.config.seeds) * len(self.config.tasks),
            isolation=isolation,
            hidden=self._hidden,
            listen=self._listen,
        )
        if executor is None:
            raise UsageError(f"no plugin provides the executor {self.config.executor!r}; 'local' is built in")
        return executor

    def _plan(
        self,
        submissions: Sequence[Submission],
        tasks: Mapping[str, PreparedTask],
        device: Device,
        isolation: Isolation,
    ) -> list[Trial]:
        config = self.config
        threads = devices.threads(config.threads)
        trials = [
            Trial(
                submission=submission,
                task=task.task,
                budget=config.budget or Budget.parse(task.task.budget),
                seed=seed,
                device=device,
                threads=threads,
                deterministic=config.deterministic,
                isolation=isolation,
                allow_subprocess=config.allow_subprocess,
                limits=config.limits,
            )
            for task in tasks.values()
            for submission in submissions
            for seed in config.seeds
        ]
        trials = _selected(trials, config.keyword)
        self.manager.hook.grader_modify_trials(trials=trials, config=config)
        if not trials:
            raise NothingCollected(f"-k {config.keyword!r} deselects all {len(submissions)} submissions")
        return trials

    def _run_all(
        self, trials: Sequence[Trial], tasks: Mapping[str, PreparedTask], executor: Executor
    ) -> None:
        """Keep every slot busy until all is done, and handle what they tell in this thread."""
        waiting = iter(trials)
        running = 0
        for trial in itertools.islice(waiting, executor.slots):
            self._start(trial, tasks[trial.task.name], executor)
            running += 1
        while running:
            trial_ended = self._inbox.get()()
            if not trial_ended:
                continue
            running -= 1
            self.stopped_early = self.stopped_early or self._enough_failures()
            trial_next = None if self.stopped_early else next(waiting, None)
            if trial_next is not None:
                self._start(trial_next, tasks[trial_next.task.name], executor)
                running += 1

    def _start(self, trial: Trial, data: PreparedTask, executor: Executor) -> None:
        self.manager.hook.grader_trial_start(trial=trial)

        def ended(future: Future[Attempt]) -> bool:
            self._finish(_attempt(trial, future), data)
            return True

        problem = _problem(trial)
        future = _settled(_refused(trial, problem)) if problem else executor.submit(trial, data)
        future.add_done_callback(lambda done: self._inbox.put(lambda: ended(done)))

    def _finish(self, attempt: Attempt, data: PreparedTask) -> None:
        from grader.host.evidence import evidence_of
        from grader.host.score import predicted, record_of

        hook = self.manager.hook
        try:
            record = record_of(attempt, data.test_targets, hook, environment.current())
        except Exception as error:  # a plugin's metric, say
            attempt = _at_fault(attempt.trial, error)
            record = record_of(attempt, data.test_targets, hook, environment.current())
        if self._keep:
            evidence = None
            if record.status is Status.OK and attempt.logits is not None:
                evidence = evidence_of(predicted(attempt.trial.task, attempt.logits), data.test_targets)
            self._store.write(record, evidence)
        self.records.append(record)
        hook.grader_trial_finish(trial=attempt.trial, record=record)

    def _enough_failures(self) -> bool:
        limit = self.config.max_failures
        return limit is not None and sum(r.status is not Status.OK for r in self.records) >= limit

    def _listen(self, trial: Trial, phase: str, point: CurvePoint | None) -> None:
        """Called from any thread; the hook is called in the session's."""

        def tell() -> bool:
            self.manager.hook.grader_trial_progress(trial=trial, phase=phase, point=point)
            return False

        self._inbox.put(tell)

    def _write_leaderboard(self) -> None:
        from grader.host.leaderboard import regenerate

        if self._keep and self.records:
            self.standings, self.problems, _ = regenerate(self.config.leaderboard, self.manager)


def _selected(trials: list[Trial], keyword: str) -> list[Trial]:
    if not keyword:
        return trials
    from grader.host.keywords import match

    matches = match(keyword)
    return [trial for trial in trials if matches(trial.node_id)]


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


def _settled(attempt: Attempt) -> Future[Attempt]:
    future: Future[Attempt] = Future()
    future.set_result(attempt)
    return future


def _attempt(trial: Trial, future: Future[Attempt]) -> Attempt:
    """The future's attempt; a fault of ours becomes a row that says so, and the run goes on."""
    try:
        return future.result()
    except GraderError:
        raise
    except Exception as error:
        return _at_fault(trial, error)


def _at_fault(trial: Trial, error: Exception) -> Attempt:
    reason = f"{type(error).__name__}: {error} (a fault of grader or of a plugin, not of the submission)"
    detail = "".join(traceback.format_exception(error))
    return Attempt(trial, status=Status.HARNESS_ERROR, reason=reason, detail=detail)
