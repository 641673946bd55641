"""How fast a node is today: measured once, kept in records, held against others, and told."""

from __future__ import annotations

import re
import socket
import subprocess
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import msgspec
import psutil
import pytest
from factories import failed, ranked, record, timed
from sessions import GOOD, command, write

import grader
from grader.contract.isolation import LAYERS, Isolation
from grader.contract.record import Calibration, DeviceInfo, NodeInfo, Record
from grader.contract.trial import Device
from grader.grading.reports.public import masked
from grader.host.calibrate import ROUNDS, calibrated_node, node_name, summed_up
from grader.host.lines import of_node
from grader.host.nodes import NOISY, SLOW, Nodes
from grader.host.rank import Table
from grader.host.reports.csv import sheet
from grader.host.reports.markdown import readme
from grader.host.reports.terminal import leaderboard_text
from grader.host.sandbox import Sandbox
from grader.host.server import WorkerServer
from grader.host.settings import make_config
from grader.host.show import render
from grader.host.store import StoreError, read_record

# medians and spreads as seen on one core: with little beside it, with a busy process on the same core, and
# when other work came and went
ALONE = [(0.213, 0.12), (0.205, 0.06), (0.200, 0.14), (0.222, 0.22)]
BESIDE = [(0.414, 0.35), (0.486, 0.13), (0.525, 0.30)]
BURSTS = (0.262, 1.14)


def calibration(seconds: float = 0.2, spread: float = 0.1, steps: int = 75) -> Calibration:
    return Calibration(seconds=seconds, spread=spread, steps=steps, rounds=ROUNDS)


def made_on(
    node: str = "cpu-03",
    seconds: float = 0.2,
    spread: float = 0.1,
    *,
    name: str = "mlp",
    processor: str = "A Processor 9000",
    threads: int = 1,
    steps: int = 75,
    **changes: object,
) -> Record:
    """A record of a calibrated node; its training took 1.234 s."""
    where = NodeInfo(name=node, calibration=calibration(seconds, spread, steps))
    device = DeviceInfo(kind="cpu", name=processor, threads=threads)
    return record(name, node=where, device=device, **changes)  # type: ignore[arg-type]


def on_days() -> list[Record]:
    """The records of quiet days."""
    return [made_on(f"cpu-{at}", *seen) for at, seen in enumerate(ALONE)]


def remarks(judged: Record) -> tuple[str, ...]:
    assert judged.node is not None
    return judged.node.remarks


