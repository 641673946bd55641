"""Slots: how many trials at once, on which cores or GPUs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from grader.contract.errors import UsageError
from grader.contract.trial import Device
from grader.host import device as devices
from grader.host import slots as slots_module
from grader.host.slots import pinned, slots

CPU = [Device(kind="cpu", name="A Processor")]
GPUS = [Device(kind="cuda", index=at, name="A GPU") for at in range(3)]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four physical cores with two hardware threads each: 0 and 4, 1 and 5, …"""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr(devices, "available_cores", lambda: 8)
    monkeypatch.setattr(slots_module, "_siblings", lambda core: f"{core % 4},{core % 4 + 4}")


def number(wish: int | str | None, threads: int = 1) -> int:
    return len(slots(wish, CPU, threads))


@pytest.mark.usefixtures("machine")
class TestHowMany:
    def test_without_a_wish_there_is_one(self) -> None:
        assert number(None) == 1

    @pytest.mark.parametrize(("threads", "wanted"), [(1, 4), (2, 2), (3, 1), (4, 1), (6, 1)])
    def test_auto_takes_each_physical_core_once(self, threads: int, wanted: int) -> None:
        assert number("auto", threads) == wanted

    def test_a_number_may_use_the_second_hardware_threads(self) -> None:
        assert (number(6), number(8), number(4, threads=2)) == (6, 8, 4)

    @pytest.mark.parametrize(("wish", "threads", "most"), [(9, 1, 8), (5, 2, 4), (3, 4, 2)])
    def test_more_than_there_are_is_one_line(self, wish: int, threads: int, most: int) -> None:
        with pytest.raises(UsageError, match=rf"-n {wish}: .* process may use 8; at most -n {most}$"):
            slots(wish, CPU, threads)

    @pytest.mark.parametrize("wish", [None, "auto"])
    def test_every_gpu_is_a_slot(self, wish: str | None) -> None:
        assert [str(slot.device) for slot in slots(wish, GPUS, 1)] == ["cuda:0", "cuda:1", "cuda:2"]

    def test_one_that_was_named(self) -> None:
        assert [str(slot.device) for slot in slots(None, GPUS[1:2], 1)] == ["cuda:1"]

    def test_fewer_gpus_if_asked(self) -> None:
        assert [str(slot.device) for slot in slots(2, GPUS, 1)] == ["cuda:0", "cuda:1"]

    def test_more_than_there_are_gpus_is_one_line(self) -> None:
        with pytest.raises(UsageError, match=r"-n 4: each trial has a GPU to itself, and there are 3"):
            slots(4, GPUS, 1)


@pytest.mark.usefixtures("machine")
class TestPinned:
    @pytest.fixture
    def stack(self) -> Iterator[ExitStack]:
        with ExitStack() as stack:
            yield stack

    def cores(
        self, wish: int | str, folder: Path, stack: ExitStack, threads: int = 1
    ) -> list[tuple[int, ...]]:
        found = pinned(slots(wish, CPU, threads), threads, folder, stack)
        return [slot.cores for slot in found]

    def test_physical_cores_first(self, tmp_path: Path, stack: ExitStack) -> None:
        assert self.cores("auto", tmp_path, stack) == [(0,), (1,), (2,), (3,)]

    def test_so_many_as_there_are_threads_each(self, tmp_path: Path, stack: ExitStack) -> None:
        assert self.cores(4, tmp_path, stack, threads=2) == [(0, 1), (2, 3), (4, 5), (6, 7)]

    def test_one_slot_runs_wherever_the_system_puts_it(self, tmp_path: Path, stack: ExitStack) -> None:
        assert self.cores(1, tmp_path, stack) == [()]

    def test_gpus_share_the_cores_out(self, tmp_path: Path, stack: ExitStack) -> None:
        found = pinned(slots(None, GPUS, 1), 1, tmp_path, stack)
        assert [slot.cores for slot in found] == [(0, 1), (2, 3), (4, 5)]

    def test_two_runs_have_no_core_in_common(self, tmp_path: Path, stack: ExitStack) -> None:
        assert self.cores(3, tmp_path, stack) == [(0,), (1,), (2,)]
        assert self.cores(4, tmp_path, stack) == [(3,), (4,), (5,), (6,)]

    def test_a_run_that_has_ended_gives_its_cores_back(self, tmp_path: Path, stack: ExitStack) -> None:
        with ExitStack() as other:
            assert self.cores(8, tmp_path, other)[0] == (0,)
        assert self.cores(2, tmp_path, stack) == [(0,), (1,)]

    def test_where_too_few_are_free_none_is_taken(self, tmp_path: Path, stack: ExitStack) -> None:
        with ExitStack() as other:
            self.cores(5, tmp_path, other)
            assert self.cores(4, tmp_path, stack) == [()] * 4
            assert self.cores(3, tmp_path, stack) == [(5,), (6,), (7,)], "the fourth did not keep them"

    def test_a_quota_is_no_reason_to_crowd_on_the_first_cores(
        self, tmp_path: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(devices, "available_cores", lambda: 2)
        assert self.cores(2, tmp_path, stack) == [(), ()]


class TestTheMachine:
    def test_cores_of_one_socket_s_file_are_told_apart(self) -> None:
        if not Path("/sys/devices/system/cpu/cpu0/topology").is_dir():
            pytest.skip("this machine does not tell its topology")
        core = min(os.sched_getaffinity(0))
        assert str(core) in slots_module._siblings(core)

    def test_a_container_s_quota_counts(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
        (tmp_path / "cpu.max").write_text("250000 100000\n")
        monkeypatch.setattr(devices, "_QUOTA", tmp_path / "cpu.max")
        assert devices.available_cores.__wrapped__() == 2
        (tmp_path / "cpu.max").write_text("max 100000\n")
        assert devices.available_cores.__wrapped__() == 64

    def test_all_gpus_like_the_first_are_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(devices, "accelerators", lambda: ("H200", "T4", "H200"))
        assert [str(device) for device in devices.choose("cuda")] == ["cuda:0", "cuda:2"]
        assert [str(device) for device in devices.choose("auto")] == ["cuda:0", "cuda:2"]
        assert [str(device) for device in devices.choose("cuda:1")] == ["cuda:1"]
