"""Which sessions there are, and running them side by side: the tests read what this leaves."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import msgspec

from arena import corpus, naive, ordinary, prepare
from arena.corpus import Attack
from arena.machine import Machine
from arena.session import Result, Spec
from grader.contract.isolation import LAYERS, Isolation, Layer
from grader.contract.status import Status
from grader.host.scratch import remove

AT_ONCE = 3  # sessions; most of their time is spent waiting for limits to pass
_TIME = 400  # seconds for one session, far more than it takes
_UID = 1500  # of the ordinary user, where the tests run as root
_TESTS = Path(__file__).parents[1]


def users() -> tuple[str, ...]:
    """The users whose sessions can be run from here."""
    return ("root", "user") if os.geteuid() == 0 else ("user",)


def in_force(level: Isolation, user: str) -> frozenset[Layer]:
    """The layers that hold at a level: only root can give workers a user id of their own."""
    return LAYERS[level] if user == "root" else LAYERS[level] - {Layer.IDENTITY}


@dataclass(frozen=True)
class Plan:
    """One session: whose, at which level, with which layers off, over which attacks."""

    user: str
    level: Isolation
    off: frozenset[Layer] = frozenset()
    attacks: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """For test ids and messages."""
        without = f" without {', '.join(sorted(self.off))}" if self.off else ""
        return f"{self.user}, {self.level}{without}{'' if self.attacks else ', honest alone'}"


def full(user: str, level: Isolation) -> Plan:
    """All attacks, beside honest submissions."""
    return Plan(user, level, attacks=tuple(attack.name for attack in corpus.attacks()))


def honest(user: str, level: Isolation) -> Plan:
    """Honest submissions alone."""
    return Plan(user, level)


def stops(attack: Attack, level: Isolation, user: str, machine: Machine) -> bool:
    """Whether a level stops the attack on this machine."""
    layers = in_force(level, user)
    if attack.reads and "anyone-reads" not in machine.abilities:
        layers -= {Layer.IDENTITY}
    return attack.stopped(layers)


def expected(attack: Attack, level: Isolation) -> frozenset[Status]:
    """The statuses of its row where it is stopped.

    Within namespaces what it is after is simply not there; and where file modes or users alone stand in
    its way, the system's refusal is nobody's rule.
    """
    layers = attack.stopped_by & LAYERS[level]
    if layers and (Layer.NAMESPACES in LAYERS[level] or layers == {Layer.IDENTITY}):
        return attack.expected | {Status.CRASHED}
    return attack.expected


def without(user: str, attack: Attack, levels: Sequence[Isolation]) -> Plan:
    """The attack with all that stops it switched off, and with it those that the same layers stop.

    Namespaces stay off as well: they stand around the others, and what they stop by themselves shows
    at level landlock, which has none.
    """
    best = next((level for level in levels if level is not Isolation.STRICT), Isolation.RLIMIT)
    off = attack.stopped_by & in_force(best, user)
    same = (a.name for a in corpus.attacks() if a.stopped_by and a.stopped_by & in_force(best, user) == off)
    return Plan(user, best, off, tuple(same))


def proves(user: str, attack: Attack) -> bool:
    """Whether this user's session is to show that it succeeds: once is enough where users do not differ."""
    return bool(attack.stopped_by) and (user == users()[-1] or Layer.IDENTITY in attack.stopped_by)


def plans(user: str, levels: Sequence[Isolation]) -> list[Plan]:
    """All sessions of a user, the longest first."""
    everything = [full(user, level) for level in levels]
    proofs = dict.fromkeys(without(user, a, levels) for a in corpus.attacks() if proves(user, a))
    # where none of what was to be switched off was on, the full session is the proof already
    return [*everything, *(plan for plan in proofs if plan.off), honest(user, levels[0])]


