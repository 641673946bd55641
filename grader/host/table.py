"""The keys of `[tool.grader]` and their types. Imports pydantic: only where such a table is read."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from grader.contract.errors import UsageError
from grader.contract.size import parse_size
from grader.contract.text import did_you_mean, plain

_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
_Seconds = Annotated[float | None, Field(gt=0, description="a number of seconds above zero")]
_MOST = 2**53  # a count that every reader of JSON and every limit of the system can hold
_Bytes = Annotated[
    int | None,
    BeforeValidator(lambda value: parse_size(value) if isinstance(value, str) else value),
    Field(gt=0, le=_MOST, description='a number of bytes above zero, or a text like "512 MiB"'),
]


class LimitsTable(BaseModel):
    """`limits`: see grader.contract.trial.Limits."""

    model_config = _STRICT

    load: _Seconds = None
    train: _Seconds = None
    after: _Seconds = None
    predict: _Seconds = None
    output: _Bytes = None
    weights: _Bytes = None
    memory: _Bytes = None
    scratch: _Bytes = None
    submission: _Bytes = None
    parameters: Annotated[int | None, Field(gt=0, le=_MOST, description="a whole number above zero")] = None


class Table(BaseModel):
    """`[tool.grader]`. A description completes the sentence "must be ..."."""

    model_config = _STRICT

    submissions: list[str] | None = Field(None, description='a list of paths, like ["submissions"]')
    task: str | list[str] | None = Field(None, description="the name of a task, or a list of names")
    budget: str | None = Field(None, description='a text like "10s" or "3 epochs"')
    seeds: int | list[int] | None = Field(None, description="a count like 3 or a list like [0, 7, 9]")
    device: str | None = Field(None, description='a text: "auto", "cpu", "cuda", "cuda:0" or "mps"')
    threads: int | None = Field(None, description="a whole number of at least 1")
    slots: int | str | None = Field(None, description='a whole number of at least 1, or "auto"')
    data: str | None = Field(None, description="the path of a folder")
    leaderboard: str | None = Field(None, description="the path of a folder")
    cross: bool | None = Field(None, description="true or false")
    deterministic: bool | None = Field(None, description="true or false")
    isolation: str | None = Field(
        None, description='a text: "auto", "strict", "landlock", "weak" or "rlimit"'
    )
    allow_subprocess: bool | None = Field(None, description="true or false")
    libraries: list[str] | None = Field(None, description='a list of folders, like ["../mylib"]')
    plugins: list[str] | None = Field(None, description='a list of modules, like ["my_plugin"]')
    limits: LimitsTable | None = Field(None, description="a table, like {load = 60}")
    tasks: dict[str, dict[str, Any]] | None = Field(None, description="a table, [tool.grader.tasks.NAME]")


def check(table: object, file: str) -> dict[str, Any]:
    """Return the table's values. Raises one UsageError with a line for each key that is wrong."""
    try:
        return Table.model_validate(table).model_dump(exclude_none=True)
    except ValidationError as error:
        lines = dict.fromkeys(_line(each, file) for each in error.errors(include_url=False))
        raise UsageError("\n".join(lines)) from None


def _line(error: ErrorDetails, file: str) -> str:
    """Return one line: file, key, and what is valid there."""
    keys = [str(part) for part in error["loc"]]
    if not keys:
        return f"{file}: [tool.grader] must be a table"
    depth = 2 if keys[0] in {"limits", "tasks"} else 1
    shown = plain(".".join(keys[:depth]), 100)
    if error["type"] == "extra_forbidden":
        return f"{file}: [tool.grader] has no key {shown}{_known(keys[:depth])}"
    wanted = _fields(keys[:depth])[keys[min(len(keys), depth) - 1] if keys[0] != "tasks" else "tasks"]
    return f"{file}: [tool.grader] {shown} must be {wanted}, not {_shown(error['input'])}"


def _fields(keys: list[str]) -> dict[str, str]:
    """Return the keys of the table in which the last one stands, and what they must be."""
    model: type[BaseModel] = LimitsTable if keys[0] == "limits" and len(keys) > 1 else Table
    return {name: field.description or "" for name, field in model.model_fields.items()}


def _known(keys: list[str]) -> str:
    fields = _fields(keys)
    return did_you_mean(keys[-1], fields) or f"; there are {', '.join(fields)}"


def _shown(value: object) -> str:
    return plain(repr(value), 60)
