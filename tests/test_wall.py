"""The wall: what each side imports, what a worker can reach, and what the host never holds."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import factories
import pytest

import grader
from grader.contract.record import Record
from grader.host.store import Store

ROOT = Path(grader.__file__).parent
HEAVY = ("torch", "torchvision", "torchmetrics", "sklearn", "scipy")  # never in the host
DRAWING = ("matplotlib", "jinja2", "PIL")  # only where the leaderboard's page is made anew
SLOW = ("numpy", "rich", "tabulate", "pandas", *DRAWING)

PROBE = '''
"""Says what a worker can see."""
import json
import os
import resource
import sys

from torch import nn

from grader import hookimpl


def open_files():
    found = {}
    for fd in map(int, os.listdir("/proc/self/fd")):
        try:
            found[fd] = [os.readlink(f"/proc/self/fd/{fd}"), os.fstat(fd).st_size]
        except OSError:
            continue  # the one that lists them
    return found


def tell(moment):
    print(json.dumps({
        "moment": moment,
        "pid": os.getpid(),
        "files": open_files(),
        "environment": dict(os.environ),
        "host": sorted(m for m in sys.modules if m.startswith(("grader.host", "grader.tasks"))),
        "argv": sys.argv,
        "path": sys.path,
        "session": [os.getsid(0), os.getpid()],
        "core": resource.getrlimit(resource.RLIMIT_CORE),
    }), flush=True)


tell("import")


@hookimpl
def build_model(task):
    return nn.Sequential(nn.Flatten(), nn.Linear(task.in_features, task.outputs))


@hookimpl
def train(model, train_loader):
    tell("train")
    for _ in train_loader:
        pass


@hookimpl
def predict(model, inputs):
    if len(inputs) > 2:
        tell("predict")
    return model(inputs)
'''

RUN = """
import json, sys
import grader
records = grader.run(["subs"], task="digits", budget="3 steps", leaderboard="board")
heavy = {heavy}
print(json.dumps({{
    "heavy": [m for m in sys.modules if m.partition(".")[0] in heavy],
    "worker": [m for m in sys.modules if m.startswith("grader.worker")],
    "theirs": [m for m in sys.modules if m in ("submission", "probe", "helper_of_mine", "subs")],
    "files": [str(getattr(m, "__file__", None)) for m in list(sys.modules.values())],
    "status": [r.status for r in records],
}}))
"""


def loaded(code: str, *arguments: str) -> set[str]:
    """Top-level modules in memory when a fresh interpreter has run this code."""
    tail = "import atexit, sys\natexit.register(lambda: print('\\n' + '\\n'.join(sys.modules)))\n"
    command = [sys.executable, "-c", tail + code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


COMMAND = "from grader.host.cli import main; main(sys.argv[1:])"


class TestImportBudget:
    @pytest.mark.parametrize(
        ("code", "arguments"),
        [
            ("import grader", ()),
            ("import grader.host.cli", ()),
            (COMMAND, ("--help",)),
            (COMMAND, ("run", "--help")),
            (COMMAND, ("tasks", "--help")),
            (COMMAND, ("records", "merge", "--help")),
            (COMMAND, ("--version",)),
        ],
        ids=[
            "grader",
            "grader.host.cli",
            "--help",
            "run --help",
            "tasks --help",
            "records --help",
            "--version",
        ],
    )
    def test_what_is_read_often_imports_nothing_slow(self, code: str, arguments: tuple[str, ...]) -> None:
        assert not loaded(code, *arguments) & {*HEAVY, *SLOW}

    @pytest.mark.parametrize("module", ["session", "supervise", "score", "store", "rank", "console", "check"])
    def test_the_host_imports_no_torch(self, module: str) -> None:
        assert not loaded(f"import grader.host.{module}") & {*HEAVY, *DRAWING}

    def test_what_draws_is_imported_only_where_it_is_drawn_on(self) -> None:
        modules = ("changes", "console", "log", "summary")
        seen = loaded("".join(f"import grader.host.{module}\n" for module in modules))
        assert not seen & {*HEAVY, *DRAWING, "rich", "tabulate"}

    def test_grader_leaderboard_imports_no_torch(self, tmp_path: Path) -> None:
        store = Store(tmp_path)
        for record in factories.board(20):
            store.write(record, None)
        assert not loaded(COMMAND, "leaderboard", "--leaderboard", str(tmp_path)) & {*HEAVY}
        assert (tmp_path / "README.md").is_file()

    def test_a_page_that_still_holds_is_not_drawn_again(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("GRADER_PLUGINS")
        Store(tmp_path).write(factories.record(), factories.evidence())
        command = (COMMAND, "leaderboard", "--leaderboard", str(tmp_path))
        assert loaded(*command) >= {*DRAWING} - {"PIL"}
        assert not loaded(*command) & {*DRAWING}

    @pytest.mark.parametrize("command", ["list", "remove", "merge"])
    def test_grader_records_imports_no_torch(self, command: str, tmp_path: Path) -> None:
        for folder in ("board", "other"):
            Store(tmp_path / folder).write(factories.record(folder), factories.evidence())
        further = {"remove": ["--all", "--yes"], "merge": [str(tmp_path / "other")]}.get(command, [])
        arguments = [command, "--leaderboard", str(tmp_path / "board"), *further]
        assert not loaded(COMMAND, "records", *arguments) & {*HEAVY}
        assert len(Store(tmp_path / "board").read()[0]) == {"list": 1, "remove": 0, "merge": 2}[command]

    @pytest.mark.parametrize("command", ["list", "tasks", "plugins"])
    def test_a_command_that_only_looks_imports_no_torch(self, command: str, tmp_path: Path) -> None:
        (tmp_path / "mine.py").write_text(PROBE)
        paths = [str(tmp_path)] if command == "list" else []
        assert not loaded(COMMAND, command, *paths) & {*HEAVY}


class TestImportsInTheTree:
    @pytest.mark.parametrize(
        ("side", "banned"),
        [
            ("host", ("grader.worker",)),
            ("worker", ("grader.host", "grader.tasks")),
            ("contract", ("grader.host", "grader.worker", "grader.tasks")),
            ("tasks", ("grader.host", "grader.worker")),
        ],
    )
    def test_no_side_imports_another(self, side: str, banned: tuple[str, ...]) -> None:
        """Anywhere in the files, also in functions and for types alone."""
        files = list((ROOT / side).rglob("*.py"))
        assert files
        wrong = [
            f"{file.relative_to(ROOT)}:{line} imports {name}"
            for file in files
            for name, line in imported(file)
            if name.startswith(banned)
        ]
        assert not wrong

    @pytest.mark.parametrize("folder", ["host", "contract", "."])
    def test_the_trusted_side_names_no_torch(self, folder: str) -> None:
        """hookspecs.py may, for types alone: it is read by type checkers and by people."""
        files = [*(ROOT / folder).rglob("*.py")] if folder != "." else [*ROOT.glob("*.py")]
        wrong = [
            f"{file.relative_to(ROOT)}:{line} imports {name}"
            for file in files
            if file.name != "hookspecs.py"
            for name, line in imported(file)
            if name.partition(".")[0] in HEAVY
            or (name.partition(".")[0] in DRAWING and file.parent.name != "reports")
        ]
        assert not wrong

    def test_importing_all_of_a_worker_loads_nothing_of_the_host(self) -> None:
        names = [f"grader.worker.{file.stem}" for file in (ROOT / "worker").glob("[a-z]*.py")]
        code = f"import sys, {', '.join(names)}\nprint([m for m in sys.modules if m.startswith('grader.')])"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert "grader.worker.phases" in done.stdout
        assert "grader.host" not in done.stdout
        assert "grader.tasks" not in done.stdout


def imported(file: Path) -> Iterator[tuple[str, int]]:
    """Yield the dotted name and the line of everything that a file imports, anywhere in it."""
    package = ["grader", *file.relative_to(ROOT).parent.parts]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            inside = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*inside, *([node.module] if node.module else [])])
            yield from ((f"{base}.{alias.name}", node.lineno) for alias in node.names)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with submissions, in which one session has run."""
    root = tmp_path_factory.mktemp("wall")
    (root / "subs").mkdir()
    (root / "subs" / "probe.py").write_text(PROBE)
    (root / "subs" / "helper_of_mine.py").write_text("import torch\nVALUE = 1\n")
    (root / "subs" / "uses_helper.py").write_text("import helper_of_mine\n" + PROBE)
    return root


