"""What happens while criteria run under pytest: prerequisites, partial credit, and what each came to."""

from __future__ import annotations

import functools
import math
from collections.abc import Generator, Iterator, Sequence
from typing import Any

import pytest
from _pytest.runner import runtestprotocol  # of no other name: plugins that run items again go by it

from grader.contract.text import plain
from grader.grading import criteria
from grader.grading.answers import Answer, Answers
from grader.grading.criteria import Blocked, Judged, NotJudged
from grader.grading.door import Door, case_of
from grader.grading.model import Outcome
from grader.points import Credit

_CREDIT = pytest.StashKey[Credit | None]()
_MET = {Outcome.PASSED, Outcome.PARTIAL}
POINTS = "points"


class Judge:
    """Judges every item that is a criterion. Registered where there is one."""

    def __init__(self, door: Door, answers: Answers | None) -> None:
        self._door, self._answers = door, answers
        self._judged: dict[str, Judged] = {}  # by node id

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Run what it comes after first, where that has not run in this process.

        It may have been left out by -k, stand further down, or be another process's. What comes of it is
        not shown: in its own turn it is run again, on trainings that are there.
        """
        self._run_before(item)
        return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Skip what comes after a criterion that was not met. Raises Blocked."""
        for before in self._door.before(item):
            found, criterion = self._judged[before.nodeid].outcome, self._door.criterion(before)
            named = f"“{criterion.title}”" if criterion and not criterion.hidden else "another criterion"
            if found is Outcome.GRADER_ERROR:
                raise NotJudged(f"comes after {named}, which could not be judged")
            if found not in _MET:
                raise Blocked(f"comes after {named}, which was not met")

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
        """Keep what a criterion returns; no points at all are a failure. TypeError for another value."""
        if self._door.criterion(pyfuncitem) is None:
            return (yield)
        test = pyfuncitem.obj

        @functools.wraps(test)
        def kept(**arguments: Any) -> None:
            result = test(**arguments)
            if result is not None and not isinstance(result, Credit):
                raise TypeError(
                    f"a criterion returns points.between(...), points.fraction(...) or None, not {result!r}"
                )
            pyfuncitem.stash[_CREDIT] = result
            if result is not None and result.share == 0:
                pytest.fail(result.message or "no credit", pytrace=False)

        pyfuncitem.obj = kept
        try:
            return (yield)
        finally:
            pyfuncitem.obj = test

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note what came of it, in the report and its test case's properties too."""
        report = yield
        criterion = self._door.criterion(item)
        if criterion is None or (call.when != "call" and call.excinfo is None):
            return report
        case = case_of(item)
        assert case is not None  # as taken
        failure = self._door.trainings.failure(case)
        found = criteria.judged(call, item.stash.get(_CREDIT, None), report.longreprtext, failure)
        self._judged[item.nodeid] = found
        asked_for = not criterion.extra and found.outcome is not Outcome.EXCUSED
        maximum = criterion.points if asked_for else 0.0
        told: list[tuple[str, object]] = [
            (POINTS, f"{found.share * criterion.points:g}"),
            ("maximum", f"{maximum:g}"),
            ("submission", case.submission.name),
        ]
        for properties in (item.user_properties, report.user_properties):
            properties[:] = [each for each in properties if each[0] not in dict(told)] + told
        if self._answers is not None:
            self._answers.add(
                item.nodeid,
                Answer(
                    criterion=criterion, submission=case.submission.name, task=case.task, seed=case.seed,
                    outcome=found.outcome, share=found.share, message=found.message, detail=found.detail,
                ),
            )  # fmt: skip
        return report

    def _run_before(self, item: pytest.Item) -> None:
        for before in self._door.before(item):
            if before.nodeid not in self._judged:
                self._run_before(before)
                runtestprotocol(before, log=False, nextitem=item)


def summary(reports: Sequence[pytest.TestReport]) -> Iterator[str]:
    """Yield a line for each submission: what it earned, of how much, over all that ran."""
    earned: dict[str, dict[str, tuple[float, float]]] = {}
    for report in reports:
        told = dict(report.user_properties)
        who = str(told["submission"])
        earned.setdefault(who, {})[report.nodeid] = float(str(told[POINTS])), float(str(told["maximum"]))
    width = max(map(len, earned))
    for who, found in earned.items():
        points, maximum = (math.fsum(each) for each in zip(*found.values(), strict=True))
        yield f"{plain(who):{width}}  {points:g} of {maximum:g}"
