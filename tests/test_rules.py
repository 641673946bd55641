"""Rules of size, shape and processes: what breaks one is told in one line, with figure, limit and remedy."""

from __future__ import annotations

import errno
import socket
import urllib.error
from pathlib import Path

import msgspec
import pytest
from sessions import GOOD, IMPORTS, MODEL, command, loop, session, write

from grader.contract.budget import Budget
from grader.contract.events import Ready
from grader.contract.isolation import Isolation
from grader.contract.record import Record
from grader.contract.status import Phase, Status
from grader.contract.submission import Submission
from grader.contract.task import Task
from grader.contract.trial import Device, Limits, Trial
from grader.host.check import findings
from grader.worker.refusal import failure

LIMITS = 'submission = "8 KiB", parameters = 2000, load = 5, train = 5, predict = 1'
PARAMETERS = 64 * 16 + 16 + 16 * 10 + 10  # of the model of these submissions
INVALID, LOAD, TRAIN = Status.INVALID, Phase.LOAD, Phase.TRAIN

DATA = "[(torch.zeros(64), 0)] * 8"
WIDE = MODEL.replace("16", "32")
FORGED = IMPORTS + WIDE + "\n\nfrom grader.contract.trial import Limits\nLimits.too_many = lambda *_: ''\n"
REMEDY = "or run with --allow-subprocess (needs --isolation strict)"

REFUSED: dict[str, tuple[str, Phase, str]] = {
    # --- sizes ---
    "big.py": (
        GOOD + "#" * 8192,
        LOAD,
        f"subs/big.py takes {len(GOOD) + 8192:,} bytes (8.3 KiB), at most 8,192 bytes (8 KiB) are allowed "
        "(limits.submission): submissions hold code, not data or weights",
    ),
    "wide.py": (
        IMPORTS + WIDE,
        LOAD,
        "the model has 2,410 parameters, at most 2,000 are allowed (limits.parameters)",
    ),
    "forged.py": (
        FORGED,
        LOAD,
        "the model has 2,410 parameters, at most 2,000 are allowed (limits.parameters)",
    ),
    # --- processes ---
    "workers.py": (
        loop(f"loader = torch.utils.data.DataLoader({DATA}, batch_size=4, num_workers=2)"),
        TRAIN,
        "DataLoader(num_workers=2) starts processes, which are off: use num_workers=0 (train_loader is fast "
        f"without), {REMEDY} (workers.py, line 23)",
    ),
    "by_position.py": (
        loop(f"torch.utils.data.DataLoader({DATA}, 4, False, None, None, 3)"),
        TRAIN,
        "DataLoader(num_workers=3) starts processes",
    ),
    "compiles.py": (
        loop("model = torch.compile(model)\nfor x, y in train_loader: model(x)"),
        TRAIN,
        "torch.compile(…) starts compiler processes, which are off: leave it out, "
        f"{REMEDY} (compiles.py, line 23)",
    ),
    "compiles_itself.py": (loop("model.compile()"), TRAIN, "(compiles_itself.py, line 23)"),
    "compiles_a_function.py": (
        IMPORTS + "\n\n@torch.compile\ndef double(x):\n    return x + x\n" + MODEL,
        LOAD,
        "(compiles_a_function.py, line 8)",
    ),
    "process.py": (
        loop("import multiprocessing\nmultiprocessing.Process(target=print).start()"),
        TRAIN,
        "multiprocessing.Process.start() starts processes, which are off: use threads or none, "
        f"{REMEDY} (process.py, line 24)",
    ),
    "spawned.py": (
        loop("import torch.multiprocessing as mp\nmp.get_context('spawn').Process(target=print).start()"),
        TRAIN,
        "multiprocessing.Process.start() starts processes",
    ),
    "pool.py": (
        loop("import multiprocessing\nwith multiprocessing.Pool(2) as pool: pool.map(abs, [1])"),
        TRAIN,
        "multiprocessing.Pool(…) starts processes, which are off: use threads or none",
    ),
    "executor.py": (
        loop(
            "from concurrent.futures import ProcessPoolExecutor\n"
            "with ProcessPoolExecutor(2) as pool: pool.submit(abs, 1).result()"
        ),
        TRAIN,
        "ProcessPoolExecutor(…) starts processes, which are off",
    ),
    "runs.py": (
        loop("import subprocess\nsubprocess.run(['true'])"),
        TRAIN,
        f"subprocess.Popen(…) starts processes, which are off: use threads or none, {REMEDY} "
        "(runs.py, line 24)",
    ),
    "forks.py": (loop("import os\nos.fork()"), TRAIN, "os.fork() starts processes"),
    "shell.py": (loop("import os\nos.system('true')"), TRAIN, "os.system(…) starts processes"),
}

