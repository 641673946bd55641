"""Every model with every loop: what is paired, what becomes of a pair, and the table of models by loops."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from factories import HOSTILE, failed, ranked, record, task
from sessions import IMPORTS, at_home, command, loop, write
from wcwidth import wcswidth

import grader
from grader import hookimpl
from grader.contract.errors import NothingCollected, UsageError
from grader.contract.record import Record
from grader.contract.status import Phase, Status
from grader.contract.submission import HookInfo, Submission
from grader.contract.trial import Trial
from grader.host.cli import make_cli
from grader.host.config import Config
from grader.host.cross import chosen, pair
from grader.host.keywords import match
from grader.host.naming import Nameable, unique_names
from grader.host.reports.matrix import document, grader_write_leaderboard, matrix_text
from grader.host.session import Session
from grader.host.settings import make_config
from grader.plugins import harness_manager


def submission(name: str, *hooks: str, **changes: Any) -> Submission:
    found = {hook: HookInfo(hook, f"{name}.py", 1) for hook in hooks}
    made = Submission(
        name=name, path=f"/s/{name}.py", display=f"s/{name}.py", entry=f"/s/{name}.py", package=False,
        files=(f"{name}.py",), digest=f"{name}'s", size=10, hooks=found, imports=(name, "torch"),
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


MODEL = submission("m", "build_model", "build_optimizer")
OWN = submission("o", "build_model", "train", "predict")
FAST = submission("l", "train")
WRONG = submission("w", "build_model", problem="s/w.py:1: syntax error")
ALL = (MODEL, OWN, FAST, WRONG, submission("optimiser", "build_optimizer"))


def names(kind: str = "", *, cross: bool = False) -> list[str]:
    return [each.name for each in chosen(ALL, Config(root=Path(), kind=kind, cross=cross))]


class TestWhatIsChosen:
    def test_without_a_word_all_as_they_are(self) -> None:
        assert chosen(ALL, Config(root=Path())) == list(ALL)

    @pytest.mark.parametrize(("kind", "there"), [("model", ["m", "w"]), ("loop", ["l"]), ("both", ["o"])])
    def test_a_kind_is_what_has_those_halves_and_no_other(self, kind: str, there: list[str]) -> None:
        assert names(kind) == there

    def test_cross_adds_every_model_with_every_loop_but_its_own(self) -> None:
        assert names(cross=True) == ["m", "o", "l", "w", "optimiser", "m+o", "m+l", "o+l"]

    def test_a_kind_says_what_is_crossed(self) -> None:
        assert names("both", cross=True) == ["o"]
        assert names("model", cross=True) == ["m", "w"]

    def test_a_kind_that_nothing_has_is_said_in_one_line(self) -> None:
        with pytest.raises(NothingCollected) as error:
            chosen([MODEL, OWN], Config(root=Path(), kind="loop"))
        assert str(error.value) == "--kind loop leaves none of what was collected (1 both, 1 model)"

    def test_a_wrong_kind_is_one_line_with_the_nearest(self) -> None:
        with pytest.raises(UsageError) as error:
            make_config(kind="modle")
        assert str(error.value) == "kind: no kind 'modle' among model, loop and both; did you mean model?"

    def test_crossing_is_a_setting_of_the_file_that_the_caller_can_take_back(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert not make_config().cross
        write(tmp_path, {"pyproject.toml": "[tool.grader]\ncross = true\n"})
        assert make_config().cross
        assert not make_config(cross=False).cross

    def test_python_and_the_command_say_the_same(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for call in (
            lambda: grader.run("subs", kind="both", cross=True),
            lambda: make_cli(harness_manager(["no:html"])).main(["run", "subs", "--kind", "both", "--cross"]),
        ):
            assert asked(call, monkeypatch) == ("both", True)

    def test_check_is_of_each_submission_alone(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write(tmp_path, {"pyproject.toml": "[tool.grader]\ncross = true\n"})
        monkeypatch.chdir(tmp_path)
        assert asked(lambda: make_cli(harness_manager(["no:html"])).main(["check", "x.py"]), monkeypatch) == (
            "",
            False,
        )


class Enough(BaseException):
    """Raised to run nothing."""


def asked(call: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> tuple[str, bool]:
    """The kind, and whether to cross, of the session that a call would run."""
    configs: list[Config] = []

    def no_session(config: Config, manager: object, *, keep: bool = True) -> None:
        configs.append(config)
        raise Enough

    monkeypatch.setattr("grader.host.session.Session", no_session)
    with pytest.raises(Enough):
        call()
    return configs[0].kind, configs[0].cross


class TestAPair:
    def test_takes_model_and_predict_of_the_one_and_train_of_the_other(self) -> None:
        assert pair(MODEL, OWN).hooks == {
            "build_model": MODEL.hooks["build_model"],
            "train": OWN.hooks["train"],
        }
        both = pair(OWN, FAST)
        assert (both.hooks["predict"], both.hooks["train"]) == (OWN.hooks["predict"], FAST.hooks["train"])
        assert (both.name, both.model, both.loop, both.kind) == ("o+l", "o", "l", "both")

    def test_says_that_its_loop_s_predict_is_not_called(self) -> None:
        assert pair(MODEL, OWN).notes == (
            "predict() of s/o.py is not called: a pair predicts as its model does",
        )
        assert pair(MODEL, FAST).notes == ()

    def test_has_another_digest_when_either_has_and_when_they_change_places(self) -> None:
        changed = {"digest": "another"}
        pairs = [
            pair(MODEL, OWN),
            pair(msgspec.structs.replace(MODEL, **changed), OWN),
            pair(MODEL, msgspec.structs.replace(OWN, **changed)),
            pair(OWN, MODEL),
        ]
        assert len({each.digest for each in pairs}) == len(pairs)
        assert pair(MODEL, OWN) == pairs[0]

    def test_covers_both_halves(self) -> None:
        both = pair(MODEL, FAST)
        assert both.parts == (MODEL, FAST)
        assert both.imports == ("l", "m", "torch")
        assert both.files == ()

    def test_no_submission_bears_the_name_of_what_comes_with_grader(self) -> None:
        places = [Nameable(name, "subs", name, f"/subs/{name}.py") for name in ("baseline", "Default", "x")]
        assert unique_names(places) == ["subs/baseline", "subs/Default", "x"]


# --- one real session ---

HELPED = """\
from helper import WIDTH
import helper.sub

