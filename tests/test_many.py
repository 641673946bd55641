"""Many trials: side by side, not done twice, chosen by what happened last time."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sessions import GOOD, at_home, command, loop, write

from grader import hookimpl
from grader.contract.record import Record
from grader.contract.status import Status
from grader.contract.trial import Trial
from grader.host import device
from grader.host.history import History
from grader.host.session import Session
from grader.host.settings import make_config
from grader.host.store import Store
from grader.plugins import harness_manager

WHERE = loop("import os, time\nprint('cores', *os.sched_getaffinity(0))\ntime.sleep(1)")
SUBMISSIONS = {
    "subs/a.py": GOOD.replace("16", "32"),
    "subs/b.py": GOOD,
    "subs/bad.py": loop("raise ValueError('no good')"),
    "subs/where.py": WHERE,
}
TWO = pytest.mark.skipif(device.available_cores() < 2, reason="two slots take two cores")


class Started:
    """What a session began, in order, and what it reused."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.reused: list[str] = []

    @hookimpl
    def grader_session_start(self, reused: list[Record]) -> None:
        self.reused = [record.submission.name for record in reused]

    @hookimpl
    def grader_trial_start(self, trial: Trial) -> None:
        self.names.append(trial.submission.name)


def run(root: Path, places: Path, **wishes: Any) -> tuple[list[Record], Started]:
    """One session over the folder `subs`; `executor` and the like are fields of Config."""
    further = {key: wishes.pop(key) for key in ("executor",) if key in wishes}
    wishes = {"paths": ["subs"], "budget": "2 epochs", "device": "cpu"} | wishes
    with at_home(root, places):
        config = replace(make_config(**wishes), **further)
        manager, started = harness_manager(["no:html"]), Started()
        manager.register(started)
        return Session(config, manager).run(), started


def planned(root: Path, places: Path, **wishes: Any) -> tuple[list[str], list[str]]:
    """The names that a session would run, and those whose records it would reuse."""
    with at_home(root, places):
        config = make_config(**({"paths": ["subs"], "budget": "2 epochs", "device": "cpu"} | wishes))
        steps, _ = Session(config, harness_manager(["no:html"])).preview()
    names = [(step.trial.submission.name, step.done) for step in steps]
    return [name for name, done in names if done is None], [name for name, done in names if done]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("many"), SUBMISSIONS)


@pytest.fixture(scope="module")
def beside(root: Path, places: Path) -> list[Record]:
    """Two seeds each, two at once."""
    return run(root, places, seeds=2, slots=2)[0]


@pytest.fixture(scope="module")
def alone(root: Path, places: Path) -> list[Record]:
    """The same one after the other, on a leaderboard of its own."""
    return run(root, places, seeds=2, leaderboard="alone")[0]


@TWO
class TestSlots:
    def test_records_come_in_the_order_asked_whatever_ended_first(self, beside: list[Record]) -> None:
        wanted = [(name, seed) for name in ("a", "b", "bad", "where") for seed in (0, 1)]
        assert [(record.submission.name, record.seed) for record in beside] == wanted

    def test_what_comes_out_is_the_same_to_the_bit(self, beside: list[Record], alone: list[Record]) -> None:
        assert any(record.metrics for record in beside)
        for one, other in zip(beside, alone, strict=True):
            assert (one.status, one.metrics) == (other.status, other.metrics)
            assert [point.loss for point in one.curve] == [point.loss for point in other.curve]

    def test_each_slot_has_a_core_of_its_own(self, beside: list[Record], alone: list[Record]) -> None:
        def cores(records: list[Record]) -> list[str]:
            return [record.output for record in records if record.submission.name == "where"]

        assert [len(each.split()) for each in cores(beside)] == [2, 2], "the word and one core"
        assert cores(beside)[0] != cores(beside)[1], "they ran at once, so in two slots"
        assert all(len(each.split()) > 2 for each in cores(alone)), "one slot has them all"

    def test_how_many_ran_beside_is_recorded(self, beside: list[Record], alone: list[Record]) -> None:
        assert {record.alongside for record in alone} == {0}
        assert {record.alongside for record in beside if record.submission.name == "where"} == {1}
        assert max(record.alongside for record in beside) == 1

    def test_and_the_leaderboard_says_so(self, root: Path, beside: list[Record]) -> None:
        assert "other trials ran beside" in (root / "leaderboard" / "README.md").read_text()

    def test_more_slots_than_cores_is_one_line(self, root: Path, places: Path) -> None:
        done = command("run", "subs", "-n", "4000", cwd=root, places=places)
        assert done.returncode == 4
        assert done.stderr.startswith("grader: error: -n 4000: ")
        assert len(done.stderr.splitlines()) == 1

    @pytest.mark.parametrize("wish", ["0", "-1", "many", "1.5"])
    def test_a_wrong_number_is_one_line(self, root: Path, places: Path, wish: str) -> None:
        done = command("run", "subs", "-n", wish, cwd=root, places=places)
        assert done.returncode == 4
        assert len(done.stderr.splitlines()) == 1
        assert wish in done.stderr


