"""The trainings behind a rubric: run by the session that the command runs, once for all criteria."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from grader import hookimpl
from grader.contract.budget import Budget
from grader.contract.errors import GraderError, UsageError
from grader.contract.record import Record
from grader.contract.status import Status
from grader.contract.text import did_you_mean, plain
from grader.grading.cases import Case, Key, key_of, key_of_trial
from grader.host import files

if TYPE_CHECKING:
    import pluggy

    from grader.contract.submission import Submission
    from grader.contract.trial import Trial
    from grader.host.config import Config
    from grader.host.rank import Standings
    from grader.shield import Tell

FURTHER = "trials"  # below the leaderboard: what was trained under other conditions, in no table of it
_GUESSES = 4  # conditions under which all are trained because one was
_OVERRIDES = ("seed", "budget", "task")


class HarnessFault(GraderError):
    """A training failed by the harness's own fault, so nothing can be said of the submission."""


class Metrics(dict[str, float]):
    """A record's metrics. One that a failed training cannot have fails the criterion, with its reason."""

    def __init__(self, record: Record) -> None:
        super().__init__(record.metrics)
        self._failure = _failure(record)

    def __missing__(self, name: str) -> float:
        __tracebackhide__ = True  # pytest shows the rubric's line
        if not self._failure:
            raise KeyError(f"{name!r}: there are {', '.join(self)}")
        raise AssertionError(self._failure)


class Trainings:
    """The records that criteria ask for. Nothing is trained before the first one does.

    `plugins` join those of each session; `tell` gets a line about each other one that is switched off.
    """

    def __init__(self, config: Config, plugins: Sequence[object] = (), tell: Tell = warnings.warn) -> None:
        self._tell = tell
        self.config = replace(config, failures_stand=not config.rerun)
        self._shared: Path | None = None
        self._plugins = tuple(plugins)
        self._wanted: set[Key] = set()
        self._guessed: set[tuple[str, int, str]] = set()
        self._known: dict[str, dict[Key, Record] | GraderError] = {}

    def share(self, folder: Path) -> None:
        """Have this folder in common with other processes: what one of them trained the others read there."""
        self._shared = folder

    def submissions(self) -> list[Submission]:
        """Collect what the configuration names. Raises GraderError, one line."""
        from grader.host.collect import collect
        from grader.host.cross import chosen

        return chosen(collect(self.config, self._manager()), self.config)

    def want(self, chosen: Iterable[Case]) -> None:
        """Say for which cases a record will be asked: they are trained together."""
        self._wanted |= {case.key for case in chosen}

    def record(self, case: Case) -> Record:
        """Return the record of a case. Raises GraderError where nothing could be trained.

        Raises HarnessFault where the harness itself failed.
        """
        self._wanted.add(case.key)
        return _judgeable(self._main()[case.key])

    def records(self) -> list[Record]:
        """Return the records of all cases that were wanted, as they ended. Raises GraderError."""
        return list(self._main().values())

    def failure(self, case: Case) -> str:
        """Say how the training of a case failed; '' where it did not, or nobody has asked for it."""
        known = (found.get(case.key) for found in self._known.values() if isinstance(found, dict))
        record = next(filter(None, known), None) if case.seed is not None else None
        return _failure(record) if record else ""

    def missing(self) -> int:
        """Return how many of the cases that were wanted have no record yet. Raises GraderError."""
        from grader.host.session import Session

        manager = self._manager()
        manager.register(_Only(self._wanted))
        steps, _ = Session(self.config, manager).preview()
        return sum(step.done is None for step in steps)

    def further(self, case: Case, **overrides: Any) -> Record:
        """Train the case's submission once more, with another `seed`, `budget` or `task`.

        The criterion that asks will ask the same of the other submissions: those that ended well are trained
        along with this one, in the same slots. Where it asks each for something else, that is given up.
        """
        for name in overrides.keys() - set(_OVERRIDES):
            known = did_you_mean(name, _OVERRIDES) or f"; there are {', '.join(_OVERRIDES)}"
            raise UsageError(f"trial() takes no {plain(name)!r}{known}")
        assert case.seed is not None
        task, seed = str(overrides.get("task", case.task)), int(overrides.get("seed", case.seed))
        budget = overrides.get("budget")
        config = replace(
            self._elsewhere(),
            tasks=(task,),
            seeds=(seed,),
            budget=self.config.budget if budget is None else Budget.parse(str(budget)),
        )
        asked = task, seed, str(config.budget)
        name = case.submission.name
        wanted = frozenset({(name, task, seed)})
        if asked in self._guessed or len(self._guessed) < _GUESSES:
            self._guessed.add(asked)
            well = {who for (who, _, _), record in self._main().items() if record.status is Status.OK}
            if name in well:  # the same for each of them, so that two processes ask for it once
                wanted = frozenset((who, task, seed) for who in well)
        return _judgeable(self._once(config, wanted)[name, task, seed])

    def baseline(self, case: Case, path: str) -> Record:
        """Return the record of a reference submission under the case's own task, budget and seed."""
        assert case.seed is not None
        config = replace(self._elsewhere(), paths=(path,), tasks=(case.task,), seeds=(case.seed,))
        found = self._once(config, None)
        if len(found) != 1:
            raise UsageError(f"{plain(path)} is {len(found)} submissions, and one is asked for")
        return _judgeable(*found.values())

    def standings(self) -> Standings:
        """Return the standings of all that was trained, as the leaderboard has them."""
        from grader.host.archive import Archive
        from grader.host.leaderboard import ranked
        from grader.host.store import Store

        ours = {(key, record.finished) for key, record in self._main().items()}
        files, _ = Store(self.config.leaderboard).read_files()
        archive = Archive(
            {path: each for path, each in files.items() if (key_of(each), each.finished) in ours}
        )
        return ranked(archive, self._manager())

    def _main(self) -> dict[Key, Record]:
        return self._once(self.config, frozenset(self._wanted))

    def _elsewhere(self) -> Config:
        """What stands in no table: it would change the rows, and only those whose criteria asked for it."""
        return replace(self.config, leaderboard=self.config.leaderboard / FURTHER)

    def _manager(self) -> pluggy.PluginManager:
        from grader.plugins import harness_manager

        manager = harness_manager(self.config.plugins, tell=self._tell)
        for plugin in self._plugins:
            manager.register(plugin)
        return manager

    def _once(self, config: Config, wanted: frozenset[Key] | None) -> dict[Key, Record]:
        """Run a session, or have what it gave before, here or in another process of this pytest session."""
        asked = (config.paths, config.tasks, config.seeds, str(config.budget), sorted(wanted or ()))
        name = hashlib.sha256(repr(asked).encode("utf-8", "surrogateescape")).hexdigest()[:24]
        if name not in self._known:
            try:
                records = _shared(self._shared, name, lambda: self._run(config, wanted))
                self._known[name] = {key_of(record): record for record in records}
            except GraderError as error:
                self._known[name] = error
        found = self._known[name]
        if isinstance(found, GraderError):
            raise found
        return found

    def _run(self, config: Config, wanted: frozenset[Key] | None) -> list[Record]:
        from grader.host.session import Session

        manager = self._manager()
        if wanted is not None:
            manager.register(_Only(wanted))
        session = Session(config, manager, tables=config.leaderboard == self.config.leaderboard)
        records = session.run()
        if session.interrupted:
            raise KeyboardInterrupt
        return records