class Net(nn.Module):
    def __init__(self, task):
        super().__init__()
        self.all = nn.Sequential(
            nn.Flatten(), nn.Linear(task.in_features, WIDTH), nn.ReLU(), nn.Linear(WIDTH, task.outputs)
        )

    def forward(self, x):
        import helper  # in the middle of the other's loop
        assert helper.WIDTH == 12
        return self.all(x)


@hookimpl
def build_model(task):
    assert helper.sub.OF == "model"
    return Net(task)
"""

TUNED = """\
import importlib
import json  # the standard library's, as ever
import helper
try:
    import only
except ModuleNotFoundError:
    pass
else:
    raise RuntimeError("that is the model's")


@hookimpl
def train(model, train_loader):
    from helper import sub
    assert (sub.OF, importlib.import_module("helper")) == ("loop", helper)
    optimizer = torch.optim.SGD(model.parameters(), lr=helper.RATE)
    for x, y in train_loader:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
"""

SOURCES = {
    "one/m.py": IMPORTS + HELPED,
    "one/only.py": "WIDTH = 12\n",
    "one/helper/__init__.py": "from only import WIDTH\n",
    "one/helper/sub.py": "OF = 'model'\n",
    "tuned/submission.py": IMPORTS + TUNED,
    "tuned/json.py": "1 / 0\n",
    "tuned/helper/__init__.py": "RATE = 0.1\n",
    "tuned/helper/sub.py": "OF = 'loop'\n",
    "broken.py": IMPORTS + "@hookimpl\ndef train(model, train_loader):\n    1 / 0\n",
    "own.py": loop("for x, y in train_loader:\n    step(model, optimizer, x, y)"),
    "wrong.py": "def",
}


class Meddler:
    """Changes the files of pairs in the last moment."""

    def __init__(self, subs: Path) -> None:
        self._subs = subs

    @hookimpl(tryfirst=True)
    def grader_trial_start(self, trial: Trial) -> None:
        if trial.submission.name == "own+broken":
            write(self._subs, {"own.py": "# changed\n"})
        elif trial.submission.name == "own+tuned":
            write(self._subs, {"own.py": SOURCES["own.py"], "tuned/helper/sub.py": "OF = 'changed'\n"})


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cross")
    write(folder / "subs", SOURCES)
    return folder


@pytest.fixture(scope="module")
def records(root: Path, places: Path) -> dict[str, Record]:
    """Of `grader run --cross`, by name. The helper of m.py is a folder without a hook: not collected."""
    subs = ["subs/one/m.py", "subs/broken.py", "subs/own.py", "subs/tuned", "subs/wrong.py"]
    with at_home(root, places):
        config = make_config(paths=subs, budget="3 steps", device="cpu", cross=True)
        manager = harness_manager(["no:html"])
        manager.register(Meddler(root / "subs"))
        found = Session(config, manager).run()
    return {each.submission.name: each for each in found}


class TestASession:
    def test_runs_each_alone_and_each_pair(self, records: dict[str, Record]) -> None:
        alone = ["m", "broken", "own", "tuned", "wrong"]
        assert [*records] == [*alone, "m+broken", "m+own", "m+tuned", "own+broken", "own+tuned"]

    def test_each_half_finds_its_own_modules_of_the_same_name(self, records: dict[str, Record]) -> None:
        assert {name: records[name].reason for name in ("m", "tuned", "m+tuned", "m+own")} == dict.fromkeys(
            ("m", "tuned", "m+tuned", "m+own"), ""
        )

    def test_a_pair_trains_the_one_s_model(self, records: dict[str, Record]) -> None:
        sizes = {name: found.model.parameters for name, found in records.items() if found.model}
        assert sizes["m+tuned"] == sizes["m+own"] == sizes["m"] != sizes["own"]

    def test_a_record_says_whose_halves_they_were(self, records: dict[str, Record]) -> None:
        who = records["m+tuned"].submission
        assert (who.model, who.loop) == ("m", "tuned")
        assert who.parts == {name: records[name].submission.digest for name in ("m", "tuned")}
        assert records["m+tuned"].node_id == "subs/one/m.py+subs/tuned::digits[seed=0]"
        assert records["m"].submission.parts == {}

    def test_what_fails_names_the_file_of_the_half_that_failed(self, records: dict[str, Record]) -> None:
        found = records["m+broken"]
        assert (found.status, found.phase) == (Status.CRASHED, Phase.TRAIN)
        line = SOURCES["broken.py"].count("\n")
        assert found.reason.endswith(f"division by zero (subs/broken.py, line {line})")
        assert "1 / 0" in found.detail

    def test_what_is_invalid_is_a_row_and_in_no_pair(self, records: dict[str, Record]) -> None:
        assert records["wrong"].status is Status.INVALID

    def test_a_change_of_either_half_after_collection_is_seen(self, records: dict[str, Record]) -> None:
        said = "was changed after it was collected: run it again"
        assert records["own+broken"].reason == f"subs/own.py {said}"
        assert records["own+tuned"].reason == f"subs/tuned {said}"

    def test_the_records_are_read_back(self, records: dict[str, Record], root: Path) -> None:
        found = grader.records(root / "leaderboard")
        assert sorted(found, key=str) == sorted(records.values(), key=str)

    def test_the_table_is_written_and_shown(
        self, records: dict[str, Record], root: Path, places: Path
    ) -> None:
        written = (root / "leaderboard" / "matrix.md").read_bytes()
        done = command("leaderboard", "--matrix", cwd=root, places=places)
        assert (done.returncode, done.stderr) == (0, "")
        assert "models by loops" in done.stdout
        assert "matrix.md" in done.stdout.splitlines()[-1]
        assert (root / "leaderboard" / "matrix.md").read_bytes() == written

    def test_k_finds_a_pair_by_both_names(self, records: dict[str, Record]) -> None:
        wanted = match("m.py and own.py")
        assert [name for name, found in records.items() if wanted(found.node_id)] == ["m+own"]

    def test_without_a_loop_the_command_ends_with_5(self, root: Path, places: Path) -> None:
        done = command("run", "subs/one/m.py", "--kind", "loop", cwd=root, places=places)
        assert done.returncode == 5
        assert done.stderr == "grader: error: --kind loop leaves none of what was collected (1 model)\n"


# --- models by loops ---


def crossed(model: str, loop: str, **fields: Any) -> Record:
    """A record as a session makes it, of the halves named; empty is what comes with grader."""
    make = failed if "status" in fields else record
    name = f"{model}+{loop}" if model and loop and model != loop else model or loop
    made = make(name, **fields)
    who = msgspec.structs.replace(made.submission, model=model or "baseline", loop=loop or "default")
    return msgspec.structs.replace(made, submission=who)


def board() -> list[Record]:
    made = [
        *(crossed("cnn", "", correct=correct, seed=seed) for seed, correct in enumerate((450, 460))),
        *(crossed("cnn", "fast", correct=correct, seed=seed) for seed, correct in enumerate((480, 490))),
        crossed("cnn", "slow", correct=495),
        crossed("cnn", "slow", status=Status.TIMEOUT, seed=1),
        crossed("", "fast", correct=440),
        crossed("", "slow", correct=430),
        crossed("own", "own", correct=420),
        crossed("own", "fast", status=Status.OUT_OF_MEMORY),
    ]
    optimiser = record("sgd", correct=499, model="baseline", loop="default")
    return [*made, optimiser]


TABLE = """\
## digits, 3 epochs, cpu

