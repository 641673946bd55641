"""docs/plugins.md has an example of every hook, and each does what it says."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pluggy
import pytest
from click.testing import CliRunner
from factories import record, task
from pages import blocks
from sessions import GOOD, environment, write
from sklearn.metrics import balanced_accuracy_score

import grader
from grader.contract.task import DataPlaces
from grader.hookspecs import HarnessHooks
from grader.host.cli import make_cli
from grader.host.leaderboard import regenerate
from grader.host.store import Store
from grader.plugins import harness_manager, task_definitions
from grader.tasks.embedded import DIABETES, DIGITS

ROOT = Path(__file__).parents[1]
ORCHARD = ROOT / "examples" / "plugin" / "grader_orchard"
PAGE = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
EXAMPLES = {
    block.file.removesuffix(".py"): block.text for block in blocks(PAGE) if block.file.endswith(".py")
}
FAILS = "careless"  # shown for what is said of it

SESSION = """\
import os
from dataclasses import replace
from grader.host.session import Session
from grader.host.settings import make_config
from grader.plugins import harness_manager

asked = make_config(paths=["handed-in.list"], budget="3 steps", seeds=2, device="cpu",
                    plugins=["classlist", "rounds", "polite", "patience", "curves", "pager", "diary:diary"])
config = replace(asked, executor="polite")
Session(config, harness_manager(config.plugins)).run()
print(os.nice(0))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    for name in EXAMPLES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    return write(tmp_path, {f"{name}.py": source for name, source in EXAMPLES.items()})


def managed(*names: str, builtins: tuple[str, ...] = ()) -> pluggy.PluginManager:
    """A manager of examples, which all must be fit to be called."""
    return harness_manager(names, builtins, tell=lambda line: pytest.fail(line))


def test_every_hook_has_an_example() -> None:
    shown = set(re.findall(r"^ *def (grader_\w+)", "\n".join(EXAMPLES.values()), re.MULTILINE))
    assert shown == {name for name in vars(HarnessHooks) if name.startswith("grader_")}


@pytest.mark.parametrize("name", [path.stem for path in ORCHARD.glob("[a-z]*.py")])
def test_those_of_the_example_distribution_are_shown_as_they_are(name: str) -> None:
    assert EXAMPLES[name] == (ORCHARD / f"{name}.py").read_text(encoding="utf-8")


def test_the_metric_is_what_scikit_learn_computes(folder: Path) -> None:
    manager, random = managed("balanced"), np.random.default_rng(0)
    logits, targets = random.standard_normal((200, 10)).astype(np.float32), random.integers(0, 4, 200)
    (found,) = manager.hook.grader_metrics(task=DIGITS, logits=logits, targets=targets)
    expected = np.mean([(logits.argmax(1) == targets)[targets == label].mean() for label in range(4)])
    assert found == {"balanced_accuracy": pytest.approx(expected)}
    seen = np.isin(logits.argmax(1), range(4))  # scikit-learn warns of classes that are predicted alone
    (found,) = manager.hook.grader_metrics(task=DIGITS, logits=logits[seen], targets=targets[seen])
    assert found["balanced_accuracy"] == pytest.approx(
        balanced_accuracy_score(targets[seen], logits[seen].argmax(1))
    )
    assert manager.hook.grader_metrics(task=DIABETES, logits=logits[:, :1], targets=logits[:, 1:2]) == [{}]
    columns = [manager.hook.grader_columns(task=task(kind=kind)) for kind in ("multiclass", "regression")]
    assert columns == [[["balanced_accuracy"]], [[]]]


def test_the_task_gives_arrays_that_are_standardised(folder: Path) -> None:
    shutil.copytree(ORCHARD / "data", folder / "data")
    definition = task_definitions(managed("apples"), {})["apples"]
    assert definition.hidden == (folder / "data",)
    places = DataPlaces(data=None, downloads=folder)
    before = definition.fingerprint(places)
    arrays = definition.prepare(places)
    assert (arrays.train_inputs.shape, arrays.test_inputs.shape) == ((360, 4), (240, 4))
    np.testing.assert_allclose(arrays.train_inputs.mean(0), 0, atol=1e-6)
    assert np.bincount(arrays.test_targets).tolist() == [160, 60, 20]
    with (folder / "data" / "test.csv").open("a") as file:
        file.write("100,60,0.5,12,Elstar\n")
    assert definition.fingerprint(places) != before


def test_the_form_in_latex_and_the_command(folder: Path) -> None:
    board = folder / "board"
    for name, correct in (("50%_{x}", 480), ("b", 300)):
        Store(board).write(record(name, correct=correct))
    manager = managed("latex", "best")
    _, _, written = regenerate(board, manager)
    assert written == [board / "leaderboard.tex"]
    assert r"& 50\%\_\{x\} & 0.9600 \\" in written[0].read_text()
    before = written[0].read_bytes()
    regenerate(board, manager)
    assert written[0].read_bytes() == before
    said = CliRunner().invoke(make_cli(manager), ["best", "digits", "--leaderboard", str(board)])
    assert (said.exit_code, said.stdout) == (0, "submissions/50%_{x}.py::digits[seed=0] accuracy=0.9600\n")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What all the plugins about running did in one session, with nothing prepared before."""
    root = tmp_path_factory.mktemp("docs")
    sources = {f"{name}.py": source for name, source in EXAMPLES.items()}
    write(root, sources | {"subs/a.py": GOOD, "subs/b.py": GOOD, "handed-in.list": "subs/a.py\nsubs/b.py\n"})
    write(root, {"pyproject.toml": "[tool.grader]\n", "session.py": SESSION})
    done = subprocess.run(
        [sys.executable, "session.py"],
        cwd=root,
        env=environment(root),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    diary = (root / "diary.txt").read_text().splitlines()
    with (root / "curves.csv").open() as file:
        return {
            "said": done.stdout.splitlines(),
            "diary": diary,
            "curves": list(csv.reader(file)),
            "root": root,
        }


def test_the_list_of_submissions_is_collected_and_run_in_rounds(ran: dict[str, Any]) -> None:
    assert ran["diary"][0] == "4 to run, 0 done before"
    assert ran["diary"][-1] == "4 of 4 ok"
    places = [line.split()[1].rstrip(":") for line in ran["diary"][1:-1]]
    assert places == [f"subs/{name}.py::digits[seed={seed}]" for seed in (0, 1) for name in "ab"]


def test_the_executor_is_polite_and_who_waits_is_told(ran: dict[str, Any]) -> None:
    assert ran["said"] == ["digits takes some minutes the first time", "10"]


def test_what_an_executor_says_is_heard(ran: dict[str, Any]) -> None:
    assert (ran["root"] / "notices.txt").read_text() == "this run has nice 10\n"


def test_the_curves_have_what_each_trial_told(ran: dict[str, Any]) -> None:
    started = [row for row in ran["curves"] if row[1] == "start"]
    told = [row for row in ran["curves"] if row[1] != "start"]
    assert [row[0] for row in started] == ["0", "0", "1", "1"]
    assert {row[0] for row in told} == {"0", "1"}
    assert all(float(loss) > 0 for _, _, loss in told)
    assert len(grader.records(ran["root"] / "leaderboard")) == 4


def test_what_is_said_of_the_one_that_fails_is_what_the_page_says(folder: Path) -> None:
    told: list[str] = []
    manager = harness_manager([FAILS], (), tell=told.append)
    manager.hook.grader_columns(task=task())
    assert f"grader: warning: {told[0]}" in PAGE
