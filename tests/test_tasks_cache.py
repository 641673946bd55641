"""The cache of prepared tasks: whole or not there, whatever happens to the processes that fill it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import OpenTask

from grader.contract.errors import CacheUnusable, PreparerFailed, TaskUnavailable
from grader.host.data import cache_root, data_places

PLUGIN = """
import os, signal, time
from pathlib import Path
import numpy as np
from grader import Task, hookimpl
from grader.contract.task import Arrays, TaskDefinition

HERE = Path(__file__).parent

def prepare(places):
    with open(HERE / "prepared.txt", "a") as file:
        file.write("once\\n")
    {body}
    inputs = np.zeros((40, 3), np.float32)
    return Arrays(inputs, np.arange(40) % 2, inputs[:6], np.arange(6) % 2)

@hookimpl
def grader_register_tasks():
    task = Task(name="toy", title="Toy", kind="binary", input_shape=(3,), input_dtype="float32",
                classes=("no", "yes"), metric="accuracy", budget="1 epoch")
    return [TaskDefinition(task=task, fingerprint=lambda places: "1", prepare=prepare)]
"""

HOST = """
import sys
from pathlib import Path
from grader.contract.errors import GraderError
from grader.contract.task import DataPlaces
from grader.host.data import open_task
from grader.plugins import TASKS, harness_manager, task_definitions
sys.path.insert(0, sys.argv[1])
sys.stdin.readline()
cache, name = Path(sys.argv[2]), sys.argv[4]
modules = [module for module in sys.argv[3].split(",") if module]
definition = task_definitions(harness_manager(modules, TASKS), {})[name]
try:
    with open_task(definition, DataPlaces(None, cache / "downloads"), cache, {}, modules) as prepared:
        print(prepared.task.digest)
except GraderError as error:
    print("error:", error)
