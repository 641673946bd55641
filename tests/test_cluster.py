"""Trials on a Ray cluster: the contract of all executors, and a real cluster that loses a node."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import factories
import msgspec
import numpy as np
import pytest
from executor_contract import ExecutorContract
from nodes import Seen, Spec
from pages import blocks
from sessions import GOOD, command, environment, loop, write

from grader.contract.isolation import Isolation
from grader.contract.record import Record
from grader.contract.status import Status
from grader.contract.submission import Submission
from grader.contract.trial import Limits
from grader.host import source
from grader.host.collect import collect
from grader.host.executors import Executor
from grader.host.executors.cluster.agent import Orders
from grader.host.executors.cluster.connection import connected
from grader.host.executors.cluster.executor import ClusterExecutor
from grader.host.executors.cluster.freight import (
    Damaged,
    Load,
    Receiver,
    archive,
    array_digest,
    moved_to,
    unpack,
)
from grader.host.executors.local import imports_of
from grader.host.settings import make_config
from grader.host.store import Store
from grader.host.supervise import Listener
from grader.plugins import harness_manager


class TestContract(ExecutorContract):
    """On a cluster of this machine alone."""

    @classmethod
    def make(cls, submissions: Sequence[Submission], slots: int, listen: Listener) -> Executor:
        # two executors are there at once, and Ray keeps what each trial may take for each of them
        config = replace(make_config(cwd=Path("/")), limits=Limits(memory=1 << 28))
        orders = Orders.of(config, Isolation.LANDLOCK, "cpu", [], imports_of(submissions), 1)
        return ClusterExecutor(
            connected("", cpus=8), orders, slots, listen, lambda line: print(line, flush=True)
        )


ARRAYS = ("train_inputs", "train_targets", "test_inputs")

NAP = """
for _ in range(2):
    for x, y in train_loader:
        step(model, optimizer, x, y)
    progress(loss=1.0)
    time.sleep(SECONDS)
"""

REACH = """
import socket
for place in (("127.0.0.1", 6379), ("127.0.0.1", 10001)):
    try:
        socket.create_connection(place, 1)
        print("LOOT: reached", place)
    except OSError as error:
        print(type(error).__name__)
"""


@dataclass(frozen=True)
class Lost:
    """A run on a cluster of two nodes that lost one, and the same run on this machine."""

    seen: Seen
    records: dict[str, Record]
    local: dict[str, Record]


@pytest.fixture(scope="module")
def lost(tmp_path_factory: pytest.TempPathFactory, places: Path) -> Lost:
    root = tmp_path_factory.mktemp("cluster")
    naps = {  # the first two train when a node is killed
        f"subs/nap_{n}.py": f"import time\nSECONDS = {2 if n < 2 else 0.1}\n"
        + loop(NAP, "model, train_loader, progress")
        for n in range(4)
    }
    write(
        root, {**naps, "subs/reach.py": loop(REACH), "subs/very_bad.py": loop("raise ValueError('no good')")}
    )
    arguments = ("subs", "--budget", "2 epochs", "--device", "cpu")
    spec = Spec(folder=str(root), arguments=arguments, kill=True, dead_address="127.0.0.1:6999")
    (root / "spec.json").write_bytes(msgspec.json.encode(spec))
    done = subprocess.run(
        [sys.executable, "-m", "nodes", str(root / "spec.json")],
        cwd=Path(__file__).parent,
        env=environment(places),
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = msgspec.json.decode((root / "seen.json").read_bytes(), type=Seen)
    local = command(*("run", *arguments, "-n2", "--leaderboard", "here"), cwd=root, places=places)
    assert local.returncode == 1, local.stderr
    return Lost(seen, by_name(root / "leaderboard"), by_name(root / "here"))


def by_name(board: Path) -> dict[str, Record]:
    records, problems = Store(board).read()
    assert not problems
    return {record.submission.name: record for record in records}


class TestFreight:
    """What arrives on a node is what was sent, once, however many trials ask for it."""

    @pytest.fixture
    def submission(self, tmp_path: Path) -> Submission:
        folder = write(tmp_path / "subs", {"mine.py": GOOD})
        [found] = collect(make_config(cwd=folder, paths=[folder]), harness_manager())
        return found

    def test_it_lies_there_as_it_lay_here(self, tmp_path: Path, submission: Submission) -> None:
        unpack(archive(submission, 1 << 20), submission.digest, tmp_path / submission.digest)
        moved = moved_to(submission, tmp_path)
        assert Path(moved.entry).read_text() == GOOD
        assert not source.changed(moved, 1 << 20)

    def test_other_bytes_are_refused_and_nothing_is_written(
        self, tmp_path: Path, submission: Submission
    ) -> None:
        files = archive(submission, 1 << 20)
        with pytest.raises(Damaged, match="arrived damaged"):
            unpack({**files, "mine.py": b"forged"}, submission.digest, tmp_path / "there")
        assert not (tmp_path / "there").exists()

    def test_what_was_changed_is_not_sent(self, submission: Submission) -> None:
        Path(submission.entry).write_text("changed")
        with pytest.raises(source.Unreadable, match="was changed"):
            archive(submission, 1 << 20)

    def test_nothing_is_unpacked_twice(self, tmp_path: Path, submission: Submission) -> None:
        """A second time would take the file away under the first one's worker."""
        arrays = {name: np.zeros((4, 2), np.uint8) for name in ARRAYS}
        digests = {name: array_digest(array) for name, array in arrays.items()}
        store: dict[str, object] = {digests[name]: array for name, array in arrays.items()}
        store[submission.digest] = archive(submission, 1 << 20)
        asked: list[str] = []

        def get(reference: str) -> object:
            asked.append(reference)
            time.sleep(0.05)
            return store[reference]

        receiver = Receiver(tmp_path / "node", get)
        trial = factories.trial(submission=submission)
        load = Load(
            trial=trial,
            key=b"",
            number=1,
            task="t",
            arrays=digests,
            references={name: name for name in store},
        )
        with closing(receiver), ThreadPoolExecutor(4) as pool:
            unpacked = list(pool.map(lambda _: receiver.unpacked(load), range(4)))
        assert asked.count(submission.digest) == 1
        assert len({id(task) for _, task in unpacked}) == 1
        assert not hasattr(unpacked[0][1], "test_targets")


