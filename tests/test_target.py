"""The time to a target: snapshots of the weights, taken, stamped and predicted by the host.

Honest submissions and those that cheat run in one session with a target, the honest ones in a second
without, and a third has hardly any room for snapshots. Each test reads the row of its own file.
"""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from factories import failed, record
from sessions import GOOD, LOOP, at_home, command, loop, session, write

import grader
from grader.contract import memory
from grader.contract.budget import Budget
from grader.contract.errors import UsageError
from grader.contract.events import MAX_SNAPSHOTS, Snapshot, Taken
from grader.contract.record import Record, TestPoint
from grader.contract.status import Status
from grader.contract.target import Target
from grader.host.lines import scores
from grader.host.rank import standings
from grader.host.settings import make_config
from grader.host.show import render
from grader.host.snapshots import Snapshots
from grader.host.target import time_to_target
from grader.host.track import reuse_key, track
from grader.host.workers import PhaseEnded
from grader.worker.budget import RunningBudget
from grader.worker.snapshots import Snapshots as Handing

BUDGET = "6 epochs"
EACH = "while True:\n    for x, y in train_loader:\n        step(model, optimizer, x, y)"

# a model that counts its training steps in a buffer, 23 an epoch: by it snapshots can be told apart
COUNTING = LOOP.replace("nn.Sequential(nn.Flatten(), first, nn.ReLU(), last)", "Net(first, last)") + (
    """

class Net(nn.Module):
    def __init__(self, first, last):
        super().__init__()
        self.first, self.last = first, last
        self.register_buffer("age", torch.zeros(()))

    def forward(self, x):
        self.age += self.training
        return self.last(F.relu(self.first(x.flatten(1))))
"""
)


def counting(predict: str) -> str:
    """A submission with that model, trained by the default loop, and a `predict` of this body."""
    indented = "\n".join(f"    {line}" for line in predict.strip("\n").splitlines())
    return f"import os\n{COUNTING}\nkept = []\n\n\n@hookimpl\ndef predict(model, inputs):\n{indented}\n"


# the descriptor of the memory file of a name, in the process that looks
FIND = (
    "import os\ndef find(name):\n    for fd in range(4, 99):\n        try:\n"
    "            if f'memfd:{name} ' in os.readlink(f'/proc/self/fd/{fd}'): return fd\n"
    "        except OSError: pass\n"
)

