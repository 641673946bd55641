"""The keys of `[tool.grader]` and their types, checked key by key: all that is wrong is told at once."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, NamedTuple

import msgspec

from grader.contract.errors import UsageError
from grader.contract.size import parse_size
from grader.contract.text import did_you_mean, plain

_MOST = 2**53  # a count that every reader of JSON and every limit of the system can hold
_Seconds = Annotated[float, msgspec.Meta(gt=0, le=1e15)]
_Count = Annotated[int, msgspec.Meta(gt=0, le=_MOST)]


class _Key(NamedTuple):
    """What a key takes; `wanted` completes the sentence "must be ..."."""

    kind: Any
    wanted: str


_SECONDS = _Key(_Seconds, "a number of seconds above zero")
_BYTES = _Key(_Count, 'a number of bytes above zero, or a text like "512 MiB"')
_SWITCH = _Key(bool, "true or false")
_FOLDER = _Key(str, "the path of a folder")
_FILE = _Key(str, "the path of a file")
_MOMENT = _Key(str, 'a date or a time, like 2026-03-01 or "2026-03-01 23:59"')

_LIMITS = {
    "load": _SECONDS,
    "train": _SECONDS,
    "after": _SECONDS,
    "predict": _SECONDS,
    "output": _BYTES,
    "weights": _BYTES,
    "snapshots": _BYTES,
    "memory": _BYTES,
    "scratch": _BYTES,
    "submission": _BYTES,
    "parameters": _Key(_Count, "a whole number above zero"),
}
_GRADING = {
    "roster": _FILE,
    "metadata": _FILE,
    "due": _MOMENT,
    "late": _Key(str, 'a text like "10% per day, at most 50%"'),
    "attempts": _Key(str, 'a text: "latest", "first" or "best"'),
    "timezone": _Key(str, 'a text like "UTC" or "Europe/Berlin"'),
    "handout": _Key(list[str], 'a list of paths, like ["handout"]'),
}
_TABLE = {
    "submissions": _Key(list[str], 'a list of paths, like ["submissions"]'),
    "task": _Key(str | list[str], "the name of a task, or a list of names"),
    "budget": _Key(str, 'a text like "10s" or "3 epochs"'),
    "target": _Key(str, 'a text like "accuracy=0.9"'),
    "seeds": _Key(int | list[int], "a count like 3 or a list like [0, 7, 9]"),
    "executor": _Key(str, 'a text: "local", "ray" or "ray:HOST:PORT"'),
    "device": _Key(str, 'a text: "auto", "cpu", "cuda", "cuda:0" or "mps"'),
    "threads": _Key(int, "a whole number of at least 1"),
    "slots": _Key(int | str, 'a whole number of at least 1, or "auto"'),
    "data": _FOLDER,
    "leaderboard": _FOLDER,
    "deterministic": _SWITCH,
    "cross": _SWITCH,
    "isolation": _Key(str, 'a text: "auto", "strict", "landlock", "weak" or "rlimit"'),
    "allow_subprocess": _SWITCH,
    "calibrate": _SWITCH,
    "libraries": _Key(list[str], 'a list of folders, like ["../mylib"]'),
    "plugins": _Key(list[str], 'a list of modules, like ["my_plugin"]'),
    "limits": _Key(dict[str, Any], "a table, like {load = 60}"),
    "grading": _Key(dict[str, Any], "a table, [tool.grader.grading]"),
    "tasks": _Key(dict[str, Any], "a table, [tool.grader.tasks.NAME]"),
}


def check(table: object, file: str) -> dict[str, Any]:
    """Return the table's values. Raises one UsageError with a line for each key that is wrong."""
    if not isinstance(table, dict):
        raise UsageError(f"{file}: [tool.grader] must be a table")
    wrong: list[str] = []
    read = _read(table, _TABLE, "", wrong)
    if "limits" in read:
        read["limits"] = _read(read["limits"], _LIMITS, "limits.", wrong)
    if "grading" in read:
        read["grading"] = _read(read["grading"], _GRADING, "grading.", wrong)
    if "tasks" in read:
        each_a_table = dict.fromkeys(read["tasks"], _TABLE["tasks"])
        read["tasks"] = _read(read["tasks"], each_a_table, "tasks.", wrong)
    if wrong:
        raise UsageError("\n".join(f"{file}: [tool.grader] {line}" for line in wrong))
    return read


def _read(table: dict[str, Any], keys: dict[str, _Key], prefix: str, wrong: list[str]) -> dict[str, Any]:
    """Convert every value that is what its key takes; a line for each that is not."""
    read = {}
    for name, value in table.items():
        shown = plain(prefix + name, 100)
        if name not in keys:
            known = did_you_mean(name, keys) or f"; there are {', '.join(keys)}"
            wrong.append(f"has no key {shown}{known}")
            continue
        key = keys[name]
        try:
            read[name] = msgspec.convert(_as_written(value, key), key.kind)
        except (ValueError, msgspec.ValidationError):
            wrong.append(f"{shown} must be {key.wanted}, not {plain(repr(value), 60)}")
    return read


def _as_written(value: object, key: _Key) -> object:
    """TOML has times of its own, and people write sizes as text."""
    if key is _BYTES and isinstance(value, str):
        return parse_size(value)
    if key is _MOMENT and isinstance(value, date | datetime):
        return value.isoformat()
    return value
