"""`grader.run` and `grader.records`: the same session as the command's, from Python."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sessions import GOOD, at_home, command, loop, write

import grader
from grader.contract.record import Record
from grader.contract.status import Status
from grader.host.store import Store

BAD = loop("raise ValueError('no good')")

PLUGIN = """\
'''A task of stripes, a metric and a column.'''

from grader import Task, hookimpl
from grader.contract.task import Arrays, TaskDefinition

TASK = Task(
    name="stripes", title="Stripes, across or along", kind="multiclass", input_shape=(1, 4, 4),
    input_dtype="uint8", classes=("across", "along"), metric="accuracy", budget="5 epochs", batch_size=16,
)


def prepare(places):
    import numpy as np

    random = np.random.default_rng(0)
    targets = random.integers(0, 2, 200)
    images = np.zeros((200, 1, 4, 4), np.uint8)
    for image, target in zip(images, targets):
        stripe = random.integers(0, 4)
        image[0][(slice(None), stripe) if target else (stripe, slice(None))] = 255
    return Arrays(images[:150], targets[:150], images[150:], targets[150:], source="made up")


@hookimpl
def grader_register_tasks():
    return [TaskDefinition(task=TASK, fingerprint=lambda places: "stripes 1", prepare=prepare)]


@hookimpl
def grader_metrics(task, logits, targets):
    return {"share_along": float((logits.argmax(1) == 1).mean())}


@hookimpl
def grader_columns(task):
    return ["share_along"]
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("api"), {"subs/good.py": GOOD, "subs/bad.py": BAD})


@pytest.fixture(scope="module")
def records(root: Path, places: Path) -> list[Record]:
    with at_home(root, places):
        return grader.run("subs", budget="5 steps", seeds=[0, 3], device="cpu", leaderboard="board")


def test_run_returns_a_record_for_each_trial(records: list[Record]) -> None:
    assert [(r.submission.name, r.seed, r.status) for r in records] == [
        ("bad", 0, Status.CRASHED),
        ("bad", 3, Status.CRASHED),
        ("good", 0, Status.OK),
        ("good", 3, Status.OK),
    ]


def test_records_reads_back_what_run_returned(records: list[Record], root: Path) -> None:
    found = grader.records(root / "board")
    assert sorted(found, key=str) == sorted(records, key=str)


def test_records_warns_of_files_that_are_none(records: list[Record], root: Path) -> None:
    broken = root / "board" / "records" / "digits" / "broken.json"
    broken.write_text("{", encoding="utf-8")
    try:
        with pytest.warns(UserWarning, match="truncated, or no JSON"):
            assert len(grader.records(root / "board")) == 4
    finally:
        broken.unlink()


def test_run_prints_nothing_works_in_a_thread_and_gives_the_same(
    records: list[Record], root: Path, places: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    result: list[Record] = []

    def work() -> None:
        result.extend(grader.run(Path("subs"), budget="5 steps", seeds="0,3", leaderboard="another"))

    with at_home(root, places):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert [r.metrics for r in result] == [r.metrics for r in records]
    assert capfd.readouterr() == ("", "")


def test_the_command_gives_the_same_metrics(records: list[Record], root: Path, places: Path) -> None:
    arguments = ("run", "subs", "--budget", "5 steps", "--seeds", "0,3", "--leaderboard", "commanded")
    assert command(*arguments, cwd=root, places=places).returncode == 1
    found, _ = Store(root / "commanded").read()
    key = {(r.submission.name, r.seed): (r.metrics, r.reason, r.usage.samples) for r in found}
    assert key == {(r.submission.name, r.seed): (r.metrics, r.reason, r.usage.samples) for r in records}


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"task": "digit"}, "did you mean digits"),
        ({"budget": "-1s"}, "above zero"),
        ({"device": "gpu"}, "did you mean cuda"),
        ({"seeds": 0}, "1 to 10,000 seeds"),
        ({"plugins": ["not_there"]}, "not_there"),
    ],
)
def test_a_mistake_is_an_error_of_one_line(
    root: Path, places: Path, wishes: dict[str, object], words: str
) -> None:
    with at_home(root, places), pytest.raises(grader.GraderError, match=words) as caught:
        grader.run("subs", **wishes)  # type: ignore[arg-type]
    assert len(str(caught.value).splitlines()) == 1


def test_a_plugin_s_task_metric_and_column_work_end_to_end(
    tmp_path: Path, places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"stripes_plugin.py": PLUGIN, "subs/good.py": GOOD})
    monkeypatch.syspath_prepend(tmp_path)
    with at_home(tmp_path, places):
        [record] = grader.run("subs", task="stripes", plugins=["stripes_plugin"], device="cpu")
    assert (record.status, record.reason, record.budget) == (Status.OK, "", "5 epochs")
    assert record.task.classes == ("across", "along")
    assert record.usage.samples == 5 * 150
    assert 0 <= record.metrics["share_along"] <= 1
    board = (tmp_path / "leaderboard" / "README.md").read_text(encoding="utf-8")
    assert "share" in board
    assert f"{record.metrics['share_along']:.2f}"[:3] in board
