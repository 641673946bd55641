"""Task data on the host's side: prepared once by a process of its own, checked, handed out.

The test targets are in the host's memory and in its user's cache, and nowhere else.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec

from grader.contract import errors, memory
from grader.contract.errors import CacheUnusable, GraderError, PreparerFailed, TaskUnavailable
from grader.contract.events import FileInfo
from grader.contract.prepare import Reply, Request
from grader.contract.task import DataPlaces
from grader.tasks import entry as entries

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from grader.contract.task import Manifest, Task, TaskDefinition, TaskTables
    from grader.host.config import Config

BROUGHT = "brought"  # below the cache: tasks that were prepared elsewhere, each by its name
PROBE = 32  # training samples on which the two workers' outputs are compared

# What only the data tells; all else comes from the definition of today, not of the day of preparing.
_MEASURED = (
    "input_shape",
    "classes",
    "train_samples",
    "test_samples",
    "private",
    "target_mean",
    "target_std",
    "digest",
)


def cache_root() -> Path:
    """Return the folder for prepared tasks and downloads: GRADER_CACHE, or the user's cache folder."""
    if given := os.environ.get("GRADER_CACHE"):
        return _absolute(given)
    import platformdirs

    return Path(platformdirs.user_cache_dir("grader"))


def data_places(config: Config) -> DataPlaces:
    """Return where original files are looked for: --data or the configuration, else GRADER_DATA."""
    given = config.data or os.environ.get("GRADER_DATA")
    return DataPlaces(data=_absolute(given) if given else None, downloads=cache_root() / "downloads")


def entry_of(definition: TaskDefinition, places: DataPlaces, cache: Path) -> Path:
    """Return the folder of a task's data, there or not.

    What was brought along is taken as it is: its source may lie on another machine, or nowhere any more.
    """
    brought = cache / BROUGHT / definition.task.name
    return brought if brought.is_dir() else cache / "tasks" / entries.entry_name(definition, places)


def known_task(definition: TaskDefinition, places: DataPlaces, cache: Path) -> Task | None:
    """Return the task with its counts and digest as the cache tells them, its arrays unread; None without."""
    try:
        manifest = entries.read_manifest(entry_of(definition, places, cache))
    except entries.Damaged:
        return None
    return _measured(definition.task, manifest)


def open_task(
    definition: TaskDefinition,
    places: DataPlaces,
    cache: Path,
    tables: TaskTables | None = None,
    modules: Iterable[str] = (),
    preparing: Callable[[], object] = lambda: None,
) -> PreparedTask:
    """Return the task with its data, prepared first where the cache has it not, or has it damaged.

    `tables` and `modules` are what the definition was registered from; `preparing` is called before
    anything is prepared. Raises GraderError, one line.
    """
    entry = entry_of(definition, places, cache)
    try:
        return _load(definition.task, entry)
    except entries.Damaged:
        preparing()
        _run_preparer(_request(definition.task.name, entry, places, tables or {}, modules))
    try:
        return _load(definition.task, entry)
    except entries.Damaged as error:
        raise CacheUnusable(
            f"{definition.task.name}: {entry} does not read back as it was written ({error}); check the "
            "disk, or set GRADER_CACHE to a folder on another"
        ) from error


class TaskArrays:
    """What trials need of a task: no target of its test set. Close it, or use it in a `with` statement.

    task: with sample counts, classes, shape and digest filled in.
    test_inputs: uint8 or float32 (N, *task.input_shape), read-only.
    probe_inputs: the first PROBE training inputs, read-only.
    """

    def __init__(self, task: Task, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """Made of the arrays `train_inputs`, `train_targets` and `test_inputs`."""
        self.task = task
        self.test_inputs = arrays["test_inputs"]
        self.probe_inputs = arrays["train_inputs"][:PROBE].copy()
        self.probe_inputs.flags.writeable = False
        # Written here once; every worker of every trial maps these same pages.
        self._files = tuple(
            (FileInfo.of(name, arrays[name]), memory.of_array(name, arrays[name]))
            for name in ("train_inputs", "train_targets")
        )

    def train_files(self) -> tuple[tuple[FileInfo, int], ...]:
        """Return train_inputs and train_targets as sealed memory files; the descriptors stay ours."""
        if not self._files:
            raise ValueError(f"the data of task {self.task.name} is closed")
        return self._files

    def close(self) -> None:
        """Give the descriptors back. Workers that have them keep their data."""
        files, self._files = self._files, ()
        for _, fd in files:
            os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class PreparedTask(TaskArrays):
    """A task as the host has it, with the targets that never leave it.

    test_inputs: of a task with a private test set, that comes after the public one, so that both are
        predicted together.
    test_targets: int64 (task.test_samples,) or float32 (task.test_samples, 1), of the public ones, read-only.
    private_targets: of the others, likewise; None without a private test set.
    """

    def __init__(self, task: Task, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
        both = _together(arrays["test_inputs"], arrays.get("private_inputs"))
        super().__init__(task, {**arrays, "test_inputs": both})
        self.test_targets = arrays["test_targets"]
        self.private_targets = arrays.get("private_targets")


def _together(
    public: npt.NDArray[np.generic], private: npt.NDArray[np.generic] | None
) -> npt.NDArray[np.generic]:
    if private is None:
        return public
    import numpy as np

    both = np.concatenate([public, private])
    both.flags.writeable = False
    return both


def _load(task: Task, entry: Path) -> PreparedTask:
    manifest, arrays = entries.read(entry)
    return PreparedTask(_measured(task, manifest), arrays)


def _measured(task: Task, manifest: Manifest) -> Task:
    return msgspec.structs.replace(task, **{name: getattr(manifest.task, name) for name in _MEASURED})


def _request(
    task: str, entry: Path, places: DataPlaces, tables: TaskTables, modules: Iterable[str]
) -> Request:
    modules = tuple(modules)
    return Request(
        task=task,
        entry=str(entry),
        data=str(places.data) if places.data is not None else None,
        downloads=str(places.downloads),
        tables={name: dict(table) for name, table in tables.items()},
        modules=modules,
        # -I hides the working directory and PYTHONPATH, where a -p module may well be.
        path=tuple(str(Path(folder).absolute()) for folder in sys.path) if modules else (),
    )


def _run_preparer(request: Request) -> None:
    command = [sys.executable, "-I", "-m", "grader.tasks.prepare"]
    asked = msgspec.json.encode(request, enc_hook=str)
    # Its stderr is ours: that is where its progress bars and tracebacks are read.
    done = subprocess.run(command, input=asked, stdout=subprocess.PIPE, check=False)
    try:
        reply = msgspec.json.decode(done.stdout, type=Reply)
    except msgspec.MsgspecError:
        raise _died(request.task, done.returncode) from None
    if reply.error:
        raise _error(request.task, reply)


def _died(task: str, code: int) -> GraderError:
    if code < 0:
        name = signal.Signals(-code).name
        hint = "; it may have run out of memory" if name == "SIGKILL" else ""
        return TaskUnavailable(f"{task}: the process that prepares its data was ended by {name}{hint}")
    return PreparerFailed(f"{task}: the process that prepares its data ended with code {code}; see stderr")


def _error(task: str, reply: Reply) -> GraderError:
    kind = getattr(errors, reply.kind, None) if reply.kind else None
    if isinstance(kind, type) and issubclass(kind, GraderError):
        return kind(reply.error)
    return PreparerFailed(f"{task}: preparing its data failed ({reply.error}); the traceback is on stderr")


def _absolute(path: str | Path) -> Path:
    return Path(path).expanduser().absolute()
