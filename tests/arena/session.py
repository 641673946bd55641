"""One session over attacks and honest submissions, in a process of its own: `python -m arena.session SPEC`.

The specification and the result are JSON files: whoever asked may be another user.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import msgspec
import psutil

from arena import bystander, corpus, prepare
from grader import hookimpl
from grader.contract.isolation import LAYERS, Isolation, Layer
from grader.contract.record import Record
from grader.contract.submission import Submission
from grader.contract.text import plain
from grader.contract.trial import Limits
from grader.host.config import Config
from grader.host.executors import Executor
from grader.host.executors.local import LocalExecutor, imports_of, sandbox_for
from grader.host.session import Session
from grader.host.settings import make_config
from grader.host.slots import Slot
from grader.host.supervise import Listener
from grader.plugins import harness_manager
from grader.worker.confine import become_subreaper

LIMITS = Limits(load=4, train=6, after=1, predict=4, memory=256 * 2**20, scratch=2 * 2**20, weights=8 * 2**20)
SLOTS = 4  # so that the honest truly run beside attackers
_MANY = 40  # submissions from which preparing the server for cheap forks pays
_EVERY = 48  # attacks between two honest submissions


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """What to run. The folder is furnished, and this user's."""

    folder: str
    level: Isolation
    off: tuple[Layer, ...] = ()
    attacks: tuple[str, ...] = ()
    controls: bool = True
    table: str = ""


class Result(msgspec.Struct, kw_only=True):
    """What became of it."""

    records: dict[str, Record]  # by the names of attacks, and of controls as "control/loop/2"
    seconds: float
    changed: tuple[str, ...]  # sentinel files
    processes: tuple[str, ...]  # left when the session had ended
    scratch: tuple[str, ...]  # left in the folder for temporary files
    published: dict[str, str]  # the leaderboard's files for people, by name


class Arena:
    """The executor: the local one, with more slots and some layers taken away."""

    def __init__(self, off: Sequence[Layer]) -> None:
        self._off = frozenset(off)

    @hookimpl
    def grader_make_executor(
        self,
        name: str,
        slots: Sequence[Slot],
        submissions: Sequence[Submission],
        config: Config,
        isolation: Isolation,
        hidden: Sequence[Path],
        listen: Listener,
    ) -> Executor | None:
        """Provide `arena`."""
        if name != "arena":
            return None
        device = slots[0].device
        folders = [Path(submission.folder) for submission in submissions]
        sandbox = sandbox_for(LAYERS[isolation] - self._off, device, folders, config, hidden)
        return LocalExecutor(
            [Slot(device)] * SLOTS, imports_of(submissions), listen, sandbox, many=len(submissions) > _MANY
        )


def main() -> None:
    """Run the session that the file describes; the result lies beside it."""
    spec = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Spec)
    # orphans of a worker whose server is gone become this process's children, and are found
    become_subreaper()
    result = run(spec)
    Path(spec.folder, "result.json").write_bytes(msgspec.json.encode(result))


def run(spec: Spec) -> Result:
    """Run the attacks beside the controls."""
    folder = Path(spec.folder)
    with _surroundings(folder, spec.table) as values:
        files, names = _write(folder / "subs", spec, values)
        before = _sentinels(folder)
        started = time.monotonic()
        records = _session(spec, files)
        seconds = time.monotonic() - started
        changed = _changes(before, _sentinels(folder))
        processes = _left(int(str(values["VICTIM_PID"])))
    return Result(
        records={names[Path(record.submission.path).name]: record for record in records},
        seconds=seconds,
        changed=tuple(changed),
        processes=tuple(processes),
        scratch=tuple(path.name for path in (folder / "tmp").iterdir()),
        published=_published(folder / "leaderboard"),
    )


@contextmanager
def _surroundings(folder: Path, table: str) -> Iterator[dict[str, object]]:
    answers = prepare.targets_in(folder / "cache")
    shutil.copy2(answers, f"{answers}.old")  # for who takes them away for a moment
    socket = folder / "home" / "socket"
    with bystander.victim(answers) as (pid, address), bystander.listeners(socket) as (port, abstract):
        yield {
            "TARGETS": answers,
            "CACHE": folder / "cache",
            "STATE": folder / "state",
            "LEADERBOARD": folder / "leaderboard",
            "HOME": folder / "home",
            "HOST_PID": os.getpid(),
            "VICTIM_PID": pid,
            "ADDRESS": address,
            "PORT": port,
            "SOCKET": socket,
            "ABSTRACT": abstract,
            "TABLE": table,
        }


def _write(folder: Path, spec: Spec, values: dict[str, object]) -> tuple[list[str], dict[str, str]]:
    """Write all submissions; return their files as they run, and names by file as records spell it."""
    chosen = [attack for attack in corpus.attacks() if attack.name in spec.attacks]
    controls = corpus.controls() if spec.controls else {}
    names: dict[str, str] = {}
    for start in range(0, max(1, len(chosen)), _EVERY):
        for name, source in controls.items():
            file = f"control_{name}_{start // _EVERY}.py"
            (folder / file).write_text(source, encoding="utf-8")
            names[file] = f"control/{name}/{start // _EVERY}"
        for attack in chosen[start : start + _EVERY]:
            (folder / attack.file).write_text(prepare.filled(attack.source, values), encoding="utf-8")
            names[attack.file] = attack.name
    return list(names), {plain(file): name for file, name in names.items()}


def _session(spec: Spec, files: list[str]) -> list[Record]:
    folder = Path(spec.folder)
    config = make_config(
        cwd=folder / "project",
        paths=[folder / "subs" / name for name in files],
        tasks=prepare.TASK,
        budget="20 steps",
        device="cpu",
        threads=1,
        leaderboard=folder / "leaderboard",
        isolation=spec.level,
    )
    manager = harness_manager(["no:html"])  # what draws keeps a cache in the home
    manager.register(Arena(spec.off))
    return Session(replace(config, executor="arena", limits=LIMITS), manager).run()


def _sentinels(folder: Path) -> dict[str, dict[str, str]]:
    """The state of everything that is not the session's to change."""
    import grader

    watched = {name: folder / name for name in ("cache", "home", "project")}
    package = Path(str(grader.__file__)).parent
    states = {name: bystander.state_of(path) for name, path in watched.items()}
    states["package"] = {
        name: state for name, state in bystander.state_of(package).items() if "__pycache__" not in name
    }
    # records come, and the tables are made of them: anything else there was not ours
    board = bystander.state_of(folder / "leaderboard")
    ours = ("records", "evidence", "README.md", "leaderboard.csv", "leaderboard.json", "index.html", ".git")
    states["leaderboard"] = {name: state for name, state in board.items() if not name.startswith(ours)}
    return states


def _changes(before: dict[str, dict[str, str]], after: dict[str, dict[str, str]]) -> list[str]:
    return [
        f"{place}/{name}"
        for place, was in before.items()
        for name in sorted(was.keys() | after[place].keys())
        if was.get(name) != after[place].get(name)
    ]


def _left(victim: int) -> list[str]:
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if process.pid != victim and process.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{process.pid} {' '.join(process.cmdline())}")
        except psutil.NoSuchProcess:
            continue
    return found


def _published(leaderboard: Path) -> dict[str, str]:
    files = (path for path in leaderboard.glob("*.*") if path.suffix in {".md", ".csv", ".json", ".html"})
    return {path.name: path.read_text(encoding="utf-8") for path in files}


if __name__ == "__main__":
    main()
