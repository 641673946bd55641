"""Records are on disk whole or not at all, and a bad file never hides the good ones."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import random
import resource
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from factories import HOSTILE, evidence, failed, record, task

from grader.contract.record import SCHEMA, DeviceInfo, Record
from grader.contract.status import Status
from grader.host import store as store_module
from grader.host.store import (
    Store,
    StoreError,
    evidence_of,
    read_evidence,
    read_record,
    reuse_key,
    stem,
    track,
)

HERE = Path(__file__).parent
WRITER = """
import sys, itertools
sys.path.insert(0, sys.argv[2])
from factories import record, evidence
from grader.host.store import Store
store = Store(sys.argv[1])
proofs = {correct: evidence(correct) for correct in (400, 450)}
print("ready", flush=True)
for turn in itertools.count():
    correct = 400 + 50 * (turn % 2)
    store.write(record(f"mlp-{turn % 7}", correct=correct, output="x" * 20000), proofs[correct])
"""


def writer(folder: Path) -> subprocess.Popen[bytes]:
    """A process that writes and overwrites seven records for ever."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), str(HERE)], stdout=subprocess.PIPE, cwd=HERE.parent
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def mixed(folder: Path, one: Record) -> bool:
    """Whether a whole evidence file is told to be another run's; otherwise it must fit the record."""
    try:
        proof = Store(folder).evidence(one)
    except StoreError as error:
        return "another run" in str(error) or pytest.fail(str(error))
    assert proof.correct is not None
    assert int(proof.correct.sum()) == one.correct
    return False


def all_files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    made = [record(seed=seed, correct=400 + seed) for seed in range(3)] + [failed()]
    for one in made:
        Store(tmp_path).write(one, evidence(one.correct) if one.correct else None)
    read, problems = Store(tmp_path).read()
    assert sorted(read, key=stem) == sorted(made, key=stem)
    assert problems == []


def test_the_file_is_readable_json_with_a_final_newline_at_a_name_that_tells(tmp_path: Path) -> None:
    path = Store(tmp_path).write(record(), evidence())
    assert path.parent == tmp_path / "records" / "digits"
    assert path.stem == stem(record())
    assert path.name.startswith("mlp-s0-")
    text = path.read_text()
    assert text.startswith('{\n  "schema": 1,')
    assert text.endswith("}\n")
    assert stat.S_IMODE(path.stat().st_mode) & 0o444 == 0o444


def test_metrics_are_written_in_the_order_of_their_names(tmp_path: Path) -> None:
    one, other = {"b": 1.0, "a": 2.0}, {"a": 2.0, "b": 1.0}
    first = Store(tmp_path / "1").write(record(metrics=one)).read_bytes()
    assert first == Store(tmp_path / "2").write(record(metrics=other)).read_bytes()


def test_the_same_key_replaces_and_another_key_stands_beside(tmp_path: Path) -> None:
    store = Store(tmp_path)
    paths = {
        store.write(record(), evidence()),
        store.write(record(correct=400), evidence(400)),
        store.write(record(seed=1), evidence()),
        store.write(record(digest="other"), evidence()),
        store.write(record(torch="2.10.0"), evidence()),
        store.write(record(loop="cosine"), evidence()),
        store.write(record(budget="4 epochs"), evidence()),
        store.write(record(isolation="full"), evidence()),
        store.write(record(task=task(digest="new data")), evidence()),
    }
    assert len(paths) == 8
    assert len(store.read()[0]) == 8
    assert store.read()[1] == []


def test_processor_and_threads_make_a_track_only_under_a_budget_in_seconds() -> None:
    slow = DeviceInfo(kind="cpu", name="Another", threads=4)
    assert track(record()) == track(record(device=slow))
    assert track(record(budget="10s")) != track(record(budget="10s", device=slow))
    assert track(record(budget="10s, 3 epochs")).threads == 1
    assert track(record(budget="who knows")).processor == "A Processor 9000"
    planned = store_module.Track.of(
        task="digits", digest="d1" * 32, budget="10s", device="cpu", isolation="landlock",
        processor="A Processor 9000", threads=1,
    )  # fmt: skip
    assert planned == track(record(budget="10s"))
    assert reuse_key(record()) == reuse_key(record(correct=3, finished="2027-01-01T00:00:00Z"))