HONEST = {
    "default.py": GOOD,
    "counting.py": COUNTING,
    "batchnorm.py": GOOD.replace("nn.ReLU()", "nn.BatchNorm1d(16), nn.ReLU()"),
    "dropout.py": GOOD.replace("nn.ReLU()", "nn.Dropout(0.2), nn.ReLU()"),
    "next_iter.py": loop(
        "while True:\n    x, y = next(iter(train_loader))\n    step(model, optimizer, x, y)"
    ),
    "tensors.py": loop(
        "x, y = train_data.inputs, train_data.targets\nwhile True:\n    i = torch.randint(len(x), (64,))\n"
        "    budget.step(64)\n    step(model, optimizer, x[i], y[i])",
        "model, train_data, budget",
    ),
    "looks.py": loop(f"{FIND}print('a file for snapshots:', find('snapshot') is not None)\n{EACH}"),
}
ODD = {
    "returns_another.py": loop(
        "import copy\nother = copy.deepcopy(model)\n"
        "optimizer = torch.optim.Adam(other.parameters(), lr=0.01)\n"
        "for _ in range(6):\n    for x, y in train_loader: step(other, optimizer, x, y)\nreturn other"
    ),
    "ends_by_itself.py": loop(
        "for _ in range(3):\n    for x, y in train_loader: step(model, optimizer, x, y)"
    ),
    "nan_for_a_while.py": loop(
        "for epoch in range(6):\n    for i, (x, y) in enumerate(train_loader):\n"
        "        step(model, optimizer, x, y)\n        if (epoch, i) == (1, 22):\n"
        "            kept = model[1].weight.detach().clone()\n"
        "            model[1].weight.data.fill_(torch.nan)\n"
        "    if epoch == 1: model[1].weight.data.copy_(kept)"
    ),
    "not_to_be_saved_yet.py": loop(
        "hook = model._register_state_dict_hook(lambda _, state, *args: state.update(words='of mine'))\n"
        "for epoch in range(6):\n    for x, y in train_loader: step(model, optimizer, x, y)\nhook.remove()"
    ),
    "crashes_at_the_second.py": counting("if 40 < model.age < 60: 1 / 0\nreturn model(inputs)"),
}
CHEATS = {
    # knows every snapshot that it was given, and predicts with the oldest
    "remembers_later_ones.py": counting(
        "import copy\nkept.append(copy.deepcopy(model))\n"
        "return max(kept, key=lambda each: float(each.age))(inputs)"
    ),
    # writes what the last snapshot says into the outputs of all before
    "rewrites_outputs.py": counting(
        f"{FIND}fd = find('logits')\nif fd is not None: kept.append(os.dup(fd))\n"
        "outputs = model(inputs)\nfor fd in kept[:-1]: os.pwrite(fd, outputs.numpy().tobytes(), 0)\n"
        "return outputs"
    ),
    # an epoch without training; then the trained weights into the file that the host copied from
    "rewrites_a_snapshot.py": loop(
        f"{FIND}import mmap, safetensors.torch\nfor x, y in train_loader: pass\n"
        "file = mmap.mmap(find('snapshot'), 0)\n"
        "optimizer = torch.optim.Adam(model.parameters(), lr=0.01)\n"
        "for _ in range(5):\n    for x, y in train_loader: step(model, optimizer, x, y)\n"
        "data = safetensors.torch.save(model.state_dict())\nassert len(data) == len(file)\nfile[:] = data"
    ),
    "tells_of_more_than_there_is.py": loop(
        'import os, time\nos.write(3, b\'{"type":"snapshot","bytes":5000,"epoch":1}\\n\')\ntime.sleep(9)'
    ),
    "tells_of_nothing.py": loop(
        'import os, time\nos.write(3, b\'{"type":"snapshot","bytes":0,"epoch":1}\\n\')\ntime.sleep(9)'
    ),
    "floods.py": loop(
        "import os, time\nfor x, y in train_loader: pass\n"
        'os.write(3, b\'{"type":"snapshot","bytes":100,"epoch":1}\\n\' * 60)\ntime.sleep(9)'
    ),
    "answers_itself.py": "from grader.worker.snapshots import Snapshots\nSnapshots._due = lambda self: True\n"
    "Snapshots._more = property(lambda self: True, lambda self, value: None)\n"
    + loop("while True:\n    for x, y in train_loader: budget.epoch_ended()", "train_loader, model, budget"),
}
UNASKED = CHEATS["tells_of_nothing.py"]


def run(tmp: Path, places: Path, sources: dict[str, str], **wishes: Any) -> dict[str, Record]:
    return session(write(tmp, {f"subs/{n}": s for n, s in sources.items()}), places, BUDGET, **wishes)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("target")


@pytest.fixture(scope="module")
def rows(root: Path, places: Path) -> dict[str, Record]:
    """With a target."""
    return run(root, places, HONEST | ODD | CHEATS, target="accuracy=0.6")


@pytest.fixture(scope="module")
def plain_rows(tmp_path_factory: pytest.TempPathFactory, places: Path) -> dict[str, Record]:
    """Without."""
    sources = {**HONEST, **ODD, "unasked.py": UNASKED}
    return run(tmp_path_factory.mktemp("plain"), places, sources)


def accuracies(row: Record) -> list[float | None]:
    return [point.metrics.get("accuracy") for point in row.test_curve]