class Arena:
    """All sessions of one run of the tests, and the naive harness."""

    def __init__(self) -> None:
        self._root = Path(tempfile.mkdtemp(prefix="grader-arena-"))
        self._root.chmod(0o755)  # sessions of other users lie in it
        self.table = prepare.task_cache(self._root / "cache")
        self.machines = {user: self._machine(user) for user in users()}
        self.results: dict[Plan, Result] = {}
        self.outcomes: dict[str, naive.Outcome] = {}

    def run(self) -> None:
        """Run every session, some at once."""
        todo = [plan for user in users() for plan in plans(user, self.machines[user].levels)]
        todo.sort(key=lambda plan: -len(plan.attacks))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            naively = pool.submit(self._run_naive)
            self.results = dict(zip(todo, pool.map(self._run_one, todo), strict=True))
            self.outcomes = naively.result()

    def proof(self, user: str, attack: Attack) -> Result:
        """The session without the layers that stop the attack."""
        plan = without(user, attack, self.machines[user].levels)
        return self.results[plan if plan.off else full(user, plan.level)]

    def close(self) -> None:
        """Remove all folders; attacks that succeeded may have locked theirs, or dug deep."""
        remove(self._root)

    def _run_naive(self) -> dict[str, naive.Outcome]:
        """What the attacks on the wall do to a naive harness."""
        folder, _ = self._folder("root")
        values = {"HOME": folder / "home"}
        files = {}
        for attack in corpus.attacks():
            if attack.naive:
                path = folder / "subs" / attack.file
                path.write_text(prepare.filled(attack.source, values), encoding="utf-8")
                files[attack.name] = str(path)
        entry = prepare.targets_in(folder / "cache").parent
        spec = naive.Spec(
            entry=str(entry), files=files, folder=str(folder / "tmp"), home=str(folder / "home")
        )
        _run([sys.executable, "-m", "arena.naive", str(_written(folder, spec))], folder)
        return msgspec.json.decode((folder / "outcomes.json").read_bytes(), type=dict[str, naive.Outcome])

    def _machine(self, user: str) -> Machine:
        folder, prefix = self._folder(user)
        _run([*prefix, sys.executable, "-m", "arena.machine", str(folder / "machine.json")], folder)
        return msgspec.json.decode((folder / "machine.json").read_bytes(), type=Machine)

    def _run_one(self, plan: Plan) -> Result:
        folder, prefix = self._folder(plan.user)
        spec = Spec(
            folder=str(folder),
            level=plan.level,
            off=tuple(sorted(plan.off)),
            attacks=plan.attacks,
            controls=not plan.off,
            table=self.table,
        )
        _run([*prefix, sys.executable, "-m", "arena.session", str(_written(folder, spec))], folder)
        return msgspec.json.decode((folder / "result.json").read_bytes(), type=Result)

    def _folder(self, user: str) -> tuple[Path, list[str]]:
        """A furnished folder of the user's, and what stands before a command to run it as that user."""
        folder = Path(tempfile.mkdtemp(dir=self._root))
        folder.chmod(0o755)
        prepare.furnish(folder, self._root / "cache")
        if user == "root" or os.geteuid() != 0:
            return folder, []
        prepare.give_to(folder, _UID)
        return folder, _as_ordinary(folder)


def _as_ordinary(folder: Path) -> list[str]:
    import grader

    needed = [sys.base_prefix, sys.prefix, str(Path(str(grader.__file__)).parents[1]), str(_TESTS)]
    needed += [sysconfig.get_paths()["purelib"], str(folder)]
    return [sys.executable, "-I", str(ordinary.__file__), str(_UID), *needed, "--"]


def _written(folder: Path, spec: msgspec.Struct) -> Path:
    place = folder / "spec.json"
    place.write_bytes(msgspec.json.encode(spec))
    return place


def _run(command: Sequence[str], folder: Path) -> None:
    """Run a command of the arena. Raises RuntimeError with its last words where it fails."""
    done = subprocess.run(
        command,
        cwd=_TESTS,
        env=_environment(folder),
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_TIME,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(command[-3:])} ended with code {done.returncode}: {done.stderr[-3000:]}"
        )


def _environment(folder: Path) -> dict[str, str]:
    """A small environment: the session's own home, cache, state and temporary files."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH") if name in os.environ}
    return kept | {
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
        "GRADER_CACHE": str(folder / "cache"),
        "GRADER_STATE": str(folder / "state"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