def test_hostile_names_stay_inside_the_folder(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for name in HOSTILE:
        store.write(record(name, task=task(name=name), reason=name, notes=(name,)), evidence())
    read, problems = store.read()
    assert len(read) == len(HOSTILE)
    assert problems == []
    outside = [path for path in tmp_path.rglob("*.json") if len(path.relative_to(tmp_path).parts) != 3]
    assert outside == []
    assert all(name.isprintable() for name in all_files(tmp_path))


@pytest.mark.parametrize(
    "broken",
    [
        {"metrics": {"accuracy": float("nan")}},
        {"metrics": {"accuracy": float("inf")}},
        {"metrics": {"accuracy": object()}},
        {"seed": "zero"},
    ],
)
def test_what_json_cannot_hold_is_refused_and_nothing_changes(tmp_path: Path, broken: dict[str, Any]) -> None:
    store = Store(tmp_path)
    store.write(record(), evidence())
    before = all_files(tmp_path)
    with pytest.raises(StoreError, match=r"^the record of mlp \(seed \w+\) cannot be stored: .*$"):
        store.write(record(**broken), evidence())
    assert all_files(tmp_path) == before


def test_numpy_numbers_among_the_metrics_are_stored_as_numbers(tmp_path: Path) -> None:
    path = Store(tmp_path).write(record(metrics={"accuracy": np.float64(0.5), "f1": np.float32(0.25)}))
    assert read_record(path).metrics == {"accuracy": 0.5, "f1": 0.25}


# ---- evidence


def test_evidence_comes_back_as_it_was_written(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    for classes, dtype in (
        (2, np.uint8),
        (10, np.uint8),
        (256, np.uint8),
        (257, np.uint16),
        (1000, np.uint16),
    ):
        for samples in (1, 7, 8, 9, 500):
            targets = chance.integers(0, classes, samples)
            predictions = chance.integers(0, classes, samples)
            predictions[0] = classes - 1
            one = record(seed=samples, task=task(name=f"t{classes}"))
            path = Store(tmp_path).write(one, evidence_of(predictions, targets)).with_suffix(".npz")
            back = read_evidence(path, one)
            assert back.predictions.dtype == dtype
            assert back.correct is not None
            assert back.squared_error is None
            np.testing.assert_array_equal(back.predictions, predictions)
            np.testing.assert_array_equal(back.correct, predictions == targets)


def test_evidence_of_a_regression(tmp_path: Path) -> None:
    predictions, targets = np.array([[1.0], [2.5]], np.float32), np.array([[0.0], [2.0]], np.float32)
    store, one = Store(tmp_path), record(correct=0)
    store.write(one, evidence_of(predictions, targets))
    back = store.evidence(one)
    assert back.correct is None
    assert back.squared_error is not None
    assert back.predictions.tolist() == [1.0, 2.5]
    assert back.squared_error.tolist() == [1.0, 0.25]
    with pytest.raises(ValueError, match="2 predictions for 1 targets"):
        evidence_of(predictions, targets[:1])


def test_evidence_keeps_how_often_each_class_was_taken_for_each(tmp_path: Path) -> None:
    targets, predictions = np.array([0, 0, 1, 2, 2]), np.array([0, 1, 1, 0, 2])
    path = Store(tmp_path).write(record(), evidence_of(predictions, targets, 3)).with_suffix(".npz")
    back = read_evidence(path, record()).confusion
    assert back is not None
    assert back.dtype == np.uint32
    assert back.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 1]]


@pytest.mark.parametrize("classes", [0, 101])
def test_evidence_without_the_confusions_still_reads(tmp_path: Path, classes: int) -> None:
    """As it was before they were kept, and where there are too many classes."""
    made = evidence_of(np.array([0, 1]), np.array([0, 0]), classes)
    path = Store(tmp_path).write(record(), made).with_suffix(".npz")
    assert read_evidence(path, record()).confusion is None