# --- what is asked for ---


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("accuracy=0.9", "accuracy=0.9"),
        (" Accuracy = 90 % ", "accuracy=0.9"),
        ("accuracy=93.3%", "accuracy=0.933"),
        ("accuracy=1", "accuracy=1"),
        ("loss=3e-1", "loss=0.3"),
        ("loss=.25", "loss=0.25"),
        ("mse=2900", "mse=2900"),
        ("mae=1e300", "mae=1e+300"),
        ("r2=-.5", "r2=-0.5"),
    ],
)
def test_a_target_has_one_text(text: str, canonical: str) -> None:
    target = Target.parse(text)
    assert str(target) == canonical
    assert Target.parse(str(target)) == target


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("accuracy", "cannot read the target 'accuracy'; write 'accuracy=0.9' or 'loss=0.3'"),
        ("accuracy=", "cannot read the target"),
        ("accuracy=nan", "cannot read the target"),
        ("accuracy=0.9, loss=1", "cannot read the target"),
        ("accuracy=90", "must lie between 0 and 1: write accuracy=0.9 or accuracy=90%"),
        ("accuracy=0", "must lie between 0 and 1"),
        ("accuracy=101%", "must lie between 0 and 1"),
        ("accuracy=1e99999999999999999%", "is no number that can be reached"),
        ("loss=1e999", "is no number that can be reached"),
        ("loss=-1", "must not be below 0"),
        ("loss=5%", "is a percentage, which loss is not: omit the %"),
        ("r2=1.5", "must be at most 1"),
        ("acuracy=0.9", "no metric 'acuracy' that a target may have; did you mean accuracy?"),
        ("qqq=0.9", "there are accuracy, loss, mse, mae, r2"),
    ],
)
def test_what_is_no_target_is_one_line(text: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        Target.parse(text)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_accuracy_and_r2_go_up_and_errors_down() -> None:
    for text in ("accuracy=0.5", "r2=0.5"):
        assert [Target.parse(text).reached(value) for value in (0.4, 0.5, 0.6)] == [False, True, True]
    for text in ("loss=0.5", "mse=0.5", "mae=0.5"):
        assert [Target.parse(text).reached(value) for value in (0.4, 0.5, 0.6)] == [True, True, False]


def test_it_is_a_key_and_the_caller_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert make_config().target is None
    table = '[tool.grader]\ntarget = "accuracy=95%"\nlimits.snapshots = "2 MiB"\n'
    (tmp_path / "pyproject.toml").write_text(table)
    assert make_config().target == Target("accuracy", 0.95)
    assert make_config().limits.snapshots == 2 << 20
    assert make_config(target="loss=0.3").target == Target("loss", 0.3)
    (tmp_path / "pyproject.toml").write_text("[tool.grader]\ntarget = 0.95\n")
    with pytest.raises(UsageError, match=r'target must be a text like "accuracy=0.9", not 0.95'):
        make_config()


def test_a_metric_that_a_task_has_not_is_told_before_anything_runs(tmp_path: Path, places: Path) -> None:
    write(tmp_path, {"subs/good.py": GOOD})
    with at_home(tmp_path, places):
        message = r"no target accuracy=0.9 for task 'diabetes': its metrics are loss, mse, mae, r2"
        with pytest.raises(UsageError, match=message):
            grader.run("subs", task=["digits", "diabetes"], target="accuracy=0.9", device="cpu")
        with pytest.raises(
            UsageError, match=r"no target r2=0.5 for task 'digits': its metrics are accuracy, loss"
        ):
            grader.run("subs", task="digits", target="r2=0.5", device="cpu")
    assert not (tmp_path / "leaderboard").exists()


# --- when it is reached ---


def curve(*values: float | None, metric: str = "accuracy") -> tuple[TestPoint, ...]:
    """A point each 0.1 seconds; None is one without metrics."""
    return tuple(
        TestPoint(seconds=at / 10, epoch=at, metrics={} if value is None else {metric: value})
        for at, value in enumerate(values, start=1)
    )


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        ((0.5, 0.91, 0.92, 0.93), 0.2),
        ((0.95, 0.5, 0.91, 0.92), 0.3),  # one alone is luck
        ((0.5, 0.9, 0.9), 0.2),
        ((0.5, 0.6, 0.95), None),  # the final weights alone
        ((0.5, 0.95, None, 0.95), None),
        ((0.95,), None),
        ((), None),
    ],
)
def test_two_successive_points_reach_it_at_the_time_of_the_first(
    values: tuple[float | None, ...], seconds: float | None
) -> None:
    row = record(target="accuracy=0.9", test_curve=curve(*values))
    assert time_to_target(row) == seconds
    said = "accuracy=0.9 not reached" if seconds is None else f"accuracy=0.9 in {seconds:.2f} s"
    assert scores(row).endswith(said)


