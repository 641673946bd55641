"""The language of rubrics: what `@pytest.mark.points` says, and what a run of its test came to."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pytest
from _pytest.outcomes import Failed, Skipped  # what `pytest.fail` and `pytest.skip` raise

from grader.contract.text import did_you_mean, one_line, plain
from grader.grading.cases import Case
from grader.grading.model import Criterion, Outcome
from grader.points import Credit

MARKER = "points"
_OPTIONS = ("points", "hidden", "extra", "after", "task", "hint")
_MOST = 1e6  # points; more is a slip of the keyboard
_MESSAGE = 2000  # characters of a message to the student
_DETAIL = 20_000  # characters of what staff get to read
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")  # of objects: another one in each run, for the same outcome


@dataclass(frozen=True)
class Judged:
    """What one run of a criterion's test came to."""

    outcome: Outcome
    share: float  # of its points
    message: str = ""  # for the student
    detail: str = ""  # for staff


class Blocked(Skipped):
    """A criterion that this one comes after was not met."""

    __module__ = "builtins"  # as pytest's own: it shows the name alone

    def __init__(self, message: str) -> None:
        super().__init__(message, _use_item_location=True)


class NotJudged(Failed):
    """Nothing could be said of a submission, by no fault of its own."""

    __module__ = "builtins"

    def __init__(self, message: str) -> None:
        super().__init__(message, pytrace=False)


def mark_of(item: pytest.Item) -> pytest.Mark | None:
    """Return the nearest marker of points, or None for a test that is worth none."""
    return item.get_closest_marker(MARKER)


def tasks_of(mark: pytest.Mark | None) -> tuple[str, ...]:
    """Return the tasks that a criterion is for; empty is all."""
    asked = mark.kwargs.get("task", ()) if mark else ()
    if isinstance(asked, str):
        return (asked,)
    return tuple(asked) if _is_names(asked) else ()  # what is wrong with it is told with the rest


def criterion_of(item: pytest.Function, case: Case | None, *, several_tasks: bool) -> Criterion:
    """Return the criterion that an item is a case of. Raises UsageError, one line with file and line."""
    mark = mark_of(item)
    assert mark is not None
    given = dict(zip(_OPTIONS, mark.args, strict=False)) | dict(mark.kwargs)
    wrong = list(_wrong(mark, given))
    if wrong:
        raise pytest.UsageError(f"{place_of(item)}: @pytest.mark.points of {item.originalname}: {wrong[0]}")
    after = given.get("after", ())
    own = _own(item, case, case.task if case and several_tasks else "")
    title = _title(item.function, item.originalname)
    return Criterion(
        name=f"{function_of(item)}[{own}]" if own else function_of(item),
        title=f"{title} ({own})" if own else title,
        points=float(given["points"]),
        hidden=bool(given.get("hidden", False)),
        extra=bool(given.get("extra", False)),
        after=(after,) if isinstance(after, str) else tuple(after),
        hint=one_line(str(given.get("hint", "")), _MESSAGE),
    )


def place_of(item: pytest.Item) -> str:
    """`rubric.py:12`."""
    path, line, _ = item.location
    return plain(path if line is None else f"{path}:{line + 1}")


def function_of(item: pytest.Function) -> str:
    """The name that `after` calls it by: test_trains, or TestModel::test_trains."""
    return item.nodeid.partition("[")[0].partition("::")[2]


def check_order(items: Sequence[pytest.Function], after: Mapping[str, Sequence[str]]) -> None:
    """Raise UsageError for a prerequisite that is no criterion, or that leads round in a circle."""
    for item in items:
        for name in after[function_of(item)]:
            if name not in after:
                hint = did_you_mean(name, after) or f"; there are {', '.join(after)}"
                raise pytest.UsageError(f"{place_of(item)}: after={name!r} is no criterion{hint}")
        if function_of(item) in _before(function_of(item), after):
            raise pytest.UsageError(f"{place_of(item)}: {function_of(item)} comes after itself")


def judged(call: pytest.CallInfo[None], credit: Credit | None, detail: str, failure: str = "") -> Judged:
    """Say what one phase of an item's run came to. `failure` says how its training failed, if it did.

    Only an assertion, `pytest.fail` and the like are the student's: whatever else is raised, or goes wrong
    before and after the test itself, is the rubric's fault or the harness's. Where the training failed, a
    test that trips over what its record lacks, as a model or a time, trips over that.
    """
    error = call.excinfo.value if call.excinfo else None
    detail = _ADDRESS.sub("", detail)
    if error is None:
        share = 1.0 if credit is None else credit.share
        outcome = Outcome.PASSED if share == 1 else Outcome.PARTIAL if share > 0 else Outcome.FAILED
        return Judged(outcome, share, credit.message[:_MESSAGE] if credit else "")
    if isinstance(error, Blocked):
        return Judged(Outcome.BLOCKED, 0.0, str(error))
    if isinstance(error, Skipped):
        return Judged(Outcome.EXCUSED, 0.0, _said(error))
    theirs = isinstance(error, AssertionError | Failed) and not isinstance(error, NotJudged)
    if call.when == "call" and theirs:
        return Judged(Outcome.FAILED, 0.0, _said(error), detail[:_DETAIL])
    if call.when == "call" and failure and not isinstance(error, NotJudged):
        return Judged(Outcome.FAILED, 0.0, failure[:_MESSAGE], detail[:_DETAIL])
    return Judged(Outcome.GRADER_ERROR, 1.0, "", detail[-_DETAIL:])


def _said(error: BaseException) -> str:
    """What the rubric's author wrote for the student: pytest's own account of an assertion is not for them.

    It shows values, which may be another student's, or a path.
    """
    text = str(error)
    if text.startswith("assert "):
        return ""
    return text.split("\nassert ", 1)[0][:_MESSAGE]


def _wrong(mark: pytest.Mark, given: Mapping[str, object]) -> Iterator[str]:
    if len(mark.args) > 1:
        yield f"takes one number, and then {', '.join(_OPTIONS[1:])} by name"
    for name in given.keys() - set(_OPTIONS):
        yield f"there is no {name}{did_you_mean(name, _OPTIONS) or f'; there are {_OPTIONS}'}"
    if "points" not in given:
        yield "say how many, as in points(10)"
    elif not _is_number(given["points"]):
        yield f"points are a number of at least 0, not {given['points']!r}"
    for name in ("hidden", "extra"):
        if not isinstance(given.get(name, False), bool):
            yield f"{name} is True or False, not {given[name]!r}"
    for name in ("after", "task"):
        if not _is_names(given.get(name, ())):
            yield f"{name} is a name or a list of names, not {given[name]!r}"


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and 0 <= value <= _MOST


def _is_names(value: object) -> bool:
    if isinstance(value, str):
        return True
    return isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)


def _own(item: pytest.Function, case: Case | None, task: str) -> str:
    """What tells the cases of one test apart: its own parameters, and the task where there are several."""
    callspec = getattr(item, "callspec", None)
    own = callspec.id if callspec else ""
    if case is not None:
        own = own.replace(case.id, "", 1).replace("--", "-").strip("-")
    return "-".join(part for part in (own, task) if part)


def _title(function: object, name: str) -> str:
    text = inspect.getdoc(function) or ""
    words = name.removeprefix("test_").replace("_", " ")
    return one_line(text.strip().split("\n")[0] or words[:1].upper() + words[1:], 200)


def _before(name: str, after: Mapping[str, Sequence[str]]) -> set[str]:
    """Everything that comes before a criterion, at any distance."""
    found: set[str] = set()
    waiting = list(after.get(name, ()))
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting.extend(after.get(each, ()))
    return found