By accuracy %; higher is better.

| model    |          fast |       slow |   own |   default loop |
|:---------|--------------:|-----------:|------:|---------------:|
| cnn      |    **97 ± 1** | 99.0 (1/2) |     - |     **91 ± 1** |
| own      | out of memory |          - |  84.0 |              - |
| baseline |          88.0 |       86.0 |     - |              - |
"""


class TestMatrix:
    def test_is_models_by_loops_with_those_of_the_best_rank_marked(self) -> None:
        text = document(ranked(board()))
        assert text[text.index("## ") :] == TABLE

    def test_the_same_records_give_the_same_bytes(self) -> None:
        texts = set()
        for turn in range(5):
            made = board()
            random.Random(turn).shuffle(made)
            texts.add(document(ranked(made)))
        assert len(texts) == 1

    def test_each_track_with_a_pair_has_one(self) -> None:
        timed = [msgspec.structs.replace(each, budget="10s") for each in board()]
        plain = [record("a", budget="5 steps"), crossed("", "l", budget="5 steps")]
        sections = document(ranked([*board(), *timed, *plain])).split("\n## ")[1:]
        assert [section.splitlines()[0] for section in sections] == [
            "digits, 10s, cpu",
            "digits, 3 epochs, cpu",
        ]

    def test_without_a_pair_there_is_none(self) -> None:
        plain = [record("a"), crossed("", "l"), crossed("o", "o")]
        assert document(ranked(plain)) == ""
        assert [matrix_text(table) for table in ranked(plain).tables] == [""]

    def test_a_pair_leaves_the_table_when_one_of_its_two_has_changed(self) -> None:
        both = crossed("m", "l")
        who = msgspec.structs.replace(both.submission, parts={"m": "m 1", "l": "l 1"})
        both = msgspec.structs.replace(both, submission=who)
        same = [both, record("m", digest="m 1"), crossed("", "l", digest="l 1")]
        assert document(ranked(same))
        changed = crossed("", "l", digest="l 2", finished="2027-01-01T00:00:00Z")
        (table,) = ranked([*same, changed]).tables
        assert [row.name for row in table.rows] == ["l", "m"]
        assert table.superseded == {"l": 1, "m+l": 1}

    def test_the_file_goes_with_its_last_pair_and_nobody_else_s_does(self, tmp_path: Path) -> None:
        path = tmp_path / "matrix.md"
        assert grader_write_leaderboard(ranked(board()), tmp_path) == [path]
        assert path.read_text(encoding="utf-8") == document(ranked(board()))
        assert grader_write_leaderboard(ranked([]), tmp_path) == []
        assert not path.exists()
        path.write_text("my own notes")
        assert grader_write_leaderboard(ranked([]), tmp_path) == []
        assert path.read_text() == "my own notes"

    def test_hostile_names_and_statuses_stay_text(self) -> None:
        made = [crossed(f"{name}m", f"{name}l", task=task(name=name)) for name in HOSTILE]
        text = document(ranked(made))
        assert "<script" not in text
        assert text.replace("\n", "").isprintable()
        for row in (line for line in text.splitlines() if line.startswith("|")):
            bars = row.replace("\\\\", "").replace("\\|", "")
            assert bars.count("|") == 3

    @pytest.mark.parametrize("width", [26, 40, 80, 200])
    def test_a_terminal_of_any_width_shows_every_cell(self, width: int) -> None:
        loops = [f"loop-with-a-long-name-{number}" for number in range(6)]
        made = [
            crossed(model, loop, correct=200 + seed + 24 * index, seed=seed)
            for index, (model, loop) in enumerate(itertools.product(("文件" * 10, "m"), loops))
            for seed in range(4)
        ]
        (table,) = ranked(made).tables
        text = matrix_text(table, width)
        assert max(wcswidth(line) for line in text.splitlines()) <= width
        assert text.count("±") == 12
        assert text.count("* ") == 1
        assert ("…" in text) == (width < 60)

    def test_a_terminal_s_best_is_marked(self) -> None:
        (table,) = ranked(board()).tables
        text = matrix_text(table, 80)
        assert text.splitlines()[0] == "digits, 3 epochs, cpu: accuracy %, models by loops"
        assert "* 97 ± 1" in text
        assert "99.0 (1/2)" in text

    @pytest.mark.parametrize(
        ("records", "flag", "said"),
        [
            (board(), "--matrix", "accuracy %, models by loops\n"),
            (board(), "--no-cross", None),
            ([record("a")], "--matrix", "no model was combined with a loop: `grader run --cross` does it\n"),
        ],
    )
    def test_a_run_shows_it_when_asked(
        self,
        records: list[Record],
        flag: str,
        said: str | None,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        def ran(config: Config, manager: object) -> SimpleNamespace:
            shown = ranked(records)
            return SimpleNamespace(
                config=config, records=records, standings=shown, problems=(), interrupted=False,
                stopped_early=False, run=lambda: records,
            )  # fmt: skip

        monkeypatch.setattr("grader.host.session.Session", ran)
        make_cli(harness_manager(["no:html"])).main(["run", "subs", flag], standalone_mode=False)
        out = capsys.readouterr().out
        assert said in out if said else "models" not in out