def test_a_loss_reaches_it_from_above() -> None:
    row = record(target="loss=0.5", test_curve=curve(0.9, 0.5, 0.4, metric="loss"))
    assert time_to_target(row) == 0.2


def test_no_target_or_a_failed_trial_has_no_time() -> None:
    assert time_to_target(record(test_curve=curve(1, 1))) is None
    assert time_to_target(record(target="who knows", test_curve=curve(1, 1))) is None
    assert time_to_target(failed(target="accuracy=0.5", test_curve=curve(1, 1))) is None
    assert "target" not in scores(record())


# --- which records are compared ---


def test_keys_of_records_without_a_target_are_what_they_always_were() -> None:
    """Files of records are named by them, and evidence is tied by them."""
    assert reuse_key(record()).digest().startswith("f197e0be28d13fc6db7993f4856171b7")
    assert reuse_key(record(budget="10s")).digest().startswith("7d6ee31684a9ac8dd9dfa889b0e39e85")


def test_different_targets_are_different_tracks() -> None:
    made = [record(), record(target="accuracy=0.9"), record(target="accuracy=0.95")]
    assert len({track(each) for each in made}) == 3
    assert len({reuse_key(each).digest() for each in made}) == 3
    tables = standings(made).tables
    assert [table.track.asked for table in tables] == [
        "3 epochs", "3 epochs to accuracy=0.9", "3 epochs to accuracy=0.95"
    ]  # fmt: skip


def test_a_record_from_before_there_were_targets_still_reads() -> None:
    old = msgspec.to_builtins(record())
    del old["target"], old["test_curve"], old["timing"]["snapshots_seconds"]
    assert msgspec.convert(old, Record) == record()


def test_a_record_of_the_same_target_is_reused(rows: dict[str, Record], root: Path, places: Path) -> None:
    with at_home(root, places):
        (again,) = grader.run("subs/default.py", budget=BUDGET, target="accuracy=60%", device="cpu")
    assert again == rows["default.py"]
    asked = ("run", "subs/default.py", "--budget", BUDGET, "--dry-run")
    done = command(*asked, "--target", "accuracy=0.6", cwd=root, places=places)
    assert "done, its record is reused" in done.stdout
    assert "0 reused, 1 to run" in command(*asked, cwd=root, places=places).stdout
    other = command(*asked, "--target", "accuracy=0.61", cwd=root, places=places)
    assert "0 reused, 1 to run" in other.stdout


# --- the curve ---


@pytest.mark.parametrize("name", sorted(HONEST))
def test_the_curve_goes_along_the_training(rows: dict[str, Record], name: str) -> None:
    row = rows[name]
    assert (row.status, row.reason, row.notes) == (Status.OK, "", ())
    assert (row.target, len(row.test_curve)) == ("accuracy=0.6", 6)
    times = [point.seconds for point in row.test_curve]
    assert all(first < second for first, second in itertools.pairwise([0.0, *times]))
    assert times[-1] == row.timing.train_seconds
    assert [round(point.epoch) for point in row.test_curve] == [1, 2, 3, 4, 5, 6]
    assert row.test_curve[-1].metrics == row.metrics
    losses = [point.metrics["loss"] for point in row.test_curve]
    assert losses[0] > losses[2] > losses[-1]


