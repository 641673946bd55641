"""The cache entry of a prepared task: its arrays and a manifest, there whole or not at all.

Written by the preparer, read by the host. No torch here.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from grader.contract.errors import GraderError, TaskUnavailable
from grader.contract.task import ArrayInfo, Manifest

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from grader.contract.task import Arrays, DataPlaces, Task, TaskDefinition

SCHEMA = 1  # of manifest.json
PREPARE = 1  # of what preparing means; raised when the same source would give other arrays
NAMES = ("train_inputs", "train_targets", "test_inputs", "test_targets")
PRIVATE = ("private_inputs", "private_targets")  # of a task with a private test set
_MANIFEST = "manifest.json"
_OWN, _SHARED = 0o600, 0o644  # modes of files


class Damaged(Exception):
    """The entry is missing, incomplete, or not what its digests say."""


def entry_name(definition: TaskDefinition, places: DataPlaces) -> str:
    """Return the folder's name: it changes with the task's source and with what is made of it."""
    task = definition.task
    made_of = [task.kind, task.input_dtype, task.input_shape, task.classes]
    key = json.dumps([PREPARE, task.name, _fingerprint(definition, places), *made_of])
    return f"{safe_name(task.name)}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def _names(task: Task) -> Sequence[str]:
    return (*NAMES, *PRIVATE) if task.private else NAMES


def _fingerprint(definition: TaskDefinition, places: DataPlaces) -> str:
    """What the task tells of its source. Raises TaskUnavailable where its plugin fails at that."""
    try:
        found: object = definition.fingerprint(places)
    except GraderError:
        raise
    except Exception as error:
        raise TaskUnavailable(
            f"{definition.task.name}: its plugin's fingerprint raised {type(error).__name__}: {error}"
        ) from error
    if not isinstance(found, str):
        raise TaskUnavailable(f"{definition.task.name}: its plugin's fingerprint returned {found!r}, no str")
    return found


def safe_name(task: str) -> str:
    """Return what the names of a task's entries begin with."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", task)


def task_digest(task: Task, arrays: dict[str, ArrayInfo]) -> str:
    """SHA-256 over what the numbers of a leaderboard depend on: the arrays, the kind, the classes."""
    listed = {name: [info.dtype, info.shape, info.sha256] for name, info in arrays.items()}
    text = json.dumps({"kind": task.kind, "classes": task.classes, "arrays": listed}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def read(
    entry: Path, names: Sequence[str] | None = None
) -> tuple[Manifest, dict[str, npt.NDArray[np.generic]]]:
    """Return the manifest and these arrays, read-only, each checked against its digest. Raises Damaged.

    Without names all that the task has.
    """
    manifest = read_manifest(entry)
    if names is None:
        names = _names(manifest.task)
    try:
        arrays = {name: _read_array(entry, manifest.arrays[name]) for name in names}
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise Damaged(f"{type(error).__name__}: {error}") from error
    return manifest, arrays


def read_manifest(entry: Path) -> Manifest:
    """Return the manifest alone: what the arrays are, not that they still are. Raises Damaged."""
    try:
        manifest = msgspec.json.decode((entry / _MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.MsgspecError, ValueError) as error:
        raise Damaged(f"{type(error).__name__}: {error}") from error
    if manifest.schema != SCHEMA or manifest.task.digest != task_digest(manifest.task, manifest.arrays):
        raise Damaged(f"{_MANIFEST} does not describe its arrays")
    return manifest


def write(entry: Path, task: Task, arrays: Arrays) -> Manifest:
    """Write the entry, replacing a damaged one. The caller holds the entry's lock. Raises OSError."""
    remove_leftovers(entry)
    folder = Path(tempfile.mkdtemp(prefix=f"{entry.name}.tmp-", dir=entry.parent))  # mode 0700
    try:
        names = _names(task)
        # Its user alone may read the answers, should someone open the folder to a group. With a private test
        # set also what is left of the other, and the digests: they tell a right guess from a wrong one.
        modes = {name: _OWN if task.private or name == "test_targets" else _SHARED for name in names}
        infos = {name: _write_array(folder, name, getattr(arrays, name), modes[name]) for name in names}
        task = msgspec.structs.replace(task, digest=task_digest(task, infos))
        manifest = Manifest(schema=SCHEMA, task=task, arrays=infos, source=arrays.source)
        content = msgspec.json.format(msgspec.json.encode(manifest))
        _write_file(folder / _MANIFEST, memoryview(content), mode=_OWN if task.private else _SHARED)
        _sync_folder(folder)
        _move_into_place(folder, entry)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return manifest


def remove_leftovers(entry: Path) -> None:
    """Delete what preparers of this entry left behind when they were killed."""
    for folder in entry.parent.glob(f"{entry.name}.tmp-*"):
        shutil.rmtree(folder, ignore_errors=True)


def _read_array(entry: Path, info: ArrayInfo) -> npt.NDArray[np.generic]:
    import numpy as np

    array = np.fromfile(entry / info.file, _little_endian(info.dtype))
    if hashlib.sha256(array.view(np.uint8).data).hexdigest() != info.sha256:
        raise ValueError(f"{info.file} was changed since it was written")
    array.flags.writeable = False
    return array.reshape(info.shape)


def _write_array(folder: Path, name: str, array: npt.NDArray[np.generic], mode: int) -> ArrayInfo:
    import numpy as np

    flat = np.ascontiguousarray(array, _little_endian(array.dtype.name)).reshape(-1).view(np.uint8)
    _write_file(folder / f"{name}.bin", flat.data, mode)
    return ArrayInfo(f"{name}.bin", array.dtype.name, array.shape, hashlib.sha256(flat.data).hexdigest())


def _little_endian(dtype: str) -> np.dtype[np.generic]:
    import numpy as np

    return np.dtype(dtype).newbyteorder("<")


def _write_file(path: Path, content: memoryview, mode: int) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(fd)


def _move_into_place(folder: Path, entry: Path) -> None:
    # A folder cannot be renamed over one that has files in it. Killed between the two renames, the
    # entry is missing, which the next run puts right.
    if entry.exists():
        entry.rename(folder.with_name(f"{entry.name}.tmp-replaced-{folder.name[-8:]}"))
    folder.rename(entry)
    _sync_folder(entry.parent)
    remove_leftovers(entry)


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # not every file system can; the files themselves are synced
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
