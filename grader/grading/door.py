"""pytest's door to the trainings: what its options ask for, and which items are which criteria."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import pytest

from grader.contract.errors import GraderError
from grader.contract.submission import Submission
from grader.grading import asked, criteria, fence
from grader.grading.asked import Named
from grader.grading.cases import Case, cases
from grader.grading.model import Criterion
from grader.grading.progress import Progress
from grader.grading.trainings import Trainings

if TYPE_CHECKING:
    from grader.host.config import Config

CASE = "_grader_case"  # the fixture that is parametrised


class Door:
    """What one pytest process knows of submissions, trainings and criteria."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        file = config.getoption("--grading-attempts")
        self._asked = asked.read(file) if file else None
        self._criteria: dict[str, Criterion] = {}  # by node id
        self._items: dict[str, pytest.Function] = {}  # all criteria's, also those that -k leaves out
        self._first: dict[tuple[str, str], list[pytest.Function]] = {}  # by function and submission

    @cached_property
    def config(self) -> Config:
        """The settings that the command would have beside the rubric, with the same options.

        Raises GraderError.
        """
        from grader.host.settings import make_config

        if self._asked is not None:
            return self._asked.config()
        given, here = self._config.getoption, self._config.invocation_params.dir
        return make_config(
            cwd=fence.home(self._config),
            paths=[here / path for path in given("--submissions")],
            tasks=given("--task"),
            budget=given("--budget"),
            seeds=given("--seeds"),
            slots=given("--slots"),
            rerun=bool(given("--retrain")),
        )

    @cached_property
    def trainings(self) -> Trainings:
        """The trainings of this pytest session."""
        names = [Named(self._asked.attempts)] if self._asked is not None else []
        return Trainings(self.config, [*names, Progress(self._config)])

    @cached_property
    def submissions(self) -> Sequence[Submission]:
        """Every submission that the options name."""
        return self.trainings.submissions()

    def cases_for(self, mark: pytest.Mark | None, *, trained: bool) -> tuple[Case, ...]:
        """Return what a test is to be held against. Raises GraderError, one line."""
        if not trained:
            return tuple(Case(submission) for submission in self.submissions)
        only = criteria.tasks_of(mark)
        for task in only:
            if task not in self.config.tasks:
                asked = ", ".join(self.config.tasks)
                raise GraderError(f"a criterion is for the task {task!r}, and asked for is {asked}")
        tasks = [task for task in self.config.tasks if not only or task in only]
        return cases(self.submissions, tasks, self.config.seeds)

    def all_cases(self) -> tuple[Case, ...]:
        """Every training that the options ask for."""
        return self.cases_for(None, trained=True)

    def take(self, items: Sequence[pytest.Item]) -> None:
        """Learn which items are criteria. Raises pytest.UsageError, one line, for one that cannot be."""
        marked = [item for item in items if criteria.mark_of(item) and isinstance(item, pytest.Function)]
        after: dict[str, Sequence[str]] = {}
        for item in marked:
            case = case_of(item)
            several = case is not None and len(self.config.tasks) > 1 and case.seed is not None
            criterion = criteria.criterion_of(item, case, several_tasks=several)
            if case is None:
                name = criteria.function_of(item)
                line = f"{criteria.place_of(item)}: {name} is worth points and is about nobody's submission"
                raise pytest.UsageError(f"{line}: let it take `record` or `submission`")
            self._criteria[item.nodeid], self._items[item.nodeid] = criterion, item
            place = criteria.function_of(item), case.submission.name
            self._first.setdefault(place, []).append(item)
            after[criteria.function_of(item)] = criterion.after
        criteria.check_order(marked, after)

    def criteria(self) -> tuple[Criterion, ...]:
        """All criteria, in the order of the rubric."""
        return tuple({each.name: each for each in self._criteria.values()}.values())

    def criterion(self, item: pytest.Item) -> Criterion | None:
        """The criterion that an item is a case of."""
        return self._criteria.get(item.nodeid)

    def before(self, item: pytest.Item) -> Iterator[pytest.Function]:
        """Yield the items that this one comes after: of the same submission, task and seed."""
        case, criterion = case_of(item), self.criterion(item)
        if case is None or criterion is None:
            return
        for name in criterion.after:
            for other in self._first.get((name, case.submission.name), ()):
                theirs = case_of(other)
                if theirs is not None and _together(case, theirs):
                    yield other


DOOR = pytest.StashKey[Door]()


def door_of(config: pytest.Config) -> Door:
    """The door of a pytest process, made when first asked for."""
    if DOOR not in config.stash:
        config.stash[DOOR] = Door(config)
    return config.stash[DOOR]


def case_of(item: pytest.Item) -> Case | None:
    """The case that an item is about."""
    callspec = getattr(item, "callspec", None)
    found = callspec.params.get(CASE) if callspec else None
    return found if isinstance(found, Case) else None


def _together(one: Case, other: Case) -> bool:
    """Whether they are of the same training; one that is about the submission alone goes with each."""
    if one.seed is None or other.seed is None:
        return True
    return (one.task, one.seed) == (other.task, other.seed)