print("heavy:", [name for name in ("torch", "torchvision", "sklearn", "PIL") if name in sys.modules])
"""


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a plugin module `toy_tasks`, which registers the task `toy`."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "toy_tasks", raising=False)
    write_toy(folder / "toy_tasks.py")
    return folder / "toy_tasks.py"


def write_toy(file: Path, body: str = "") -> None:
    file.write_text(PLUGIN.replace("{body}", body))


def host(folder: Path, cache: Path, modules: str, task: str, **env: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOST, str(folder), str(cache), modules, task]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=os.environ | env)


def entry_of(cache: Path, name: str) -> Path:
    (entry,) = (path for path in (cache / "tasks").glob(f"{name}-*") if path.is_dir())
    return entry


def calls(toy: Path) -> int:
    return len((toy.parent / "prepared.txt").read_text().split())


def test_the_host_prepares_and_loads_without_torch(tmp_path: Path) -> None:
    out, _ = host(tmp_path, tmp_path / "cache", "", "digits").communicate("go\n", timeout=60)
    digest, heavy = out.splitlines()
    assert len(digest) == 64
    assert heavy == "heavy: []"


def test_only_the_user_may_read_the_test_targets(open_named_task: OpenTask, cache: Path, toy: Path) -> None:
    open_named_task("toy", modules=["toy_tasks"])
    entry = entry_of(cache, "toy")
    assert stat.S_IMODE(entry.stat().st_mode) == 0o700
    assert stat.S_IMODE((entry / "test_targets.bin").stat().st_mode) == 0o600


def test_training_files_are_sealed_and_made_once(open_named_task: OpenTask, toy: Path) -> None:
    prepared = open_named_task("toy", modules=["toy_tasks"])
    (info, fd), (_, targets) = prepared.train_files()
    assert (info.name, info.dtype, info.shape) == ("train_inputs", "float32", (40, 3))
    assert prepared.train_files()[0][1] == fd
    for descriptor in (fd, targets):
        with pytest.raises(PermissionError):
            os.pwrite(descriptor, b"x", 0)
    prepared.close()
    with pytest.raises(ValueError, match="closed"):
        prepared.train_files()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


def test_a_task_is_prepared_once_and_its_digest_is_stable(
    open_named_task: OpenTask, cache: Path, toy: Path
) -> None:
    first = open_named_task("toy", modules=["toy_tasks"]).task
    assert open_named_task("toy", modules=["toy_tasks"]).task == first
    assert calls(toy) == 1
    cache.rename(cache.with_name("elsewhere"))
    assert open_named_task("toy", modules=["toy_tasks"]).task == first
    assert calls(toy) == 2


def test_two_runs_that_start_at_once_prepare_once(tmp_path: Path, toy: Path) -> None:
    write_toy(toy, "time.sleep(1)")
    runs = [host(toy.parent, tmp_path / "cache", "toy_tasks", "toy") for _ in range(2)]
    for run in runs:
        assert run.stdin is not None
        run.stdin.write("go\n")
        run.stdin.flush()
    results = [run.communicate(timeout=60) for run in runs]
    digests = {out.splitlines()[0] for out, _ in results}
    assert len(digests) == 1
    assert len(digests.pop()) == 64
    assert calls(toy) == 1
    assert any("waiting for another run that prepares toy" in err for _, err in results)


def test_a_preparer_killed_while_it_writes_leaves_nothing_broken(
    open_named_task: OpenTask, cache: Path, toy: Path
) -> None:
    kill_at_second_sync = """
    from grader.tasks import entry
    counted = iter(range(9))
    entry.os.fsync = lambda fd: next(counted) and os.kill(os.getpid(), signal.SIGKILL)
    """
    write_toy(toy, kill_at_second_sync)
    with pytest.raises(TaskUnavailable, match=r"ended by SIGKILL; it may have run out of memory") as caught:
        open_named_task("toy", modules=["toy_tasks"])
    assert "\n" not in str(caught.value)
    (left,) = (path.name for path in (cache / "tasks").iterdir() if path.is_dir())
    assert ".tmp-" in left
    write_toy(toy)
    open_named_task("toy", modules=["toy_tasks"])
    (entry,) = (path.name for path in (cache / "tasks").iterdir() if path.is_dir())
    assert entry == left.split(".tmp-")[0]


def test_a_killed_host_neither_blocks_nor_breaks_the_next_run(
    open_named_task: OpenTask, cache: Path, toy: Path
) -> None:
    write_toy(toy, "time.sleep(1)")
    run = host(toy.parent, cache, "toy_tasks", "toy")
    assert run.stdin is not None
    run.stdin.write("go\n")
    run.stdin.flush()
    while not (toy.parent / "prepared.txt").exists():
        time.sleep(0.02)
        assert run.poll() is None
    run.kill()
    open_named_task("toy", modules=["toy_tasks"])
    run.communicate()
    assert calls(toy) == 1, "its preparer went on, and the next run waited for it"


@pytest.mark.parametrize("harm", ["flip", "cut", "remove", "manifest"])
def test_a_damaged_entry_is_prepared_anew(
    open_named_task: OpenTask, cache: Path, toy: Path, harm: str
) -> None:
    digest = open_named_task("toy", modules=["toy_tasks"]).task.digest
    entry = entry_of(cache, "toy")
    file = entry / ("manifest.json" if harm == "manifest" else "train_inputs.bin")
    if harm == "remove":
        file.unlink()
    elif harm == "cut":
        os.truncate(file, 5)
    elif harm == "flip":
        file.write_bytes(b"\1" + file.read_bytes()[1:])
    else:
        file.write_bytes(file.read_bytes().replace(b'"yes"', b'"YES"'))
    assert open_named_task("toy", modules=["toy_tasks"]).task.digest == digest
    assert calls(toy) == 2
    assert not list((cache / "tasks").glob("*.tmp-*"))


def test_damage_that_stays_ends_in_one_line(open_named_task: OpenTask, toy: Path) -> None:
    write_toy(toy, "from grader.tasks import entry; entry.task_digest = lambda *a: '0' * 64")
    with pytest.raises(
        CacheUnusable, match=r"toy: .* does not read back as it was written .* check the disk"
    ):
        open_named_task("toy", modules=["toy_tasks"])


def test_changed_defaults_need_no_new_preparation(open_named_task: OpenTask, toy: Path) -> None:
    open_named_task("toy", modules=["toy_tasks"])
    toy.write_text(toy.read_text().replace("1 epoch", "7 epochs"))
    sys.modules.pop("toy_tasks")
    assert open_named_task("toy", modules=["toy_tasks"]).task.budget == "7 epochs"
    assert calls(toy) == 1


def test_an_unwritable_cache_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    out, err = host(tmp_path, tmp_path / "file" / "cache", "", "digits").communicate("go\n", timeout=60)
    assert out.startswith(
        f"error: cannot write the cache {tmp_path}/file/cache/tasks (Not a directory); free space"
    )
    assert "Traceback" not in err


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    # A limit on file sizes stands in for the disk: the write fails half-way in the same way.
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n{HOST}"
    command = [sys.executable, "-c", limit, str(tmp_path), str(tmp_path / "cache"), "", "digits"]
    done = subprocess.run(command, input="go\n", capture_output=True, text=True, timeout=60, check=True)
    assert "(File too large); free space there, make it writable, or set GRADER_CACHE" in done.stdout
    assert "Traceback" not in done.stderr
    assert not [path for path in (tmp_path / "cache" / "tasks").iterdir() if path.is_dir()]


FEW = "np.zeros((4, 3), np.float32)"


@pytest.mark.parametrize(
    ("inputs", "targets", "problem"),
    [
        ("np.zeros((0, 3), np.float32)", "np.zeros(0, np.int64)", "there are no samples"),
        ("np.zeros((4, 3))", "np.arange(4) % 2", "inputs are float64, the task says float32"),
        ("np.zeros((4, 2), np.float32)", "np.arange(4) % 2", "inputs are of shape (2,)"),
        (FEW, "np.zeros(5, np.int64)", "4 inputs for 5 targets"),
        (FEW, "np.zeros(4)", "targets are float64 (4,), not int64"),
        (FEW, "np.arange(4)", "a target is 2, but classes go from 0 to 1"),
        (f"{FEW} / np.float32(0)", "np.arange(4) % 2", "an input is NaN"),
    ],
)
def test_arrays_that_break_the_contract_are_refused(
    open_named_task: OpenTask, toy: Path, inputs: str, targets: str, problem: str
) -> None:
    write_toy(toy, f"return Arrays({inputs}, {targets}, {inputs}, {targets})")
    with pytest.raises(TaskUnavailable) as caught:
        open_named_task("toy", modules=["toy_tasks"])
    assert str(caught.value).startswith("toy: its training data cannot be used: ")
    assert problem in str(caught.value)


def test_a_bug_in_a_plugin_keeps_its_traceback_for_stderr(
    open_named_task: OpenTask, toy: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_toy(toy, 'print("noise on stdout"); raise ValueError("two\\nlines")')
    with pytest.raises(PreparerFailed) as caught:
        open_named_task("toy", modules=["toy_tasks"])
    assert str(caught.value) == (
        "toy: preparing its data failed (ValueError: two lines); the traceback is on stderr"
    )
    captured = capfd.readouterr()
    assert "Traceback" in captured.err
    assert "noise on stdout" in captured.err
    assert not captured.out


def test_places_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from grader.host.config import Config

    monkeypatch.setenv("GRADER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GRADER_DATA", str(tmp_path / "data"))
    assert data_places(Config(root=tmp_path)).data == tmp_path / "data"
    assert data_places(Config(root=tmp_path, data=tmp_path / "own")).data == tmp_path / "own"
    assert data_places(Config(root=tmp_path)).downloads == tmp_path / "cache" / "downloads"
    monkeypatch.delenv("GRADER_CACHE")
    monkeypatch.delenv("GRADER_DATA")
    assert data_places(Config(root=tmp_path)).data is None
    assert cache_root().name == "grader"
