"""Gradescope's zip: what goes into it, what the platform makes of it, and what a submission can see there."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tomllib
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from autograder import Container, possible
from sessions import GOOD, command, loop, write

from grader.contract.budget import Budget
from grader.contract.errors import TaskUnavailable, UsageError
from grader.contract.isolation import Isolation
from grader.grading.answers import Told
from grader.grading.bundle import make, settings
from grader.grading.bundle.beside import beside
from grader.grading.bundle.lending import grader_session_finish, grader_session_start
from grader.grading.bundle.make import Made, Order, bundle
from grader.grading.bundle.metadata import Metadata, User, read_metadata
from grader.grading.bundle.run import Place
from grader.grading.model import Student
from grader.host import isolation
from grader.host.config import Config
from grader.plugins import harness_manager

EXAMPLE = Path(__file__).parents[1] / "examples" / "assignment"
RUBRIC = '''\
"""Homework 9: digits once more."""
import json
from pathlib import Path

import helping
import pytest
from grader import points

SIZES = json.loads(Path(__file__).with_name("sizes.json").read_text())


@pytest.mark.points(60)
def test_trains(record):
    """It trains."""
    assert record.status == "ok", f"it ended as {record.status}: {record.reason}"


@pytest.mark.points(20, after="test_trains")
def test_against_ours(record, baseline):
    assert baseline("reference.py").status == "ok"


@pytest.mark.points(20, hidden=True)
def test_unseen(record):
    """Nobody may know of this."""
    return points.fraction(1.0, record.output)
'''
SETTINGS = """\
[tool.grader]
task = "digits"
budget = "3 steps"
data = "data"
leaderboard = "kept"

[tool.grader.grading]
roster = "roster.csv"
late = "10% per day"
due = 2026-03-01
timezone = "Europe/Berlin"
"""
ROSTER = "name,email,extension\nAda,ada@x.example,\nGrace,grace@x.example,2 days\n"
# It trains, and prints what it could open that is not its own, with | for each slash.
SPY = loop(
    """\
import os, sys
found, seen = [], []
def attempt(path, kind="r"):
    seen.append(path)
    try:
        os.close(os.open(path, os.O_RDONLY if kind == "r" else os.O_WRONLY))
        found.append(kind + path.replace("/", "|"))
    except OSError:
        pass
for top in ("/autograder", "/tmp"):
    for folder, folders, files in os.walk(top):
        for name in files + folders:
            attempt(os.path.join(folder, name))
            attempt(os.path.join(folder, name), "w")
for name in (
    "", "bundle.json", "assignment", "assignment/rubric.py", "assignment/helping.py", "assignment/inner",
    "assignment/reference.py",
    "assignment/__pycache__", "assignment/pyproject.toml", "cache", "cache/brought/digits/test_targets.bin",
    "results/failed.json", "run_autograder", "setup.sh",
):
    attempt("/autograder/source/" + name)
for name in ("submission_metadata.json", "results/results.json"):
    attempt("/autograder/" + name)
    attempt("/autograder/" + name, "w")
for pid in filter(str.isdigit, os.listdir("/proc")):
    if pid != str(os.getpid()):
        for name in ("mem", "environ", "cwd", "root", "fd", "maps"):
            attempt("/proc/" + pid + "/" + name)
try:
    from sklearn.datasets import load_digits
    load_digits()
    found.append("digits")
except OSError:
    pass
print("LOOKED", len(seen), *found)
for x, y in train_loader:
    step(model, optimizer, x, y)
"""
)
TOLD = {
    "id": 7,
    "created_at": "2026-03-04T22:00:00.5+01:00",
    "assignment": {"due_date": "2026-03-02T12:00:00+01:00", "late_due_date": None, "title": "HW 9"},
    "users": [{"email": "Grace@x.example", "id": 12, "name": "Grace <b>Hopper"}],
    "previous_submissions": [{"submission_time": "2026-03-01T10:00:00+01:00", "score": 1.0, "results": {}}],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An assignment, with things in its folder that do not go along."""
    made = tmp_path_factory.mktemp("hw9")
    files = {
        "rubric.py": RUBRIC, "helping.py": "import inner\n", "inner/__init__.py": "", "sizes.json": "{}",
        "reference.py": GOOD, "pyproject.toml": SETTINGS, "roster.csv": ROSTER, "notes.txt": "",
        "submissions/ada.py": loop("pass"), "data/labels.csv": "", "kept/records/x.json": "{}",
        "grades/grades.csv": "", ".hidden.py": "",
    }  # fmt: skip
    return write(made, files)


