"""The leaderboard, made anew from its records."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pluggy

from grader.contract.errors import StoreError
from grader.contract.record import Record, TaskInfo
from grader.host.archive import Archive
from grader.host.rank import Standings, standings
from grader.host.samples import PreparedSamples
from grader.host.store import Store

if TYPE_CHECKING:
    from grader.contract.task import TaskTables


def regenerate(
    directory: Path,
    manager: pluggy.PluginManager,
    read: tuple[Mapping[str, Record], list[str]] | None = None,
    tables: TaskTables | None = None,
) -> tuple[Standings, list[str], list[Path]]:
    """Read the records below the directory, rank them, and have every plugin write its form.

    Who has just read them gives them as `read`, by their files, with the lines about what is none. `tables`
    are those of the configuration's tasks, whose test samples may be shown as well where they allow it.
    Returns the standings, one line for each file that is no record, and the files that were written. Raises
    StoreError when a file cannot be written.
    """
    files, problems = read or Store(directory).read_files()
    archive = Archive(files, PreparedSamples(manager, tables or {}))
    found, paths = ranked_and_written(archive, directory, manager)
    return found, problems, paths


def ranked_and_written(
    archive: Archive, directory: Path, manager: pluggy.PluginManager
) -> tuple[Standings, list[Path]]:
    """Rank the records of an archive, and have every plugin write its form into the directory.

    Returns the standings and the files that were written. Raises StoreError likewise.
    """
    found = ranked(archive, manager)
    return found, written(found, archive, directory, manager)


def written(found: Standings, archive: Archive, directory: Path, manager: pluggy.PluginManager) -> list[Path]:
    """Have every plugin write its form of the standings of an archive, and return the files.

    Raises StoreError likewise.
    """
    files = manager.hook.grader_write_leaderboard(standings=found, archive=archive, directory=directory)
    return sorted(path for paths in files for path in paths)


def ranked(archive: Archive, manager: pluggy.PluginManager) -> Standings:
    """Rank the records of an archive, with the columns that plugins ask for."""

    def columns(task: TaskInfo) -> Sequence[str]:
        return [name for names in manager.hook.grader_columns(task=task) for name in names]

    return standings(archive.records, columns, archive.scores)


@contextlib.contextmanager
def regenerating(
    directory: Path, manager: pluggy.PluginManager, tables: TaskTables | None = None
) -> Iterator[None]:
    """Regenerate after the block, which changes records: also when it ends early, with part of them changed.

    Then its own error counts, not what a full disk says of the leaderboard as well.
    """
    try:
        yield
    except BaseException:
        with contextlib.suppress(StoreError):
            regenerate(directory, manager, tables=tables)
        raise
    regenerate(directory, manager, tables=tables)
