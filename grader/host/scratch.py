"""Temporary folders of the host's own, which a later run removes where the host was killed."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
import tempfile
import time
from pathlib import Path

from grader.host.files import locked

_YOUNG = 60.0  # seconds


class Scratch:
    """A folder, locked while this process holds it. Making one sweeps those of the kind that nobody holds."""

    def __init__(self, kind: str, mode: int = 0o700) -> None:
        """`kind` is a word for its name."""
        prefix = f"grader-{kind}-"
        _sweep(Path(tempfile.gettempdir()), prefix)
        self.path = Path(tempfile.mkdtemp(prefix=prefix)).resolve()
        self.path.chmod(mode)
        self._lock = locked(self.path)

    def close(self) -> None:
        """Remove it. May be called twice."""
        remove(self.path)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def remove(folder: Path) -> None:
    """Remove a folder that a worker has filled: nested deeper than Python recurses, perhaps, or locked."""
    with contextlib.suppress(RecursionError):
        shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        for command in (["chmod", "-R", "u+rwx"], ["rm", "-rf"]):
            subprocess.run([*command, "--", folder], stderr=subprocess.DEVNULL, check=False)


def _sweep(place: Path, prefix: str) -> None:
    """Remove the folders of hosts that were killed: nobody holds their locks."""
    for folder in place.glob(f"{prefix}*"):
        with contextlib.suppress(OSError):
            found = folder.lstat()
            young = time.time() - found.st_mtime < _YOUNG  # made, and not locked yet
            if young or found.st_uid != os.geteuid() or not stat.S_ISDIR(found.st_mode):
                continue
            if (lock := locked(folder)) is not None:
                remove(folder)
                os.close(lock)
