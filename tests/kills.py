"""Kills real runs at random moments and counts what is left: `python -m kills SPEC`, beside the tests.

A class may be run to its end first, which tells how long that takes. Then one class after another is run,
each run killed by SIGKILL at a random moment and started again, until the class is done. Of ten kills one
comes late, while trials run, and nine come early, while the run is planned: in between torch is imported,
which takes most of a short run, and one moment of it is like another. After each: is a process left, is a
record broken or lost? A process of its own: it adopts what the killed leave.
"""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import psutil
from sessions import environment

from grader.contract.record import Record
from grader.contract.status import Status
from grader.host.store import Store
from grader.worker.confine import become_subreaper

_EARLY = 0.2  # of a run
_SLOWEST = 5.0  # seconds that a run is taken to last at most
_PATIENCE = 15.0  # seconds for what was killed to be gone


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """What to run, and how often to kill it."""

    folder: str  # holds subs/
    places: str  # the cache and the state
    arguments: tuple[str, ...]
    kills: int
    seed: int
    seconds: float = 0.0  # that the class takes; 0: tried first
    late: float = 1.0  # seconds after a trial has begun, within which the late kills come


class Counts(msgspec.Struct, kw_only=True):
    """What was seen."""

    kills: int = 0
    seconds: float = 0.0  # that a class takes
    late: int = 0  # of them while trials ran
    after_records: int = 0  # of them after the run had written a record
    classes: int = 0  # that were finished
    left: list[str] = []  # processes that outlived a kill
    broken: list[str] = []  # files that are no record, and records whose evidence is another's
    lost: list[str] = []  # records that were there before a kill, and not after it
    wrong: list[str] = []  # classes that did not end with one right row for each
    slowest_end: float = 0.0  # seconds from a kill until nothing was left


def main() -> None:
    """Do as the file says; the counts lie beside it."""
    spec = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Spec)
    become_subreaper()
    counts = run(spec)
    Path(sys.argv[1]).with_suffix(".counts").write_bytes(msgspec.json.encode(counts))


def run(spec: Spec) -> Counts:
    """Kill as often as asked, then let the last class come to its end."""
    chance, counts = random.Random(spec.seed), Counts()
    names = {path.stem for path in Path(spec.folder, "subs").glob("*.py")}
    board = Path(spec.folder, "leaderboard")
    counts.seconds = spec.seconds
    if not spec.seconds:
        started = time.monotonic()
        _run_once(spec, None, counts)
        # on a machine that is busy with other tests just then it is no measure of the hundred to come
        counts.seconds = min(time.monotonic() - started, _SLOWEST)
        counts.wrong += _wrong(dict(_records(board)), names)
        shutil.rmtree(board)
    while True:
        before = dict(_records(board))
        late = counts.kills % 10 == 0
        limit = chance.uniform(0, spec.late if late else _EARLY * counts.seconds)
        ended = _run_once(spec, limit if counts.kills < spec.kills else None, counts, late=late)
        after = dict(_records(board))
        _compare(board, before, after, counts)
        if not ended:
            counts.kills += 1
            counts.late += late
            counts.after_records += before != after
            continue
        counts.classes += 1
        counts.wrong += _wrong(after, names)
        if counts.kills >= spec.kills:
            return counts
        shutil.rmtree(board)


def _run_once(spec: Spec, limit: float | None, counts: Counts, *, late: bool = False) -> bool:
    """Run until its end (True), or kill it after the limit in seconds and see it gone (False).

    `late`: the seconds count from when a trial has begun.
    """
    log = Path(spec.folder, "events.jsonl")
    log.unlink(missing_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "grader", "run", "subs", "--log", str(log), *spec.arguments],
        cwd=spec.folder,
        env=environment(Path(spec.places)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while late and process.poll() is None and not _has_begun(log):
        time.sleep(0.01)
    try:
        process.wait(limit)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        killed = time.monotonic()
        while (left := _living()) and time.monotonic() - killed < _PATIENCE:
            time.sleep(0.01)
        counts.slowest_end = max(counts.slowest_end, time.monotonic() - killed)
        counts.left += left
        return False
    return True


def _has_begun(log: Path) -> bool:
    """Whether a worker of the run has told anything."""
    return log.exists() and '"progress"' in log.read_text(encoding="utf-8")


def _living() -> list[str]:
    """What this process has to answer for, in words; its zombies are buried."""
    found = []
    for child in psutil.Process().children(recursive=True):
        try:
            if child.status() == psutil.STATUS_ZOMBIE:
                child.wait(0)
            else:
                found.append(" ".join(child.cmdline()))
        except (psutil.Error, psutil.TimeoutExpired):
            continue
    return found


def _records(board: Path) -> list[tuple[str, Record]]:
    return [(record.submission.name, record) for record in Store(board).read()[0]]


def _compare(board: Path, before: dict[str, Record], after: dict[str, Record], counts: Counts) -> None:
    store = Store(board)
    counts.broken += store.read()[1]
    for name, record in before.items():
        if name not in after:
            counts.lost.append(name)
        elif record.status is Status.OK and after[name] != record:
            counts.lost.append(f"{name}, which was done, was run again")
    for name, record in after.items():
        try:
            if record.status is Status.OK:
                store.evidence(record)
        except Exception as error:
            counts.broken.append(f"{name}: {error}")


def _wrong(records: dict[str, Record], names: set[str]) -> list[str]:
    """The name of a submission begins with how it must end."""
    missing = [f"{name}: no row" for name in names - records.keys()]
    return missing + [
        f"{name}: {record.status}"
        for name, record in records.items()
        if not name.startswith(str(record.status))
    ]


if __name__ == "__main__":
    main()