@pytest.mark.parametrize(
    "confusion",
    [
        np.zeros((2, 2), np.uint32),
        np.array([[1, 0], [0, 1]], np.uint32),
        np.array([[1, 1], [0, 0]], np.int64),
        np.array([[1, 1]], np.uint32),
        np.uint32(2),
        np.zeros((200, 200), np.uint32),
        np.array([[2**31, 1], [2**31 + 1, 0]], np.uint32),
    ],
)
def test_confusions_that_are_not_those_of_the_predictions_are_damage(
    tmp_path: Path, confusion: np.ndarray
) -> None:
    made = evidence_of(np.array([0, 1]), np.array([0, 0]), 2)
    forged = dataclasses.replace(made, confusion=confusion)
    path = Store(tmp_path).write(record(), forged).with_suffix(".npz")
    with pytest.raises(StoreError, match="confusion matrix is n"):
        read_evidence(path, record())


def test_the_same_evidence_has_the_same_bytes(tmp_path: Path) -> None:
    first = Store(tmp_path / "1").write(record(), evidence()).with_suffix(".npz").read_bytes()
    time.sleep(2.1)  # zip's clock ticks every two seconds
    assert first == Store(tmp_path / "2").write(record(), evidence()).with_suffix(".npz").read_bytes()


def test_a_failed_rerun_takes_the_old_evidence_away(tmp_path: Path) -> None:
    store = Store(tmp_path)
    path = store.write(record("mlp"), evidence()).with_suffix(".npz")
    assert path.exists()
    store.write(failed("mlp"))
    assert not path.exists()


def test_evidence_is_in_place_before_its_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    rename = Path.replace

    def noted(self: Path, target: Path) -> Path:
        order.append(target.suffix)
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", noted)
    Store(tmp_path).write(record(), evidence())
    assert order == [".npz", ".json"]


def test_evidence_of_another_run_is_told_from_the_records_own(tmp_path: Path) -> None:
    store = Store(tmp_path)
    path = store.write(record(), evidence()).with_suffix(".npz")
    stray = path.read_bytes()
    store.write(record(correct=400), evidence(400))
    path.write_bytes(stray)
    with pytest.raises(StoreError, match="evidence of another run"):
        store.evidence(record(correct=400))
    assert store.evidence(record()).correct is not None


def test_damaged_evidence_is_one_line(tmp_path: Path) -> None:
    path = Store(tmp_path).write(record(), evidence()).with_suffix(".npz")
    whole, chance = path.read_bytes(), random.Random(0)
    for _ in range(300):
        broken = bytearray(whole)
        if chance.random() < 0.5:
            del broken[chance.randrange(len(broken)) :]
        else:
            broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
        path.write_bytes(broken)
        with contextlib.suppress(StoreError):
            read_evidence(path, record())
    path.unlink()
    with pytest.raises(StoreError, match="there is no evidence"):
        read_evidence(path)


@pytest.mark.parametrize(
    "arrays",
    [
        {"predictions": np.zeros(8, np.uint8)},
        {
            "predictions": np.zeros(8, np.uint8),
            "correct": np.zeros(2, np.uint8),
            "of": np.zeros(32, np.uint8),
        },
        {
            "predictions": np.zeros(8, np.int64),
            "correct": np.zeros(1, np.uint8),
            "of": np.zeros(32, np.uint8),
        },
        {"predictions": np.zeros((2, 4), np.uint8), "correct": np.zeros(1, np.uint8), "of": np.zeros(1)},
        {"predictions": np.zeros(8, np.float32), "squared_error": np.zeros(7, np.float32), "of": np.zeros(1)},
        {"predictions": np.array([{"a": 1}], dtype=object)},
    ],
)
def test_foreign_evidence_is_one_line(tmp_path: Path, arrays: dict[str, Any]) -> None:
    path = tmp_path / "x.npz"
    np.savez_compressed(path, **arrays)
    with pytest.raises(StoreError, match=r"damaged evidence \(.*run the trial again"):
        read_evidence(path)


# ---- bad files

BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "an empty file"),
    "blank": (b" \n", "an empty file"),
    "not-utf-8": (b'{"schema": 1, "submission": {"name": "\xff"}}', "no UTF-8"),
    "not-json": (b"<<<<<<< HEAD\n{}", "truncated, or no JSON at all"),
    "utf-16": ('{"schema": 1}'.encode("utf-16"), "truncated, or no JSON at all"),
    "foreign-list": (b"[1, 2]", "foreign JSON"),
    "foreign": (b'{"name": "package", "version": "1.0"}', "it has no schema"),
    "schema-is-text": (b'{"schema": "two"}', "foreign JSON"),
    "nan": (b'{"schema": NaN}', "truncated, or no JSON at all"),
    "deep": (b"[" * 100_000, "foreign JSON"),
    "deep-inside": (b'{"schema": 1, "x": ' + b"[" * 100_000, "truncated, or no JSON at all"),
    "newer": (b'{"schema": 99, "trial": {}}', "written by a newer grader (schema 99, this one reads 1)"),
    "older": (b'{"schema": 0}', "written by an older grader (schema 0, this one reads 1)"),
    "wrong-keys": (b'{"schema": 1, "submission": {}}', "not a whole record (Object missing required field"),
    "hostile\x1b[2J\u202e": (b'{"schema": 1, "submission": 3}', "not a whole record"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_named_in_one_line_and_left_alone(tmp_path: Path, kind: str) -> None:
    store, (content, words) = Store(tmp_path), BAD[kind]
    good = store.write(record(), evidence())
    bad = good.with_name(f"{kind}.json")
    bad.write_bytes(content)
    read, problems = store.read()
    assert read == [record()]
    assert len(problems) == 1
    assert words in problems[0]
    assert problems[0].isprintable()
    assert problems[0].endswith("left alone")
    assert bad.read_bytes() == content


def test_other_schemas_are_told_even_where_all_keys_fit(tmp_path: Path) -> None:
    path = Store(tmp_path).write(record())
    text = path.read_bytes()
    for schema, words in ((SCHEMA + 1, "newer grader"), (SCHEMA - 1, "older grader")):
        path.write_bytes(text.replace(b'"schema": 1', b'"schema": %d' % schema))
        with pytest.raises(StoreError, match=words):
            read_record(path)


def test_a_record_cut_at_any_byte_is_named(tmp_path: Path) -> None:
    path = Store(tmp_path).write(record())
    whole = path.read_bytes()
    for end in range(0, len(whole) - 2, 97):
        path.write_bytes(whole[:end])
        read, problems = Store(tmp_path).read()
        assert read == []
        assert len(problems) == 1


def test_unknown_keys_of_the_same_schema_are_no_problem(tmp_path: Path) -> None:
    path = Store(tmp_path).write(record())
    path.write_bytes(path.read_bytes().replace(b'"schema": 1,', b'"schema": 1, "added_later": [1],', 1))
    assert read_record(path) == record()


def test_what_is_no_regular_file_is_named_and_never_opened(tmp_path: Path) -> None:
    good = Store(tmp_path).write(record())
    os.mkfifo(good.with_name("pipe.json"))
    good.with_name("nowhere.json").symlink_to("gone")
    loop = good.with_name("loop")
    loop.symlink_to(".")
    (good.parent / "folder.json").mkdir()
    read, problems = Store(tmp_path).read()
    assert read == [record()]
    assert [problem.split(": ")[1] for problem in problems] == ["no regular file; left alone"] * 2


def test_other_files_and_what_a_killed_writer_left_are_not_named(tmp_path: Path) -> None:
    good = Store(tmp_path).write(record(), evidence())
    left = good.with_name(f".{good.name}.0123abcd.tmp")
    for other in (left, good.with_name("README.md"), good.with_name("._resource.json")):
        other.write_bytes(b"{")
    assert Store(tmp_path).read() == ([record()], [])


def test_the_next_writer_removes_what_a_killed_one_left_but_not_what_is_being_written(tmp_path: Path) -> None:
    good = Store(tmp_path).write(record(), evidence())
    old, young = good.with_name(".old.json.0123abcd.tmp"), good.with_name(".young.json.0123abcd.tmp")
    for path in (old, young):
        path.write_bytes(b"{")
    os.utime(old, (1, 1))
    Store(tmp_path).write(record(), evidence())
    assert not old.exists()
    assert young.exists()


def test_no_folder_holds_no_records_and_a_file_in_its_place_is_named(tmp_path: Path) -> None:
    assert Store(tmp_path / "none").read() == ([], [])
    (tmp_path / "records").write_text("")
    read, problems = Store(tmp_path).read()
    assert read == []
    assert "cannot be listed (Not a directory)" in problems[0]


# ---- writers that meet trouble


def test_kill_9_at_any_moment_leaves_only_whole_records(tmp_path: Path) -> None:
    """Forty writers die at random moments; every record is whole, and has the evidence of its own run."""
    chance = random.Random(1)
    for _ in range(40):
        process = writer(tmp_path)
        time.sleep(chance.random() * 0.03)
        kill(process)
    read, problems = Store(tmp_path).read()
    assert problems == []
    assert {one.submission.name for one in read} <= {f"mlp-{index}" for index in range(7)}
    assert len(read) >= 2, "some had the time to write"
    assert sum(mixed(tmp_path, one) for one in read) <= 1  # died between two renames: told, not mixed up


def test_two_writers_at_once_lose_and_mix_nothing(tmp_path: Path) -> None:
    processes = [writer(tmp_path), writer(tmp_path)]
    end = time.monotonic() + 3
    while time.monotonic() < end:
        read, problems = Store(tmp_path).read()
        assert problems == []
    for process in processes:
        kill(process)
    assert len(read) == 7
    assert sum(mixed(tmp_path, one) for one in read) <= 2  # as above, at most one a writer


def test_a_writer_waits_for_the_one_before_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    folder = store.write(record(), evidence()).parent
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    waiting = threading.Thread(target=store.write, args=(record(correct=400), evidence(400)))
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive()
    assert store.read() == ([record()], [])
    os.close(descriptor)
    waiting.join(10)
    assert store.read() == ([record(correct=400)], [])


def test_a_full_disk_is_one_line_and_what_was_there_stays(tmp_path: Path) -> None:
    """On a real file system without room, where one can be mounted; else under a limit on file sizes."""
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(small)]
    if os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0:
        try:
            _fill(small, "No space left on device")
        finally:
            subprocess.run(["umount", str(small)], check=True)
    _fill_limited(small)


