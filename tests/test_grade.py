"""`grader grade`, as an instructor uses it: one small class, trained once, and graded again and again."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import psutil
import pytest
import sessions

from grader.grading import keeping
from grader.host import files
from grader.host.cli import main

COUNTING = """\
from grader import hookimpl

@hookimpl
def grader_trial_start(trial):
    with open("started.txt", "a") as file:
        file.write(f"{trial.submission.name} {trial.task.name} {trial.seed}\\n")
"""
SETTINGS = """\
[tool.grader]
task = "digits"
budget = "5 steps"
slots = 1
plugins = ["counting"]

[tool.grader.grading]
roster = "roster.csv"
metadata = "submitted.csv"
due = "2026-03-01 12:00"
late = "10% per day"
"""
ROSTER = """\
file,id,sis_id,login,email,name,section,group,extension
ada.py,101,S1,aash,ada@uni.example,Ada Ash,A,,
bob,102,S2,bbay,bob@uni.example,Bob Bay,A,,
carl,103,S3,ccox,carl@uni.example,Carl Cox,B,owls,
,104,S4,ddew,dora@uni.example,Dora Dew,B,owls,
emil.py,105,S5,eelm,emil@uni.example,Emil Elm,B,,
finn.py,106,S6,ffox,finn@uni.example,Finn Fox,B,,
gwen.py,107,S7,ggum,gwen@uni.example,Gwen Gum,B,,
"""
SUBMITTED = """\
file,submitted
ada.py,2026-03-01T10:00
bob/attempt-1,2026-03-01T10:00
bob/attempt-2,2026-03-01T11:00
carl,2026-03-01T10:00
emil.py,2026-03-01T10:00
finn.py,2026-03-02T11:00
"""
RUBRIC = '''\
"""Homework 3: digits"""
import re; import pytest
from grader import points


@pytest.mark.points(20)
def test_trains(record):
    """It trains."""
    assert record.status == "ok", f"it {record.status}"


@pytest.mark.points(40, after="test_trains", hint="Train longer.")
def test_accuracy(record):
    return points.fraction(0.25 if record.metrics["accuracy"] < 2 else 1)


@pytest.mark.points(10)
@pytest.mark.parametrize("hook", ["build_model", "train"])
def test_hook(submission, hook):
    """It has a hook."""
    if submission.name == "finn" and hook == "train":
        pytest.skip("not asked of you")
    assert hook in submission.hooks, f"there is no {hook}"


@pytest.mark.points(20, hidden=True)
def test_zebra(record):
    assert record.metrics["loss"] < 1000, "zebra"


@pytest.mark.points(5, extra=True)
def test_small(submission):
    source = open(submission.entry).read()
    assert int(re.search(r"in_features, (\\d+)", source).group(1)) < 20, "too large"
'''
TRAP = """\
import pathlib
pathlib.Path("{place}/trap.ran").write_text(__file__)

def pytest_runtest_makereport(item, call):
    import pytest
    return pytest.TestReport(item.nodeid, item.location, {{}}, "passed", None, call.when)
"""


@dataclass(frozen=True)
class Done:
    """What a command said, and how it ended."""

    code: str | int | None
    out: str
    err: str


def run(*arguments: str) -> Done:
    """Run `grader` in this process, which does not import it anew each time."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main([*arguments])
        except SystemExit as error:
            return Done(error.code, out.getvalue(), err.getvalue())
    raise AssertionError("it did not exit")


def grade(*arguments: str, rubric: str = "rubric.py") -> Done:
    return run("grade", rubric, *arguments)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, places: Path) -> tuple[Path, Done]:
    """A class that is graded: its folder, and what that said."""
    root = tmp_path_factory.mktemp("class")
    trap = TRAP.format(place=root)
    names = ("conftest", "sitecustomize", "numpy", "rubric", "counting", "grader")
    sessions.write(
        root,
        {
            "submissions/ada.py": sessions.GOOD,
            "submissions/bob/attempt-1/bob.py": sessions.GOOD.replace("16", "24"),
            "submissions/bob/attempt-2/bob.py": sessions.loop("1 / 0"),
            "submissions/carl/submission.py": sessions.GOOD.replace("16", "20"),
            **{f"submissions/carl/{name}.py": trap for name in names},
            "submissions/carl/pytest.ini": "[pytest]\naddopts = -p conftest\npythonpath = .\n",
            "submissions/emil.py": "def build_model(:\n",
            "submissions/finn.py": sessions.GOOD.replace("16", "12"),
            "rubric.py": RUBRIC,
            "roster.csv": ROSTER,
            "submitted.csv": SUBMITTED,
            "pyproject.toml": SETTINGS,
            "counting.py": COUNTING,
        },
    )
    with sessions.at_home(root, places):
        # all that is trained in these tests, at once
        grade("--attempts", "best", "--out", "best", "--leaderboard", "grades/leaderboard", "-q")
        return root, grade()


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let processes of this module find compiled what an earlier one compiled: they all import the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path_factory.mktemp("compiled")))
        patch.setenv("PYTHONDONTWRITEBYTECODE", "")
        yield


