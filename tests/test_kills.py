"""A run that is killed at any moment leaves nobody alive, breaks no record, and goes on where it was."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from kills import Counts, Spec
from sessions import GOOD, loop, write

from grader.host import device

KILLS = 100
CLASS = {f"subs/ok_{n}.py": GOOD + f"\n# {n}\n" for n in range(6)}
CLASS |= {"subs/crashed_1.py": loop("raise ValueError"), "subs/timeout_1.py": loop("while True: pass")}


@pytest.fixture(scope="module")
def counts(tmp_path_factory: pytest.TempPathFactory, places: Path) -> Counts:
    folder = write(tmp_path_factory.mktemp("kills"), CLASS)
    write(folder, {"pyproject.toml": "[tool.grader]\nlimits = {train = 0.5}\n"})
    spec = Spec(
        folder=str(folder), places=str(places), kills=KILLS, seed=7,
        arguments=("--budget", "3 steps", "-n", str(min(2, device.available_cores()))),
    )  # fmt: skip
    place = folder / "kills.spec"
    place.write_bytes(msgspec.json.encode(spec))
    subprocess.run([sys.executable, "-m", "kills", str(place)], cwd=Path(__file__).parent, check=True)
    found = msgspec.json.decode(place.with_suffix(".counts").read_bytes(), type=Counts)
    print(found)
    return found


@pytest.mark.slow
class TestKilledAtRandomMoments:
    def test_so_often_at_moments_of_all_kinds(self, counts: Counts) -> None:
        assert counts.kills == KILLS
        assert counts.late >= KILLS / 10
        assert counts.after_records >= 3

    def test_no_process_is_left(self, counts: Counts) -> None:
        assert counts.left == []

    def test_no_record_is_broken(self, counts: Counts) -> None:
        assert counts.broken == []

    def test_nothing_that_was_done_is_lost_or_done_again(self, counts: Counts) -> None:
        assert counts.lost == []

    def test_every_class_ends_with_one_right_row_for_each(self, counts: Counts) -> None:
        assert counts.classes >= 1
        assert counts.wrong == []
