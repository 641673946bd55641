"""The example assignment holds what its README says: who handed in what, and what discovery makes of it."""

from __future__ import annotations

import ast
import csv
import json
import tomllib
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from grader.contract.submission import Submission
from grader.host.collect import collect
from grader.host.settings import make_config
from grader.plugins import harness_manager

ASSIGNMENT = Path(__file__).parents[1] / "examples" / "assignment"
HANDED_IN = ASSIGNMENT / "submissions"


def rows(name: str) -> list[dict[str, str]]:
    with (ASSIGNMENT / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def collected(folder: Path, *paths: Path) -> dict[str, Submission]:
    """The submissions at these paths by their names, under settings of no project."""
    config = make_config(cwd=folder, paths=[str(path) for path in paths])
    return {each.name: each for each in collect(config, harness_manager())}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Submission]:
    return collected(tmp_path_factory.mktemp("elsewhere"), HANDED_IN)


@pytest.fixture(scope="module")
def settings() -> dict[str, object]:
    read = tomllib.loads((ASSIGNMENT / "pyproject.toml").read_text(encoding="utf-8"))
    grading: dict[str, object] = read["tool"]["grader"]["grading"]
    return grading


@dataclass(frozen=True)
class Marked:
    """A function of the rubric, as its decorators have it."""

    name: str
    points: int
    options: frozenset[str]
    cases: int  # parameters of pytest.mark.parametrize


def criteria() -> list[Marked]:
    tree = ast.parse((ASSIGNMENT / "rubric.py").read_text(encoding="utf-8"))
    return [marked(node) for node in tree.body if isinstance(node, ast.FunctionDef)]


def marked(node: ast.FunctionDef) -> Marked:
    calls = [each for each in node.decorator_list if isinstance(each, ast.Call)]
    by_name = {each.func.attr: each for each in calls if isinstance(each.func, ast.Attribute)}
    cases = by_name["parametrize"].args[1] if "parametrize" in by_name else None
    return Marked(
        name=node.name,
        points=ast.literal_eval(by_name["points"].args[0]),
        options=frozenset(each.arg for each in by_name["points"].keywords if each.arg),
        cases=len(cases.elts) if isinstance(cases, ast.List) else 1,
    )


class TestRubric:
    def test_it_shows_each_thing_that_a_rubric_can_say(self) -> None:
        assert 6 <= len(criteria()) <= 9
        assert {option for each in criteria() for option in each.options} == {
            "after", "extra", "hidden", "hint",
        }  # fmt: skip
        assert {each.cases for each in criteria()} == {1, 2}

    def test_the_readme_tells_what_is_worth_how_much(self) -> None:
        text = (ASSIGNMENT / "README.md").read_text(encoding="utf-8")
        told = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith(("| ", "|-"))]
        for each in criteria():
            worth = " + ".join([str(each.points)] * each.cases)
            assert (f"+ {worth}" if "extra" in each.options else worth) in told


