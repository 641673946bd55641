"""The final leaderboard: ranks by the private test set, published with its records and evidence in `final/`.

Only here do private results leave the host's own store.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from grader.contract.errors import UsageError
from grader.contract.status import Status
from grader.contract.text import count, plain
from grader.host.archive import Archive
from grader.host.leaderboard import ranked, written
from grader.host.private import PRIVATE, PUBLIC, PrivateStore, private_task, without_result
from grader.host.rank import runs
from grader.host.shakeup import ShakeUp, shake_up
from grader.host.store import Copy, Store, standing_at

if TYPE_CHECKING:
    import pluggy

    from grader.contract.record import Record, TaskInfo
    from grader.host.rank import Standings, Table

FOLDER = "final"  # below the leaderboard


@dataclass(frozen=True)
class Final:
    """What was published, and where."""

    folder: Path
    standings: Standings
    written: tuple[Path, ...]
    shake_ups: tuple[ShakeUp, ...]
    lacking: tuple[Record, ...]  # public records that ended well, and whose private results are not here
    problems: tuple[str, ...]  # a line for each file that is no record


@dataclass(frozen=True)
class _Side:
    """The public records that count of the tracks with a private test set, and what stands for each."""

    public: Mapping[str, Record]  # by file
    scored: Sequence[Copy]
    unscored: Sequence[Record]  # on the private side: those that failed, or lack their results
    lacking: Sequence[Record]


def publish(directory: Path, manager: pluggy.PluginManager) -> Final:
    """Make the final leaderboard of a leaderboard's folder, anew. Raises UsageError where nothing can be."""
    from grader.host.reports import shakeup

    files, problems = Store(directory).read_files()
    side = _side(files)
    if not side.public:
        raise UsageError(
            f"{plain(str(directory))} has no record of a task with a private test set: `private = PATH` in "
            "[tool.grader.tasks.NAME] holds one apart, see docs/private-tests.md"
        )
    if not side.scored:
        raise UsageError(
            f"no private result of {count(len(side.public), 'record')} is in {PrivateStore().directory}: "
            "publish on the host that trained them, or run them again here"
        )
    folder = directory / FOLDER
    files, more = _filled(Store(folder), side)
    archive = Archive(files)
    standings, public = ranked(archive, manager), ranked(Archive(side.public), manager)
    shake_ups = tuple(_shake_ups(public.tables, standings.tables))
    paths = shakeup.written(shake_ups, folder)  # first: README.md says where they lie
    paths += written(standings, archive, folder, manager)
    return Final(folder, standings, tuple(paths), shake_ups, tuple(side.lacking), (*problems, *more))


def _side(files: Mapping[str, Record]) -> _Side:
    paths, store = {id(record): path for path, record in files.items()}, PrivateStore()
    public: dict[str, Record] = {}
    scored: list[Copy] = []
    unscored: list[Record] = []
    lacking: list[Record] = []
    for rows in runs(each for each in files.values() if each.task.split == PUBLIC).values():
        together = [record for seeds in rows.values() for record in seeds]
        public |= {paths[id(record)]: record for record in together}
        good = [record for record in together if record.status is Status.OK]
        found = {id(record): store.result(record) for record in good}
        lacking += [record for record in good if found[id(record)] is None]
        known = [copy for copy in found.values() if copy is not None]
        scored += known
        task = _task(together, known)
        unscored += [without_result(each, task) for each in together if found.get(id(each)) is None]
    return _Side(public, scored, unscored, lacking)


def _task(public: Sequence[Record], known: Sequence[Copy]) -> TaskInfo:
    """What records of the private side say of their task: how many samples it has only results tell."""
    samples = known[0].record.task.test_samples if known else 0
    return private_task(public[0].task, samples)


def _filled(store: Store, side: _Side) -> tuple[dict[str, Record], list[str]]:
    """Have the store hold these records, and none of an earlier time; return what is there, as it reads."""
    wanted = {store.path(each) for each in (*(copy.record for copy in side.scored), *side.unscored)}
    for copy in side.scored:
        while not store.take(copy, standing_at(store.path(copy.record))):
            pass  # another run of this published its own in the meantime
    for record in side.unscored:
        store.write(record)
    found, problems = store.read_files()
    for file, record in list(found.items()):
        if Path(file) not in wanted and record.task.split == PRIVATE:
            store.remove(Path(file), record)
            del found[file]
    return found, problems


def _shake_ups(public: Sequence[Table], private: Sequence[Table]) -> Iterator[ShakeUp]:
    after = {table.track: table for table in private}
    for table in public:
        digest = private_task(table.task, 0).digest
        track = msgspec.structs.replace(table.track, digest=digest)
        if track in after:
            yield shake_up(table, after[track])
