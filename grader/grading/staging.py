"""Folders of files made for workers to read: named by their content, whole or not there at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from grader.host import source
from grader.host.files import SUFFIX, not_written

_NAME = 24  # hexadecimal digits of a digest: enough for what nobody gains by making alike


def staged(work: Path, digest: str, fill: Callable[[Path], None]) -> Path:
    """Return the folder of this content below `work`, which `fill` makes where it is not there yet.

    What it holds may be read by every user: workers may run as another one. Raises StoreError, and
    whatever `fill` raises; then nothing is left behind.
    """
    folder = work / digest[:_NAME]
    if folder.is_dir():
        return folder
    try:
        _make(work)
        made = work / f".{digest[:_NAME]}.{secrets.token_hex(4)}{SUFFIX}"
        made.mkdir()
        try:
            fill(made)
            _open_to_all(made)
            with contextlib.suppress(FileExistsError):  # another process has made the same meanwhile
                made.rename(folder)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    except OSError as error:
        if folder.is_dir():
            return folder
        raise not_written(folder, error) from error
    return folder


def stage_files(work: Path, label: str, files: Mapping[str, bytes]) -> Path:
    """Return a folder of this name that holds exactly these files, by relative name. Raises StoreError."""

    def fill(folder: Path) -> None:
        for name, data in files.items():
            path = folder / label / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    return (
        staged(work, source.digest({f"{label}/{name}": data for name, data in files.items()}), fill) / label
    )


def _make(work: Path) -> None:
    if not work.is_dir():
        work.mkdir(parents=True, exist_ok=True)
        work.chmod(0o755)  # whatever the umask says


def _open_to_all(folder: Path) -> None:
    for path, folders, files in os.walk(folder):
        for name in folders:
            Path(path, name).chmod(0o755)
        for name in files:
            Path(path, name).chmod(0o644)
    folder.chmod(0o755)