class TestLosesANode:
    """A head and two nodes in a network namespace of their own; one node's raylet is killed in mid-run."""

    def test_every_trial_has_its_row_all_the_same(self, lost: Lost) -> None:
        assert lost.seen.code == 1, lost.seen.output  # one of them is bad
        assert {name: record.status for name, record in lost.records.items()} == {
            "very_bad": Status.CRASHED, "reach": Status.OK, **{f"nap_{n}": Status.OK for n in range(4)}
        }  # fmt: skip

    def test_metrics_are_those_of_this_machine_to_the_bit(self, lost: Lost) -> None:
        assert {name: record.metrics for name, record in lost.records.items()} == {
            name: record.metrics for name, record in lost.local.items()
        }

    def test_what_was_lost_ran_again_elsewhere_and_its_record_says_so(self, lost: Lost) -> None:
        again = [record for record in lost.records.values() if record.attempt > 1]
        assert again
        assert all(record.node is not None and record.node.name == "ada" for record in again)
        assert lost.records["very_bad"].attempt == 1, (
            "a submission's own failure is no reason to run it again"
        )

    def test_each_node_was_calibrated(self, lost: Lost) -> None:
        nodes = [record.node for record in lost.records.values() if record.node is not None]
        assert len(nodes) == len(lost.records)
        assert all(node.calibration is not None and node.calibration.seconds > 0 for node in nodes)
        assert all(record.node is None for record in lost.local.values())

    def test_a_person_is_told(self, lost: Lost) -> None:
        notices = [event["line"] for event in lost.seen.log if event["event"] == "notice"]
        assert any(line.startswith("node bob is lost") for line in notices), notices
        assert "node bob is lost" in lost.seen.output
        assert "raylet" not in lost.seen.output, "pages of the engine's own"

    def test_progress_came_back(self, lost: Lost) -> None:
        assert any(event["event"] == "progress" and event["phase"] == "train" for event in lost.seen.log)

    def test_nobody_of_the_lost_node_goes_on_working(self, lost: Lost) -> None:
        assert lost.seen.left == ()

    def test_a_worker_does_not_reach_the_cluster(self, lost: Lost) -> None:
        assert "LOOT" not in lost.records["reach"].output
        assert lost.records["reach"].output.splitlines()

    def test_it_listens_on_loopback_only(self, lost: Lost) -> None:
        assert {address.removeprefix("::ffff:") for address in lost.seen.listening} == {"127.0.0.1"}

    def test_a_cluster_that_is_not_there_is_one_line(self, lost: Lost) -> None:
        assert lost.seen.refused_code == 4
        [line] = lost.seen.refused.splitlines()
        assert "no cluster can be joined there" in line


def test_the_script_for_slurm_is_bash(tmp_path: Path) -> None:
    page = (Path(__file__).parents[1] / "docs" / "clusters.md").read_text(encoding="utf-8")
    [script] = [block.text for block in blocks(page) if block.language == "bash"]
    assert "ray start --head" in script
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
