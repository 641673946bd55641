"""Grading a class: what judging adds to training it, and what judging anew takes.

    python benchmarks/grading.py [--students 60] [--repeats 3]

`grader grade` and `grader run` train the same made-up class in turns. Then the rubric changes, and the class
is judged anew, with nothing to train; the rival is pytest itself over as many tests that do nothing.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
from pathlib import Path

from common import headline, pairs, parser, places, ratio, table, timed

STUDENT = """\
import torch
from grader import hookimpl

@hookimpl
def build_model(task):
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(task.in_features, task.outputs))
"""
RUBRIC = """\
import pytest
from grader import points

@pytest.mark.points(10)
def test_trains(record):
    assert record.status == "ok"

@pytest.mark.points(40, after="test_trains")
def test_accuracy(record):
    return points.between(record.metrics["accuracy"], 0.1, 0.9)

@pytest.mark.points(10)
@pytest.mark.parametrize("most", range(1000, 7000, 1000))
def test_size(record, most):
    assert record.model.parameters < most
"""
CRITERIA = 8
PLAIN = "import pytest\n\n@pytest.mark.parametrize('n', range({}))\ndef test_nothing(n):\n    assert n >= 0\n"


def main() -> None:
    """Print the table."""
    made = parser(__doc__, repeats=3)
    made.add_argument("--students", type=int, default=60)
    arguments = made.parse_args()
    with places() as folder:
        course = a_class(folder / "course", arguments.students)
        run(course, "run", "--budget", "1 steps", "submissions/student_000.py")  # the data are prepared

        def trained() -> float:
            shutil.rmtree(course / "leaderboard", ignore_errors=True)
            return timed(lambda: run(course, "run", "submissions"))

        def graded() -> float:
            shutil.rmtree(course / "grades", ignore_errors=True)
            return timed(lambda: run(course, "grade", "rubric.py"))

        def anew() -> float:
            with (course / "rubric.py").open("a") as file:
                file.write("\n# once more\n")
            return timed(lambda: run(course, "grade", "rubric.py"))

        (course / "plain.py").write_text(PLAIN.format(CRITERIA * arguments.students))

        def plain() -> float:
            pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:grader", "plain.py"]
            return timed(lambda: subprocess.run(pytest, cwd=course, check=True, stdout=subprocess.DEVNULL))

        first = pairs(arguments.repeats, graded, trained)
        again = pairs(arguments.repeats, anew, plain)
        diff = [timed(lambda: run(course, "grade", "rubric.py", "--diff")) for _ in range(arguments.repeats)]
    headline()
    median = statistics.median
    print(f"{arguments.students} students, {CRITERIA} criteria each")
    table(
        [
            ["graded, from nothing", median(first[0]), ratio(first[0], first[1]), "`grader run` of the same"],
            [
                "judged anew, nothing to train",
                median(again[0]),
                ratio(again[0], again[1]),
                "pytest, as many tests",
            ],
            ["--diff", median(diff), median(diff) / median(again[1]), "pytest, as many tests"],
        ],
        ["", "seconds", "ratio", "against"],
    )


def a_class(folder: Path, students: int) -> Path:
    """A class that differs in nothing but a comment."""
    (folder / "submissions").mkdir(parents=True)
    for number in range(students):
        (folder / "submissions" / f"student_{number:03}.py").write_text(f"{STUDENT}# {number}\n")
    (folder / "rubric.py").write_text(RUBRIC)
    (folder / "pyproject.toml").write_text("[tool.grader]\nbudget = '5 steps'\nslots = 'auto'\n")
    return folder


def run(course: Path, *arguments: str) -> None:
    """Run `grader` in the folder of the course."""
    command = [sys.executable, "-m", "grader", *arguments, "-q"]
    subprocess.run(command, cwd=course, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