PROBES = """
import ctypes.util, platform, subprocess
assert platform.platform() and platform.processor() == ""  # asks `uname`, and does without
ctypes.util.find_library("m")  # asks the compiler
try:
    subprocess.run(["true"])
except OSError as error:
    assert isinstance(error, PermissionError)
"""
THREADS = """
import multiprocessing.dummy, queue
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool
with ThreadPoolExecutor(2) as pool:
    assert list(pool.map(abs, [-1, -2])) == [1, 2]
with ThreadPool(2) as pool:
    assert pool.map(abs, [-1, -2]) == [1, 2]
loader = torch.utils.data.DataLoader([1, 2], batch_size=2, num_workers=0)
assert [batch.tolist() for batch in loader] == [[1, 2]]
torch.compile(model, disable=True)
"""
SLOW_PREDICT = GOOD + (
    "\n\n@hookimpl\ndef predict(model, inputs):\n    import time\n    time.sleep(3 * (len(inputs) > 200))\n"
    "    return model(inputs)\n"
)
FINE = {"good.py": GOOD, "probes.py": loop(PROBES), "threads.py": loop(THREADS)}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rules")


@pytest.fixture(scope="module")
def rows(root: Path, places: Path) -> dict[str, Record]:
    """The records of all submissions, from one session, by file name."""
    sources = {name: source for name, (source, _, _) in REFUSED.items()}
    write(root / "subs", sources | FINE | {"slow_predict.py": SLOW_PREDICT})
    write(root / "subs", {"folder/__init__.py": GOOD, "folder/table.csv": "1," * 4096})
    return session(root, places, limits=LIMITS, isolation="rlimit")


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_breaks_a_rule_is_invalid_in_one_line(rows: dict[str, Record], name: str) -> None:
    row, (_, phase, words) = rows[name], REFUSED[name]
    assert (row.status, row.phase) == (INVALID, phase), row.reason
    assert words in row.reason
    assert row.reason.isprintable()
    assert "torch/" not in row.detail


@pytest.mark.parametrize("name", sorted(FINE))
def test_what_keeps_the_rules_is_scored(rows: dict[str, Record], name: str) -> None:
    assert (rows[name].status, rows[name].reason) == (Status.OK, "")
    model = rows[name].model
    assert model is not None
    assert model.parameters == PARAMETERS


def test_what_is_refused_is_refused_at_once(rows: dict[str, Record]) -> None:
    assert all((rows[name].timing.train_seconds or 0) < 2 for name in REFUSED)


def test_the_data_of_a_folder_count(rows: dict[str, Record]) -> None:
    assert rows["folder"].status is INVALID
    assert rows["folder"].reason.startswith(
        f"subs/folder takes {len(GOOD) + 8192:,} bytes (8.3 KiB), at most"
    )


def test_a_slow_predict_is_a_timeout_with_the_limit_and_its_name(rows: dict[str, Record]) -> None:
    row = rows["slow_predict.py"]
    assert (row.status, row.phase) == (Status.TIMEOUT, Phase.PREDICT)
    assert row.reason == "killed after 1 s of predicting (limits.predict)"


def test_list_tells_of_what_is_too_large(rows: dict[str, Record], root: Path, places: Path) -> None:
    listed = command("list", "subs/big.py", "subs/good.py", cwd=root, places=places)
    assert listed.returncode == 1
    assert f"invalid: {REFUSED['big.py'][2]}" in listed.stdout.splitlines()


def test_check_tells_of_the_rules(rows: dict[str, Record], trial: Trial) -> None:
    limits = Limits(submission=8192, parameters=2000)

    def said(name: str, size: int) -> list[tuple[str, bool | None, str]]:
        sized = msgspec.structs.replace(trial.submission, size=size)
        checked = msgspec.structs.replace(trial, submission=sized, limits=limits)
        return [(each.rule, each.passed, each.said) for each in findings(checked, rows[name])]

    assert said("good.py", 276)[0] == ("size of its files", True, "276 of at most 8,192 bytes")
    assert said("big.py", 8468)[0] == ("size of its files", False, REFUSED["big.py"][2])
    built = "built, and gives the task's shape"
    assert said("good.py", 276)[2] == (
        built,
        True,
        "1,210 of at most 2,000 parameters, (10,) a sample, float32",
    )
    assert said("wide.py", 276)[2] == (built, False, REFUSED["wide.py"][2])


