"""Private test sets: files that only the host's user may read, and samples of a test set held apart by one.

A task that is not of a configured family takes a table with one key:

    [tool.grader.tasks.digits]
    private = "private.txt"  # indices of test samples, from 0, one a line; mode 0600

These samples become its private test set, and the others stay the public one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from grader.contract.errors import TaskUnavailable, UsageError
from grader.contract.text import did_you_mean, plain

if TYPE_CHECKING:
    from grader.contract.task import Arrays, DataPlaces, TaskDefinition

KEY = "private"
_OTHERS = 0o077  # what a mode gives to group and others


def check_own(path: Path, task: str, kind: str = "file") -> None:
    """Raise TaskUnavailable unless this file, or "folder", is there and shut to all but its owner."""
    shown = plain(str(path), 500)
    try:
        there = path.is_dir() if kind == "folder" else path.is_file()
    except OSError:  # the folder around it is another user's
        there = False
    if not there:
        raise TaskUnavailable(
            f"{plain(task)}: there is no {kind} {shown} that you can read, which is to tell its private test "
            f"set; correct the path in [tool.grader.tasks.{plain(task)}]"
        )
    if path.stat().st_mode & _OTHERS:
        options = "-R go=" if kind == "folder" else "600"
        raise TaskUnavailable(
            f"{plain(task)}: others than its owner can open {shown}, which tells the private test set: "
            f"chmod {options} {shown}"
        )


def with_private(definition: TaskDefinition, table: Mapping[str, object]) -> TaskDefinition:
    """Return the definition with a private test set, as its table has it. Raises UsageError for the table."""
    task, file = definition.task.name, _file(definition.task.name, table)

    def fingerprint(places: DataPlaces) -> str:
        listed = " ".join(map(str, read_indices(file, task)))
        return f"{definition.fingerprint(places)}, private {hashlib.sha256(listed.encode()).hexdigest()}"

    def prepare(places: DataPlaces) -> Arrays:
        return held_apart(definition.prepare(places), file, task)

    return replace(definition, fingerprint=fingerprint, prepare=prepare, private=(file,))


def read_indices(file: Path, task: str) -> list[int]:
    """Return the indices in ascending order. Raises TaskUnavailable naming the line."""
    check_own(file, task)
    shown = plain(str(file), 500)
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise TaskUnavailable(f"{plain(task)}: cannot read {shown} ({reason})") from error
    seen: dict[int, int] = {}
    for number, line in enumerate(map(str.strip, lines), start=1):
        if not line:
            continue
        if not re.fullmatch(r"[0-9]{1,9}", line):
            raise TaskUnavailable(
                f"{shown}, line {number}: {plain(line, 60)!r} is no index; write one number a line, from 0"
            )
        if int(line) in seen:
            raise TaskUnavailable(
                f"{shown}, line {number}: {line} is there twice, see line {seen[int(line)]}; remove one"
            )
        seen[int(line)] = number
    if not seen:
        raise TaskUnavailable(f"{shown} holds no index; write those of some test samples of {plain(task)}")
    return sorted(seen)


def held_apart(arrays: Arrays, file: Path, task: str) -> Arrays:
    """Return the arrays with the samples that the file names moved from the test set to the private one."""
    import numpy as np

    indices, samples = read_indices(file, task), len(arrays.test_targets)
    shown = plain(str(file), 500)
    if arrays.private_targets is not None:
        raise TaskUnavailable(f"{plain(task)} brings a private test set of its own: remove {KEY} = ...")
    if indices[-1] >= samples:
        raise TaskUnavailable(
            f"{shown}: there is no test sample {indices[-1]}: {plain(task)} has 0 to {samples - 1}"
        )
    if len(indices) == samples:
        raise TaskUnavailable(
            f"{shown} names all {samples} test samples of {plain(task)}; leave some for the public test set"
        )
    apart = np.zeros(samples, bool)
    apart[indices] = True
    return replace(
        arrays,
        test_inputs=arrays.test_inputs[~apart],
        test_targets=arrays.test_targets[~apart],
        private_inputs=arrays.test_inputs[apart],
        private_targets=arrays.test_targets[apart],
    )


def _file(task: str, table: Mapping[str, object]) -> Path:
    place = f"[tool.grader.tasks.{plain(task)}]"
    for key in table:
        if key != KEY:
            hint = did_you_mean(key, [KEY]) or f"; a task that has no family takes {KEY} = PATH alone"
            raise UsageError(f"{place}: no key {plain(key, 60)!r}{hint}")
    value = table.get(KEY)
    if not isinstance(value, str | Path) or not str(value):
        raise UsageError(f"{place}: give {KEY} = PATH, a file of the test samples to be held apart")
    return Path(value)