class TestWhatIsHandedIn:
    def test_there_are_twelve_things_of_twelve_students(self) -> None:
        assert len(list(HANDED_IN.iterdir())) == 12

    def test_each_is_found_as_a_submission_but_the_notebook(self, found: dict[str, Submission]) -> None:
        attempts = {f"attempt-{number}/digits_mlp" for number in (1, 2)}
        files = {path.stem for path in HANDED_IN.glob("*.py")}
        assert set(found) == files | attempts | {"jesse_van_der_berg"}

    @pytest.mark.parametrize(
        ("name", "problem"),
        [("piotr_kowalski", ":11: syntax error: '(' was never closed"),
         ("thandi_mbeki", ":10: there is no hook build_modle; did you mean build_model?")],
    )  # fmt: skip
    def test_two_are_refused_with_their_line(
        self, found: dict[str, Submission], name: str, problem: str
    ) -> None:
        assert found[name].problem.endswith(f"{name}.py{problem}")

    def test_no_other_is_refused(self, found: dict[str, Submission]) -> None:
        assert {each.name for each in found.values() if each.problem} == {"piotr_kowalski", "thandi_mbeki"}

    def test_one_is_trained_by_the_default_loop(self, found: dict[str, Submission]) -> None:
        fine = [each for each in found.values() if not each.problem]
        assert {each.name for each in fine if each.kind != "both"} == {"astrid_lindqvist"}

    def test_the_cheat_brings_what_has_forged_grades_elsewhere(self, found: dict[str, Submission]) -> None:
        brought = {"conftest.py", "numpy.py", "pytest.ini", "sitecustomize.py", "test_everything.py"}
        assert {*found["jesse_van_der_berg"].files} == brought | {"submission.py"}

    def test_the_notebook_holds_hooks_and_magics(self) -> None:
        cells = json.loads((HANDED_IN / "minh_nguyen.ipynb").read_text(encoding="utf-8"))["cells"]
        lines = [line for cell in cells if cell["cell_type"] == "code" for line in cell["source"]]
        magics = [line for line in lines if line.startswith(("%", "!"))]
        source = "\n".join(line.rstrip("\n") for line in lines if line not in magics)
        defined = {node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
        assert defined == {"build_model", "cosine", "train"}
        assert len(magics) == 3

    def test_the_handout_and_the_baseline_are_fine(self, tmp_path: Path) -> None:
        given = collected(tmp_path, ASSIGNMENT / "handout.py", ASSIGNMENT / "baseline.py")
        assert [each.problem for each in given.values()] == ["", ""]
        assert given["handout"].kind == "both"


class TestWhoAndWhen:
    def test_the_roster_names_everything_handed_in_and_one_file_that_is_not(self) -> None:
        named = {row["file"] for row in rows("roster.csv")} - {""}
        assert named - {path.name for path in HANDED_IN.iterdir()} == {"yusuf_demir.py"}
        assert {path.name for path in HANDED_IN.iterdir()} <= named

    @pytest.mark.parametrize("column", ["id", "sis_id", "login", "email", "name"])
    def test_nobody_is_there_twice(self, column: str) -> None:
        values = [row[column] for row in rows("roster.csv")]
        assert len({*values}) == len(values) == 15
        assert all(values)

    def test_each_of_the_groups_hands_in_once(self) -> None:
        groups: dict[str, list[str]] = {}
        for row in rows("roster.csv"):
            groups.setdefault(row["group"], []).append(row["file"])
        del groups[""]
        assert {group: sorted(map(bool, files)) for group, files in groups.items()} == {
            "crows": [False, True], "herons": [False, True],
        }  # fmt: skip

    def test_there_is_a_time_for_each_attempt(self) -> None:
        timed = {row["file"] for row in rows("submitted.csv")}
        single = {path.name for path in HANDED_IN.iterdir()} - {"maria_garcia_lopez"}
        assert timed == single | {f"maria_garcia_lopez/attempt-{number}" for number in (1, 2)}

    def test_one_is_late_one_has_an_extension_and_one_is_within_the_grace(
        self, settings: dict[str, object]
    ) -> None:
        due = datetime.fromisoformat(str(settings["due"])).replace(tzinfo=ZoneInfo(str(settings["timezone"])))
        after = {row["file"]: datetime.fromisoformat(row["submitted"]) - due for row in rows("submitted.csv")}
        late = {file: by for file, by in after.items() if by > timedelta()}
        assert {*late} == {"kenji_tanaka.py", "astrid_lindqvist.py", "layla_haddad.py"}
        assert late["kenji_tanaka.py"] < timedelta(minutes=15)
        assert timedelta(days=1) < late["layla_haddad.py"] < timedelta(days=2)
        assert late["astrid_lindqvist.py"] < timedelta(days=2)
        assert [row["file"] for row in rows("roster.csv") if row["extension"] == "2 days"] == [
            "astrid_lindqvist.py"
        ]

    def test_every_file_that_the_settings_name_is_there(self, settings: dict[str, object]) -> None:
        handout = settings["handout"]
        assert isinstance(handout, list)
        for name in (settings["roster"], settings["metadata"], *handout):
            assert (ASSIGNMENT / str(name)).is_file()


class TestLearningPlatforms:
    def test_canvas_lists_everybody_and_its_test_student(self) -> None:
        body = rows("gradebook-canvas.csv")[1:]
        assert {row["ID"] for row in body} - {row["id"] for row in rows("roster.csv")} == {"20499"}
        assert {(row["ID"], row["SIS User ID"], row["SIS Login ID"]) for row in body} >= {
            (row["id"], row["sis_id"], row["login"]) for row in rows("roster.csv")
        }

    def test_moodle_lists_everybody(self) -> None:
        listed = {(row["Full name"], row["Email address"]) for row in rows("worksheet-moodle.csv")}
        assert listed == {(row["name"], row["email"]) for row in rows("roster.csv")}

    def test_no_grade_is_there_yet(self) -> None:
        assert {row["Homework 3 (4711)"] for row in rows("gradebook-canvas.csv")[1:]} == {""}
        assert {row["Grade"] for row in rows("worksheet-moodle.csv")} == {""}

    def test_both_expect_the_points_that_the_rubric_gives(self) -> None:
        assert sum(each.points * each.cases for each in criteria() if "extra" not in each.options) == 100
        assert rows("gradebook-canvas.csv")[0]["Homework 3 (4711)"] == "100"
        assert {row["Maximum Grade"] for row in rows("worksheet-moodle.csv")} == {"100.00"}
