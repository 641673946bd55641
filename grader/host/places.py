"""Where the host keeps what is its own."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from grader.contract.errors import GraderError


def host_secret() -> bytes:
    """Return this host's own 32 random bytes, made at first use and readable by its user alone.

    They order the test inputs of each trial. Kept in GRADER_STATE, or the user's state folder.
    """
    path = state_folder() / "secret"
    try:
        return kept_secret(path)
    except OSError as error:
        raise GraderError(
            f"cannot keep this host's secret in {path}: {error.strerror}; "
            "set GRADER_STATE to a folder of yours"
        ) from None


def kept_secret(path: Path) -> bytes:
    """Return 32 random bytes that a file keeps, made where it is not there, mode 0600. Raises OSError."""
    if not path.exists():
        _make_secret(path)
    return path.read_bytes()


def state_folder() -> Path:
    """Return where the host keeps its secret: GRADER_STATE, or the user's state folder."""
    if folder := os.environ.get("GRADER_STATE"):
        return Path(folder)
    import platformdirs

    return platformdirs.user_state_path("grader")


def _make_secret(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:  # mode 0600
        file.write(os.urandom(32))
    try:
        with contextlib.suppress(FileExistsError):
            os.link(file.name, path)  # of two at once the first wins, and both read the same
    finally:
        Path(file.name).unlink()
