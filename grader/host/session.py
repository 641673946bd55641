"""One session: collect, plan, run, score, store, rank. The command line and `grader.run` are doors to it.

It neither prints nor exits: whoever wants to see something listens to its hooks.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import cached_property
from typing import TYPE_CHECKING

from grader.contract.budget import Budget
from grader.contract.errors import GraderError, NothingCollected, UsageError
from grader.contract.isolation import Isolation
from grader.contract.status import Status
from grader.contract.text import did_you_mean
from grader.contract.trial import Trial
from grader.host import data as task_data
from grader.host import device as devices
from grader.host import environment, places, plan
from grader.host.config import LOCAL
from grader.host.history import History
from grader.host.nodes import Nodes
from grader.host.private import PrivateStore, check_places, scored
from grader.host.slots import Slot, pinned, slots
from grader.host.standing import keep, records_seen, standings_of
from grader.host.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    import pluggy

    from grader.contract.record import Record
    from grader.contract.submission import Submission
    from grader.contract.task import Task, TaskDefinition
    from grader.contract.trial import Device
    from grader.host.config import Config
    from grader.host.data import PreparedTask
    from grader.host.executors import Executor
    from grader.host.rank import Standings
    from grader.host.scheduler import Scheduler
    from grader.host.supervise import Attempt


class Session:
    """Runs what a Config asks for. `records` grows as trials end; `interrupted` says whether all did."""

    def __init__(
        self, config: Config, manager: pluggy.PluginManager, *, keep: bool = True, tables: bool = True
    ) -> None:
        self.config = config
        self._tables = tables  # the leaderboard is brought up to date at the end
        self._keep = keep  # records and leaderboard are written, and records of earlier runs stand for trials
        self._store = Store(config.leaderboard)  # one for all trials: it sweeps a folder at its first write
        self._private = PrivateStore()
        self.standings: Standings | None = None  # of the whole leaderboard, once written
        self.problems: list[str] = []  # files of the leaderboard that could not be read
        self.manager = manager
        self.records: list[Record] = []
        self.reused: list[Record] = []  # those of them that are of earlier runs
        self.unscored = 0  # trials that are run again because their private results are not here
        self.slots: tuple[Slot, ...] = ()
        self._hidden: list[Path] = []  # folders that no worker may read
        self._definitions: dict[str, TaskDefinition] = {}
        self._data: dict[str, PreparedTask] = {}  # of the tasks that something has to be run on
        self._level = Isolation.RLIMIT
        self._there: dict[str, Record] = {}  # by file, as it was before anything ran
        self._seen = ""  # what tells those files
        self._made: dict[int, Record] = {}  # by the id() of the trial
        self.interrupted = False
        self.stopped_early = False  # by -x or --maxfail

    def run(self) -> list[Record]:
        """Return a record for each trial that ended, in the order asked. Raises GraderError when none can."""
        with ExitStack() as stack:
            steps = self._steps(stack)
            self.unscored = sum(step.unscored for step in steps)
            todo = [step.trial for step in steps if step.done is None]
            self.reused = [step.done for step in steps if step.done is not None]
            self.records = list(self.reused)
            if self._keep:
                self._store.open()  # nobody should train for an hour to learn that it cannot be written
            if todo:
                self._run(todo, stack)
            else:
                self._tell_start(todo, len(self.slots))
            self._write_leaderboard(new=bool(todo))
        found = (step.done or self._made.get(id(step.trial)) for step in steps)
        self.records = [record for record in found if record is not None]
        self.manager.hook.grader_session_finish(config=self.config, records=self.records)
        return self.records

    def preview(self) -> tuple[list[plan.Step], History]:
        """Return what `run` would do, having run nothing, and what is known of how long it may take."""
        with ExitStack() as stack:
            steps = self._steps(stack)
        return steps, self._history

    def _steps(self, stack: ExitStack) -> list[plan.Step]:
        """Collect, choose, and hold what is asked for against what is done."""
        from grader.host.collect import collect
        from grader.host.cross import chosen

        with ThreadPoolExecutor(1, thread_name_prefix="canary") as aside:  # it takes as long as reading files
            level = aside.submit(self._isolation)
            self._definitions = self._chosen_tasks()
            submissions = chosen(collect(self.config, self.manager), self.config)
            if self._keep:
                self._seen = records_seen(self.config.leaderboard)
                self._there, self.problems = self._store.read_files()
            found = self._devices()
            self._level = level.result()
        tasks = [self._task(definition, stack) for definition in self._definitions.values()]
        check_places(self._definitions, submissions, self.config)
        trials = self._trials(submissions, tasks, found[0])
        again = self.config.rerun or not self._keep
        return plan.steps(
            trials,
            self._store,
            environment.current().torch,
            self._there,
            rerun=again,
            failures_stand=self.config.failures_stand,
            has_private=lambda record: self._private.result(record) is not None,
        )

    def _devices(self) -> tuple[Device, ...]:
        """The devices to train on, and the slots of this machine; other machines have slots of their own."""
        config = self.config
        if config.executor == LOCAL:
            found = devices.choose(config.device)
            self.slots = slots(config.slots, found, self._threads)
        else:
            found = devices.choose_elsewhere(config.device)
            self.slots = slots(None, found, 1)
        return found

    @property
    def _threads(self) -> int:
        """Of each trial: no more than there are cores, which of other machines is for them to say."""
        config = self.config
        return devices.threads(config.threads) if config.executor == LOCAL else config.threads or 1

    def _trials(
        self, submissions: Sequence[Submission], tasks: Sequence[Task], device: Device
    ) -> list[Trial]:
        config, threads = self.config, self._threads
        trials = [
            Trial(
                submission=submission,
                task=task,
                budget=config.budget or Budget.parse(task.budget),
                target=config.target,
                seed=seed,
                device=device,
                threads=threads,
                deterministic=config.deterministic,
                isolation=self._level,
                allow_subprocess=config.allow_subprocess,
                limits=config.limits,
            )
            for task in tasks
            for submission in submissions
            for seed in config.seeds
        ]
        trials = plan.chosen(trials, config.keyword, self._history if config.last_failed else None)
        self.manager.hook.grader_modify_trials(trials=trials, config=config)
        if not trials:
            raise NothingCollected("a plugin's grader_modify_trials has left no trial to run")
        return trials

    def _run(self, todo: Sequence[Trial], stack: ExitStack) -> None:
        """Run the trials, and handle in this thread what they tell."""
        from grader.host.scheduler import Scheduler

        if self.config.executor == LOCAL:
            self.slots = pinned(self.slots, self._threads, places.state_folder() / "cores", stack)
        scheduler = Scheduler(self.manager, self._ended, ahead=self.config.max_failures is None)
        executor = stack.enter_context(closing(self._executor(scheduler, todo)))
        for name in dict.fromkeys(trial.task.name for trial in todo):
            self._open(self._definitions[name], stack)  # while the executor starts
        if executor.slots > 1 or self.config.failed_first:
            todo = plan.in_order(todo, self._history, executor.slots, failed_first=self.config.failed_first)
        self._tell_start(todo, executor.slots)
        try:
            scheduler.run(todo, self._data, executor)
        except KeyboardInterrupt:
            self.interrupted = True
            executor.cancel()
        except BaseException:
            executor.cancel()
            raise

    @cached_property
    def _history(self) -> History:
        return History(self._there.values())

    @cached_property
    def _nodes(self) -> Nodes:
        return Nodes(self._there.values())

    def _tell_start(self, todo: Sequence[Trial], many: int) -> None:
        self.manager.hook.grader_session_start(
            config=self.config, trials=todo, reused=self.reused, slots=many
        )

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

    def _chosen_tasks(self) -> dict[str, TaskDefinition]:
        from grader.plugins import task_definitions, without

        known = task_definitions(self.manager, self.config.task_tables)
        for name in self.config.tasks:
            if name not in known:
                raise UsageError(
                    f"there is no task {name!r}{did_you_mean(name, known)}; `grader tasks` lists them"
                    f"{without(self.manager)}"
                )
            if self.config.target is not None:
                self.config.target.check(name, known[name].task.kind)
        carried = (path for each in known.values() for path in each.hidden)
        self._hidden = sorted({*carried, *self._own_places()})
        return {name: known[name] for name in self.config.tasks}

    def _own_places(self) -> Iterator[Path]:
        """What no worker may read, wherever the user has put it."""
        found = task_data.data_places(self.config)
        folders = (
            self.config.leaderboard,
            task_data.cache_root(),
            found.data,
            found.downloads,
            places.state_folder(),
        )
        return filter(None, folders)

    def _task(self, definition: TaskDefinition, stack: ExitStack) -> Task:
        """The task with its digest: by its cache entry's manifest, or prepared where there is none."""
        sources = task_data.data_places(self.config)
        known = task_data.known_task(definition, sources, task_data.cache_root())
        return known or self._open(definition, stack).task

    def _open(self, definition: TaskDefinition, stack: ExitStack) -> PreparedTask:
        name = definition.task.name
        if name not in self._data:
            config = self.config
            opened = task_data.open_task(
                definition,
                task_data.data_places(config),
                task_data.cache_root(),
                config.task_tables,
                config.plugins,
                lambda: self.manager.hook.grader_task_prepare(task=definition.task),
            )
            self._data[name] = stack.enter_context(closing(opened))
        return self._data[name]

    def _executor(self, scheduler: Scheduler, todo: Sequence[Trial]) -> Executor:
        executor: Executor | None = self.manager.hook.grader_make_executor(
            name=self.config.executor,
            config=self.config,
            slots=self.slots,
            submissions=list({part.name: part for each in todo for part in each.submission.parts}.values()),
            trials=len(todo),
            isolation=self._level,
            hidden=self._hidden,
            listen=scheduler.listen,
            notice=scheduler.notice,
        )
        if executor is None:
            from grader.plugins import without

            raise UsageError(
                f"no plugin provides the executor {self.config.executor!r}; local, ray and ray:HOST:PORT are "
                f"built in{without(self.manager)}"
            )
        return executor

    def _ended(self, trial: Trial, future: Future[Attempt], alongside: int) -> bool:
        """Score and store; return whether more trials may start."""
        record = self._record(_attempt(trial, future), alongside)
        self.records.append(record)
        self._made[id(trial)] = record
        self.manager.hook.grader_trial_finish(trial=trial, record=record)
        self.stopped_early = self.stopped_early or self._enough_failures()
        return not self.stopped_early

    def _record(self, attempt: Attempt, alongside: int) -> Record:
        from grader.host.evidence import evidence_of
        from grader.host.score import predicted, record_of

        data, here = self._data[attempt.trial.task.name], environment.current()
        targets, private = data.test_targets, None
        try:
            record = record_of(attempt, targets, self.manager.hook, here, alongside)
            if self._keep and record.status is Status.OK and data.private_targets is not None:
                private = scored(attempt, record, data.private_targets, self.manager.hook)
        except Exception as error:  # a fault of ours: a plugin's metric that fails is switched off
            attempt = _at_fault(attempt.trial, error)
            record = record_of(attempt, targets, self.manager.hook, here, alongside)
        record = self._nodes.judged(record)
        if self._keep:
            evidence = None
            if record.status is Status.OK and attempt.logits is not None:
                task = attempt.trial.task
                public = attempt.logits[: len(targets)]
                evidence = evidence_of(predicted(task, public), targets, task.num_classes)
            if private is not None:
                self._private.keep(record, *private)  # first: no public record stands without it
            self._store.write(record, evidence)
        return record

    def _enough_failures(self) -> bool:
        limit = self.config.max_failures
        return limit is not None and sum(r.status is not Status.OK for r in self.records) >= limit

    def _write_leaderboard(self, *, new: bool) -> None:
        """Make it of all records; where nothing is new and it stands as it was made, it is but read."""
        from grader.host.leaderboard import regenerate

        if not (self._keep and self._tables and self.records):
            return
        folder = self.config.leaderboard
        if new:
            self._seen = records_seen(folder)
        else:
            self.standings = standings_of(folder, self.manager, self._seen)
        if self.standings is None:
            read = None if new else (self._there, self.problems)
            tables = self.config.task_tables
            self.standings, self.problems, _ = regenerate(folder, self.manager, read, tables)
            keep(folder, self.manager, self._seen)


def _attempt(trial: Trial, future: Future[Attempt]) -> Attempt:
    """The future's attempt; a fault of ours becomes a row that says so, and the run goes on."""
    try:
        return future.result()
    except GraderError:
        raise
    except Exception as error:
        return _at_fault(trial, error)


def _at_fault(trial: Trial, error: Exception) -> Attempt:
    from grader.host.supervise import Attempt

    reason = f"{type(error).__name__}: {error} (a fault of grader or of a plugin, not of the submission)"
    detail = "".join(traceback.format_exception(error))
    return Attempt(trial, status=Status.HARNESS_ERROR, reason=reason, detail=detail)
