"""Files written whole or not at all: a reader, or the next run after kill -9, never finds a part."""

from __future__ import annotations

import io
import os
import secrets
from pathlib import Path

from grader.contract.errors import StoreError, UsageError
from grader.contract.text import plain

SUFFIX = ".tmp"  # of a file in the making; its name also begins with a dot


def absolute(path: Path | str) -> Path:
    """The path as discovery spells it: absolute, without `..`, and a link under its own name."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow the link


def content(path: Path) -> bytes:
    """Return what a file holds that the caller named. Raises UsageError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{plain(str(path))} cannot be read: {error.strerror}") from None


def stage(path: Path, data: bytes, mode: int = 0o666) -> Path:
    """Write the data to a new file beside `path` and return it, on disk. OSError leaves nothing behind.

    `mode` is what the user's own mask is applied to.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{SUFFIX}")
    # mkstemp would make it readable by its owner alone, and a leaderboard is there to be shared.
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def replace(path: Path, data: bytes) -> None:
    """Replace the file by this data, making its folder where needed. Raises StoreError with one line."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = stage(path, data)
        try:
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise not_written(path, error) from error


def begins(path: Path, start: bytes) -> bool:
    """Whether there is a file that begins like this, which tells ours from somebody else's."""
    try:
        with path.open("rb") if path.is_file() else io.BytesIO() as file:
            return file.read(len(start)) == start
    except OSError:
        return False


def remove(path: Path, *, start: bytes) -> None:
    """Remove a file that begins like this; one of somebody else's stays. Raises StoreError."""
    if not begins(path, start):
        return
    try:
        path.unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise not_written(path, error) from error


def sync_folder(folder: Path) -> None:
    """Bring the folder's names to disk: a rename survives a power cut only then."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def locked(path: Path) -> int | None:
    """A descriptor that locks the file or folder while it is open; None where another process does."""
    import fcntl

    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def not_written(path: Path, error: OSError) -> StoreError:
    """The one line for a full disk, a folder that may not be written, and the like."""
    return StoreError(f"cannot write {plain(str(path))}: {_why(error)}; what was there is unchanged")


def not_removed(path: Path, error: OSError) -> StoreError:
    """The one line for a file that may not go: a folder that is not one's own, a disk mounted to be read."""
    return StoreError(f"cannot remove {plain(str(path))}: {_why(error)}")


def _why(error: OSError) -> str:
    return error.strerror or type(error).__name__