class TestWhatIsSaidOfANode:
    @pytest.mark.parametrize("seen", BESIDE)
    def test_one_that_something_else_slows_down_took_longer_than_usual(
        self, seen: tuple[float, float]
    ) -> None:
        (said,) = remarks(Nodes(on_days()).judged(made_on("cpu-9", *seen)))
        factor = re.match(r"took ([\d.]+) times as long as usual .* its seconds are not comparable$", said)
        assert factor
        assert float(factor[1]) == pytest.approx(seen[0] / 0.209, abs=0.01)

    @pytest.mark.parametrize("seen", ALONE)
    def test_one_as_fast_as_ever_gets_no_remark(self, seen: tuple[float, float]) -> None:
        judged = Nodes(on_days()).judged(made_on("cpu-9", *seen))
        assert (remarks(judged), judged.notes) == ((), ())

    def test_the_limit_itself_is_not_slow(self) -> None:
        for seconds, slow in ((SLOW, False), (SLOW + 0.01, True)):
            assert bool(remarks(Nodes([made_on("a", 1.0)]).judged(made_on("b", seconds)))) is slow

    def test_one_whose_rounds_differ_is_noisy(self) -> None:
        seconds, spread = BURSTS
        (said,) = remarks(Nodes([]).judged(made_on("a", seconds, spread)))
        assert said == "was noisy when it was calibrated (spread 114 %): its seconds are not to be relied on"
        assert not remarks(Nodes([]).judged(made_on("a", 0.2, NOISY)))

    def test_its_records_are_marked_without_its_name(self) -> None:
        judged = Nodes(on_days()).judged(made_on("cpu-9", 0.5, 0.9, notes=("another",)))
        assert [note.split()[:3] for note in judged.notes] == [
            ["another"], ["its", "node", "took"], ["its", "node", "was"],
        ]  # fmt: skip
        assert "cpu-9" not in " ".join(judged.notes)

    @pytest.mark.parametrize(
        "other",
        [
            {"processor": "Another"},
            {"threads": 2},
            {"steps": 50},
            {"torch": "2.8.0"},
        ],
    )
    def test_only_nodes_of_its_kind_say_what_is_usual(self, other: dict[str, object]) -> None:
        known = [made_on("a", 0.1, **other)]  # type: ignore[arg-type]
        assert not remarks(Nodes(known).judged(made_on("b", 0.2)))

    def test_what_it_took_today_says_nothing_of_what_is_usual(self) -> None:
        """Its calibration is in each of its records: they would outvote those of other days."""
        today = [made_on("b", 0.5, seed=seed) for seed in range(5)]
        nodes = Nodes([made_on("a", 0.2)])
        assert all(remarks(nodes.judged(each)) for each in today)
        assert not remarks(Nodes([]).judged(today[0]))

    def test_other_nodes_of_the_session_do_and_its_own_other_days(self) -> None:
        nodes = Nodes([])
        assert not remarks(nodes.judged(made_on("a", 0.2)))
        assert remarks(nodes.judged(made_on("b", 0.3)))
        assert remarks(Nodes([made_on("b", 0.2)]).judged(made_on("b", 0.3)))

    def test_it_is_said_in_the_same_words_with_each_record(self) -> None:
        nodes = Nodes([made_on("a", 0.2)])
        first = remarks(nodes.judged(made_on("b", 0.3)))
        nodes.judged(made_on("c", 0.29))
        assert remarks(nodes.judged(made_on("b", 0.3, seed=1))) == first

    def test_a_record_without_a_calibration_stays_as_it_is(self) -> None:
        for plain in (record(), record(node=NodeInfo(name="a", remarks=("could not be calibrated: x",)))):
            assert Nodes(on_days()).judged(plain) is plain


