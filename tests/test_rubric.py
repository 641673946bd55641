"""The pytest plugin, as somebody uses it: rubrics run by pytest in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
import sessions

from grader.grading.asked import Asked, HandedIn

pytest_plugins = ("pytester",)
COUNTING = """\
from grader import hookimpl

@hookimpl
def grader_trial_start(trial):
    with open("started.txt", "a") as file:
        file.write(f"{trial.submission.name} {trial.seed} {trial.budget}\\n")
"""
SETTINGS = """\
[tool.grader]
task = "digits"
budget = "5 steps"
plugins = ["counting"]
"""
CRASHES = sessions.loop("1 / 0")
RUBRIC = '''\
"""Homework 3."""
import pytest
from grader import points


@pytest.mark.points(20)
def test_trains(record):
    """It trains."""
    assert record.status == "ok", f"it {record.status}"


@pytest.mark.points(40, after="test_trains", hint="Train longer.")
def test_accuracy(record):
    return points.between(record.metrics["accuracy"], -1, 3)


@pytest.mark.points(10)
def test_direct(record):
    assert record.metrics["accuracy"] < 2


@pytest.mark.points(10, extra=True)
@pytest.mark.parametrize("hook", ["train", "build_model"])
def test_hooks(submission, hook):
    assert hook in submission.hooks
'''
FURTHER = """

@pytest.mark.points(1, after="test_trains")
def test_under_other_conditions(trial):
    assert trial(seed=7, budget="7 steps").seed == 7


@pytest.mark.points(1)
def test_is_quick(record):
    assert record.timing.predict_seconds < 100  # of what crashes there is none


@pytest.mark.points(1)
def test_reference(record, baseline):
    assert baseline("reference.py").metrics["loss"] != record.metrics["loss"]


@pytest.mark.points(1)
def test_ranks(record, standings):
    names = [row.name for row in standings.tables[0].rows]
    assert names[-1] == "carl" and sorted(names) == ["ada", "bob", "carl"]


def test_mistakes(trial):
    trial(sed=3)
"""


def run(*arguments: str, cwd: Path, places: Path, module: bool = False) -> subprocess.CompletedProcess[str]:
    """Run pytest with its output on pipes; as a module, the working directory is on the path of imports."""
    start = [sys.executable, "-m", "pytest"] if module else [str(Path(sys.executable).with_name("pytest"))]
    # as this process of pytest-xdist is none of its own
    own = {name for name in os.environ if name.startswith("PYTEST_")}
    environment = {key: value for key, value in sessions.environment(places).items() if key not in own}
    return subprocess.run(
        [*start, "-p", "no:cacheprovider", *arguments] if "--lf" not in arguments else [*start, *arguments],
        cwd=cwd, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three submissions, one of which crashes, and rubrics."""
    return sessions.write(
        tmp_path_factory.mktemp("course"),
        {
            "submissions/ada.py": sessions.GOOD,
            "submissions/bob.py": sessions.GOOD,
            "submissions/carl.py": CRASHES,
            "reference.py": sessions.GOOD.replace("16", "4"),
            "pyproject.toml": SETTINGS,
            "counting.py": COUNTING,
            "rubric.py": RUBRIC,
            "whole.py": RUBRIC + FURTHER,
        },
    )


@pytest.fixture(scope="module")
def together(course: Path, places: Path) -> subprocess.CompletedProcess[str]:
    """The rubric over both, by two processes."""
    return run("whole.py", "-n2", "--junitxml=junit.xml", "-q", cwd=course, places=places)


def test_two_processes_train_once_what_both_ask_for(
    course: Path, together: subprocess.CompletedProcess[str]
) -> None:
    assert together.returncode == 1, together.stdout + together.stderr
    started = (course / "started.txt").read_text().splitlines()
    assert len(started) == len(set(started)) == 3 + 2 + 1  # in the table, with another seed, the reference
    assert "9 failed, 19 passed, 2 skipped" in together.stdout
    assert "carl  21 of 74" in together.stdout


