"""What a session is asked to do: the caller over the environment over pyproject.toml over the defaults."""

from pathlib import Path
from typing import Any, Protocol

import pytest

from grader.contract.budget import Budget
from grader.contract.errors import UsageError
from grader.contract.isolation import Isolation
from grader.contract.size import in_words
from grader.host.settings import make_config


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GRADER_DATA", raising=False)
    monkeypatch.delenv("GRADER_PLUGINS", raising=False)


class WriteTable(Protocol):
    def __call__(self, text: str, folder: Path = ...) -> None: ...


@pytest.fixture
def table(tmp_path: Path) -> WriteTable:
    def write(text: str, folder: Path = tmp_path) -> None:
        (folder / "pyproject.toml").write_text(text)

    return write


def refusal(**said: Any) -> str:
    with pytest.raises(UsageError) as error:
        make_config(**said)
    return str(error.value)


def test_without_a_file_the_working_directory_is_the_root(tmp_path: Path) -> None:
    config = make_config()
    assert config.root == tmp_path
    assert config.tasks == ("digits",)
    assert config.seeds == (0,)
    assert config.leaderboard == tmp_path / "leaderboard"


def test_the_nearest_file_upward_that_has_the_table_is_read(
    tmp_path: Path, table: WriteTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = tmp_path / "course" / "week1"
    inner.mkdir(parents=True)
    table('[tool.grader]\ntask = "mnist"\n')
    table("[project]\nname = 'x'\n", inner)
    monkeypatch.chdir(inner)
    assert make_config().root == tmp_path
    assert make_config().tasks == ("mnist",)


def test_every_key_is_read(tmp_path: Path, table: WriteTable) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "subs").mkdir()
    table("""
        [tool.grader]
        submissions = ["subs", "an-installed-one"]
        task = ["digits", "mine"]
        budget = "3 epochs"
        seeds = [4, 2]
        device = "cuda:1"
        threads = 2
        data = "d"
        leaderboard = "board"
        deterministic = true
        plugins = ["my_plugin"]
        limits = {load = 5, train = 1.5, after = 2, predict = 7, output = 100, weights = 200}
        tasks.mine = {family = "image-csv", labels = "l.csv", images = "/abs", test_labels = "t", n = 1}
    """)
    config = make_config()
    assert config.paths == (str(tmp_path / "subs"), "an-installed-one")
    assert config.tasks == ("digits", "mine")
    assert config.budget == Budget(epochs=3)
    assert config.seeds == (4, 2)
    assert config.device == "cuda:1"
    assert config.threads == 2
    assert config.data == tmp_path / "d"
    assert config.leaderboard == tmp_path / "board"
    assert config.deterministic is True
    assert config.plugins == ("my_plugin",)
    limits = config.limits
    assert (limits.load, limits.train, limits.after, limits.predict) == (5, 1.5, 2, 7)
    assert (limits.output, limits.weights) == (100, 200)
    assert config.task_tables == {
        "mine": {
            "family": "image-csv",
            "labels": str(tmp_path / "l.csv"),
            "images": "/abs",
            "test_labels": str(tmp_path / "t"),
            "n": 1,
        }
    }


def test_the_caller_wins_over_the_file(table: WriteTable) -> None:
    table('[tool.grader]\nbudget = "3 epochs"\nseeds = 5\ndeterministic = true\nplugins = ["a"]\n')
    config = make_config(budget="10s", seeds="0,7,9", deterministic=False, plugins=["b", "a"], paths=["x.py"])
    assert config.budget == Budget(seconds=10)
    assert config.seeds == (0, 7, 9)
    assert config.deterministic is False
    assert config.plugins == ("a", "b")
    assert config.paths == ("x.py",)


def test_data_is_the_callers_else_the_environments_else_the_files(
    tmp_path: Path, table: WriteTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("file", "env", "said"):
        (tmp_path / name).mkdir()
    table('[tool.grader]\ndata = "file"\n')
    assert make_config().data == tmp_path / "file"
    monkeypatch.setenv("GRADER_DATA", "env")
    assert make_config().data == tmp_path / "env"
    assert make_config(data="said").data == tmp_path / "said"


def test_a_data_folder_that_is_missing_is_named_with_where_it_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "datasets").mkdir()
    assert refusal(data="dataset").startswith(f"data: there is no folder {tmp_path}/dataset; did you mean")
    monkeypatch.setenv("GRADER_DATA", "/nowhere/at/all")
    assert refusal() == "GRADER_DATA: there is no folder /nowhere/at/all"