@pytest.fixture
def course(trained: tuple[Path, Done], compiled: None, tmp_path: Path, places: Path) -> Iterator[Path]:
    """A copy of the graded class, in which the test works."""
    root = tmp_path / "class"
    shutil.copytree(trained[0], root)
    with sessions.at_home(root, places):
        yield root


def tree(folder: Path) -> dict[str, str]:
    """Every file below a folder, with what is in it."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def rows(file: Path = Path("grades/grades.csv")) -> dict[str, dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as opened:
        return {row["key"]: row for row in csv.DictReader(opened)}


def totals() -> dict[str, float]:
    return {key: float(row["total"]) for key, row in rows().items()}


def changed(done: Done) -> dict[str, str]:
    """The lines of students whose grade differs, by key."""
    found = re.findall(r"^  (\S+): (.*)$", done.out, re.MULTILINE)
    return dict(found)


def started() -> list[str]:
    return Path("started.txt").read_text(encoding="utf-8").splitlines()


def replace(file: str, old: str, new: str) -> None:
    text = Path(file).read_text(encoding="utf-8")
    assert old in text
    Path(file).write_text(text.replace(old, new), encoding="utf-8")


# --- graded once ---


def test_each_student_has_a_row_a_total_and_a_reason(course: Path, trained: tuple[Path, Done]) -> None:
    done = trained[1]
    assert done.code == 1, done.out + done.err  # the rubric failed for one of them
    assert done.err == ""
    assert "Homework 3: digits: 6 criteria, 100 points and 5 extra" in done.out
    assert totals() == {
        "ada": 65, "bob": 25, "carl": 60, "ddew": 60, "emil": 5, "finn": 56, "gwen": 0,
    }  # fmt: skip
    found = rows()
    assert (found["gwen"]["status"], found["gwen"]["reason"]) == ("missing", "nothing was handed in")
    assert found["finn"]["maximum"] == "90"  # one criterion was not asked of him
    assert found["finn"]["reason"] == "1 day late: 10 % of 90"
    assert found["bob"]["attempt"] == "2"
    assert found["ddew"]["test_accuracy"] == found["carl"]["test_accuracy"] == "10"
    assert re.search(r"^Dora Dew .* handed in by carl$", done.out, re.MULTILINE)
    assert len(started()) == len(set(started())) == 6


def test_what_the_rubric_fails_at_costs_nothing_and_is_told_to_staff(
    course: Path, trained: tuple[Path, Done]
) -> None:
    assert rows()["emil"]["status"] == "grader_error"
    assert rows()["emil"]["test_small"] == "5"
    line = next(line for line in trained[1].out.splitlines() if line.startswith("grader_error: test_small"))
    assert "1 student (emil)" in line
    assert line.endswith("rubric.py:34: AttributeError: 'NoneType' object has no attribute 'group'")
    assert "&#39;NoneType&#39; object has no attribute" in Path("grades/staff.html").read_text()
    assert "NoneType" not in Path("grades/feedback/emil.html").read_text()


def test_what_a_student_brings_along_is_neither_obeyed_nor_imported(course: Path) -> None:
    assert not list(course.rglob("*.ran"))
    assert rows()["carl"]["test_hook[train]"] == "0"


def test_feedback_tells_nothing_hidden_and_of_nobody_else(course: Path) -> None:
    names = {row["key"]: {row["name"], row["email"], row["sis_id"]} for row in rows().values()}
    pages = [*Path("grades/feedback").iterdir(), *Path("grades/gradescope").iterdir()]
    assert len(pages) == 3 * 7
    for page in pages:
        text = page.read_text(encoding="utf-8")
        if page.suffix == ".json":  # Gradescope shows students no test that is said to be hidden
            hidden = [test for test in json.loads(text)["tests"] if "zebra" in str(test).lower()]
            assert {test["visibility"] for test in hidden} <= {"hidden"}
        else:
            assert "zebra" not in text.lower()
        assert str(course.parent) not in text
        others = set().union(*(said for key, said in names.items() if key != page.stem))
        told = {word for word in others if word in text}
        assert told <= (names["carl"] if page.stem == "ddew" else set()), page


# --- graded again ---


def test_grading_again_trains_nothing_and_changes_no_byte(course: Path) -> None:
    Path(".#rubric.py").symlink_to("whoever edits it")  # as an editor leaves it
    grade("-q")  # in another place than the first time: the copy's
    before, trainings = tree(course), started()
    round_about = f"../{course.name}"  # as somebody writes it who stands elsewhere
    done = grade(f"{round_about}/submissions", rubric=f"{round_about}/rubric.py")
    assert done.code == 1
    assert done.out.splitlines()[-1] == f"{course}/grades stands as it was"
    assert "all trained before (--rerun trains them again)" in done.out
    assert tree(course) == before
    assert started() == trainings


def test_a_changed_rubric_is_shown_first_and_then_takes_the_place_of_the_former(course: Path) -> None:
    book = json.loads(Path("grades/grades.json").read_bytes())
    replace("rubric.py", "points.fraction(0.25", "points.fraction(0.5")
    before = tree(course)
    shown = grade("--diff")
    assert "6 grades would change" not in shown.out
    assert set(changed(shown)) == {"ada", "carl", "ddew", "finn"}
    assert changed(shown)["ada"].endswith("(+10): test_accuracy 10 → 20")
    assert shown.out.splitlines()[-1] == f"nothing was written to {course}/grades"
    assert tree(course) == before
    done = grade()
    assert "4 grades changed since" in done.out
    assert changed(done) == changed(shown)
    (former,) = Path("grades/history").iterdir()
    assert former.name == f"{book['graded'][:19].replace(':', '-')}-{book['rubric_digest'][:8]}"
    assert tree(former) == {
        path.removeprefix("grades/"): digest
        for path, digest in before.items()
        if re.match("grades/(grades|feedback|staff|gradescope)", path)
    }
    assert len(started()) == len(set(started())) == 6


def test_a_file_that_was_changed_is_told_as_such(course: Path) -> None:
    Path("submissions/emil.py").unlink()
    Path("submissions/emil.ipynb").write_text("no notebook")
    replace("roster.csv", "emil.py", "emil.ipynb")
    assert changed(grade("--diff", "-q"))["emil"].endswith(
        "(-5): was grader_error, is invalid; attempt 1 is not the same any more"
    )


def test_an_extension_and_another_late_rule_change_those_who_are_late(course: Path) -> None:
    done = grade("--late", "20% per day", "--diff", "-q")
    assert {key: line.rpartition(": ")[2] for key, line in changed(done).items()} == {
        "finn": "penalty 9 → 18"
    }
    replace("roster.csv", "Finn Fox,B,,", "Finn Fox,B,,2 days")
    extended = grade("--diff", "-q")
    assert {key: line.rpartition(": ")[2] for key, line in changed(extended).items()} == {
        "finn": "penalty 9 → 0"
    }


def test_another_attempt_and_another_choice_among_them_change_their_student_alone(course: Path) -> None:
    best = grade("--attempts", "best", "--diff", "-q")
    assert set(changed(best)) == {"bob"}
    assert "another hand-in counts: attempt 2 → 1" in changed(best)["bob"]
    assert changed(grade("--attempts", "first", "--diff", "-q")) == changed(best)
    Path("submissions/bob/attempt-2").rename("later")
    grade("-q")
    Path("later").rename("submissions/bob/attempt-2")
    later = grade("--diff", "-q")
    assert set(changed(later)) == {"bob"}
    assert "another hand-in counts: attempt 1 → 2" in changed(later)["bob"]
    assert len(started()) == len(set(started())) == 6


def test_names_that_rubrics_return_by_mistake_are_errors_of_the_rubric(course: Path) -> None:
    body = {
        "half": "return 0.5",
        "true": "return True",
        "nan": "return points.fraction(float('nan'))",
        "key": "{}['nope']",
        "exit": "raise SystemExit(0)",
        "deep": "test_deep(record)",
        "between": "return points.between(float('nan'), 0, 1)",
    }
    tests = [f"@pytest.mark.points(3)\ndef test_{name}(record):\n    {line}\n" for name, line in body.items()]
    Path("rubric.py").write_text("import pytest\nfrom grader import points\n\n" + "\n".join(tests))
    done = grade("--out", "other", "--leaderboard", "grades/leaderboard", "-q")
    assert done.code == 1
    row = rows(Path("other/grades.csv"))["ada"]
    assert {name: row[f"test_{name}"] for name in body} == dict.fromkeys(body, "3") | {"between": "0"}
    said = [line for line in done.out.splitlines() if line.startswith("grader_error")]
    assert len(said) == 6
    assert "or None, not 0.5" in said[0]
    assert "KeyError: 'nope'" in said[3]
    assert "nan" not in Path("other/grades.csv").read_text().lower().replace("test_nan", "")


def test_messages_are_text_wherever_they_are_shown(course: Path) -> None:
    message = "=cmd() <b>bold</b> \\x1b[31mred **md** {path} | [x](y)"
    Path("rubric.py").write_text(
        "import pytest, pathlib\n\n@pytest.mark.points(3)\ndef test_x(record):\n"
        f"    pytest.fail('{message}'.format(path=pathlib.Path.cwd()), pytrace=False)\n"
        "\n@pytest.mark.points(3)\ndef test_y(record):\n    raise ValueError('\\x1b[31m<i>')\n"
    )
    replace("roster.csv", "Ada Ash", "=Ada() \x1b[31m<u>Ash</u>")
    done = grade()
    everything = [path for path in Path("grades").rglob("*") if path.is_file()]
    everything = [path for path in everything if not {"leaderboard", "history", "secret"} & {*path.parts}]
    for path in everything:
        assert b"\x1b" not in path.read_bytes(), path
    assert "\x1b" not in done.out
    page = Path("grades/feedback/ada.html").read_text()
    assert "<b>bold" not in page
    assert "&lt;b&gt;bold" in page
    assert str(course) not in page
    assert "<u>" not in page + Path("grades/staff.html").read_text()
    assert "**md**" not in Path("grades/feedback/ada.md").read_text()
    assert rows()["ada"]["name"].startswith("'=Ada()")


def test_several_tasks_are_several_cases_and_several_seeds_are_averaged(course: Path) -> None:
    """Over what cannot be trained at all: that takes no time."""
    sessions.write(course / "one", {"ada.py": "def build_model(:\n"})
    Path("rubric.py").write_text("""\