def test_junit_has_the_points_and_the_ids_of_the_command(
    course: Path, together: subprocess.CompletedProcess[str]
) -> None:
    cases = {case.get("name"): case for case in ElementTree.parse(course / "junit.xml").iter("testcase")}
    assert "test_trains[submissions/ada.py::digits[seed=0]]" in cases
    found = cases["test_accuracy[submissions/ada.py::digits[seed=0]]"]
    told = {each.get("name"): each.get("value") for each in found.iter("property")}
    assert 0 < float(told["points"] or 0) < 40
    assert told["maximum"] == "40"
    assert cases["test_accuracy[submissions/carl.py::digits[seed=0]]"].find("skipped") is not None


def test_what_is_done_is_not_done_again_and_neither_is_what_failed(
    course: Path, together: subprocess.CompletedProcess[str], places: Path
) -> None:
    before = (course / "started.txt").read_text()
    assert run("rubric.py", "-q", cwd=course, places=places).returncode == 1
    assert (course / "started.txt").read_text() == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-k", "ada and trains"], "1 passed, 14 deselected"),
        (["-x", "-k", "trains or direct"], "1 failed, 2 passed"),
        (["rubric.py::test_direct[submissions/ada.py::digits[seed=0]]"], "1 passed"),
        # the criterion that it comes after is asked, though nobody sees it run
        (["-k", "accuracy and carl"], "1 skipped, 14 deselected"),
        (["--collect-only"], "15 tests collected"),
    ],
)
def test_pytests_own_options_do_what_they_always_do(
    course: Path,
    together: subprocess.CompletedProcess[str],
    places: Path,
    arguments: list[str],
    said: str,
) -> None:
    where = [] if any("::" in each for each in arguments) else ["rubric.py"]
    assert said in run(*where, *arguments, "-q", cwd=course, places=places).stdout


def test_last_failed_and_no_plugin_at_all(
    course: Path, together: subprocess.CompletedProcess[str], places: Path
) -> None:
    run("rubric.py", "--lf", "-q", cwd=course, places=places)  # fills pytest's cache
    assert "4 failed, 11 deselected" in run("rubric.py", "--lf", "-q", cwd=course, places=places).stdout
    without = run("rubric.py", "-p", "no:grader", "-q", cwd=course, places=places)
    assert "fixture 'record' not found" in without.stdout


def test_further_trainings_are_made_together_and_stand_in_no_table(
    course: Path, together: subprocess.CompletedProcess[str]
) -> None:
    started = (course / "started.txt").read_text().splitlines()
    assert {"bob 7 7 steps", "ada 7 7 steps", "reference 0 5 steps"} <= set(started)
    table = (course / "leaderboard" / "README.md").read_text()
    assert "| ada" in table
    assert "reference" not in table
    assert "trial() takes no 'sed'; did you mean seed?" in together.stdout


# --- what submissions bring along ---


def _trap(name: str) -> str:
    """Leaves a mark wherever it is run by anybody but a confined worker, and forges what it can."""
    return f"""\
import pathlib
pathlib.Path({name!r}).with_suffix(".ran").write_text("ran")

def pytest_runtest_makereport(item, call):
    import pytest
    return pytest.TestReport(item.nodeid, item.location, {{}}, "passed", None, call.when)

def pytest_collection_modifyitems(items):
    items.clear()

def test_mine():
    pass
"""


