"""What travels to a node: submissions and task arrays, each by its digest and checked on arrival.

Of a task go the training set and the test inputs. The test targets stay with the host.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from grader.contract import memory
from grader.contract.errors import GraderError
from grader.contract.submission import Submission
from grader.host import source
from grader.host.data import TaskArrays

if TYPE_CHECKING:
    import numpy.typing as npt

    from grader.contract.trial import Trial
    from grader.host.supervise import TaskData

_Put = Callable[[object], Any]
_Get = Callable[[Any], Any]


class Damaged(GraderError):
    """What arrived on a node is not what was sent."""

    exit_code = 3


@dataclass(frozen=True)
class Load:
    """One trial as it is sent: a reference into the cluster's object store by each digest.

    `arrays` are SHA-256 digests by name; `task` is the task's own digest, by which a node keeps them.
    """

    trial: Trial
    key: bytes  # orders the test inputs
    number: int  # of the attempt
    task: str
    arrays: Mapping[str, str]
    references: Mapping[str, Any]


class Sender:
    """Puts each submission and each task into the object store once. Used by several threads."""

    def __init__(self, put: _Put) -> None:
        self._put = put
        self._lock = threading.Lock()
        self._references: dict[str, Any] = {}
        self._tasks: dict[str, dict[str, str]] = {}  # digests of the arrays by name, by the task's digest

    def load(self, trial: Trial, data: TaskData, key: bytes, number: int) -> Load:
        """Return the trial to send. Raises source.Unreadable where a submission's files have changed."""
        digest = trial.task.digest
        with self._lock:
            for part in trial.submission.parts:
                if part.digest not in self._references:
                    self._references[part.digest] = self._put(archive(part, trial.limits.submission))
            if digest not in self._tasks:
                self._tasks[digest] = dict(map(self._sent, arrays_of(data).items()))
        wanted = [part.digest for part in trial.submission.parts] + [*self._tasks[digest].values()]
        return Load(
            trial=trial,
            key=key,
            number=number,
            task=digest,
            arrays=self._tasks[digest],
            references={each: self._references[each] for each in wanted},
        )

    def _sent(self, item: tuple[str, npt.NDArray[np.generic]]) -> tuple[str, str]:
        name, array = item
        digest = array_digest(array)
        if digest not in self._references:
            self._references[digest] = self._put(array)
        return name, digest


class Receiver:
    """On a node: unpacks what is not there yet, below a folder of its own. Used by several threads.

    Nothing is written twice: a worker may be reading it.
    """

    def __init__(self, folder: Path, get: _Get) -> None:
        self._folder, self._get = folder, get
        self._lock = threading.Lock()
        self._submissions: set[str] = set()
        self._tasks: dict[str, TaskArrays] = {}

    def unpacked(self, load: Load) -> tuple[Trial, TaskArrays]:
        """Return the trial, its submission on this node's disk, and its data. Raises Damaged."""
        with self._lock:
            for part in load.trial.submission.parts:
                if part.digest not in self._submissions:
                    unpack(self._get(load.references[part.digest]), part.digest, self._folder / part.digest)
                    self._submissions.add(part.digest)
            if load.task not in self._tasks:
                self._tasks[load.task] = self._task(load)
        moved = moved_to(load.trial.submission, self._folder)
        return msgspec.structs.replace(load.trial, submission=moved), self._tasks[load.task]

    def _task(self, load: Load) -> TaskArrays:
        arrays = {name: self._get(load.references[digest]) for name, digest in load.arrays.items()}
        for name, digest in load.arrays.items():
            if array_digest(arrays[name]) != digest:
                raise Damaged(f"{name} of task {load.trial.task.name} arrived damaged on this node")
        return TaskArrays(load.trial.task, arrays)

    def close(self) -> None:
        """Let go of the data."""
        for task in self._tasks.values():
            task.close()


def arrays_of(data: TaskData) -> dict[str, npt.NDArray[np.generic]]:
    """Return the arrays of a task that TaskArrays is made of, by name."""
    files = {info.name: memory.read_array(fd, info.dtype, info.shape) for info, fd in data.train_files()}
    return {**files, "test_inputs": data.test_inputs}


def array_digest(array: npt.NDArray[np.generic]) -> str:
    """SHA-256 over dtype, shape and bytes."""
    told = f"{array.dtype.str} {array.shape} ".encode()
    return hashlib.sha256(told + np.ascontiguousarray(array).reshape(-1).view(np.uint8).data).hexdigest()


def archive(submission: Submission, limit: int) -> dict[str, bytes]:
    """Return the files of a submission by name, as its digest covers them. Raises source.Unreadable."""
    data: dict[str, bytes] = {}
    taken = 0
    for name in submission.files:
        data[name] = source.read(Path(submission.folder, name), limit, taken)
        taken += len(data[name])
    if source.digest(data) != submission.digest:
        raise source.Unreadable("was changed after it was collected: run it again")
    return data


def unpack(files: Mapping[str, bytes], digest: str, folder: Path) -> None:
    """Write the files below the folder. Raises Damaged, having written nothing, where they are others."""
    if source.digest(files) != digest:
        raise Damaged(f"the submission {digest[:12]} arrived damaged on this node")
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def moved_to(submission: Submission, folder: Path) -> Submission:
    """Return the submission as it lies on a node: its files below `folder/DIGEST`."""
    if submission.pair is not None:
        first, second = (moved_to(part, folder) for part in submission.pair)
        return msgspec.structs.replace(submission, pair=(first, second))
    home = folder / submission.digest
    entry = home / Path(submission.entry).relative_to(submission.folder)
    path = home if submission.package else entry
    return msgspec.structs.replace(submission, path=str(path), entry=str(entry))
