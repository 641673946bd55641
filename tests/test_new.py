"""`grader new` writes a first submission that discovery accepts and that trains on every kind of task.

And a first assignment, whole or not at all.
"""

import csv
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from grader.contract.errors import UsageError
from grader.contract.task import Kind, Task
from grader.grading import starter
from grader.grading.starter import FILES, new_assignment
from grader.host.collect import collect
from grader.host.commands.collecting import grader_register_commands
from grader.host.settings import make_config
from grader.host.template import new_submission
from grader.plugins import harness_manager

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def new(name: str, here: Path) -> Path:
    return new_submission(name, root=here, cwd=here)


def test_a_name_becomes_a_file_in_submissions(tmp_path: Path) -> None:
    assert new("my-net", tmp_path) == tmp_path / "submissions" / "my-net.py"


@pytest.mark.parametrize("name", ["week1/ada", "week1/ada.py"])
def test_a_path_is_taken_from_the_working_directory(tmp_path: Path, name: str) -> None:
    assert new(name, tmp_path) == tmp_path / "week1" / "ada.py"
    assert (tmp_path / "week1" / "ada.py").is_file()


def test_an_existing_file_is_left_as_it_is(tmp_path: Path) -> None:
    new("mine", tmp_path).write_text("precious")
    with pytest.raises(UsageError, match="exists, and is left as it is"):
        new("mine", tmp_path)
    assert (tmp_path / "submissions" / "mine.py").read_text() == "precious"


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a b", "_helper", ".hidden", "test_x", "conftest", "setup", "submission", "__init__",
     'x"""', "a/", "notes.txt", "v1.2", "-x", "a\x1b[31m", "a\0b", "x" * 61, "a/b\0.py"],
)  # fmt: skip
def test_a_name_that_would_not_be_found_or_shown_as_it_is_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError) as error:
        new(name, tmp_path)
    assert str(error.value).isprintable()
    assert not list(tmp_path.rglob("*"))


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "submissions").write_text("a file")
    with pytest.raises(UsageError, match="cannot be written"):
        new("mine", tmp_path)


@pytest.mark.parametrize(
    ("kind", "shape", "classes"),
    [("multiclass", (1, 8, 8), ("a", "b", "c")), ("multiclass", (3, 32, 32), ("a",) * 10),
     ("binary", (30,), ("a", "b")), ("regression", (10,), ())],
)  # fmt: skip
def test_the_model_fits_images_and_tables_of_every_kind(
    tmp_path: Path, kind: Kind, shape: tuple[int, ...], classes: tuple[str, ...]
) -> None:
    task = Task(
        name="t", title="t", kind=kind, input_shape=shape, input_dtype="float32",
        classes=classes, metric="m", budget="1s",
    )  # fmt: skip
    torch = pytest.importorskip("torch")
    scope: dict[str, Any] = {}
    exec(new("mine", tmp_path).read_text(), scope)
    assert scope["build_model"](task)(torch.zeros(2, *shape)).shape == (2, task.outputs)


def test_the_file_is_clean(tmp_path: Path) -> None:
    path = new("mine", tmp_path)
    settings = ["--config", str(REPOSITORY / "pyproject.toml"), "--config", f'src=["{REPOSITORY}"]']
    for command in (["check", "--ignore", "ARG,D1,INP"], ["format", "--check"]):
        run = [sys.executable, "-m", "ruff", *command, *settings, str(path)]
        result = subprocess.run(run, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout


def test_the_command_says_what_it_wrote_and_what_comes_next() -> None:
    result = run("new", "mine")
    assert result.output == ("wrote submissions/mine.py; train it with `grader run submissions/mine.py`\n")
    assert result.exit_code == 0
    assert Path("submissions/mine.py").is_file()


class TestAssignment:
    def test_it_holds_what_the_template_has_and_each_file_is_of_use(self, tmp_path: Path) -> None:
        made = new_assignment(tmp_path / "courses" / "hw1")
        folder = Path(starter.__file__).with_name("template")
        there = {path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"}
        assert {path.relative_to(folder).as_posix() for path in there} == {*FILES}
        assert {*made} == {tmp_path / "courses" / "hw1" / name for name in FILES}

    def test_its_code_is_found_its_settings_are_toml_and_its_roster_has_two_rows(
        self, tmp_path: Path
    ) -> None:
        new_assignment(tmp_path / "hw")
        paths = [str(tmp_path / "hw" / name) for name in ("submissions", "handout.py")]
        found = collect(make_config(cwd=tmp_path, paths=paths), harness_manager())
        assert {each.name: (each.problem, *each.hooks) for each in found} == dict.fromkeys(
            ("ada", "handout"), ("", "build_model", "build_optimizer")
        )
        settings = tomllib.loads((tmp_path / "hw" / "pyproject.toml").read_text())["tool"]["grader"]
        assert {settings["grading"]["roster"], *settings["grading"]["handout"]} <= {*FILES}
        with (tmp_path / "hw" / "roster.csv").open() as file:
            assert [row["file"] for row in csv.DictReader(file)] == ["ada.py", "grace.py"]

    def test_the_command_says_what_it_wrote_and_what_comes_next(self, tmp_path: Path) -> None:
        result = run("new", "--assignment", "my course/hw1")
        assert result.output.splitlines() == [
            f"wrote {', '.join(FILES)} into my course/hw1",
            "grade it with `grader grade 'my course/hw1/rubric.py'`",
        ]
        assert (tmp_path / "my course" / "hw1" / "rubric.py").is_file()

    def test_a_folder_that_holds_other_things_is_added_to(self, tmp_path: Path) -> None:
        (tmp_path / ".git").mkdir()
        new_assignment(tmp_path)
        assert {path.name for path in tmp_path.iterdir()} >= {".git", "rubric.py", "submissions"}

    @pytest.mark.parametrize("name", ["roster.csv", "submissions/ada.py"])
    def test_a_file_that_is_there_stops_it_before_anything_is_written(
        self, tmp_path: Path, name: str
    ) -> None:
        (tmp_path / "submissions").mkdir()
        (tmp_path / name).symlink_to("nowhere")
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(UsageError, match=f"holds {name} already, and is left as it is"):
            new_assignment(tmp_path)
        assert sorted(tmp_path.rglob("*")) == before

    def test_what_fails_half_way_leaves_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "submissions").symlink_to("nowhere")  # where the last of the files would go
        with pytest.raises(UsageError, match="cannot be written: File exists; nothing was left there"):
            new_assignment(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["submissions"]

    @pytest.mark.parametrize("name", ["", " ", "file/hw1", "a\0b", "x" * 300])
    def test_a_folder_that_cannot_be_is_one_line(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "file").write_text("a file")
        with pytest.raises(UsageError) as error:
            run("new", "--assignment", name)
        assert str(error.value).isprintable()
        assert [path.name for path in tmp_path.iterdir()] == ["file"]


def run(*arguments: str) -> Result:
    group = click.Group()
    grader_register_commands(group)
    return CliRunner().invoke(group, [*arguments], catch_exceptions=False)