@pytest.mark.parametrize("name", sorted(HONEST | ODD))
def test_what_comes_out_is_the_same_without_a_target(
    rows: dict[str, Record], plain_rows: dict[str, Record], name: str
) -> None:
    """Bit for bit: the losses of the training, the metrics, the steps."""
    one, other = rows[name], plain_rows[name]
    assert one.status is other.status is Status.OK
    assert (other.target, other.test_curve, other.timing.snapshots_seconds) == ("", (), None)
    assert one.metrics == other.metrics
    assert one.usage.steps == other.usage.steps
    assert [point.loss for point in one.curve] == [point.loss for point in other.curve]


def test_without_a_target_no_worker_has_a_file_for_snapshots(
    rows: dict[str, Record], plain_rows: dict[str, Record]
) -> None:
    assert "a file for snapshots: True" in rows["looks.py"].output
    assert "a file for snapshots: False" in plain_rows["looks.py"].output


def test_it_tells_the_time(rows: dict[str, Record], root: Path, places: Path) -> None:
    row = rows["batchnorm.py"]
    reached = time_to_target(row)
    assert reached is not None
    values = accuracies(row)
    at = next(i for i in range(5) if min(values[i] or 0, values[i + 1] or 0) >= 0.6)
    assert reached == row.test_curve[at].seconds
    shown = command("show", "batchnorm", cwd=root, places=places).stdout
    assert f"target      accuracy=0.6, reached in {reached:.2f} s" in shown
    assert "test curve (measured by the host)" in shown
    assert f"{100 * row.metrics['accuracy']:.2f}" in shown.partition("test curve")[2]


def test_not_reached_is_a_value(rows: dict[str, Record]) -> None:
    row = msgspec.structs.replace(rows["default.py"], target="accuracy=1")
    assert time_to_target(row) is None
    assert "accuracy=1, not reached" in render(row)


def test_the_curve_is_that_of_the_model_given(rows: dict[str, Record]) -> None:
    """Untrained here, and always the same: two that are the same are one."""
    first, last = accuracies(rows["returns_another.py"])
    assert first is not None
    assert last is not None
    assert first < 0.4 < 0.8 < last


def test_final_weights_and_a_last_snapshot_of_the_same_are_one_point(rows: dict[str, Record]) -> None:
    """Or a lucky last epoch would count twice."""
    row = rows["ends_by_itself.py"]
    assert [point.epoch for point in row.test_curve] == [1, 2, 3]
    assert row.test_curve[-1].seconds == row.timing.train_seconds


def test_outputs_that_are_not_finite_reach_nothing(rows: dict[str, Record]) -> None:
    row = rows["nan_for_a_while.py"]
    assert [bool(point.metrics) for point in row.test_curve] == [True, False, True, True, True, True]
    assert (row.status, row.notes) == (Status.OK, ())


def test_weights_that_cannot_be_saved_on_the_way_are_a_note(rows: dict[str, Record]) -> None:
    row = rows["not_to_be_saved_yet.py"]
    assert row.status is Status.OK
    assert len(row.test_curve) == 1
    assert "no snapshot was taken after epoch 1: the model cannot be saved" in row.notes[0]


def test_a_snapshot_that_cannot_be_predicted_is_a_note_and_ends_the_curve(rows: dict[str, Record]) -> None:
    """The final weights are no neighbours of those before the gap."""
    row = rows["crashes_at_the_second.py"]
    assert row.status is Status.OK
    assert row.metrics == rows["counting.py"].metrics
    (note,) = row.notes
    assert "4 of 5 snapshots could not be predicted: ZeroDivisionError while predicting with a snap" in note
    assert [bool(point.metrics) for point in row.test_curve] == [True, False, False, False, False, True]


# --- cheats ---