class TestCalibration:
    def test_is_the_median_of_the_rounds_and_how_far_they_lie_apart(self) -> None:
        found = summed_up([0.2, 0.3, 0.25, 0.2, 0.9], 75)
        assert (found.seconds, found.steps, found.rounds) == (0.25, 75, 5)
        assert found.spread == pytest.approx(0.7 / 0.25)

    @pytest.mark.parametrize("seconds", [0, -1, 1e-9, 1e300])
    def test_one_that_nothing_can_be_divided_by_is_no_record(self, tmp_path: Path, seconds: float) -> None:
        path = tmp_path / "edited.json"
        text = msgspec.json.encode(made_on()).replace(b'"seconds":0.2,', b'"seconds":%r,' % seconds)
        path.write_bytes(text)
        with pytest.raises(StoreError, match="not a whole record"):
            read_record(path)

    def test_is_off_on_this_machine_and_on_elsewhere_unless_it_is_said(self, tmp_path: Path) -> None:
        assert not make_config(cwd=tmp_path).calibrates
        assert make_config(cwd=tmp_path, calibrate=True).calibrates
        assert replace(make_config(cwd=tmp_path), executor="elsewhere").calibrates
        (tmp_path / "pyproject.toml").write_text("[tool.grader]\ncalibrate = true\n")
        assert make_config(cwd=tmp_path).calibrates
        assert not make_config(cwd=tmp_path, calibrate=False).calibrates

    def test_a_node_is_called_by_its_host_name_without_the_network_s(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("GRADER_NODE", raising=False)
        monkeypatch.setattr(socket, "gethostname", lambda: "cpu-03.inside.example.org")
        assert node_name() == "cpu-03"
        monkeypatch.setenv("GRADER_NODE", "a\nname")
        assert "\n" not in node_name()
        monkeypatch.setenv("GRADER_NODE", "node 7")
        assert node_name() == "node 7"


class TestTables:
    def table(self, *records: Record) -> Table:
        (table,) = ranked(records).tables
        return table

    def test_a_training_is_told_in_calibrations_as_well(self) -> None:
        """1.234 s in units of 0.2 s and of 0.4 s: the mean over the seeds."""
        table = self.table(made_on(seconds=0.2), made_on("slow", 0.4, seed=1))
        assert table.rows[0].train_relative == pytest.approx((6.17 + 3.085) / 2)
        text = leaderboard_text(table, 200)
        assert "train ×cal" in text  # noqa: RUF001 - times
        assert " 4.63 " in text
        assert "train ×cal is the training time in units of the calibration" in text.replace("\n", " ")  # noqa: RUF001

    def test_every_form_has_it(self) -> None:
        standings = ranked([made_on(seconds=0.2)])
        assert "train ×cal |" in readme(standings)  # noqa: RUF001 - times
        assert "train ×cal is the training time" in readme(standings)  # noqa: RUF001
        head, row = sheet(standings).splitlines()
        at = head.split(",").index('"train_relative"')
        assert float(row.split(",")[at]) == pytest.approx(6.17)

    def test_a_row_that_lacks_one_has_a_dash_and_a_failed_row_nothing(self) -> None:
        half = [made_on(name="half", correct=400), record("half", seed=1, correct=400)]
        table = self.table(made_on(correct=450), *half, failed("bad"))
        rows = {row.name: row.train_relative for row in table.rows}
        assert rows == {"mlp": pytest.approx(6.17), "half": None, "bad": None}
        lines = leaderboard_text(table, 200).splitlines()
        at = next(line.index("train ×cal") for line in lines if "train ×cal" in line)  # noqa: RUF001
        cells = {
            line.split()[1]: line[at : at + 10].strip() for line in lines if "mlp" in line or "half" in line
        }
        assert cells == {"mlp": "6.17", "half": "–"}  # noqa: RUF001 - a dash to look at
        assert "bad" in "\n".join(lines)

    def test_without_any_nothing_is_said_of_it(self) -> None:
        standings = ranked([record(), record("other")])
        assert "×cal" not in readme(standings)  # noqa: RUF001 - times
        assert "calibration" not in readme(standings)

    @pytest.mark.parametrize("other", [{"processor": "Another"}, {"threads": 2}])
    def test_seconds_of_different_devices_are_marked(self, other: dict[str, str]) -> None:
        """Epochs are worth the same on all of them, so that they share a table."""
        table = self.table(made_on(), made_on("b", 0.4, name="other", **other))  # type: ignore[arg-type]
        text = leaderboard_text(table, 200)
        assert "train s (mixed)" in text
        assert "train ×cal" in text  # noqa: RUF001 - times
        assert "their seconds do not compare" in text.replace("\n", " ")

    def test_those_of_one_are_not(self) -> None:
        text = leaderboard_text(self.table(made_on(), made_on("b", 0.4, name="other")), 200)
        assert "mixed" not in text
        assert "do not compare" not in text

    def test_where_there_is_no_room_the_times_that_compare_stay(self) -> None:
        table = self.table(made_on(), made_on("b", 0.4, name="other", processor="Another"))
        texts = [leaderboard_text(table, width).split("---")[0] for width in range(50, 200)]
        assert any("×cal" in text and "train s" not in text for text in texts)  # noqa: RUF001 - times
        assert not any("train s" in text and "×cal" not in text for text in texts)  # noqa: RUF001

    def test_times_to_a_target_on_different_devices_have_no_rank(self) -> None:
        there = DeviceInfo(kind="cpu", name="Another", threads=1)
        fast, slow = timed("fast", 1.0), timed("slow", 30.0)
        same, mixed = self.table(fast, slow), self.table(fast, msgspec.structs.replace(slow, device=there))
        for table, ranks in ((same, [1, 2]), (mixed, [None, None])):
            found = [row.reached for row in sorted(table.rows, key=lambda row: row.name) if row.reached]
            assert [each.mean for each in found] == [1.0, 30.0]
            assert [each.rank is None for each in found] == [rank is None for rank in ranks]
        assert "none has a rank" in readme(ranked([fast, msgspec.structs.replace(slow, device=there)]))

    def test_a_published_board_has_the_times_and_not_the_node(self) -> None:
        judged = Nodes(on_days()).judged(made_on("cpu-9", 0.5))
        public = masked(judged, "Quick Fox", judged.finished)
        assert public.train_relative == pytest.approx(1.234 / 0.5)
        assert b"cpu-9" not in msgspec.json.encode(public)
        assert b"node took" not in msgspec.json.encode(public)


class TestWhatPeopleSee:
    def test_show_has_node_attempt_and_calibration(self) -> None:
        text = render(made_on("cpu-03", 0.31, 0.04, attempt=2))
        assert re.search(
            r"node +cpu-03, calibrated 0\.31 s for 75 steps of the baseline \(spread 4 %\)", text
        )
        assert re.search(r"attempt +2, ", text)
        assert re.search(r"train ×cal +3\.98\n", text)  # noqa: RUF001 - times

    def test_show_says_why_there_is_none(self) -> None:
        text = render(record(node=NodeInfo(name="a", remarks=("could not be calibrated: it is gone",))))
        assert re.search(r"node +a, could not be calibrated: it is gone\n", text)
        assert "attempt" not in text
        assert "node" not in render(record())

    def test_a_node_is_told_of_once_and_warned_of_in_one_line(self) -> None:
        nodes, told = Nodes(on_days()), set[str]()
        judged = [nodes.judged(made_on("cpu-9", 0.5, seed=seed)) for seed in range(2)]
        first, again = (list(of_node(each, told)) for each in judged)
        assert [line.warns for line in first] == [False, True]
        assert first[0].text == "node cpu-9: calibrated 0.5 s for 75 steps of the baseline (spread 10 %)"
        assert first[1].text.startswith("warning: node cpu-9 took 2.39 times as long as usual")
        assert again == []

    def test_a_name_from_elsewhere_stays_a_text(self) -> None:
        (line,) = of_node(made_on("\x1b[31mred\nline"), set())
        assert "\x1b" not in line.text
        assert "\n" not in line.text


# --- real ones ---


@pytest.fixture(scope="module")
def ran(
    tmp_path_factory: pytest.TempPathFactory, places: Path
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """Two trainings side by side, on a machine that is calibrated before."""
    root = write(tmp_path_factory.mktemp("calibrated"), {"subs/one.py": GOOD, "subs/two.py": GOOD})
    asked = ("run", "subs", "--budget", "3 steps", "--calibrate", "-n", "2")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADER_NODE", "bench-1")
        return root, command(*asked, cwd=root, places=places)


def test_each_record_has_the_one_calibration_of_its_session(
    ran: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    root, done = ran
    assert done.returncode == 0, done.stderr
    one, two = grader.records(root / "leaderboard")
    assert one.node == two.node
    assert one.node is not None
    assert one.node.name == "bench-1"
    found = one.node.calibration
    assert found is not None
    assert found.seconds > 0
    assert found.spread >= 0
    assert (found.steps, found.rounds) == (75, ROUNDS)


def test_it_is_shown_and_the_table_tells_times_in_it(
    ran: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    _, done = ran
    lines = done.stdout.splitlines()
    said = [line for line in lines if line.startswith("node bench-1: calibrated ")]
    assert len(said) == 1
    assert said[0].partition(" s for ")[2].startswith("75 steps of the baseline (spread ")
    assert any("train ×cal" in line for line in lines)  # noqa: RUF001 - times


def test_a_node_whose_server_is_gone_is_not_calibrated_and_says_why() -> None:
    sandbox = Sandbox(LAYERS[Isolation.LANDLOCK])
    with closing(sandbox), closing(WorkerServer(sandbox, device_kind="cpu")) as server:
        for process in psutil.Process().children():
            if "grader.worker.server" in process.cmdline():
                process.kill()
        node = calibrated_node(server, Device(kind="cpu", name="A Processor"), 1)
    assert node.calibration is None
    (why,) = node.remarks
    assert why.startswith("could not be calibrated: the worker server did not start")
    assert "\n" not in why
