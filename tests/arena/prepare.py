"""The folder of one session: the task's data, the answers, a home, and the submissions in it."""

from __future__ import annotations

import base64
import json
import os
import shutil
import zlib
from collections.abc import Mapping
from pathlib import Path

from arena import bystander
from grader.contract.task import DataPlaces
from grader.host.data import open_task
from grader.plugins import TASKS, harness_manager, task_definitions

TASK = "digits"


def task_cache(folder: Path) -> str:
    """Prepare the task's data in the folder; return the answers as JSON by checksum, in base64."""
    definition = task_definitions(harness_manager((), TASKS), {})[TASK]
    with open_task(definition, DataPlaces(data=None, downloads=folder / "downloads"), folder) as data:
        keys = (zlib.crc32(row.tobytes()) for row in data.test_inputs)
        table = {str(key): int(target) for key, target in zip(keys, data.test_targets, strict=True)}
    return base64.b64encode(json.dumps(table).encode()).decode()


def furnish(folder: Path, cache: Path) -> None:
    """Make what a user has: a cache with the task, a state folder, a leaderboard, a home. All private."""
    shutil.copytree(cache, folder / "cache")
    (folder / "cache").chmod(0o700)
    for name in ("state", "leaderboard"):
        (folder / name).mkdir(mode=0o700)
    (folder / "leaderboard" / "notes.txt").write_text("not a record\n", encoding="utf-8")
    bystander.furnish_home(folder / "home")
    for name in ("subs", "tmp", "project"):
        (folder / name).mkdir()


def give_to(folder: Path, uid: int) -> None:
    """Make all of a folder the user's."""
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, uid, uid, follow_symlinks=False)


def targets_in(cache: Path) -> Path:
    """The file that holds the test targets."""
    return next(cache.glob(f"tasks/{TASK}-*/test_targets.bin"))


def filled(source: str, values: Mapping[str, object]) -> str:
    """Return an attack's source with its @PLACEHOLDERS@ filled in."""
    for name, value in values.items():
        source = source.replace(f"@{name}@", str(value))
    return source