@pytest.fixture(scope="module")
def besieged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course whose submissions hold everything that pytest and Python are known to obey."""
    root = tmp_path_factory.mktemp("besieged")
    names = (
        "conftest", "test_mine", "mine_test", "sitecustomize", "usercustomize", "numpy", "torch", "pluggy",
        "evil", "_pytest", "rubric", "setup",
    )  # fmt: skip
    traps = {f"submissions/{name}.py": _trap(str(root / name)) for name in names}
    ini = "addopts = -p evil\npythonpath = .\ntestpaths = .\npython_files = *.py\n"
    sessions.write(
        root,
        {
            **traps,
            "submissions/tests/test_deep.py": _trap(str(root / "deep")),
            "submissions/tests/conftest.py": _trap(str(root / "deeper")),
            "submissions/pytest.ini": f"[pytest]\n{ini}",
            "submissions/tox.ini": f"[pytest]\n{ini}",
            "submissions/pyproject.toml": '[tool.pytest.ini_options]\naddopts = "-p evil"\npythonpath = "."\n'
            "[tool.grader]\nbudget = '1 steps'\n",
            "submissions/carl.py": CRASHES,
            "rubric.py": RUBRIC.replace(
                "record.status ==", "__import__('numpy').ones(1).all() and record.status =="
            ),
            "pyproject.toml": SETTINGS.replace('plugins = ["counting"]\n', "")
            + "[tool.pytest.ini_options]\n",
        },
    )
    return root


def _ran(folder: Path) -> Iterator[str]:
    return (path.name for path in folder.glob("*.ran"))


@pytest.mark.parametrize("module", [False, True])
def test_nothing_among_submissions_is_collected_imported_or_obeyed(
    besieged: Path, places: Path, module: bool
) -> None:
    # the whole folder, with all of it: of the traps none is a submission that trains
    whole = run("rubric.py", "-q", "--submissions", "submissions", cwd=besieged, places=places, module=module)
    assert "20 of 70" in whole.stdout, whole.stdout + whole.stderr
    one = "--submissions=submissions/carl.py"
    done = run("rubric.py", one, "-q", cwd=besieged, places=places, module=module)
    assert "2 failed, 2 passed, 1 skipped" in done.stdout, done.stdout + done.stderr
    # without a path pytest looks through everything, but for what is handed in
    looked = run("-q", "-o", "python_files=*.py", one, cwd=besieged, places=places, module=module)
    assert "2 failed, 2 passed, 1 skipped" in looked.stdout, looked.stdout + looked.stderr
    assert not list(_ran(besieged))


@pytest.mark.parametrize(
    "arguments",
    [
        ("submissions",),
        ("submissions/test_mine.py",),
        ("submissions/tests",),
        ("rubric.py", "--rootdir=submissions"),
        ("submissions/rubric.py", "--submissions=submissions"),
    ],
)
def test_pytest_is_refused_among_submissions(
    besieged: Path, places: Path, arguments: tuple[str, ...]
) -> None:
    for settings in (
        "pytest.ini",
        "tox.ini",
        "pyproject.toml",
    ):  # pytest obeys them before any plugin is there
        (besieged / "submissions" / settings).unlink(missing_ok=True)
    done = run(*arguments, "-q", cwd=besieged, places=places)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "lies among submissions, which pytest neither imports nor obeys" in done.stderr
    assert not list(_ran(besieged))


def test_a_blank_before_the_folder_is_refused_where_pytest_would_look_there_for_settings(
    tmp_path: Path, places: Path
) -> None:
    sessions.write(tmp_path, {"subs/ada.py": sessions.GOOD, "rubric.py": RUBRIC})
    done = run("rubric.py", "--submissions", "subs", cwd=tmp_path, places=places)
    assert done.returncode == 4
    assert "write --submissions=subs, or put a pyproject.toml beside the rubric" in done.stderr
    sessions.write(tmp_path, {"subs/pytest.ini": "[pytest]\naddopts = -k trains\n"})
    ignored = run("rubric.py", "--submissions=subs", "--collect-only", cwd=tmp_path, places=places)
    assert "5 tests collected" in ignored.stdout, ignored.stdout + ignored.stderr


def test_a_submission_beside_the_rubric_cannot_stand_in_for_a_library(tmp_path: Path, places: Path) -> None:
    sessions.write(tmp_path, {"numpy.py": sessions.GOOD, "rubric.py": "import numpy\n" + RUBRIC})
    done = run("rubric.py", "--submissions=numpy.py", cwd=tmp_path, places=places)
    assert done.returncode == 4
    assert "bears the name of a module" in done.stderr


# --- mistakes of a rubric's author ---


@pytest.mark.parametrize(
    ("mark", "body", "said"),
    [
        ("points(-3)", "(record): pass", "points are a number of at least 0, not -3"),
        ("points(float('nan'))", "(record): pass", "points are a number of at least 0, not nan"),
        ("points", "(record): pass", "say how many"),
        ("points(3, hiden=True)", "(record): pass", "there is no hiden; did you mean hidden?"),
        ("points(3, after='test_y')", "(record): pass", "after='test_y' is no criterion"),
        ("points(3, after='test_x')", "(record): pass", "test_x comes after itself"),
        ("points(3, task=7)", "(record): pass", "task is a name or a list of names"),
        ("points(3, task='digit')", "(record): pass", "a criterion is for the task 'digit'"),
        ("points(3)", "(): pass", "worth points and is about nobody's submission"),
    ],
)
def test_a_wrong_mark_is_one_line(pytester: pytest.Pytester, mark: str, body: str, said: str) -> None:
    rubric = f"import pytest\n\n@pytest.mark.{mark}\ndef test_x{body}\n"
    sessions.write(pytester.path, {"submissions/ada.py": sessions.GOOD, "rubric.py": rubric})
    done = pytester.runpytest_inprocess("rubric.py", "--collect-only", "-p", "no:xdist")
    assert done.ret in {2, 4}
    assert said in "\n".join([*done.outlines, *done.errlines])
    assert "Traceback" not in "\n".join([*done.outlines, *done.errlines])


def test_no_submissions_and_an_unknown_task_are_one_line(tmp_path: Path, places: Path) -> None:
    sessions.write(tmp_path, {"rubric.py": RUBRIC})
    nothing = run("rubric.py", cwd=tmp_path, places=places)
    assert "no submission in" in nothing.stdout
    sessions.write(tmp_path, {"submissions/ada.py": sessions.GOOD})
    unknown = run("rubric.py", "--task=digit", cwd=tmp_path, places=places)
    assert "there is no task 'digit'; did you mean digits?" in unknown.stdout
    assert "Traceback" not in nothing.stdout + unknown.stdout


# --- what it costs who does not use it ---


def test_unused_it_imports_nothing_but_itself(tmp_path: Path, places: Path) -> None:
    code = (
        "import pytest, sys\npytest.main(['-q', 'test_a.py'])\n"
        "print(sorted(m for m in sys.modules if m.split('.')[0] in {'grader', 'torch', 'numpy', 'msgspec'}))"
    )
    fixture = "import pytest\n@pytest.fixture\ndef record():\n    return 3\n"
    test = "def test_a(record):\n    assert record == 3\n"
    sessions.write(tmp_path, {"test_a.py": test, "conftest.py": fixture})
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=sessions.environment(places),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "1 passed" in done.stdout
    assert done.stdout.splitlines()[-1] == (
        "['grader', 'grader.grading', 'grader.grading.fence', 'grader.pytest_plugin']"
    )


def test_what_is_graded_is_what_was_handed_in_whatever_the_configuration_chooses(tmp_path: Path) -> None:
    sessions.write(tmp_path, {"pyproject.toml": "[tool.grader]\ncross = true\n"})
    handed_in = HandedIn(path="/somewhere/ada.py", name="ada", shown="ada.py")
    config = Asked(cwd=str(tmp_path), said={"kind": "model"}, attempts=(handed_in,)).config()
    assert (config.cross, config.kind, config.paths) == (False, "", ("/somewhere/ada.py",))
