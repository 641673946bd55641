"""Whether this machine can train a record's trial again under the conditions that the record tells.

What it says of them is anybody's claim, and so is looked at before it is used: a path is read only as a
submission is, a device or a level of isolation is one of those that there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from grader.contract.budget import Budget
from grader.contract.errors import GraderError, UsageError
from grader.contract.isolation import Isolation
from grader.contract.record import RULES
from grader.contract.target import Target
from grader.contract.text import NAME, did_you_mean, one_line
from grader.host import data as task_data
from grader.host import device as devices
from grader.host import environment
from grader.host.private import PRIVATE
from grader.host.settings import MAX_SEED

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pluggy

    from grader.contract.record import Record, SubmissionInfo
    from grader.contract.submission import Submission
    from grader.contract.task import Task
    from grader.host.config import Config

_FACTS = ("kind", "metric", "higher_is_better", "train_samples", "test_samples", "classes")  # of a task
_HALVES = 20  # places at which the path of a pair is tried to be cut in two
_DIGEST = 10  # characters of a digest that are shown

_Answer = TypeVar("_Answer")


class NotHere(Exception):
    """Why a record cannot be checked here: one line that says what differs, and what to do."""


@dataclass(frozen=True)
class Conditions:
    """What a session has in common. Records of the same conditions are trained again in one."""

    task: str
    budget: Budget
    target: Target | None  # handing over snapshots takes time
    device: str  # as `--device` takes it
    threads: int
    deterministic: bool
    isolation: Isolation
    beside: int | None  # other trials at once, where that counts: under a budget in seconds


@dataclass(frozen=True, eq=False)
class Subject:
    """What a record is of, as it was: the files of its submission, and the data of its task."""

    places: tuple[str, ...]  # where its submission is collected; of a pair both
    submission: Submission
    task: Task
    targets: npt.NDArray[np.generic]  # of the test set: int64 (N,) or float32 (N, 1)
    budget: Budget


class Machine:
    """This machine, its files and data, as far as records ask for them."""

    def __init__(self, config: Config, manager: pluggy.PluginManager) -> None:
        self._config = config
        self._manager = manager
        self._prepared = _once(self._prepare)
        self._collected = _once(self._collect)
        self._level = _once(_level)

    def subject(self, record: Record) -> Subject:
        """Return what it is of, unchanged. Raises NotHere."""
        budget = _asked(record)
        places, submission = self._submission(record.submission)
        task, targets = self._task(record)
        return Subject(places, submission, task, targets, budget)

    def conditions(self, record: Record, budget: Budget) -> tuple[Conditions, tuple[str, ...]]:
        """Return how it is trained again, and why the same bits are not to be expected. Raises NotHere.

        Where no reason is given they are.
        """
        device = _device(record, budget)
        conditions = Conditions(
            task=record.task.name,
            budget=budget,
            target=_target(record),
            device=device,
            threads=_threads(record, budget),
            deterministic=record.deterministic,
            isolation=self._level(record.isolation),
            beside=max(0, record.alongside) if budget.seconds is not None else None,
        )
        return conditions, tuple(_differences(record, conditions))

    # --- submission ---

    def _submission(self, who: SubmissionInfo) -> tuple[tuple[str, ...], Submission]:
        if not who.parts:
            place, submission = self._unchanged(who.path, who.digest)
            return (place,), submission
        from grader.host.cross import pair

        first: NotHere | None = None
        for model, loop in _halves(who.path):
            try:
                sides = (model, who.parts.get(who.model, "")), (loop, who.parts.get(who.loop, ""))
                (one, its_model), (other, its_loop) = (self._unchanged(*side) for side in sides)
            except NotHere as error:
                first = first or error
                continue
            return (one, other), pair(its_model, its_loop)
        raise first or NotHere(f"its path {_shown(who.path)} names no pair of submissions")

    def _unchanged(self, path: str, digest: str) -> tuple[str, Submission]:
        place, found = self._collected(path)
        for submission in found:
            if submission.digest == digest:
                return place, submission
        now = ", ".join(each.digest[:_DIGEST] for each in found)
        raise NotHere(
            f"{_shown(path)} has changed since (digest {_shown(digest[:_DIGEST])} then, {now} now): "
            "check out the files of then"
        )

    def _collect(self, path: str) -> tuple[str, tuple[Submission, ...]]:
        """What lies at a path of a record, relative to the run's folder, or is installed by that name."""
        from grader.host.collect import ENTRIES, collect

        below = self._config.root / path
        place = below if below.exists() else Path(path)
        if place.is_dir() and not any((place / entry).is_file() for entry in ENTRIES):
            # whoever wrote the record may have named a folder that takes a day to look through
            raise NotHere(f"{_shown(path)} is a folder without a submission.py or __init__.py")
        try:
            found = collect(replace(self._config, paths=(str(place),)), self._manager)
        except GraderError as error:
            raise NotHere(one_line(str(error))) from error
        return str(place), tuple(found)

    # --- task ---

    def _task(self, record: Record) -> tuple[Task, npt.NDArray[np.generic]]:
        if record.task.split == PRIVATE:
            raise NotHere("it tells of a private test set: verify the public record of the same training")
        task, targets = self._prepared(record.task.name)
        if task.digest != record.task.digest:
            then, now = _shown(record.task.digest[:_DIGEST]), task.digest[:_DIGEST]
            raise NotHere(
                f"the data of {task.name} have changed since (digest {then} then, {now} now): "
                "name the folder of the original ones with --data"
            )
        for fact in _FACTS:
            then, now = getattr(record.task, fact), getattr(task, fact)
            if then != now:
                raise NotHere(
                    f"{task.name} is another task now: its {fact.replace('_', ' ')} was {_shown(str(then))}, "
                    f"and is {_shown(str(now))}"
                )
        return task, targets

    def _prepare(self, name: str) -> tuple[Task, npt.NDArray[np.generic]]:
        from grader.plugins import task_definitions, without

        config = self._config
        known = task_definitions(self._manager, config.task_tables)
        if name not in known:
            hint = did_you_mean(name, known)
            raise NotHere(
                f"there is no task {_shown(name)} here{hint}; a plugin (-p) or a table may bring it"
                f"{without(self._manager)}"
            )
        try:
            opened = task_data.open_task(
                known[name],
                task_data.data_places(config),
                task_data.cache_root(),
                config.task_tables,
                config.plugins,
                lambda: self._manager.hook.grader_task_prepare(task=known[name].task),
            )
        except GraderError as error:
            raise NotHere(one_line(str(error))) from error
        with opened:
            return opened.task, opened.test_targets