def _fill(folder: Path, words: str) -> None:
    store = Store(folder)
    store.write(record(), evidence())
    before = all_files(folder)
    with pytest.raises(StoreError, match=rf"^cannot write .*: {words}; what was there is unchanged$"):
        store.write(record(correct=400, output=_noise(200_000)), evidence(400))
    assert all_files(folder) == before
    with pytest.raises(StoreError, match=words):
        store.write(record(seed=1), evidence_of(*np.random.default_rng(0).integers(0, 250, (2, 200_000))))
    assert all_files(folder) == before


def _fill_limited(folder: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, hard))
    try:
        _fill(folder, "File too large")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _noise(size: int) -> str:
    return random.Random(0).randbytes(size // 2).hex()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "records").write_text("in the way")
    with pytest.raises(StoreError, match=r"^cannot write .*: (Not a directory|File exists); "):
        Store(tmp_path).write(record())


def test_an_unwritable_folder_is_one_line(tmp_path: Path) -> None:
    """As an ordinary user: root may write anywhere."""
    script = (
        "import fcntl, os, sys; sys.path.insert(0, sys.argv[2])\n"
        "from factories import record; from grader.host.store import Store, StoreError\n"
        "os.geteuid() or os.setuid(65534)\n"
        "try: Store(sys.argv[1]).write(record())\nexcept StoreError as error: print(error)"
    )
    import tempfile

    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        records = Path(folder, "records")
        records.mkdir()
        records.chmod(0o555)
        Path(folder).chmod(0o755)
        done = subprocess.run(
            [sys.executable, "-c", script, folder, str(HERE)],
            capture_output=True, text=True, check=True, cwd=HERE.parent,
        )  # fmt: skip
        records.chmod(0o755)
    assert done.stdout.startswith("cannot write ")
    assert done.stdout.endswith(": Permission denied; what was there is unchanged\n")


def test_statuses_survive(tmp_path: Path) -> None:
    for status in Status:
        Store(tmp_path).write(failed(status.value, status))
    assert {one.status for one in Store(tmp_path).read()[0]} == set(Status)


def test_reading_costs_little_a_record(tmp_path: Path) -> None:
    """The floor is opening the files and decoding the bytes: all else may at most double it."""
    for seed in range(200):
        Store(tmp_path).write(record(seed=seed))
    paths = sorted(tmp_path.rglob("*.json"))
    decoder = msgspec.json.Decoder(Record)

    def seconds(work: Any) -> float:
        times = []
        for _ in range(7):
            started = time.perf_counter()
            work()
            times.append(time.perf_counter() - started)
        return min(times)

    floor = seconds(lambda: [decoder.decode(path.read_bytes()) for path in paths])
    assert seconds(lambda: Store(tmp_path).read()) < 2 * floor