class _Only:
    """Leaves out the trials that no criterion asks for."""

    def __init__(self, wanted: Collection[Key]) -> None:
        self._wanted = wanted

    @hookimpl
    def grader_modify_trials(self, trials: list[Trial]) -> None:
        trials[:] = [trial for trial in trials if key_of_trial(trial) in self._wanted]


def _failure(record: Record) -> str:
    """One sentence; '' for a training that ended well, or failed by the harness's own fault."""
    if record.status in {Status.OK, Status.HARNESS_ERROR}:
        return ""
    where = f" in {record.phase}" if record.phase else ""
    return f"the training ended as {record.status}{where}: {record.reason}"


def _judgeable(record: Record) -> Record:
    if record.status is Status.HARNESS_ERROR:
        raise HarnessFault(f"{record.node_id} could not be trained: {record.reason}")
    return msgspec.structs.replace(record, metrics=Metrics(record))


def _shared(folder: Path | None, name: str, make: Callable[[], list[Record]]) -> list[Record]:
    """Make the records, unless another process has: the first one does, and the others wait for it.

    What failed is shared as well, though a session of its own would try it again.
    """
    if folder is None:
        return make()
    from filelock import FileLock

    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.json"
    with FileLock(folder / f"{name}.lock"):
        if file.exists():
            return msgspec.json.decode(file.read_bytes(), type=list[Record])
        records = make()
        files.replace(file, msgspec.json.encode(records))
        return records