class TestNothingTwice:
    @pytest.fixture(scope="class")
    @classmethod
    def home(cls, tmp_path_factory: pytest.TempPathFactory, places: Path) -> Path:
        """A leaderboard of two good ones and a bad one, one seed."""
        home = write(
            tmp_path_factory.mktemp("again"), {k: v for k, v in SUBMISSIONS.items() if "where" not in k}
        )
        records, started = run(home, places)
        assert [record.status for record in records] == [Status.OK, Status.OK, Status.CRASHED]
        assert (started.names, started.reused) == (["a", "b", "bad"], [])
        return home

    def test_what_ended_well_is_reused_and_failures_are_tried_again(self, home: Path, places: Path) -> None:
        before, _ = Store(home / "leaderboard").read()
        records, started = run(home, places)
        assert (started.names, started.reused) == (["bad"], ["a", "b"])
        assert [record.submission.name for record in records] == ["a", "b", "bad"]
        assert records[:2] == before[:2]

    def test_a_change_to_one_file_runs_that_one_alone(self, home: Path, places: Path) -> None:
        write(home, {"subs/b.py": GOOD + "\n# better\n"})
        assert planned(home, places) == (["b", "bad"], ["a"])
        write(home, {"subs/b.py": GOOD})
        assert planned(home, places) == (["bad"], ["a", "b"]), "as it was before, it is known"

    def test_more_seeds_run_the_new_ones_alone(self, home: Path, places: Path) -> None:
        assert planned(home, places, seeds=2, keyword="not bad") == (["a", "b"], ["a", "b"])

    def test_rerun_runs_all(self, home: Path, places: Path) -> None:
        assert planned(home, places, rerun=True) == (["a", "b", "bad"], [])

    def test_last_failed_runs_what_failed(self, home: Path, places: Path) -> None:
        assert planned(home, places, last_failed=True) == (["bad"], [])

    def test_where_all_is_done_no_executor_is_made(self, home: Path, places: Path) -> None:
        records, started = run(home, places, keyword="not bad", executor="there is none")
        assert (started.names, started.reused) == ([], ["a", "b"])
        assert [record.status for record in records] == [Status.OK, Status.OK]

    def test_nor_torch_or_numpy_read(self, home: Path, places: Path) -> None:
        code = (
            "import sys; from grader.host.cli import main\n"
            "try: main(['run', 'subs', '--budget', '2 epochs', '-k', 'not bad'])\n"
            "except SystemExit as end: print(end.code, [n for n in ('torch', 'numpy') if n in sys.modules])"
        )
        with at_home(home, places):
            _python(code)  # the leaderboard stands then as these plugins make it
            done = _python(code)
        assert done.splitlines()[-1] == "0 []"

    def test_failed_first(self, home: Path, places: Path) -> None:
        _, started = run(home, places, failed_first=True, rerun=True)
        assert started.names[0] == "bad"

    def test_a_dry_run_tells_and_runs_nothing(self, home: Path, places: Path) -> None:
        before = sorted(home.rglob("*"))
        done = command("run", "subs", "--budget", "2 epochs", "--dry-run", cwd=home, places=places)
        assert (done.returncode, done.stderr) == (0, "")
        first, second, third, total = done.stdout.splitlines()
        assert (first, second) == (
            "subs/a.py::digits[seed=0]: done, its record is reused",
            "subs/b.py::digits[seed=0]: done, its record is reused",
        )
        assert third.startswith("subs/bad.py::digits[seed=0]: failed: crashed, about ")
        assert total.startswith("3 trials: 2 reused, 1 to run in 1 slot, about ")
        assert sorted(home.rglob("*")) == before


@TWO
def test_the_longest_starts_first(tmp_path: Path, places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = {"a": 1.0, "b": None, "c": 3.0, "d": 2.0}
    monkeypatch.setattr(History, "estimate", lambda self, trial: seconds[trial.submission.name])
    write(tmp_path, {f"subs/{name}.py": GOOD for name in seconds})
    records, started = run(tmp_path, places, budget="1 steps", slots=2)
    assert started.names == ["b", "c", "d", "a"]
    assert [record.submission.name for record in records] == ["a", "b", "c", "d"]


def _python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
