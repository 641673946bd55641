"""Every way in which a submission can go wrong is one clear row, and nobody else is harmed.

All files are written into one folder and run in one session with real workers; each test then reads
the row of its own file.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest
from sessions import GOOD, IMPORTS, MODEL, at_home, gone, loop, marked, session, write
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from grader import hookimpl
from grader.contract.record import Record
from grader.contract.status import Phase, Status
from grader.contract.text import plain
from grader.contract.trial import Trial
from grader.host.session import Session
from grader.host.settings import make_config
from grader.host.store import Store
from grader.plugins import harness_manager

CRASHED, DIVERGED, INVALID, TIMEOUT = Status.CRASHED, Status.DIVERGED, Status.INVALID, Status.TIMEOUT
OUT_OF_MEMORY, VIOLATION = Status.OUT_OF_MEMORY, Status.VIOLATION
LOAD, TRAIN, PREDICT, SCORE = Phase.LOAD, Phase.TRAIN, Phase.PREDICT, Phase.SCORE
LIMITS = "load = 5, train = 5, predict = 30, output = 20000"
MARKER = "grader-test-stray"  # in the arguments of what submissions leave behind


@dataclass(frozen=True)
class Case:
    """A submission, how its trial ends, and words of the reason."""

    source: str
    status: Status
    phase: Phase
    words: tuple[str, ...] = ()


def built(body: str) -> str:
    """A submission with this body of `build_model`."""
    indented = "\n".join(f"    {line}" for line in body.strip("\n").splitlines())
    return f"{IMPORTS}\n\n@hookimpl\ndef build_model(task):\n{indented}\n"


def module(init: str, forward: str) -> str:
    """A submission whose model is a class of its own, around `self.layer`."""
    return (
        f"{IMPORTS}\n\nclass Net(nn.Module):\n    def __init__(self, n, k):\n        super().__init__()\n"
        f"        self.layer = nn.Linear(n, k)\n        {init}\n\n"
        f"    def forward(self, x):\n        x = x.flatten(1)\n        {forward}\n\n\n"
        "@hookimpl\ndef build_model(task):\n    return Net(task.in_features, task.outputs)\n"
    )


def predicting(body: str) -> str:
    """A submission with this body of `predict`."""
    return f"{GOOD}\n\n@hookimpl\ndef predict(model, inputs):\n    {body}\n"


PASTED = """\
import torch
from torch import nn
from torchvision import datasets, transforms
from torch.utils.data import DataLoader
from grader import hookimpl

training_data = datasets.FashionMNIST(root="data", train=True, download=True, transform=transforms.ToTensor())
train_dataloader = DataLoader(training_data, batch_size=64)

@hookimpl
def build_model(task):
    return nn.Sequential(nn.Flatten(), nn.Linear(task.in_features, task.outputs))
"""

PASTED_INSIDE = """\
import torch
from torch import nn
from torchvision.datasets import FashionMNIST
from grader import hookimpl

@hookimpl
def build_model(task):
    return nn.Sequential(nn.Flatten(), nn.Linear(task.in_features, task.outputs))

@hookimpl
def train(model):
    data = FashionMNIST(root="data", download=True)
"""

TOP_LEVEL_LOOP = (
    GOOD
    + """