# --- what the confinement says no to ---


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    submission = Submission(
        name="mine", path=str(tmp_path / "mine.py"), display="mine.py", entry=str(tmp_path / "mine.py"),
        package=False, files=("mine.py",), digest="0" * 64,
    )  # fmt: skip
    task = Task(
        name="digits", title="", kind="multiclass", input_shape=(64,), input_dtype="uint8",
        classes=tuple("0123456789"), metric="accuracy", budget="1 epoch",
    )  # fmt: skip
    return Trial(
        submission=submission, task=task, budget=Budget(steps=1), seed=0, device=Device(kind="cpu"), threads=1
    )


def judged(error: BaseException, trial: Trial, level: Isolation) -> tuple[Status, str]:
    event = failure(error, msgspec.structs.replace(trial, isolation=level), "training")
    return event.status, event.reason


DENIED = PermissionError(errno.EACCES, "Permission denied", "/x/y")
FORBIDDEN = PermissionError(errno.EPERM, "Operation not permitted")
UNNAMED = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


def behind(error: BaseException) -> BaseException:
    """As urllib raises it: another error over the system's."""
    try:
        try:
            raise error
        except OSError as cause:
            raise urllib.error.URLError(cause) from None
    except urllib.error.URLError as another:
        return another


@pytest.mark.parametrize("level", [Isolation.STRICT, Isolation.LANDLOCK])
def test_a_file_out_of_reach_is_a_violation_that_says_what_is_in_reach(
    trial: Trial, level: Isolation
) -> None:
    assert judged(DENIED, trial, level) == (
        Status.VIOLATION,
        "PermissionError while training: [Errno 13] Permission denied: '/x/y': the confinement lets a "
        "submission read its own files and the libraries, and write to its current folder only "
        f"(isolation {level})",
    )


@pytest.mark.parametrize("level", [Isolation.STRICT, Isolation.LANDLOCK, Isolation.WEAK])
@pytest.mark.parametrize(
    ("error", "text"),
    [
        (FORBIDDEN, "PermissionError while training: [Errno 1] Operation not permitted"),
        (behind(FORBIDDEN), "URLError while training: <urlopen error [Errno 1] Operation not permitted>"),
        (behind(UNNAMED), "URLError while training: <urlopen error [Errno -3] Temporary failure in name"),
    ],
)
def test_a_forbidden_call_is_a_violation_wherever_seccomp_is(
    trial: Trial, level: Isolation, error: BaseException, text: str
) -> None:
    status, reason = judged(error, trial, level)
    assert status is Status.VIOLATION
    assert reason.startswith(text)
    assert reason.endswith(
        ": the confinement lets a submission start no processes, open no sockets, signal nobody and change "
        f"no modes of files (isolation {level})"
    )


@pytest.mark.parametrize(
    ("error", "level"),
    [
        (DENIED, Isolation.RLIMIT),
        (DENIED, Isolation.WEAK),  # an ordinary lack of rights: no layer there looks at files
        (FORBIDDEN, Isolation.RLIMIT),
        (PermissionError("said by the submission itself"), Isolation.STRICT),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "/x/y"), Isolation.STRICT),
        (urllib.error.URLError("no host given"), Isolation.STRICT),
    ],
)
def test_what_no_layer_forbade_is_a_crash(trial: Trial, error: BaseException, level: Isolation) -> None:
    status, reason = judged(error, trial, level)
    assert status is Status.CRASHED
    assert "confinement" not in reason


def test_the_longest_text_of_the_system_leaves_room_for_ours(trial: Trial) -> None:
    _, reason = judged(
        PermissionError(errno.EACCES, "Permission denied", "/x" * 5000), trial, Isolation.STRICT
    )
    assert reason.endswith("(isolation strict)")
    assert len(reason) < 600


def test_other_parameters_than_a_count_are_no_event() -> None:
    model = {"parameters": -1, "trainable": 1, "structure": ""}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"type": "ready", "model": model, "isolation": "rlimit"}, Ready)


def test_limits_name_the_figure_and_themselves() -> None:
    assert Limits().too_many(10**12) == ""
    assert Limits(parameters=10).too_many(10) == ""
    assert "has 11 parameters, at most 10" in Limits(parameters=10).too_many(11)
