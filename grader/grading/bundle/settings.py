"""Which settings go along, and how those fit the platform: its timeout, its memory, its one core."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from grader.contract.budget import Budget
from grader.contract.errors import UsageError
from grader.contract.size import in_mib
from grader.contract.text import count
from grader.contract.trial import Limits
from grader.grading.bundle import lending
from grader.grading.model import Student

if TYPE_CHECKING:
    from grader.host.config import Config
    from grader.host.pyproject import Pyproject

FILE = "bundle.json"
SCHEMA = 1
TIMEOUT = 10  # minutes that the platform gives, unless the assignment's settings say more (at most 40)
SPARE = 60.0  # seconds of them for starting, for the rubric, and for a machine that has a bad day
_MIB = 2**20
_RESERVED = 448 * _MIB  # of the container: host, rubric, torch and a small training took 500 MiB
_LEAST = 128 * _MIB  # for a training; with less nothing that is worth grading runs

# where a container's limit stands: control groups of the second version, and of the first
LIMIT_FILES = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")

_AS_GIVEN = ("target", "threads", "deterministic", "isolation", "allow_subprocess", "plugins")
_RULES = ("late", "due", "timezone")  # which attempt counts is for the platform's students to choose


class Carried(msgspec.Struct, frozen=True, kw_only=True):
    """`bundle.json`: what the run there goes by."""

    schema: int = SCHEMA
    rubric: str  # the file's name in assignment/
    table: dict[str, Any]  # [tool.grader] of the pyproject.toml that is written beside it
    extended: tuple[Student, ...] = ()  # of the roster, those alone who have an extension

    def with_memory(self, room: int | None) -> dict[str, Any]:
        """The table for so many bytes: a training is ended before the container would be."""
        if room is None:
            return self.table
        memory = min(self.table["limits"]["memory"], max(_LEAST, room))
        return {**self.table, "limits": {**self.table["limits"], "memory": memory}}


def carried(config: Config, file: Pyproject, rubric: str, students: Sequence[Student], late: str) -> Carried:
    """Return the settings that hold elsewhere too; of files of this machine none is named.

    Raises UsageError for what cannot be had there.
    """
    if config.libraries:
        raise UsageError(
            "[tool.grader] libraries are folders of this machine: list what submissions may import in a "
            "requirements.txt beside the rubric, which is installed there"
        )
    table: dict[str, Any] = {
        "task": list(config.tasks),
        "seeds": list(config.seeds),
        "device": "cpu",
        "slots": 1,
        "limits": {name: value for name, value in msgspec.structs.asdict(config.limits).items() if value},
    }
    if config.budget is not None:
        table["budget"] = str(config.budget)
    table |= {name: file.given[name].value for name in _AS_GIVEN if name in file.given}
    # the page that nobody sees would take 100 MB
    table["plugins"] = [*table.get("plugins", ()), "no:html", lending.NAME]
    rules = {name: file.grading[name].value for name in _RULES if name in file.grading}
    table["grading"] = rules | ({"late": late} if late else {})
    table["tasks"] = {
        name: dict(config.task_tables[name]) for name in config.tasks if name in config.task_tables
    }
    return Carried(rubric=rubric, table=table, extended=_extended(students))


def _extended(students: Sequence[Student]) -> tuple[Student, ...]:
    """What it takes to know them again, and no more."""
    return tuple(
        Student(
            key=each.key,
            id=each.id,
            sis_id=each.sis_id,
            login=each.login,
            email=each.email,
            extension=each.extension,
        )
        for each in students
        if each.extension
    )


def in_time(carried: Carried, budgets: Sequence[Budget], minutes: int) -> Carried:
    """Return it with a limit on each training that lets all of them end before the platform's timeout.

    `budgets` are of the trainings of one submission. Raises UsageError where they cannot.
    """
    there = minutes * 60 - SPARE
    wanted = sum(budget.with_grace or 0.0 for budget in budgets)
    if wanted > there:
        raise UsageError(
            f"{count(len(budgets), 'training')} of up to {wanted:g} s in all and {SPARE:g} s around them do "
            f"not fit into Gradescope's timeout of {minutes} minutes: set a longer one there (Autograder "
            "Settings) and say it with --timeout, or take a smaller --budget"
        )
    limits = dict(carried.table["limits"])
    limits["train"] = min(limits.get("train", Limits().train), round(there / len(budgets), 1))
    return msgspec.structs.replace(carried, table={**carried.table, "limits": limits})


def room(cache: Path, files: Sequence[str] = LIMIT_FILES) -> tuple[int | None, str]:
    """Return the bytes that are left to a training, and a line for staff. None where there is no limit.

    The data take their size twice: as the host reads them, and as it shares them with workers.
    """
    limit = _container_memory(files)
    if limit is None:
        return None, "memory: no limit of the container is told"
    left = limit - _RESERVED - 2 * sum(path.stat().st_size for path in cache.rglob("*.bin"))
    short = ": choose a larger container" if left < _LEAST else ""
    return left, f"memory: {in_mib(max(left, 0))} of the container's {in_mib(limit)} for a training{short}"


def _container_memory(files: Sequence[str]) -> int | None:
    for file in files:
        try:
            value = int(Path(file).read_text(encoding="ascii"))
        except (OSError, ValueError):  # not there, or "max"
            continue
        return value if value < 2**50 else None  # the first version's way to say none
    return None


def toml(table: Mapping[str, Any]) -> str:
    """Return the table as the pyproject.toml that holds it. Strings, numbers, lists and tables alone."""
    lines = (f"{json.dumps(name)} = {_toml(value)}" for name, value in sorted(table.items()))
    return "\n".join(["[tool.grader]", *lines, ""])


def _toml(value: object) -> str:
    """TOML's values are JSON's, but for tables, and DEL, which a string may not hold as it is."""
    if isinstance(value, Mapping):
        return (
            "{"
            + ", ".join(f"{json.dumps(name)} = {_toml(each)}" for name, each in sorted(value.items()))
            + "}"
        )
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