@pytest.mark.parametrize("name", ["remembers_later_ones.py", "rewrites_outputs.py"])
def test_what_is_learnt_of_later_weights_comes_too_late_for_earlier_ones(
    rows: dict[str, Record], name: str
) -> None:
    """Stopped by the order in which they are handed over, and by when outputs are read."""
    honest, cheat = rows["counting.py"], rows[name]
    assert (cheat.status, cheat.notes) == (Status.OK, ())
    assert [p.metrics for p in cheat.test_curve] == [p.metrics for p in honest.test_curve]


def test_a_snapshot_that_is_changed_after_the_notice_is_what_it_was(rows: dict[str, Record]) -> None:
    """Stopped by the host's copy."""
    row = rows["rewrites_a_snapshot.py"]
    assert row.status is Status.OK
    values = accuracies(row)
    assert values[0] is not None
    assert values[0] < 0.4 < 0.8 < row.metrics["accuracy"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tells_of_more_than_there_is.py", "told of a snapshot of 5,000 bytes, where its file has 0"),
        ("tells_of_nothing.py", "told of a snapshot of 0 bytes, where its file has 0"),
        ("floods.py", "handed over a snapshot of its weights after it was told that no more are wanted"),
        ("answers_itself.py", "handed over a snapshot of its weights after it was told that no more"),
    ],
)
def test_a_forged_notice_is_a_violation(rows: dict[str, Record], name: str, words: str) -> None:
    row = rows[name]
    assert row.status is Status.VIOLATION
    assert words in row.reason
    assert row.test_curve == ()


def test_a_notice_without_a_target_is_a_violation(plain_rows: dict[str, Record]) -> None:
    row = plain_rows["unasked.py"]
    assert row.status is Status.VIOLATION
    assert "sent 'Snapshot' out of turn" in row.reason


# --- how many, and how large ---


@pytest.fixture(scope="module")
def tight(tmp_path_factory: pytest.TempPathFactory, places: Path) -> dict[str, Record]:
    """With room for two snapshots of a small model, and for none of a large one."""
    sources = {"default.py": GOOD, "large.py": GOOD.replace("16", "999")}
    folder = tmp_path_factory.mktemp("tight")
    return run(folder, places, sources, limits="snapshots = 12000", target="accuracy=0.6")


def test_where_only_few_fit_they_are_spread_over_the_budget(tight: dict[str, Record]) -> None:
    row = tight["default.py"]
    assert (row.status, row.notes) == (Status.OK, ())
    assert [point.epoch for point in row.test_curve] == [1, 3, 6]


def test_where_none_fits_a_note_says_so(tight: dict[str, Record]) -> None:
    row = tight["large.py"]
    assert (row.status, len(row.test_curve)) == (Status.OK, 1)
    (note,) = row.notes
    assert note.startswith("0 snapshots and no more: another, of ")
    assert note.endswith("would pass the 12,000 bytes (11.7 KiB) for all of them (limits.snapshots)")


def test_the_host_takes_no_more_than_so_many() -> None:
    file = memory.create("snapshot", 8)
    taken = Snapshots(file, 1 << 30)
    answers = [taken.take(Snapshot(bytes=8, epoch=n)) for n in range(MAX_SNAPSHOTS)]
    assert [answer.more for answer in answers] == [*[True] * (MAX_SNAPSHOTS - 1), False]
    with pytest.raises(PhaseEnded, match="no more are wanted"):
        taken.take(Snapshot(bytes=8, epoch=99))
    assert len(taken.copies) == MAX_SNAPSHOTS


def test_the_host_holds_the_bytes_of_all_to_the_limit() -> None:
    file = memory.create("snapshot", 8)
    taken = Snapshots(file, 20)
    assert [taken.take(Snapshot(bytes=8, epoch=n)).more for n in range(3)] == [True, True, False]
    assert (len(taken.copies), len(taken.notes)) == (2, 1)
    with pytest.raises(PhaseEnded, match="no more are wanted"):
        taken.take(Snapshot(bytes=1, epoch=9))


