"""Which sessions there are, and running them side by side: the tests read what this leaves."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from arena import corpus, naive, ordinary, prepare
from arena.corpus import Attack
from arena.session import Result, Spec
from grader.contract.isolation import LAYERS, Isolation, Layer

AT_ONCE = 3  # sessions; most of their time is spent waiting for limits to pass
_TIME = 400  # seconds for one session, far more than it takes
_UID = 1500  # of the ordinary user, where the tests run as root
_TESTS = Path(__file__).parents[1]

# What is not built yet: attacks that these layers stop are expected to succeed. Empty once all are.
NOT_BUILT = frozenset(Layer)


def levels() -> tuple[Isolation, ...]:
    """The levels that this machine can give, strongest first.

    To be asked of grader.host.isolation as soon as that can tell: this line is all that changes.
    """
    return (Isolation.RLIMIT,)


def users() -> tuple[str, ...]:
    """The users whose sessions can be run from here."""
    return ("root", "user") if os.geteuid() == 0 else ("user",)


def in_force(level: Isolation, user: str, off: frozenset[Layer] = frozenset()) -> frozenset[Layer]:
    """The layers that hold at a level: only root can give workers a user id of their own."""
    layers = LAYERS[level] - off - NOT_BUILT
    return layers if user == "root" else layers - {Layer.IDENTITY}


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


def honest(user: str) -> Plan:
    """Honest submissions alone, at the best level."""
    return Plan(user, levels()[0])


def without(user: str, attack: Attack) -> Plan:
    """The attack with all that stops it switched off, and with it those that the same layers stop.

    Namespaces stay off as well: they stand around the others, and what they stop by themselves shows
    at level landlock, which has none.
    """
    best = next((level for level in levels() if level is not Isolation.STRICT), levels()[0])
    same = (other.name for other in corpus.attacks() if other.stopped_by == attack.stopped_by)
    return Plan(user, best, attack.stopped_by, tuple(same))


def plans() -> list[Plan]:
    """All sessions, the longest first."""
    everything = [full(user, level) for user in users() for level in levels()]
    proofs = {without(user, a): None for user in users() for a in corpus.attacks() if a.stopped_by}
    # where nothing of what was to be switched off was on, the full session is the proof already
    proofs_left = [plan for plan in proofs if plan.off & in_force(plan.level, plan.user)]
    return [*everything, *proofs_left, *(honest(user) for user in users())]


class Arena:
    """All sessions of one run of the tests, and the naive harness; each runs when it is first started."""

    def __init__(self) -> None:
        self._root = Path(tempfile.mkdtemp(prefix="grader-arena-"))
        self._root.chmod(0o755)  # sessions of other users lie in it
        self.table = prepare.task_cache(self._root / "cache")
        self.results: dict[Plan, Result] = {}

    def run(self) -> None:
        """Run every session, some at once."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            self.results = dict(pool.map(self._run_one, enumerate(plans())))

    def result(self, plan: Plan) -> Result:
        """The session's result, or that of the full session where nothing was there to switch off."""
        return self.results.get(plan) or self.results[full(plan.user, plan.level)]

    def close(self) -> None:
        """Remove all folders; attacks that succeeded may have locked theirs."""
        shutil.rmtree(self._root, ignore_errors=True)
        if self._root.exists():
            subprocess.run(["rm", "-rf", str(self._root)], check=False)  # noqa: S607 - knows deeper folders

    @cached_property
    def outcomes(self) -> dict[str, naive.Outcome]:
        """What the attacks on the wall do to a naive harness."""
        folder = self._root / "naive"
        prepare.furnish(folder, self._root / "cache")
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
        _run_module("arena.naive", folder, spec, [])
        return msgspec.json.decode((folder / "outcomes.json").read_bytes(), type=dict[str, naive.Outcome])

    def _run_one(self, numbered: tuple[int, Plan]) -> tuple[Plan, Result]:
        number, plan = numbered
        folder = self._root / str(number)
        folder.mkdir()
        prepare.furnish(folder, self._root / "cache")
        prefix: Sequence[str] = ()
        if plan.user != "root" and os.geteuid() == 0:
            prepare.give_to(folder, _UID)
            prefix = _as_ordinary(folder)
        spec = Spec(
            folder=str(folder),
            level=plan.level,
            off=tuple(sorted(plan.off)),
            attacks=plan.attacks,
            table=self.table,
        )
        _run_module("arena.session", folder, spec, prefix)
        return plan, msgspec.json.decode((folder / "result.json").read_bytes(), type=Result)


def _as_ordinary(folder: Path) -> list[str]:
    import grader

    needed = [sys.base_prefix, sys.prefix, str(Path(str(grader.__file__)).parents[1]), str(_TESTS)]
    needed += [sysconfig.get_paths()["purelib"], str(folder)]
    return [sys.executable, "-I", str(ordinary.__file__), str(_UID), *needed, "--"]


def _run_module(module: str, folder: Path, spec: Any, prefix: Sequence[str]) -> None:
    """Run a module over a specification. Raises RuntimeError with its last words where it fails."""
    place = folder / "spec.json"
    place.write_bytes(msgspec.json.encode(spec))
    place.chmod(0o644)
    done = subprocess.run(
        [*prefix, sys.executable, "-m", module, str(place)],
        cwd=_TESTS,
        env=_environment(folder),
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_TIME,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{module} over {folder} ended with code {done.returncode}: {done.stderr[-3000:]}")


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


def running() -> Iterator[Arena]:
    """An arena whose sessions have all been run; its folders go when this ends."""
    arena = Arena()
    try:
        arena.run()
        yield arena
    finally:
        arena.close()