def _once(ask: Callable[[str], _Answer]) -> Callable[[str], _Answer]:
    """Ask once for each name, also where the answer is no: a download that failed fails for all."""
    known: dict[str, _Answer | NotHere] = {}

    def answer(name: str) -> _Answer:
        if name not in known:
            try:
                known[name] = ask(name)
            except NotHere as error:
                known[name] = error
        found = known[name]
        if isinstance(found, NotHere):
            raise found
        return found

    return answer


def _halves(path: str) -> Iterator[tuple[str, str]]:
    """The ways to cut the path of a pair at a plus: a file's name may hold one itself."""
    places = [at for at, char in enumerate(path) if char == "+"]
    return ((path[:at], path[at + 1 :]) for at in places[:_HALVES])


def _asked(record: Record) -> Budget:
    """The budget of a record whose plain words are those of a trial that could be run."""
    if record.rules != RULES:
        raise NotHere(
            f"it was trained and scored under rules {record.rules}, and this grader has rules {RULES}: "
            f"install grader {_shown(record.environment.grader)}"
        )
    if not 0 <= record.seed <= MAX_SEED:
        raise NotHere(f"its seed {_shown(str(record.seed))} is none that grader gives (0 to {MAX_SEED})")
    try:
        return Budget.parse(record.budget)
    except UsageError as error:
        raise NotHere(one_line(str(error))) from error


def _target(record: Record) -> Target | None:
    try:
        return Target.parse(record.target) if record.target else None
    except UsageError as error:
        raise NotHere(one_line(str(error))) from error


def _device(record: Record, budget: Budget) -> str:
    """The device that is most like the record's, as `--device` takes it. Raises NotHere."""
    kind, name = record.device.kind, record.device.name
    alike = devices.accelerators().index(name) if name in devices.accelerators() else 0
    wish = f"cuda:{alike}" if kind == "cuda" and alike else kind  # the first stands for all that are like it
    try:
        here = devices.choose(wish)[0] if kind in {"cpu", "cuda", "mps"} else None
    except UsageError:
        here = None
    if here is None:
        raise NotHere(
            f"it was trained on {_shown(kind)} ({_shown(name)}), and this machine has none: "
            "verify it on one that has"
        )
    if budget.seconds is not None and here.name != name:
        raise NotHere(
            f"{budget} are worth what {_shown(name)} does in them, and this machine has {here.name}: "
            "verify it on one like that"
        )
    return wish


def _threads(record: Record, budget: Budget) -> int:
    there, here = record.device.threads, devices.available_cores()
    if budget.seconds is not None and not 1 <= there <= here:
        raise NotHere(f"its {budget} were those of {there} threads, and this process may use {here} cores")
    return max(1, min(there, here))


def _level(name: str) -> Isolation:
    from grader.host import isolation

    if name not in tuple(Isolation):
        raise NotHere(f"this grader knows no isolation {_shown(name)}: install the one that wrote the record")
    try:
        return isolation.achieve(Isolation(name))
    except UsageError as error:
        raise NotHere(one_line(str(error))) from error


def _differences(record: Record, conditions: Conditions) -> Iterator[str]:
    """What keeps the sums of a training from coming out in the same order, and so with the same bits."""
    there, here = record.environment, environment.current()
    if conditions.budget.seconds is not None:
        yield "its budget is in seconds"
    if record.device.kind != "cpu":
        yield f"it computes on {record.device.kind}"
    told = [
        ("grader", there.grader, here.grader),
        ("torch", there.torch, here.torch),
        ("numpy", there.numpy, here.numpy),
        ("", record.device.name, devices.choose(conditions.device)[0].name),
        ("threads", str(record.device.threads), str(conditions.threads)),
    ]
    for name, then, now in told:
        if then != now:
            yield f"{name} {_shown(then)} then, {now} now".strip()


def _shown(text: str) -> str:
    return one_line(text, NAME)
