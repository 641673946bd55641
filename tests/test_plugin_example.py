"""examples/plugin is built, installed in an environment of its own, used, and removed again."""

from __future__ import annotations

import csv
import runpy
import shutil
import subprocess
import sys
import sysconfig
from functools import partial
from pathlib import Path

import pytest
from sessions import IMPORTS, command, write

import grader
from grader.contract.status import Status

EXAMPLE = Path(__file__).parents[1] / "examples" / "plugin"
PLUGINS = {"apples", "balanced-accuracy", "best", "diary", "latex"}

THIEF = f"""\
import importlib.util
from pathlib import Path

{IMPORTS}

@hookimpl
def build_model(task):
    package = Path(importlib.util.find_spec("grader_orchard").origin).parent
    print("CODE:", (package / "apples.py").read_text()[:29])
    for name in ("train.csv", "test.csv"):
        try:
            print("LOOT:", (package / "data" / name).read_text()[:29])
        except OSError as error:
            print("KEPT:", name, type(error).__name__)
    return nn.Linear(task.in_features, task.outputs)
"""


class Orchard:
    """An environment with the example installed, and a project that has trained a thief on its task."""

    def __init__(self, root: Path, places: Path) -> None:
        shutil.copytree(EXAMPLE, root / "plugin")  # what building leaves there is not for our folder
        self.project, self.places = root / "project", places
        self.python = root / "environment" / "bin" / "python"
        made([sys.executable, "-m", "venv", "--without-pip", str(root / "environment")])
        ours = sysconfig.get_path("purelib")
        theirs = made([str(self.python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"])
        # a .pth file, not PYTHONPATH: workers and the preparer are started with -I
        Path(theirs.strip(), "tests.pth").write_text(f"import site; site.addsitedir({ours!r})\n")
        self.pip("install", "--no-index", "--no-deps", "--no-build-isolation", str(root / "plugin"))
        # torch lies outside this environment, so workers may read it for being named
        settings = f'[tool.grader]\nlibraries = ["{ours}"]\nplugins = ["no:html"]\n'
        write(self.project, {"pyproject.toml": settings, "submissions/thief.py": THIEF})
        self.grader = partial(command, cwd=self.project, places=places, python=self.python)
        self.ran = self.grader("run", "--task", "apples", "--budget", "20 steps", "--device", "cpu")

    def pip(self, *arguments: str) -> None:
        """Run pip on the environment, which has none of its own."""
        quietly = ["--disable-pip-version-check", "--quiet"]
        made([sys.executable, "-m", "pip", "--python", str(self.python), *quietly, *arguments])


def made(words: list[str]) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def orchard(tmp_path_factory: pytest.TempPathFactory, places: Path) -> Orchard:
    return Orchard(tmp_path_factory.mktemp("orchard"), places)


def test_its_data_are_what_its_generator_makes(tmp_path: Path) -> None:
    shutil.copy(EXAMPLE / "make_data.py", tmp_path)
    (tmp_path / "grader_orchard" / "data").mkdir(parents=True)
    runpy.run_path(str(tmp_path / "make_data.py"), run_name="__main__")
    for name in ("train.csv", "test.csv"):
        path = Path("grader_orchard", "data", name)
        assert (tmp_path / path).read_bytes() == (EXAMPLE / path).read_bytes()


def test_its_task_is_trained_on_and_its_metric_is_a_column(orchard: Orchard) -> None:
    assert (orchard.ran.returncode, orchard.ran.stderr) == (0, "")
    (record,) = grader.records(orchard.project / "leaderboard")
    assert (record.status, record.task.name) == (Status.OK, "apples")
    assert (record.task.train_samples, record.task.test_samples) == (360, 240)
    assert 0 <= record.metrics["balanced_accuracy"] <= 1
    assert "balanced_accuracy %" in orchard.ran.stdout
    assert "balanced\\_accuracy %" in (orchard.project / "leaderboard" / "README.md").read_text()


def test_no_worker_reads_its_data_though_it_may_read_its_code(orchard: Orchard) -> None:
    (record,) = grader.records(orchard.project / "leaderboard")
    lines = record.output.splitlines()
    assert set(lines) == {
        'CODE: """A task from files of one\'s',
        "KEPT: train.csv PermissionError",
        "KEPT: test.csv PermissionError",
    }


def test_its_form_of_the_leaderboard_is_written(orchard: Orchard) -> None:
    (record,) = grader.records(orchard.project / "leaderboard")
    table = (orchard.project / "leaderboard" / "leaderboard.tex").read_text().splitlines()
    assert table[0] == r"\begin{tabular}{rlr} % apples, 20 steps"
    assert table[2] == rf"1 & thief & {record.metrics['accuracy']:.4f} \\"


def test_its_command_names_the_best(orchard: Orchard) -> None:
    (record,) = grader.records(orchard.project / "leaderboard")
    said = orchard.grader("best", "apples")
    accuracy = record.metrics["accuracy"]
    line = f"submissions/thief.py::apples[seed=0] accuracy={accuracy:.4f}\n"
    assert (said.returncode, said.stdout, said.stderr) == (0, line, "")
    missing = orchard.grader("best", "pears")
    line = "grader: error: no record of pears in leaderboard: `grader run` makes some\n"
    assert (missing.returncode, missing.stdout, missing.stderr) == (4, "", line)


def test_its_diary_has_a_line_for_each_trial(orchard: Orchard) -> None:
    (record,) = grader.records(orchard.project / "leaderboard")
    assert (orchard.project / "diary.txt").read_text().splitlines() == [
        "1 to run, 0 done before",
        f"{record.finished} submissions/thief.py::apples[seed=0]: ok",
        "1 of 1 ok",
    ]


def test_each_plugin_is_listed_and_left_out_by_its_name(orchard: Orchard) -> None:
    """By -p, by the environment and by the settings of the project, as built-ins are."""
    listed = orchard.grader("plugins").stdout
    rows = {line.split()[0]: line for line in listed.splitlines() if "grader-orchard 0.1.0" in line}
    assert rows.keys() == PLUGINS
    assert "tasks apples" in rows["apples"]
    assert "commands best" in rows["best"]
    assert "columns balanced_accuracy" in rows["balanced-accuracy"]
    settings = orchard.project / "pyproject.toml"
    before = settings.read_text()
    settings.write_text(before.replace('"no:html"', '"no:html", "no:latex"'))
    listed = orchard.grader("-p", "no:apples", "plugins", GRADER_PLUGINS="no:diary, no:best").stdout
    settings.write_text(before)
    absent = (
        "html: grader.host.reports.html",
        "latex: latex",
        "diary: diary",
        "best: best",
        "apples: apples",
    )
    assert {line for line in listed.splitlines() if line.startswith("left out")} == {
        f"left out by no:{each}" for each in absent
    }
    assert listed.count("grader-orchard 0.1.0") == 1


def test_without_it_the_leaderboard_can_still_be_made(orchard: Orchard) -> None:
    """The last: it removes what the others use."""
    orchard.pip("uninstall", "--yes", "grader-orchard")
    made_anew = orchard.grader("leaderboard")
    assert (made_anew.returncode, made_anew.stderr) == (0, "")
    assert "thief" in made_anew.stdout
    (record,) = grader.records(orchard.project / "leaderboard")
    with (orchard.project / "leaderboard" / "leaderboard.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert float(row["balanced_accuracy"]) == record.metrics["balanced_accuracy"]
    gone = orchard.grader("run", "--task", "apples")
    assert (gone.returncode, gone.stderr) == (
        4,
        "grader: error: there is no task 'apples'; `grader tasks` lists them\n",
    )