model = nn.Linear(4, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(10):
    loss = model(torch.rand(3, 4)).sum()
    loss.backward()
    optimizer.step()
"""
)

# by the module below os: os.fork itself is guarded
DOUBLE_FORK = f"""
import os, posix, sys
if posix.fork() == 0:
    os.setsid()
    if posix.fork() == 0:
        code = "import time, signal; signal.signal(15, signal.SIG_IGN); time.sleep(300)"
        os.execv(sys.executable, [sys.executable, "-S", "-c", code, "{MARKER}-daemon"])
    os._exit(0)
if posix.fork() == 0:
    os.execv(sys.executable, [sys.executable, "-S", "-c", "import time; time.sleep(300)", "{MARKER}-child"])
import time
time.sleep(0.3)
"""

# a lone surrogate, escape sequences and line ends: none may reach a terminal, or break the channel
HOSTILE = r"raise ValueError('\x1b[2J\x1b]0;owned\x07line one\nline two \u202e \ud800')"

BAD = {
    # --- what discovery finds ---
    "syntax_error.py": Case(
        GOOD + "\n\ndef train(:\n", INVALID, LOAD, ("syntax error", "syntax_error.py:13")
    ),
    # --- importing ---
    "import_error.py": Case(
        "import not_there_at_all\n" + GOOD, INVALID, LOAD, ("not_there_at_all", "line 1")
    ),
    "wrong_name.py": Case(
        GOOD + "\nfrom torch import nothing_of_the_kind\n",
        INVALID,
        LOAD,
        ("nothing_of_the_kind", "wrong_name.py, line "),
    ),
    "import_raises.py": Case(GOOD + "\n1 / 0\n", CRASHED, LOAD, ("ZeroDivisionError", "importing")),
    "endless_import.py": Case(
        GOOD + "\nwhile True: pass\n", TIMEOUT, LOAD, ("5 s", "train()", "train_loader")
    ),
    "top_level_loop.py": Case(
        TOP_LEVEL_LOOP, INVALID, LOAD, ("train_data", "train_loader", "top_level_loop.py, line ")
    ),
    "pasted.py": Case(PASTED, INVALID, LOAD, ("FashionMNIST", "train_data", "train_loader", "line 7")),
    "exit_at_import.py": Case(
        "import sys\n" + GOOD + "\nsys.exit(0)\n", CRASHED, LOAD, ("sys.exit(0)", "importing")
    ),
    # --- building ---
    "build_none.py": Case(built("nn.Linear(2, 2)"), INVALID, LOAD, ("build_model", "None", "return")),
    "build_list.py": Case(built("return [nn.Linear(2, 2)]"), INVALID, LOAD, ("a list", "Module")),
    "build_exit.py": Case(built("raise SystemExit('no')"), CRASHED, LOAD, ("sys.exit('no')",)),
    "wrong_shape.py": Case(
        built("return nn.Sequential(nn.Flatten(), nn.Linear(task.in_features, 7))"),
        INVALID,
        LOAD,
        ("(2, 7)", "(2, 10)"),
    ),
    "wrong_input.py": Case(built("return nn.Linear(5, 10)"), CRASHED, LOAD, ("RuntimeError", "zeros")),
    "integer_logits.py": Case(
        module("pass", "return self.layer(x).argmax(1, keepdim=True).expand(-1, 10)"),
        INVALID,
        LOAD,
        ("int64", "float32 logits"),
    ),
    # --- training ---
    "pasted_inside.py": Case(
        PASTED_INSIDE, INVALID, TRAIN, ("FashionMNIST", "train_data", "train_loader", "line 12")
    ),
    "train_raises.py": Case(loop("1 / 0"), CRASHED, TRAIN, ("ZeroDivisionError", "training")),
    "train_exit.py": Case(loop("raise SystemExit"), CRASHED, TRAIN, ("sys.exit", "training")),
    "hard_exit.py": Case(loop("import os; os._exit(0)"), CRASHED, TRAIN, ("code 0", "return")),
    "segfault.py": Case(
        loop("import ctypes; ctypes.string_at(0)"),
        CRASHED,
        TRAIN,
        ("segmentation fault", "SIGSEGV"),
    ),
    "abort.py": Case(loop("import os; os.abort()"), CRASHED, TRAIN, ("aborted", "SIGABRT")),
    "kills_itself.py": Case(
        loop("import os; os.kill(os.getpid(), 9)"), OUT_OF_MEMORY, TRAIN, ("killed", "MiB")
    ),
    "stops_itself.py": Case(
        loop("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"), TIMEOUT, TRAIN, ("5 s",)
    ),
    "ignores_signals.py": Case(
        loop(
            "import signal\nfor s in (1, 2, 15): signal.signal(s, signal.SIG_IGN)\n"
            "while True:\n    try:\n        while True: pass\n    except BaseException: pass"
        ),
        TIMEOUT,
        TRAIN,
        ("5 s of training", "limits.train", "train_loader", "budget.step"),
    ),
    "out_of_memory.py": Case(loop("raise MemoryError"), OUT_OF_MEMORY, TRAIN, ("out of memory", "training")),
    "hostile_text.py": Case(loop(HOSTILE), CRASHED, TRAIN, ("ValueError", "line one line two")),
    "hostile_error.py": Case(
        loop("class E(Exception):\n    def __str__(self): raise SystemExit(3)\nraise E"),
        CRASHED,
        TRAIN,
        ("E while training",),
    ),
    "unpicklable_state.py": Case(
        module("pass", "return self.layer(x)").replace(
            "    def forward", "    def get_extra_state(self):\n        return object()\n\n    def forward"
        ),
        INVALID,
        TRAIN,
        ("cannot be saved", "_extra_state", "buffer"),
    ),
    "no_batches.py": Case(
        loop(
            "while True:\n    for _ in train_data.loader(batch_size=5000, drop_last=True): pass",
            "model, train_data",
        ),
        CRASHED,
        TRAIN,
        ("drop_last leaves no batch", "5000", "1438"),
    ),
    "turns_nan.py": Case(
        module("self.bad = 1", "return self.layer(x) * self.bad")
        + "\n\n@hookimpl\ndef train(model):\n    model.bad = float('nan')\n",
        INVALID,
        PREDICT,
        ("state_dict",),
    ),
    # --- forged words ---
    "garbage_on_3.py": Case(
        loop("import os; os.write(3, b'garbage\\n')\nfor _ in train_loader: pass"),
        VIOLATION,
        TRAIN,
        ("descriptor 3",),
    ),
    "our_fault_on_3.py": Case(
        loop(
            'said = b\'{"type":"failed","status":"harness_error","reason":"not me"}\\n\'\n'
            "import os, time; os.write(3, said); time.sleep(1)"
        ),
        VIOLATION,
        TRAIN,
        ("not me",),
    ),
    "done_on_3.py": Case(
        loop('import os, time; os.write(3, b\'{"type":"done"}\\n\'); time.sleep(1)'),
        VIOLATION,
        TRAIN,
        ("before its weights were complete",),
    ),
    "flood_on_3.py": Case(
        loop("import os\nwhile True: os.write(3, b'x' * 65536)"), VIOLATION, TRAIN, ("bytes",)
    ),
    "ready_on_3.py": Case(
        loop(
            'import os; os.write(3, b\'{"type":"ready","model":{"parameters":1,"trainable":1,"structure":""},'
            '"isolation":"all"}\\n\'); import time; time.sleep(1)'
        ),
        VIOLATION,
        TRAIN,
        ("out of turn",),
    ),
    # --- predicting ---
    "nan_logits.py": Case(
        module("self.bad = False", "return self.layer(x) / (0 if len(x) > 2 else 1)").replace(
            " / (", " * 0 / ("
        ),
        DIVERGED,
        SCORE,
        ("NaN", "359"),
    ),
    "nan_weights.py": Case(
        loop("with torch.no_grad():\n    for p in model.parameters(): p.fill_(float('nan'))"),
        DIVERGED,
        SCORE,
        ("NaN", "learning rate"),
    ),
    "another_architecture.py": Case(
        loop("return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))"),
        INVALID,
        PREDICT,
        ("same architecture", "build_model"),
    ),
    "outside_state.py": Case(
        module("self.scale = torch.ones(1)", "return self.layer(x) * self.scale")
        + "\n\n@hookimpl\ndef train(model):\n    model.scale += 1\n",
        INVALID,
        PREDICT,
        ("state_dict", "register_buffer"),
    ),
    "random_predict.py": Case(
        predicting("return torch.randn(len(inputs), 10)"), INVALID, PREDICT, ("random",)
    ),
    "predict_none.py": Case(predicting("model(inputs)"), INVALID, LOAD, ("predict", "None", "return")),
    "predict_shape.py": Case(
        predicting("return model(inputs)[:, :3]"),
        INVALID,
        LOAD,
        ("predict", "(2, 3)", "(2, 10)"),
    ),
    "predict_late_shape.py": Case(
        predicting("return model(inputs)[:255]"), INVALID, PREDICT, ("(255, 10)", "256")
    ),
    "predict_exit.py": Case(
        predicting("import sys; sys.exit(1) if len(inputs) > 300 else 0; return model(inputs)"),
        CRASHED,
        PREDICT,
        ("sys.exit(1)", "predicting"),
    ),
}

CONV = """
class Net(nn.Module):
    def __init__(self, k):
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.head = nn.LazyLinear(k)
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    def forward(self, x):
        if self.training:
            self.seen += len(x)
        return self.head(F.relu(self.norm(self.conv(x))).flatten(1)) * (1 + self.seen / 10000)

@hookimpl
def build_model(task):
    model = Net(task.outputs)
    model.conv.to(memory_format=torch.channels_last)
    return model
"""

TIED = """
class Net(nn.Module):
    def __init__(self, n, k):
        super().__init__()
        self.one, self.two = nn.Linear(n, n), nn.Linear(n, n)
        self.two.weight = self.one.weight
        self.head = nn.Linear(n, k)
        self.head.weight = nn.Parameter(torch.randn(n, k).t() * 0.1)

    def forward(self, x):
        return self.head(self.two(self.one(x.flatten(1))))

@hookimpl
def build_model(task):
    return Net(task.in_features, task.outputs)
"""

ONE_PASS = "for x, y in train_loader:\n    step(model, optimizer, x, y)\n"

FINE = {
    "good.py": GOOD,
    "conv.py": IMPORTS + CONV,
    "tied.py": IMPORTS + TIED,
    "double.py": module("self.double()", "return self.layer(x.double())"),
    "half.py": predicting("return model(inputs).half()"),
    "floods.py": "print('FLOOD' * 10_000_000)\nprint('THE END')\n" + GOOD,
    "returns_float.py": loop(ONE_PASS + "return 0.25"),
    "returns_copy.py": loop(
        "import copy\nbest = copy.deepcopy(model)\nwith torch.no_grad():\n"
        "    for p in best.parameters(): p.zero_()\n    best[-1].bias[3] = 50.0\n" + ONE_PASS + "return best"
    ),
    "probabilities.py": predicting("return model(inputs).softmax(1)"),
    "unmetered.py": loop(
        "x, y = train_data.inputs, train_data.targets\nfor _ in range(5):\n    step(model, optimizer, x, y)",
        "model, train_data",
    ),
    "metered.py": loop(
        "x, y = train_data.inputs, train_data.targets\nwhile True:\n    budget.step(len(x))\n"
        "    step(model, optimizer, x, y)",
        "model, train_data, budget",
    ),
    "talks.py": loop(
        "for _ in range(120_000): progress(loss=1.0, accuracy=0.5)\n" + ONE_PASS,
        "model, train_loader, progress",
    ),
    "train (1).py": GOOD,
    "with-hyphens.py": GOOD,
    "netz-für-ziffern.py": GOOD,
    "数字.py": GOOD,
    "same_one.py": GOOD + "\nclass Net(nn.Linear):\n    pass\n",
    "same_two.py": GOOD + "\nclass Net(nn.Conv2d):\n    pass\n",
    "uses_sibling.py": IMPORTS + "from shared_layers import head\n" + MODEL.replace("nn.Linear(", "head("),
    "uses_folder.py": IMPORTS + "from layers.wide import head\n" + MODEL.replace("nn.Linear(", "head("),
    "layers/wide.py": "from .plain import head\n",
    "layers/plain.py": "from torch.nn import Linear as head\n",
    "shared_layers.py": "from torch.nn import Linear as head\n",
    "package/__init__.py": "from .parts import build\n" + built("return build(task)"),
    "package/parts.py": "from torch import nn\nfrom .deep.er import WIDTH\n\ndef build(task):\n"
    "    return nn.Sequential(nn.Flatten(), nn.Linear(64, WIDTH), nn.Linear(WIDTH, task.outputs))\n",
    "package/deep/__init__.py": "",
    "package/deep/er.py": "WIDTH = 8\n",
}  # fmt: skip
NO_SUBMISSIONS = {
    "shared_layers.py", "layers/wide.py", "layers/plain.py",
    "package/parts.py", "package/deep/__init__.py", "package/deep/er.py",
}  # fmt: skip
WELL = sorted({name.partition("/")[0] for name in FINE.keys() - NO_SUBMISSIONS} | {"knows.py"})


def knowing() -> str:
    """A submission whose model is fitted before it is ever trained."""
    images, targets = load_digits(return_X_y=True)
    fitted = LogisticRegression(max_iter=200).fit(images / 16, targets)
    weight, bias = np.round(fitted.coef_, 2).tolist(), np.round(fitted.intercept_, 2).tolist()
    return built(
        f"layer = nn.Linear(64, 10)\nlayer.weight.data = torch.tensor({weight})\n"
        f"layer.bias.data = torch.tensor({bias})\nreturn nn.Sequential(nn.Flatten(), layer)"
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outcomes")


@pytest.fixture(scope="module")
def rows(root: Path, places: Path) -> dict[str, Record]:
    """The records of all submissions, from one session, by file name."""
    sources = {name: case.source for name, case in BAD.items()} | FINE | {"knows.py": knowing()}
    write(root / "subs", sources)
    return session(root, places, limits=LIMITS)


@pytest.mark.parametrize("name", sorted(BAD))
def test_a_bad_submission_is_one_clear_row(rows: dict[str, Record], name: str) -> None:
    row, case = rows[name], BAD[name]
    assert (row.status, row.phase) == (case.status, case.phase), row.reason
    for word in case.words:
        assert word in row.reason
    assert len(plain(row.reason).splitlines()) == 1
    assert not row.metrics


@pytest.mark.parametrize("name", WELL)
def test_a_good_submission_beside_them_is_scored(rows: dict[str, Record], name: str) -> None:
    row = rows[name]
    assert (row.status, row.phase, row.reason) == (Status.OK, None, "")
    assert 0 <= row.metrics["accuracy"] <= 1


def test_nobody_is_left_out_and_every_row_is_stored(rows: dict[str, Record], root: Path) -> None:
    assert set(rows) == {*BAD, *WELL}
    stored, problems = Store(root / "leaderboard").read()
    assert len(stored) == len(rows)
    assert problems == []


def test_good_submissions_are_ranked_above_all_failures(rows: dict[str, Record], root: Path) -> None:
    text = (root / "leaderboard" / "README.md").read_text(encoding="utf-8")
    order = {
        status: [m.start() for m in re.finditer(rf"\| {status} +\|", text)] for status in ("ok", "crashed")
    }
    assert len(order["ok"]) == len(WELL)
    assert max(order["ok"]) < min(order["crashed"])


# --- notes, and what was metered ---


def test_a_returned_number_is_ignored_with_a_note(rows: dict[str, Record]) -> None:
    assert "train returned a float, which was ignored" in rows["returns_float.py"].notes


def test_the_module_that_train_returns_is_the_one_scored(rows: dict[str, Record]) -> None:
    """It says 3 to everything, which the one that was trained does not."""
    assert rows["returns_copy.py"].correct == 37
    assert rows["returns_copy.py"].metrics["loss"] > 10


def test_outputs_between_0_and_1_are_noted(rows: dict[str, Record]) -> None:
    noted = {name for name, row in rows.items() if any("look like probabilities" in n for n in row.notes)}
    assert noted == {"probabilities.py"}


def test_knowledge_brought_along_is_noted(rows: dict[str, Record]) -> None:
    noted = {name for name, row in rows.items() if any("brought its knowledge" in n for n in row.notes)}
    assert noted == {"knows.py"}


def test_steps_past_the_meter_are_noted(rows: dict[str, Record]) -> None:
    noted = {name for name, row in rows.items() if any("unmetered" in note for note in row.notes)}
    assert noted == {"unmetered.py"}
    assert (rows["unmetered.py"].usage.steps, rows["unmetered.py"].usage.optimizer_steps) == (0, 5)


def test_a_loop_over_tensors_is_metered_by_budget_step(rows: dict[str, Record]) -> None:
    usage = rows["metered.py"].usage
    assert (usage.steps, usage.optimizer_steps, usage.samples, usage.epochs) == (3, 3, 3 * 1438, 3.0)


# --- nothing is left, nothing grows ---


def test_processes_left_behind_are_dead_after_the_session(tmp_path: Path, places: Path) -> None:
    """At the one level that lets a submission start any."""
    write(tmp_path, {"subs/strays.py": loop(DOUBLE_FORK + ONE_PASS)})
    [row] = session(tmp_path, places, isolation="rlimit").values()
    assert row.status is Status.OK
    left = [process.pid for mark in ("daemon", "child") for process in marked(f"{MARKER}-{mark}")]
    assert gone(left, seconds=2)


def test_a_server_that_dies_is_not_held_against_the_submission(tmp_path: Path, places: Path) -> None:
    class Murderer:
        @hookimpl
        def grader_trial_progress(self, trial: Trial, phase: str) -> None:
            if phase == "train" and trial.submission.name == "first":
                for process in psutil.Process().children(recursive=True):
                    process.kill()

    write(tmp_path, {"subs/first.py": loop("import time; time.sleep(5)"), "subs/second.py": GOOD})
    with at_home(tmp_path, places):
        manager = harness_manager(["no:html"])
        manager.register(Murderer())
        records = Session(make_config(paths=["subs"], budget="3 steps", device="cpu"), manager).run()
    assert [record.status for record in records] == [Status.HARNESS_ERROR, Status.OK]
    assert "the worker server went away" in records[0].reason


def test_a_flood_of_output_is_kept_in_bounds(rows: dict[str, Record]) -> None:
    output = rows["floods.py"].output
    assert len(output) <= 20000
    assert output.endswith("THE END\n")
    assert "FLOODFLOOD" in output


def test_the_curve_of_a_talkative_loop_is_kept_in_bounds(rows: dict[str, Record]) -> None:
    """Told at each call, these points would be more than the channel may carry."""
    assert len(rows["talks.py"].curve) <= 2000
    assert rows["talks.py"].curve[-1].steps == 3


def test_a_loop_that_ignores_everything_is_killed_at_its_limit(rows: dict[str, Record]) -> None:
    seconds = rows["ignores_signals.py"].timing.train_seconds
    assert seconds is not None
    assert 5 <= seconds < 15


def test_a_failed_row_tells_where_in_the_author_s_own_file(rows: dict[str, Record]) -> None:
    row = rows["train_raises.py"]
    assert row.reason.endswith("(train_raises.py, line 23)")
    assert "1 / 0" in row.detail
    assert "site-packages" not in row.detail


def test_no_submission_was_ever_a_module_of_the_host(rows: dict[str, Record], root: Path) -> None:
    assert "submission" not in sys.modules
    assert not any(
        getattr(m, "__file__", None) and "/subs/" in str(m.__file__) for m in list(sys.modules.values())
    )


def test_a_folder_of_submissions_is_left_as_it_was(rows: dict[str, Record], root: Path) -> None:
    assert not list((root / "subs").rglob("__pycache__"))
    assert not list((root / "subs").rglob("data"))


def test_names_are_made_safe_and_the_original_is_kept(rows: dict[str, Record]) -> None:
    names = {name: rows[name].submission.name for name in ("train (1).py", "with-hyphens.py", "数字.py")}
    assert names == {"train (1).py": "train_1", "with-hyphens.py": "with-hyphens", "数字.py": "数字"}