@pytest.fixture(scope="module")
def host(folder: Path, places: Path) -> dict[str, list[str]]:
    """What was in memory of the host after the session."""
    environment = {
        **os.environ,
        "GRADER_CACHE": str(places / "cache"),
        "GRADER_STATE": str(places / "state"),
        "A_TOKEN_OF_THE_HOST": "hunter2",
        "PYTHONPATH": str(folder / "elsewhere"),
    }
    done = subprocess.run(
        [sys.executable, "-c", RUN.format(heavy=HEAVY)],
        cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    told: dict[str, list[str]] = json.loads(done.stdout)
    return told


@pytest.fixture(scope="module")
def record(host: dict[str, list[str]], folder: Path) -> Record:
    """The record of the submission that looked around."""
    records = {record.submission.name: record for record in grader.records(folder / "board")}
    assert records["probe"].status == "ok", records["probe"].reason
    return records["probe"]


@pytest.fixture(scope="module")
def seen(record: Record) -> dict[str, dict[str, object]]:
    """What it saw, by moment; of the two imports the last."""
    lines = [json.loads(line) for line in record.output.splitlines() if line.startswith("{")]
    assert [line["moment"] for line in lines][:3] == ["import", "train", "import"] or lines
    return {line["moment"]: line for line in lines}


class TestHostAfterARun:
    def test_holds_no_torch(self, host: dict[str, list[str]]) -> None:
        assert host["heavy"] == []

    def test_holds_no_submission_and_no_worker(self, host: dict[str, list[str]], folder: Path) -> None:
        assert host["theirs"] == []
        assert host["worker"] == []
        assert not [file for file in host["files"] if str(folder) in file]

    def test_every_submission_ran(self, host: dict[str, list[str]]) -> None:
        assert host["status"].count("ok") >= 2


class TestWorker:
    def test_holds_no_module_of_the_host(self, seen: dict[str, dict[str, object]]) -> None:
        assert {moment: told["host"] for moment, told in seen.items()} == {
            "import": [], "train": [], "predict": []
        }  # fmt: skip

    def test_has_only_its_own_descriptors_before_the_data_come(
        self, seen: dict[str, dict[str, object]]
    ) -> None:
        """Nothing to read, its output twice, its channel."""
        files = _files(seen["import"])
        assert sorted(files) == [0, 1, 2, 3]
        assert files[0][0] == "/dev/null"
        assert files[1] == files[2]
        assert files[1][0].startswith("pipe:")
        assert files[3][0].startswith("socket:")

    @pytest.mark.parametrize(
        ("moment", "handed"),
        [
            ("train", {"train_inputs", "train_targets", "probe_inputs", "probe_outputs", "weights"}),
            (
                "predict",
                {
                    "test_inputs", "sample_inputs", "probe_inputs", "weights",
                    "logits", "sample_outputs", "probe_outputs",
                },
            ),
        ],
    )  # fmt: skip
    def test_gets_the_files_of_its_phase_and_no_more(
        self, moment: str, handed: set[str], seen: dict[str, dict[str, object]]
    ) -> None:
        """By descriptor: no test input while it trains, no test target and no training data ever after."""
        files = {fd: name for fd, (name, _) in _files(seen[moment]).items() if fd > 3}
        names = {name.removeprefix("/memfd:").removesuffix(" (deleted)") for name in files.values()}
        assert names == handed

    def test_is_reached_by_no_test_target(self, seen: dict[str, dict[str, object]]) -> None:
        """Not by name, and not by size: int64 targets of the 360 test samples."""
        for told in seen.values():
            assert not [name for name, _ in _files(told).values() if "test_targets" in name]
            assert 360 * 8 not in [size for _, size in _files(told).values()]

    def test_has_nothing_of_the_host_s_environment(
        self, seen: dict[str, dict[str, object]], places: Path
    ) -> None:
        for told in seen.values():
            environment = told["environment"]
            assert isinstance(environment, dict)
            assert "A_TOKEN_OF_THE_HOST" not in environment
            assert "PYTHONPATH" not in environment
            assert not [name for name in environment if name.startswith("GRADER_")]
            assert not [value for value in environment.values() if str(places) in value or value == "hunter2"]

    def test_its_arguments_and_path_name_nothing_of_the_host_s(
        self, seen: dict[str, dict[str, object]], places: Path, folder: Path
    ) -> None:
        for told in seen.values():
            path = told["path"]
            assert isinstance(path, list)
            assert str(folder / "elsewhere") not in path
            assert str(places) not in json.dumps([told["argv"], path])

    def test_leads_a_session_of_its_own_and_leaves_no_core(self, seen: dict[str, dict[str, object]]) -> None:
        for told in seen.values():
            session = told["session"]
            assert isinstance(session, list)
            assert session[0] == session[1]
            assert told["core"] == [0, 0]

    def test_trains_and_predicts_in_two_processes(self, seen: dict[str, dict[str, object]]) -> None:
        assert seen["train"]["pid"] != seen["predict"]["pid"]


def _files(told: dict[str, object]) -> dict[int, tuple[str, int]]:
    files = told["files"]
    assert isinstance(files, dict)
    return {int(fd): (name, size) for fd, (name, size) in files.items()}
