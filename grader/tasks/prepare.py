"""The preparer: a process of its own that turns a task's original files into a cache entry.

`python -I -m grader.tasks.prepare` reads one Request on stdin and writes one Reply to stdout. It is
trusted, may import torchvision and scikit-learn, sees the test targets, and never sees a submission.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from grader.contract.errors import CacheUnusable, GraderError, TaskUnavailable
from grader.contract.prepare import Reply, Request
from grader.contract.task import DataPlaces
from grader.plugins import TASKS, harness_manager, task_definitions, without
from grader.tasks import entry as entries

if TYPE_CHECKING:
    from grader.contract.task import TaskDefinition


def main() -> int:
    """Answer the one request and return the exit code."""
    answers = _private_stdout()
    reply = _answer(sys.stdin.buffer.read())
    with os.fdopen(answers, "wb") as file:
        file.write(msgspec.json.encode(reply) + b"\n")
    return reply.exit_code


def prepare(request: Request) -> None:
    """Make the entry, unless it is there and whole. Raises GraderError."""
    definition = _definition(request)
    entry = Path(request.entry)
    with _locked(entry):
        if _whole(entry):
            return  # another run prepared it while this one waited
        _fill(entry, definition, _places(request))


def _fill(entry: Path, definition: TaskDefinition, places: DataPlaces) -> None:
    from grader.tasks.validate import described

    arrays = definition.prepare(places)
    task = described(definition.task, arrays)
    with _cache_errors(entry):
        entries.write(entry, task, arrays)


def _definition(request: Request) -> TaskDefinition:
    sys.path.extend(folder for folder in request.path if folder not in sys.path)
    manager = harness_manager(request.modules, TASKS, tell=lambda _: None)  # the host has told it
    definitions = task_definitions(manager, request.tables)
    if request.task not in definitions:
        raise TaskUnavailable(
            f"{request.task}: no installed plugin and no -p module registers this task in the preparer's "
            f"process; register it in a module that can be imported{without(manager)}"
        )
    return definitions[request.task]


def _places(request: Request) -> DataPlaces:
    data = Path(request.data) if request.data is not None else None
    return DataPlaces(data=data, downloads=Path(request.downloads))


def _whole(entry: Path) -> bool:
    try:
        entries.read(entry)
    except entries.Damaged:
        return False
    return True


@contextmanager
def _locked(entry: Path) -> Iterator[None]:
    """Hold the entry's lock: the process that writes holds it, so it is free once that one is gone."""
    from filelock import FileLock, Timeout

    with _cache_errors(entry):
        entry.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{entry}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            print(f"waiting for another run that prepares {entry.name}", file=sys.stderr)  # noqa: T201
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _cache_errors(entry: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, NotImplementedError) as error:  # the latter: a file system without locks
        reason = getattr(error, "strerror", None) or str(error)
        raise CacheUnusable(
            f"cannot write the cache {entry.parent} ({reason}); free space there, make it writable, or "
            "set GRADER_CACHE to another folder"
        ) from error


def _private_stdout() -> int:
    """Return a descriptor for the reply alone: whatever a library prints goes to stderr instead."""
    answers = os.dup(1)
    os.dup2(2, 1)
    return answers


def _answer(line: bytes) -> Reply:
    try:
        prepare(msgspec.json.decode(line, type=Request))
    except GraderError as error:
        return Reply(error=_one_line(error), kind=type(error).__name__, exit_code=error.exit_code)
    except KeyboardInterrupt:
        return Reply(error="interrupted", kind="TaskUnavailable", exit_code=2)
    except Exception as error:
        traceback.print_exc()
        return Reply(error=_one_line(error, f"{type(error).__name__}: "), exit_code=3)
    return Reply()


def _one_line(error: Exception, prefix: str = "") -> str:
    return " ".join(f"{prefix}{error}".split())


if __name__ == "__main__":
    sys.exit(main())