@pytest.mark.parametrize(
    ("said", "seeds"),
    [("3", (0, 1, 2)), (3, (0, 1, 2)), ("0,7,9", (0, 7, 9)), (" 1 , 2 ", (1, 2)), ("7,", (7,)), ([5], (5,)),
     ("2147483647,", (2147483647,))],
)  # fmt: skip
def test_seeds_are_a_count_or_a_list(said: Any, seeds: tuple[int, ...]) -> None:
    assert make_config(seeds=said).seeds == seeds


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"seeds": "0"}, "seeds: expected 1 to 10,000 seeds, got 0; seed 0 alone is written '0,'"),
        ({"seeds": "-1"}, "seeds: expected 1 to 10,000 seeds, got -1"),
        ({"seeds": 10**12}, "seeds: expected 1 to 10,000 seeds"),
        ({"seeds": "1,-2"}, "seeds: seed -2 is not between 0 and 2147483647"),
        ({"seeds": "1,2147483648"}, "seeds: seed 2147483648 is not between"),
        ({"seeds": "1,2,1"}, "seeds: seed 1 is given twice"),
        ({"seeds": "1,x"}, "seeds: 'x' is no whole number"),
        ({"seeds": "1.5"}, "seeds: '1.5' is no whole number"),
        ({"seeds": [True]}, "seeds: 'True' is no whole number"),
        (
            {"device": "gpu"},
            "device: no device 'gpu' among auto, cpu, cuda, cuda:0 and mps; did you mean cuda?",
        ),
        (
            {"device": "cuad:0"},
            "device: no device 'cuad:0' among auto, cpu, cuda, cuda:0 and mps; did you mean cuda?",
        ),
        ({"device": "cuda:-1"}, "device: no device 'cuda:-1'"),
        ({"threads": 0}, "threads: 0 is below 1"),
        ({"threads": "x"}, "threads: 'x' is no whole number; write a number like 2"),
        ({"slots": "x"}, "slots: 'x' is no whole number; write a number like 2, or auto"),
        ({"max_failures": 0}, "max_failures: 0 is below 1"),
        ({"budget": "nan epochs"}, "budget: budget 'nan epochs' must be a finite number above zero"),
        ({"budget": "-3s"}, "budget: budget '-3s' must be"),
    ],
)
def test_a_wrong_value_is_one_line(said: Any, message: str) -> None:
    assert refusal(**said).startswith(message)
    assert "\n" not in refusal(**said)


def test_everything_the_caller_got_wrong_is_told_at_once() -> None:
    assert len(refusal(device="x", threads=-1, seeds="a").splitlines()) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("buget = '3s'", "[tool.grader] has no key buget; did you mean budget?"),
        ("zzz = 1", "[tool.grader] has no key zzz; there are submissions, task, "),
        ("seeds = 'many'", "[tool.grader] seeds must be a count like 3 or a list like [0, 7, 9], not 'many'"),
        ("seeds = true", "[tool.grader] seeds must be a count"),
        ("threads = 1.5", "[tool.grader] threads must be a whole number of at least 1, not 1.5"),
        ("task = 3", "[tool.grader] task must be the name of a task, or a list of names, not 3"),
        ("limits = 3", "[tool.grader] limits must be a table"),
        ("limits.load = nan", "[tool.grader] limits.load must be a number of seconds above zero, not nan"),
        ("limits.train = inf", "[tool.grader] limits.train must be a number of seconds above zero, not inf"),
        (
            "limits.weights = -1",
            "[tool.grader] limits.weights must be a number of bytes above zero, or a text like",
        ),
        ("limits.weights = '0 MiB'", "[tool.grader] limits.weights must be a number of bytes above zero"),
        (
            "limits.memory = '2 gigs'",
            '[tool.grader] limits.memory must be a number of bytes above zero, or a text like "512 MiB", not '
            "'2 gigs'",
        ),
        ("limits.scratch = true", "[tool.grader] limits.scratch must be a number of bytes"),
        ("limits.output = 99999999999999999999999", "[tool.grader] limits.output must be a number of bytes"),
        ("limits.parameters = '1 MB'", "[tool.grader] limits.parameters must be a whole number above zero"),
        ("limits.laod = 1", "[tool.grader] has no key limits.laod; did you mean load?"),
        ("tasks.mine = 3", "[tool.grader] tasks.mine must be a table, [tool.grader.tasks.NAME], not 3"),
        ("device = 'gpu'", "[tool.grader] device: no device 'gpu'"),
        ("budget = '0s'", "[tool.grader] budget: budget '0s' must be"),
        ("seeds = [1, 1]", "[tool.grader] seeds: seed 1 is given twice"),
        ("data = 'nowhere'", "[tool.grader] data: there is no folder"),
    ],
)
def test_a_wrong_key_or_value_in_the_file_is_one_line_with_file_and_key(
    tmp_path: Path, table: WriteTable, text: str, message: str
) -> None:
    table(f"[tool.grader]\n{text}\n")
    assert refusal().startswith(f"{tmp_path}/pyproject.toml: {message}")
    assert "\n" not in refusal()


