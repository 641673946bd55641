"""A leaderboard that stands as it was made is not made again: its files are told by names, sizes and times.

To rank takes the evidence of every record, which a run that has nothing to do would read for nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from grader.host import places
from grader.host.rank import Standings
from grader.host.reports.json import Leaderboard

if TYPE_CHECKING:
    import pluggy


class _Stand(msgspec.Struct, frozen=True):
    """What was made of what, as `records_seen` and `_made` tell."""

    records: str
    made: str


def records_seen(directory: Path) -> str:
    """Return what tells the records and evidence of a leaderboard folder. Take it before they are read."""
    return _digest(_files(directory / "records"))


def standings_of(directory: Path, manager: pluggy.PluginManager, records: str) -> Standings | None:
    """Return the standings that were made of these records, None where they are to be made anew.

    That is so when a record, a file that was made of them, a plugin or grader itself is not as it was.
    """
    try:
        kept = msgspec.json.decode(_place(directory).read_bytes(), type=_Stand)
        if kept != _Stand(records, _made(directory, manager)):
            return None
        found = msgspec.json.decode((directory / "leaderboard.json").read_bytes(), type=Leaderboard)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return Standings(tables=found.tables, overall=found.overall)


def keep(directory: Path, manager: pluggy.PluginManager, records: str) -> None:
    """Remember for `standings_of` that all is made of these records; if that fails, it is made again."""
    with contextlib.suppress(OSError):
        place = _place(directory)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(msgspec.json.encode(_Stand(records, _made(directory, manager))))


def _made(directory: Path, manager: pluggy.PluginManager) -> str:
    """What tells the files that were made, and what made them."""
    code = _files(Path(__file__).parent)
    return _digest(itertools.chain(_plugins(manager), _files(directory, but="records"), code))


def _plugins(manager: pluggy.PluginManager) -> Iterator[str]:
    """Those that write a form of the leaderboard or name its columns, with the state of their files."""
    for hook in (manager.hook.grader_write_leaderboard, manager.hook.grader_columns):
        for each in hook.get_hookimpls():
            path = getattr(each.plugin, "__file__", None)
            yield f"{each.plugin_name} {_state(path) if path else 'without a file'}"


def _place(directory: Path) -> Path:
    name = hashlib.sha256(os.fsencode(directory.resolve())).hexdigest()
    return places.state_folder() / "leaderboards" / f"{name}.json"


def _files(folder: Path, but: str = "") -> Iterator[str]:
    """A line for each file below the folder, but for hidden ones and those of one folder."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name.startswith(".") or entry.name in {but, "__pycache__"}:
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _files(Path(entry.path))
            else:
                yield f"{entry.path!a} {_state(entry.path)}"


def _state(path: str) -> str:
    try:
        state = os.stat(path)  # noqa: PTH116 - the hot path: plain strings
    except OSError:  # another run may just have removed it
        return "gone"
    return f"{state.st_size} {state.st_mtime_ns} {state.st_ino}"


def _digest(lines: Iterator[str]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()