@pytest.fixture(scope="module")
def zipped(folder: Path, places: Path) -> Path:
    done = command("gradescope", "rubric.py", "-o", "out/hw9.zip", cwd=folder, places=places)
    assert done.returncode == 0, done.stderr
    assert "with the prepared data of digits, 359 test samples" in done.stdout
    return folder / "out" / "hw9.zip"


@pytest.fixture(scope="module")
def container(zipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Container:
    if not possible():
        pytest.skip("it takes root and bubblewrap to look like the platform's container")
    return Container(tmp_path_factory.mktemp("container"), zipped)


@pytest.fixture(scope="module")
def image(container: Container) -> Container:
    """The container with setup.sh run in it."""
    done = container.setup()
    assert done.returncode == 0, done.stdout
    assert "3 criteria; isolation " in done.stdout
    return container


def made(order: Order, patch: pytest.MonkeyPatch, places: Path) -> Made:
    """The bundle without a look at the rubric, which takes seconds."""
    patch.setattr(make, "_told", lambda rubric, said: Told(title="Homework 9: digits once more."))
    patch.setenv("GRADER_CACHE", str(places / "cache"))
    return bundle(order, harness_manager())


def settings_of(archive: zipfile.ZipFile) -> dict[str, Any]:
    return dict(tomllib.loads(archive.read("assignment/pyproject.toml").decode())["tool"]["grader"])


class TestZip:
    def test_it_holds_what_the_platform_asks_for_and_what_the_rubric_reads(self, zipped: Path) -> None:
        with zipfile.ZipFile(zipped) as archive:
            assert archive.namelist() == sorted(archive.namelist())  # however the disk orders them
            names = {name for name in archive.namelist() if not name.startswith("cache/")}
        wheels = {name for name in names if name.endswith(".whl")}
        assert len(wheels) == 1
        assert names - wheels == {
            "setup.sh", "run_autograder", "bundle.json", "constraints.txt", "requirements.txt",
            "results/failed.json", "results/too-long.json", "assignment/rubric.py", "assignment/helping.py",
            "assignment/inner/__init__.py", "assignment/sizes.json", "assignment/pyproject.toml",
            "assignment/reference.py",
        }  # fmt: skip

    def test_nothing_in_it_names_this_machine_or_a_student_without_an_extension(
        self, zipped: Path, folder: Path, places: Path
    ) -> None:
        with zipfile.ZipFile(zipped) as archive:
            wheel = next(name for name in archive.namelist() if name.endswith(".whl"))
            contents = [archive.read(name) for name in archive.namelist()]
            inner = zipfile.ZipFile(io.BytesIO(archive.read(wheel)))
            contents += [inner.read(name) for name in inner.namelist()]
        everything = b"\n".join(contents)
        for word in (str(folder), str(places), str(EXAMPLE.parents[1]), "ada@x.example"):
            assert word.encode() not in everything
        assert b"grace@x.example" in everything

    def test_all_but_the_two_scripts_is_its_owner_s_alone(self, zipped: Path) -> None:
        with zipfile.ZipFile(zipped) as archive:
            modes = {each.filename: each.external_attr >> 16 & 0o777 for each in archive.infolist()}
        assert {name for name, mode in modes.items() if mode != 0o600} == {"setup.sh", "run_autograder"}

    def test_the_same_input_makes_the_same_bytes(
        self, zipped: Path, folder: Path, places: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (folder / "rubric.py").touch()
        again = made(Order(rubric=folder / "rubric.py"), monkeypatch, places)
        assert again.data == zipped.read_bytes()

    def test_its_settings_are_those_that_hold_there_too(self, zipped: Path) -> None:
        with zipfile.ZipFile(zipped) as archive:
            told = settings_of(archive)
        assert told["task"] == ["digits"]
        assert (told["budget"], told["slots"], told["device"]) == ("3 steps", 1, "cpu")
        assert told["grading"] == {"due": "2026-03-01", "late": "10% per day", "timezone": "Europe/Berlin"}
        assert not {"data", "leaderboard", "submissions"} & told.keys()

    def test_torch_and_torchvision_are_pinned_without_the_build(self, zipped: Path) -> None:
        with zipfile.ZipFile(zipped) as archive:
            lines = archive.read("constraints.txt").decode().split()
        pinned = dict(line.split("==") for line in lines)
        assert {"torch", "torchvision", "pytest", "msgspec"} <= pinned.keys()
        assert not any("+" in version for version in pinned.values())

    @pytest.mark.parametrize("name", ["setup.sh", "run_autograder"])
    def test_its_scripts_are_bash(self, zipped: Path, name: str) -> None:
        with zipfile.ZipFile(zipped) as archive:
            text = archive.read(name)
        assert b"@" not in text.replace(b'"$@"', b"")
        assert subprocess.run(["bash", "-n"], input=text, check=False).returncode == 0


class TestWhatCannotBe:
    @pytest.mark.parametrize(
        ("rubric", "line"),
        [
            ("import nothing_like_it\n", "No module named 'nothing_like_it'"),
            (
                "import pytest\nfrom pathlib import Path\n\n"
                "Path(__file__).with_name('no' + 'tes.txt').read_text()\n\n\n"
                "@pytest.mark.points(1)\ndef test_it(record):\n    pass\n",
                "name that with --include",
            ),
        ],
    )
    def test_a_rubric_that_cannot_be_run_there_is_one_line_and_no_zip(
        self, tmp_path: Path, places: Path, rubric: str, line: str
    ) -> None:
        write(tmp_path, {"rubric.py": rubric, "notes.txt": "", "submissions/a.py": loop("pass")})
        done = command("gradescope", "rubric.py", cwd=tmp_path, places=places)
        assert done.returncode == 4
        assert line in done.stderr
        assert done.stderr.count("\n") == 1
        assert not list(tmp_path.glob("*.zip*"))

    def test_a_task_without_data_is_one_line(
        self, folder: Path, tmp_path: Path, places: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        order = Order(rubric=folder / "rubric.py", said={"tasks": ("mnist",), "data": str(tmp_path)})
        with pytest.raises(TaskUnavailable, match=r"mnist: .* has no MNIST"):
            made(order, monkeypatch, places)

    @pytest.mark.parametrize(
        ("changes", "line"),
        [
            ({"said": {"tasks": ("digit",)}}, "there is no task 'digit'; did you mean digits?"),
            ({"said": {"budget": "10 minutes"}}, "1 training of up to 630 s"),
            ({"include": (Path("/etc/hostname"),)}, "lies outside of the rubric's folder"),
            ({"include": (Path("/nowhere"),)}, "--include: there is no /nowhere"),
            ({"pip_config": Path("/nowhere")}, "/nowhere cannot be read"),
            ({"rubric": Path("/nowhere/rubric.py")}, "there is no rubric"),
            ({"rules": {"late": "a lot"}}, "late rule 'a lot'"),
        ],
    )
    def test_a_mistake_is_one_line(
        self, folder: Path, places: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], line: str
    ) -> None:
        with pytest.raises(UsageError, match=line) as error:
            made(replace(Order(rubric=folder / "rubric.py"), **changes), monkeypatch, places)
        assert "\n" not in str(error.value)

    def test_what_was_handed_in_never_goes_along(self, folder: Path) -> None:
        names = beside(folder / "rubric.py", [], [folder / "inner"])
        assert names.keys() == {"rubric.py", "helping.py", "reference.py", "sizes.json"}

    def test_the_time_of_a_training_leaves_time_for_the_others(self) -> None:
        carried = settings.Carried(rubric="rubric.py", table={"limits": {"train": 3600.0}})
        fitted = settings.in_time(carried, [Budget.parse("3 epochs")] * 3, 10)
        assert fitted.table["limits"]["train"] == 180


class TestSettings:
    def test_a_table_is_read_back_as_it_was(self) -> None:
        table = {"a": "ü \x7f \x00 \U0001f600 \" \\ '", "b": [1, 2.5, 1e-7, True], "c": {"d e": {"f": "\n"}}}
        assert tomllib.loads(settings.toml(table))["tool"]["grader"] == table

    @pytest.mark.parametrize(
        ("limit", "left"), [("1610612736\n", 1088), ("max\n", None), (f"{2**63 - 4096}\n", None), ("", None)]
    )
    def test_a_training_gets_what_the_container_leaves(
        self, tmp_path: Path, limit: str, left: int | None
    ) -> None:
        (tmp_path / "memory.max").write_text(limit)
        found, line = settings.room(tmp_path, ["/nowhere", str(tmp_path / "memory.max")])
        assert found == (None if left is None else left << 20)
        assert line.startswith("memory: ")


def lent(home: Path, *trained: str) -> set[str]:
    """What others can read once a session with these files has started, and could reach."""
    part = SimpleNamespace(folder=str(home), files=trained)
    trial: Any = SimpleNamespace(submission=SimpleNamespace(parts=[part]))
    grader_session_start(Config(root=home), [trial] if trained else [])
    return {path.relative_to(home).as_posix() for path in home.rglob("*") if path.stat().st_mode & 0o004}


class TestLending:
    def test_a_reference_is_open_while_references_alone_are_trained(self, tmp_path: Path) -> None:
        write(tmp_path, {"a/rubric.py": "", "a/ours/__init__.py": "", "a/net.py": "", "theirs.py": ""})
        home = tmp_path / "a"
        assert lent(home, "net.py") == {"net.py"}
        assert lent(home, "ours/__init__.py") == {"ours", "ours/__init__.py"}
        assert lent(home, "net.py", str(tmp_path / "theirs.py")) == set()
        assert lent(home, "net.py") == {"net.py"}
        grader_session_finish(Config(root=home))
        assert not [path for path in home.rglob("*") if path.stat().st_mode & 0o066]


class TestMetadata:
    def test_who_and_when_are_read(self, tmp_path: Path) -> None:
        write(tmp_path, {"m.json": json.dumps(TOLD)})
        told = read_metadata(tmp_path / "m.json")
        assert told.problems == ()
        assert told.created == datetime(2026, 3, 4, 21, 0, 0, 500_000, tzinfo=UTC)
        assert told.due == datetime(2026, 3, 2, 11, tzinfo=UTC)
        assert (told.earlier, told.student().email) == (1, "Grace@x.example")

    @pytest.mark.parametrize(
        "text",
        ["", "[]", "{", '{"created_at": 5}', '{"users": 3, "assignment": []}', "[" * 100_000, "\xff",
         '{"created_at": "99999-01-01", "users": [7, {"name": [], "assignment": {"due_date": {}}}]}'],
    )  # fmt: skip
    def test_what_is_not_as_expected_is_told_and_nothing_is_late(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "m.json").write_bytes(text.encode("latin-1"))
        told = read_metadata(tmp_path / "m.json")
        assert told.created is None
        assert told.problems
        assert told.student().key == "submission"

    def test_a_file_that_is_not_there_is_told(self, tmp_path: Path) -> None:
        assert "cannot be read" in read_metadata(tmp_path / "m.json").problems[0]

    DUE = datetime(2026, 3, 1, 12, tzinfo=UTC)
    LATER = DUE + timedelta(days=5)
    ROSTER = (
        Student(key="g", email="g@x", extension="2 days"),
        Student(key="h", sis_id="9", extension="1 day"),
    )

    @pytest.mark.parametrize(
        ("told", "due"),
        [
            (Metadata(), DUE),
            (Metadata(due=LATER), LATER),
            (Metadata(users=(User(email="G@X"),)), DUE + timedelta(days=2)),
            (Metadata(users=(User(sid="9"),)), DUE + timedelta(days=1)),
            (Metadata(due=DUE, users=(User(email="g@x", due=LATER),)), LATER),
            (Metadata(due=DUE, users=(User(email="g@x", due=DUE),)), DUE + timedelta(days=2)),
            (Metadata(users=(User(email="nobody@x"), User(sid="9"))), DUE + timedelta(days=1)),
        ],
    )
    def test_it_is_due_when_the_platform_says_and_an_extension_counts_once(
        self, told: Metadata, due: datetime
    ) -> None:
        assert told.due_with(self.DUE, self.ROSTER, UTC) == due


class TestWithoutTraining:
    """Run here, in no container."""

    def results(
        self, zipped: Path, root: Path, patch: pytest.MonkeyPatch, files: Mapping[str, str], metadata: str
    ) -> dict[str, Any]:
        with zipfile.ZipFile(zipped) as archive:
            archive.extractall(root / "source")
        for name in ("submission", "results", "work"):
            (root / name).mkdir()
        write(root / "submission", files)
        (root / "submission_metadata.json").write_text(metadata)
        for name in ("GRADER_CACHE", "GRADER_STATE", "PYTHONDONTWRITEBYTECODE"):
            patch.setenv(name, "")  # and put back
        patch.chdir(root)
        Place(root, root / "work").grade()
        return dict(json.loads((root / "results" / "results.json").read_text()))

    def test_the_example_s_broken_submission_is_told_its_line(
        self, zipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broken = (EXAMPLE / "submissions" / "piotr_kowalski.py").read_text()
        found = self.results(zipped, tmp_path, monkeypatch, {"piotr.py": broken}, json.dumps(TOLD))
        assert "syntax error: '(' was never closed" in found["tests"][0]["output"]

    def test_a_level_of_modes_alone_is_not_trusted_with_what_can_be_opened(self) -> None:
        assert isolation.fault(Isolation.RLIMIT, [Path(__file__)]).endswith(
            f"{Path(__file__).name} can be read"
        )

    def test_nothing_handed_in_and_nothing_told_is_a_result(
        self,
        zipped: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        found = self.results(zipped, tmp_path, monkeypatch, {}, "no json")
        assert found["score"] == 0
        assert "Nothing was handed in" in found["output"]
        assert "submission_metadata.json cannot be read" in capsys.readouterr().out

    def test_two_submissions_at_once_are_told_to_the_student(
        self, zipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        both = {"one.py": loop("pass"), "two.py": loop("pass")}
        found = self.results(zipped, tmp_path, monkeypatch, both, json.dumps(TOLD))
        assert found["score"] == 0
        assert "2 files implement hooks" in found["output"]
        assert str(tmp_path) not in json.dumps(found)


class TestContainer:
    """In this order: what lies there before setup.sh, and after it."""

    def test_where_nothing_works_there_still_is_a_result(self, container: Container) -> None:
        found, _ = container.run({"a.py": "x"}, TOLD)
        assert found["score"] == 0
        assert "by no fault of yours" in found["output"]

    def test_an_image_has_time_zones_and_where_it_can_the_strongest_isolation(self, image: Container) -> None:
        asked_for = (image.folder / "stubs" / "apt.log").read_text()
        assert {"update", "tzdata", "bubblewrap"} <= {*asked_for.split()}

    def test_what_was_installed_from_the_wheel_makes_the_same_wheel(self, image: Container) -> None:
        line = "import hashlib; from grader.grading.bundle.wheel import wheel as w; name, data = w(); "
        line += "print(name, hashlib.sha256(data).hexdigest())"
        done = image.inside("/opt/grader/bin/python", "-I", "-c", line)
        file = next((image.root / "source").glob("*.whl"))
        assert done.stdout.split() == [file.name, hashlib.sha256(file.read_bytes()).hexdigest()]

    def test_a_submission_that_is_held_by_its_user_alone_finds_nothing(self, image: Container) -> None:
        image.change(isolation="rlimit")
        cheat = EXAMPLE / "submissions" / "jesse_van_der_berg"
        files = {path.name: path.read_text() for path in cheat.iterdir()} | {"submission.py": SPY}
        found, told = image.run(files, TOLD)
        assert "isolation: rlimit, as a user who owns nothing" in told
        assert "memory: 1088 MiB of the container's 1536 MiB for a training" in told
        *_, unseen = found["tests"]
        assert [each["score"] for each in found["tests"]] == [60, 20, 20]
        assert [each["visibility"] for each in found["tests"]] == ["visible", "visible", "hidden"]
        looked, *could = unseen["output"].removeprefix("LOOKED ").split()
        assert int(looked) > 40
        own = {"submission", *(f"submission|{name}" for name in files)}
        assert {*could} == {f"r|autograder|{name}" for name in {"run_autograder", "results", *own}}
        # due with the roster's two days on the 4th at 12, and handed in at 22: a day begun
        assert found["score"] == 90
        assert "Nobody may know" not in found["output"]
        assert "Grace &lt;b&gt;Hopper" in found["output"]
        assert found["leaderboard"][0]["name"] == "accuracy"
        assert (found["extra_data"]["isolation"], found["extra_data"]["earlier submissions"]) == ("rlimit", 1)

    def test_what_takes_too_long_is_told_before_the_platform_gives_up(self, image: Container) -> None:
        script = image.root / "run_autograder"
        text = script.read_text()
        assert " 570 " in text  # of ten minutes
        script.write_text(text.replace(" 570 ", " 0.3 "))
        found, _ = image.run({"a.py": loop("pass")}, TOLD)
        script.write_text(text)
        assert (found["score"], "longer than the platform allows" in found["output"]) == (0, True)
