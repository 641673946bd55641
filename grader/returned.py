"""What the hooks of other people's plugins return, held against what `hookspecs` says of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Real
from pathlib import Path

import msgspec

from grader.contract.submission import Submission
from grader.contract.task import Task, TaskDefinition
from grader.contract.trial import Trial

OWN_METRICS = frozenset({"accuracy", "loss", "mse", "mae", "r2"})
"""What grader computes itself, and ranks by: no plugin may put another number in its place."""


def problem(hook: str, result: object, arguments: Mapping[str, object]) -> str:
    """Return what is wrong with a hook's result, or with what it left in its arguments; '' if nothing is."""
    check = _CHECKS.get(hook)
    return check(result, arguments) if check else ""


def _tasks(result: object, _: Mapping[str, object]) -> str:
    return _other_than(result, TaskDefinition) or next(filter(None, map(_wrong_task, _listed(result))), "")


def _wrong_task(definition: object) -> str:
    assert isinstance(definition, TaskDefinition)
    task: object = definition.task
    functions: tuple[object, ...] = (definition.fingerprint, definition.prepare)
    if not isinstance(task, Task):
        return f"returned a TaskDefinition whose task is {_a(task)}, not a Task"
    if not all(map(callable, functions)):
        return f"returned task {task.name!r}, whose fingerprint or prepare is no function"
    try:
        msgspec.convert(msgspec.to_builtins(task), Task)  # its constructor takes any types
    except (msgspec.ValidationError, TypeError) as error:
        return f"returned task {task.name!r}, which is none: {error}"
    return ""


def _submissions(result: object, _: Mapping[str, object]) -> str:
    return "" if result is None else _other_than(result, Submission)


def _executor(result: object, _: Mapping[str, object]) -> str:
    if result is None:
        return ""
    missing = [name for name in ("submit", "cancel", "close") if not callable(getattr(result, name, None))]
    if missing:
        return f"returned {_a(result)}, which has no {missing[0]}(): see grader.host.executors"
    slots = getattr(result, "slots", None)
    if not isinstance(slots, int) or slots < 1:
        return f"returned an executor whose slots are {slots!r}, not a number from 1"
    return ""


def _metrics(result: object, _: Mapping[str, object]) -> str:
    if not isinstance(result, Mapping):
        return f"returned {_a(result)}, not a dict of numbers by name"
    for name, value in result.items():
        if not isinstance(name, str):
            return f"returned {_a(name)} for the name of a metric"
        if not isinstance(value, Real):
            return f"returned {_a(value)} for {name!r}, not a number"
        if name in OWN_METRICS:
            return f"returned {name!r}, which grader computes itself: give it another name"
    return ""


def _columns(result: object, _: Mapping[str, object]) -> str:
    return _other_than(result, str)


def _files(result: object, _: Mapping[str, object]) -> str:
    absent = (path for path in _listed(result) if isinstance(path, Path) and not path.is_file())
    return _other_than(result, Path) or next((f"returned {path}, which is no file" for path in absent), "")


def _trials(result: object, arguments: Mapping[str, object]) -> str:
    if result is not None:
        return f"returned {_a(result)}: change `trials` in place, and return nothing"
    left = arguments.get("trials", [])
    other = next((each for each in _listed(left) if not isinstance(each, Trial)), None)
    return "" if other is None else f"left {_a(other)} among the trials"


def _other_than(result: object, kind: type) -> str:
    """Say of a result that it is no list of such things; '' where it is one."""
    wanted = f"not a list of {kind.__name__}"
    if not isinstance(result, list | tuple):
        return f"returned {_a(result)}, {wanted}"
    other = [each for each in result if not isinstance(each, kind)]
    return f"returned a list with {_a(other[0])}, {wanted}" if other else ""


def _listed(result: object) -> list[object]:
    return list(result) if isinstance(result, list | tuple) else []


def _a(value: object) -> str:
    """Name a value's type, with its article."""
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


_CHECKS: Mapping[str, Callable[[object, Mapping[str, object]], str]] = {
    "grader_register_tasks": _tasks,
    "grader_collect": _submissions,
    "grader_modify_trials": _trials,
    "grader_make_executor": _executor,
    "grader_metrics": _metrics,
    "grader_columns": _columns,
    "grader_write_leaderboard": _files,
}
