"""The `[tool.grader]` table of pyproject.toml: found, read, and checked key by key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grader.contract.errors import UsageError
from grader.contract.text import plain
from grader.contract.trial import Limits

# of a [tool.grader.tasks.NAME] table
TASK_PATHS = ("labels", "images", "test_labels", "test_images", "private", "private_images")
_AS_IN_CONFIG = {"submissions": "paths", "task": "tasks"}


@dataclass(frozen=True)
class Given:
    """A value, what to call it in a message, and the folder that its paths are relative to."""

    value: Any
    source: str
    base: Path


@dataclass(frozen=True)
class Pyproject:
    """What the nearest pyproject.toml with a `[tool.grader]` table says."""

    root: Path
    given: Mapping[str, Given] = field(default_factory=dict)  # by the field of Config
    limits: Limits = Limits()
    task_tables: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    grading: Mapping[str, Given] = field(default_factory=dict)  # by the field of grader.grading.rules.Rules


def read_pyproject(cwd: Path) -> Pyproject:
    """Look upward from a folder for the table; without one, the folder itself is the root."""
    for folder in (cwd, *cwd.parents):
        file = folder / "pyproject.toml"
        table = _table(file) if file.is_file() else None
        if table is not None:
            return _checked(table, file)
    return Pyproject(root=cwd)


def _table(file: Path) -> object:
    """Return the table, or None where the file has none. Broken files of others are left alone."""
    source = _source(file)
    try:
        tool = tomllib.loads(source).get("tool", {})
        return tool.get("grader") if isinstance(tool, dict) else None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        if "tool.grader" not in source:
            return None
        raise UsageError(_where_broken(file, str(error))) from None


def _source(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{plain(str(file))}: not UTF-8, at byte {error.start}") from None
    except OSError as error:
        raise UsageError(f"{plain(str(file))}: cannot be read: {error.strerror}") from None


def _where_broken(file: Path, message: str) -> str:
    place = re.search(r" \(at line (\d+), column (\d+)\)$", message)
    line = f":{place[1]}" if place else ""
    what = message[: place.start()] if place else message
    return f"{plain(str(file))}{line}: broken TOML: {plain(what, 200)}"


# --- checking ---


def _checked(table: object, file: Path) -> Pyproject:
    from grader.host.table import check

    read = check(table, plain(str(file)))
    limits, tables, grading = (read.pop(key, {}) for key in ("limits", "tasks", "grading"))
    return Pyproject(
        root=file.parent,
        given=dict(_given(read, file)),
        limits=Limits(**limits),
        grading=dict(_given(grading, file, "grading.")),
        task_tables={name: _with_absolute_paths(each, file.parent) for name, each in tables.items()},
    )


def _given(read: Mapping[str, object], file: Path, prefix: str = "") -> Iterator[tuple[str, Given]]:
    for key, value in read.items():
        source = f"{plain(str(file))}: [tool.grader] {prefix}{key}"
        yield _AS_IN_CONFIG.get(key, key), Given(value, source, file.parent)


def _with_absolute_paths(table: Mapping[str, object], root: Path) -> dict[str, object]:
    paths = {
        key: str(root / Path(str(table[key])).expanduser())
        for key in TASK_PATHS
        if isinstance(table.get(key), str)
    }
    return {**table, **paths}