def test_a_copy_stays_as_it_was_and_equal_ones_are_one(tmp_path: Path) -> None:
    file = memory.create("snapshot", 4)
    taken = Snapshots(file, 1 << 20)
    for byte in (b"a", b"a", b"b", b"a"):
        with open(file, "r+b", closefd=False) as writing:
            writing.seek(0)
            writing.write(byte * 4)
        taken.take(Snapshot(bytes=4, epoch=1))
    assert [bytes(copy.weights) for copy in taken.copies] == [b"aaaa", b"aaaa", b"bbbb", b"aaaa"]
    assert [bytes(copy.weights) for copy in taken.distinct(memory.create("w"))] == [b"aaaa", b"bbbb", b"aaaa"]
    final = memory.of_array("w", np.frombuffer(b"aaaa", np.uint8))
    assert [bytes(copy.weights) for copy in taken.distinct(final)] == [b"aaaa", b"bbbb"]


def test_a_copy_is_stamped_when_it_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who changes the file while it is copied has it counted as if it had been so from the end of that."""
    now, read = [100.0], memory.read_array

    def slowly(*arguments: Any) -> Any:
        now[0] += 7
        return read(*arguments)

    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(memory, "read_array", slowly)
    taken = Snapshots(memory.create("snapshot", 8), 20)
    answered: list[Taken] = []
    worker = SimpleNamespace(send=answered.append)
    taken.answering(worker, 90.0)(Snapshot(bytes=8, epoch=1))  # type: ignore[arg-type]
    assert [copy.seconds for copy in taken.copies] == [17.0]
    assert answered == [Taken(more=True)]


class FakeChannel:
    """Answers each snapshot as a host without limits does."""

    ours = True

    def __init__(self) -> None:
        self.told: list[Snapshot] = []

    def send(self, event: Snapshot) -> None:
        self.told.append(event)

    def receive(self, kind: type[Taken]) -> tuple[Taken, list[int]]:
        return Taken(more=True), []


@pytest.mark.parametrize(
    ("epochs", "taken"), [(1, 0), (2, 1), (30, 29), (50, 49), (51, 50), (1000, MAX_SNAPSHOTS)]
)
def test_many_epochs_give_few_snapshots_over_the_whole_budget(epochs: int, taken: int) -> None:
    budget = RunningBudget(Budget(epochs=epochs), started=0.0, samples=10, clock=lambda: 0.0)
    channel = FakeChannel()
    handing = Handing(torch.nn.Linear(2, 2), memory.create("s"), 1 << 30, budget, channel)  # type: ignore[arg-type]
    budget.at_epochs(handing.epoch_ended)
    for _ in range(epochs):
        budget.count(10, 10)
        budget.loader_ended = budget.exhausted
        budget.epoch_ended()
    at = [event.epoch / epochs for event in channel.told]
    assert len(at) == taken
    if taken == MAX_SNAPSHOTS:
        steps = [second - first for first, second in itertools.pairwise([0.0, *at, 1.0])]
        assert max(steps) <= 2.1 / MAX_SNAPSHOTS


def test_none_is_begun_that_may_outlast_the_budget() -> None:
    """Each takes 3 of 20 seconds here, and the fourth epoch ends at 19."""
    now, said = [0.0], []

    class SlowChannel(FakeChannel):
        def receive(self, kind: type[Taken]) -> tuple[Taken, list[int]]:
            now[0] += 3
            return super().receive(kind)

    budget = RunningBudget(Budget(seconds=20), started=0.0, samples=10, clock=lambda: now[0])
    channel = SlowChannel()
    handing = Handing(torch.nn.Linear(2, 2), memory.create("s"), 1 << 30, budget, channel)  # type: ignore[arg-type]
    budget.at_epochs(handing.epoch_ended)
    for _ in range(4):
        now[0] += 2.5
        budget.count(10, 10)
        budget.epoch_ended()
        said.append(len(channel.told))
    assert said == [1, 2, 3, 3]