import pytest
from grader import points

@pytest.mark.points(10)
def test_each(record):
    return points.fraction(1 if record.seed else 0.5)

@pytest.mark.points(10, task="digits")
def test_one(record):
    assert record.seed, "zero"
""")
    grade("one/ada.py", "--task", "digits", "--task", "breast-cancer", "--seeds", "2", "-q")
    row = rows()["ada"]
    assert (row["test_each[digits]"], row["test_each[breast-cancer]"]) == ("7.5", "7.5")
    assert (row["test_one[digits]"], row["total"], row["maximum"]) == ("5", "20", "30")
    assert "seed 0: zero" in Path("grades/feedback/ada.md").read_text()


# --- what it writes for others ---

CANVAS = """\
Student,ID,SIS User ID,SIS Login ID,Section,Homework 3: digits (77),Final Score
    Points Possible,,,,,100,(read only)
"Ash, Ada",101,S1,aash,A,,50
"Fox, Finn",106,S6,ffox,B,12,50
"Nobody, Ned",199,S99,nned,B,13,50
"""
MOODLE = """\
Identifier,Full name,Email address,Status,Grade,Maximum Grade,Feedback comments
Participant 9,Bob Bay,bob@uni.example,Submitted,,100.00,
"""


def test_the_platforms_files_a_public_table_and_an_appeal(course: Path) -> None:
    sessions.write(course, {"canvas.csv": CANVAS, "moodle.csv": MOODLE})
    given = ("--canvas", "canvas.csv", "--moodle", "moodle.csv", "--public", "shown", "--alike", "-q")
    done = grade(*given)
    assert done.code == 1, done.err
    assert "canvas.csv: 2 rows filled in" in done.out
    assert "canvas.csv: no student for the row " in done.out
    filled = {
        row[1]: row for row in csv.reader(Path("grades/canvas.csv").read_text("utf-8-sig").splitlines())
    }
    assert (float(filled["101"][5]), float(filled["106"][5])) == (totals()["ada"], totals()["finn"])
    assert filled["199"][5:] == ["13", "50"]
    assert "Submitted,25,100.00," in Path("grades/moodle.csv").read_text()
    assert sum(line.startswith("alike: ") for line in done.out.splitlines()) > 0
    shown = "".join(path.read_text() for path in Path("shown").rglob("*") if path.is_file())
    assert not re.search(r"(?i)\b(ada|ash|bob)\b|uni\.example|S1|ZeroDivision", shown)
    again = tree(course)
    assert grade(*given).out.splitlines()[-1].startswith(f"{course}/grades stands as it was")
    assert tree(course) == again
    packed = run("grade", "rubric.py", "--appeal", "AASH")
    (file,) = Path("grades").glob("*.zip")
    assert packed.out == f"wrote {course}/grades/{file.name}\n"
    assert any(name.endswith("ada.py") for name in ZipFile(file).namelist())


# --- what bad input gets: a line, and nothing written ---


CRITERION = "import pytest\n\n@pytest.mark.points(10)\ndef test_a(record):\n    pass\n"
RUBRICS = {
    "a syntax error": ("x = 1\ndef (:\n", r"rubric\.py:2: SyntaxError: invalid syntax"),
    "a library that is not there": (
        "\nimport nope\n",
        r"rubric\.py:2: ModuleNotFoundError: No module named 'nope'",
    ),
    "an error of its own": (
        "raise ValueError('boom\\n\\x1b[31m')\n", r"rubric\.py:1: ValueError: boom"
    ),
    "sys.exit": ("import sys\nsys.exit(0)\n", "it calls sys.exit() where pytest reads it"),
    "os._exit": ("import os\nos._exit(0)\n", "ended with code 0: it told nothing"),
    "a crash": ("import os\nos.kill(os.getpid(), 11)\n", "SIGSEGV killed the process that ran it"),
    "no end": (
        "def f():\n    f()\n\nf()\n",
        r"rubric\.py:\d: RecursionError: maximum recursion depth exceeded",
    ),
    "pytest.exit in a criterion": (CRITERION.replace("pass", "pytest.exit('enough')"), "enough"),
    "os._exit in a criterion": (CRITERION.replace("pass", "__import__('os')._exit(3)"), "ended with code 3"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "said"), RUBRICS.values(), ids=RUBRICS)
def test_a_rubric_that_cannot_be_run_is_one_line(course: Path, text: str, said: str) -> None:
    before = tree(course / "grades")
    Path("rubric.py").write_text(text)
    done = grade("-q")
    assert done.code == 4
    assert (done.out, len(done.err.splitlines())) == ("", 1)
    assert re.search(said.replace("()", r"\(\)"), done.err), done.err
    assert "\x1b" not in done.err
    assert tree(course / "grades") == before


def test_a_rubric_without_criteria_is_nothing_to_grade_by(course: Path) -> None:
    Path("rubric.py").write_text("def test_a(record):\n    pass\n")
    assert grade("-q").code == 5


WRONG = {
    "no rubric": (("nope.py",), "there is no rubric {root}/nope.py", 4),
    "a folder for a rubric": (("submissions",), "there is no rubric {root}/submissions", 4),
    "no such path": (("rubric.py", "nope"), "{root}/nope: no such file or folder", 4),
    "a path without anything": (("rubric.py", "empty"), "no submission in {root}/empty", 5),
    "a broken zip": (("rubric.py", "broken.zip"), "{root}/broken.zip is no zip that can be read", 4),
    "the rubric among submissions": (("rubric.py", "."), "lies among the submissions in {root}", 4),
    "grades among submissions": (
        ("rubric.py", "--out", "submissions/grades"),
        "submissions/grades lies among the submissions",
        4,
    ),
    "no roster": (("rubric.py", "--roster", "nope.csv"), "roster: there is no file {root}/nope.csv", 4),
    "a folder for a roster": (("rubric.py", "--roster", "empty"), "roster: {root}/empty is a folder", 4),
    "an empty roster": (("rubric.py", "--roster", "empty.csv"), "no column tells the students", 4),
    "a roster of nobody": (
        ("rubric.py", "--roster", "heading.csv"),
        "there is no student below the heading", 4,
    ),
    "a binary roster": (("rubric.py", "--roster", "binary.csv"), "binary.csv: not UTF-8, at byte 1", 4),
    "one who is there twice": (
        ("rubric.py", "--roster", "twice.csv"),
        "line 3: file 'ada.py' is that of line 2", 4,
    ),
    "a late rule": (("rubric.py", "--late", "nonsense"), "late: late rule 'nonsense'", 4),
    "a due date": (("rubric.py", "--due", "2026-13-45"), "due: '2026-13-45' is no time", 4),
    "a choice": (("rubric.py", "--attempts", "lst"), "did you mean latest?", 4),
    "a column of nothing": (("rubric.py", "--column", "x"), "--column names a column of the file", 4),
    "no gradebook": (("rubric.py", "--canvas", "nope.csv"), "nope.csv cannot be read: No such file", 4),
    "no gradebook of Canvas": (
        ("rubric.py", "--canvas", "roster.csv"),
        "the Canvas gradebook: its heading", 4,
    ),
    "a public folder that is a file": (
        ("rubric.py", "--public", "roster.csv"),
        "roster.csv is a file: name a f", 4,
    ),
    "what staff keep, in public": (("rubric.py", "--public", "."), "holds what staff keep", 4),
    "a file for the grades": (
        ("rubric.py", "--out", "roster.csv"),
        "cannot write {root}/roster.csv: File exists", 4,
    ),
    "somebody else's grades": (("rubric.py", "--out", "foreign"), "is not the grades of an earlier run", 4),
    "an appeal of nobody": (
        ("rubric.py", "--appeal", "adda"),
        "no student 'adda' in grades.json; did you mean ada?", 4,
    ),
    "an appeal too early": (
        ("rubric.py", "--appeal", "ada", "--out", "new"),
        "there are no grades in {root}/new", 4,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("arguments", "said", "code"), WRONG.values(), ids=WRONG)
def test_a_slip_of_the_caller_is_one_line(
    course: Path, arguments: tuple[str, ...], said: str, code: int
) -> None:
    (course / "empty").mkdir()
    (course / "binary.csv").write_bytes(b"\x00\xff\xfe\x01" * 10)
    sessions.write(
        course,
        {
            "empty.csv": "",
            "heading.csv": "file,name\n",
            "twice.csv": "file,name\nada.py,Ada\nada.py,Ada B\n",
            "broken.zip": "PK\x03\x04broken",
            "foreign/grades.json": "{}",
        },
    )
    before = tree(course)
    done = run("grade", *arguments, "-q")
    assert done.code == code, done.err
    assert (done.out, len(done.err.splitlines())) == ("", 1)
    assert done.err.startswith("grader: error: ")
    assert said.format(root=course) in done.err
    assert tree(course) == before


def test_what_is_nobodys_is_named_and_touches_nobody_elses_grade(course: Path) -> None:
    grade("-q")
    folder, before = course / "submissions", tree(course / "grades")
    trap = TRAP.format(place=course)
    for name in ("conftest", "sitecustomize", "numpy", "rubric", "-p evil", "--help", "pytest", "zo\x1b[31m"):
        (folder / f"{name}.py").write_text(trap)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = -p conftest\n")
    (folder / "passwd.py").symlink_to("/etc/passwd")
    (folder / "gwen.py").symlink_to("ada.py")  # somebody else's work
    os.mkfifo(folder / "fifo.py")
    with (folder / "huge.py").open("wb") as file:
        file.truncate(2 << 30)
    for number in range(2000):
        (folder / f"many-{number}.py").touch()
    done = grade("-q", "--diff")
    assert done.err == ""
    assert "no grade differs" in done.out
    assert "warning: submissions/gwen.py: is a link: put a copy there" in done.out
    assert "warning: and " in done.out
    assert "\x1b" not in done.out
    assert tree(course / "grades") == before
    assert not list(course.rglob("*.ran"))


# --- interrupted, killed, full, two at once ---


def process(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "grader", "grade", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


WAITING = CRITERION.replace("pass", "open('here', 'w').close()\n    __import__('time').sleep(60)")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_rubric_that_hangs_ends_with_the_command(course: Path, how: signal.Signals) -> None:
    before = tree(course / "grades")
    Path("rubric.py").write_text(WAITING)
    with process("rubric.py") as running:
        deadline = time.monotonic() + 60
        while not Path("here").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        started = psutil.Process(running.pid).children(recursive=True)
        running.send_signal(how)
        _, err = running.communicate(timeout=30)
    assert (running.returncode, err) == ((2, "grader: interrupted\n") if how is signal.SIGINT else (-9, ""))
    assert started
    assert sessions.gone([each.pid for each in started])
    assert tree(course / "grades") == before


def test_two_gradings_at_once_are_refused(course: Path) -> None:
    held = files.locked(course / "grades")
    assert held is not None
    try:
        done = grade("-q")
        assert (done.code, done.out) == (4, "")
        assert done.err == (
            f"grader: error: another `grader grade` is at work in {course}/grades: wait for it to end\n"
        )
        assert grade("-q", "--diff").code == 1
    finally:
        os.close(held)


def test_a_full_disk_leaves_the_former_grades(course: Path) -> None:
    small = course / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(small)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("this system lets no test mount a small disk")
    try:
        given = ("--out", "small", "--leaderboard", "grades/leaderboard", "-q")
        assert grade(*given).code == 1
        before = tree(small)
        with contextlib.suppress(OSError), (small / "fill").open("wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass
        os.truncate(small / "fill", (small / "fill").stat().st_size - 40_000)
        replace("rubric.py", "points.fraction(0.25", "points.fraction(0.5")
        done = grade(*given)
        assert done.code == 4
        assert re.fullmatch(
            r"grader: error: cannot write .*: No space left on device; what was there is unchanged\n",
            done.err,
        )
        (small / "fill").unlink()
        assert tree(small) == before
        assert not list(small.glob(".staged*"))
        assert grade(*given).code == 1
        assert tree(small) != before
    finally:
        subprocess.run(["umount", str(small)], check=True)


class TestPuttingInPlace:
    """Stopped after any of its steps, the next grading finds the old grades, or goes on to the new ones."""

    @staticmethod
    def filled(folder: Path, text: str) -> None:
        sessions.write(folder, dict.fromkeys(("grades.json", "grades.csv", "feedback/ada.md"), text))

    @pytest.mark.parametrize("former", ["2026-03-01", ""])
    @pytest.mark.parametrize("step", range(12))
    def test_killed_between_two_steps(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, former: str, step: int
    ) -> None:
        folder = tmp_path / "grades"
        self.filled(folder, "old")
        sessions.write(folder, {"canvas.csv": "old"})
        steps = iter(range(1000))

        def dies(original: object) -> object:
            def may_die(*arguments: object, **options: object) -> object:
                if next(steps) == step:
                    raise Died
                return original(*arguments, **options)  # type: ignore[operator]

            return may_die

        with monkeypatch.context() as patch, contextlib.suppress(Died):
            patch.setattr(Path, "replace", dies(Path.replace))
            patch.setattr(shutil, "rmtree", dies(shutil.rmtree))
            patch.setattr(files, "sync_folder", dies(files.sync_folder))
            with keeping.locked(folder), keeping.staged(folder) as place:
                self.filled(place, "new")
                keeping.put_in_place(folder, place, former)
        with keeping.locked(folder):
            stand = {path.read_text() for path in folder.glob("[!hc.]*") if path.is_file()}
            assert stand == {(folder / "feedback/ada.md").read_text()}
            assert not list(folder.glob(".staged*"))
            history = [path.read_text() for path in folder.glob("history/*/**/*") if path.is_file()]
            assert history == (["old"] * 4 if former and stand == {"new"} else [])
            kept = not former or stand == {"old"}
            assert (folder / "canvas.csv").exists() is kept

    def test_what_is_not_whole_is_swept_away(self, tmp_path: Path) -> None:
        self.filled(tmp_path, "old")
        sessions.write(tmp_path / ".staged-1", {"grades.json": "half"})
        with keeping.locked(tmp_path):
            pass
        assert {path.name for path in tmp_path.iterdir()} == {"grades.json", "grades.csv", "feedback"}
        assert (tmp_path / "grades.json").read_text() == "old"


class Died(BaseException):
    """As kill -9 would have it: nothing handles it."""