def test_sizes_are_written_in_bytes_or_as_people_write_them(table: WriteTable) -> None:
    table("""
        [tool.grader.limits]
        submission = "64 KiB"
        weights = "1 MB"
        memory = "1.5 GiB"
        scratch = " 512mib "
        output = 4096
        parameters = 1000
    """)
    limits = make_config().limits
    assert (limits.submission, limits.weights, limits.memory) == (65536, 1_000_000, 1_610_612_736)
    assert (limits.scratch, limits.output, limits.parameters) == (512 << 20, 4096, 1000)


def test_what_grader_writes_of_a_size_is_exact_and_short() -> None:
    assert in_words(1) == "1 byte"
    assert in_words(1000) == "1,000 bytes"
    assert in_words(1 << 20) == "1,048,576 bytes (1 MiB)"
    assert in_words(10_000_000) == "10,000,000 bytes (9.5 MiB)"


def test_isolation_is_a_level_by_name_or_auto(table: WriteTable, tmp_path: Path) -> None:
    table('[tool.grader]\nisolation = "Landlock"\nlibraries = ["mine"]\n')
    (tmp_path / "mine").mkdir()
    config = make_config()
    assert (config.isolation, config.libraries) == (Isolation.LANDLOCK, (tmp_path / "mine",))
    assert make_config(isolation="auto").isolation is None
    assert refusal(isolation="strickt") == (
        "isolation: no isolation 'strickt' among auto, strict, landlock, weak, rlimit; did you mean strict?"
    )
    table('[tool.grader]\nlibraries = ["nowhere"]\n')
    assert "libraries: there is no folder" in refusal()


@pytest.mark.parametrize("said", ["landlock", "weak", "rlimit"])
def test_processes_of_submissions_need_the_strictest_isolation(table: WriteTable, said: str) -> None:
    assert refusal(isolation=said, allow_subprocess=True) == (
        f"allow_subprocess needs isolation strict, which keeps hold of what is started, not {said}: say "
        "--isolation strict, or leave out --allow-subprocess"
    )
    table("[tool.grader]\nallow_subprocess = true\n")
    assert "needs isolation strict" in refusal(isolation=said)
    assert make_config(isolation="strict").allow_subprocess
    assert make_config().allow_subprocess  # at auto, what the machine can give decides


def test_all_errors_of_the_file_are_told_at_once(table: WriteTable) -> None:
    table("[tool.grader]\nbuget = '3s'\nthreads = 'x'\nlimits = {load = -1}\n")
    assert len(refusal().splitlines()) == 3


def test_broken_toml_is_one_line_with_its_line_number(tmp_path: Path, table: WriteTable) -> None:
    table("[tool.grader]\nseeds = 3\nbudget =\n")
    assert refusal().startswith(f"{tmp_path}/pyproject.toml:3: broken TOML: ")
    assert "\n" not in refusal()


def test_a_table_that_is_none_is_one_line(tmp_path: Path, table: WriteTable) -> None:
    table("[tool]\ngrader = 3\n")
    assert refusal() == f"{tmp_path}/pyproject.toml: [tool.grader] must be a table"


def test_a_file_that_is_not_utf8_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(b"[tool.grader]\nbudget = '\xff'\n")
    assert refusal() == f"{tmp_path}/pyproject.toml: not UTF-8, at byte 24"


def test_a_broken_file_without_our_table_is_none_of_our_business(tmp_path: Path, table: WriteTable) -> None:
    table("[project\n")
    assert make_config().root == tmp_path


def test_plugins_of_the_environment_come_before_those_of_the_file_and_the_caller(
    table: WriteTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADER_PLUGINS", " first, no:html ,,second")
    table('[tool.grader]\nplugins = ["second", "third"]')
    assert make_config(plugins=["fourth"]).plugins == ("first", "no:html", "second", "third", "fourth")
