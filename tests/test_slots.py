"""Slots: how many trials at once, on which cores or GPUs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from grader.contract.errors import UsageError
from grader.contract.trial import Device
from grader.host import device as devices
from grader.host import slots as slots_module
from grader.host.slots import slots

CPU = [Device(kind="cpu", name="A Processor")]
GPUS = [Device(kind="cuda", index=at, name="A GPU") for at in range(3)]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four physical cores with two hardware threads each: 0 and 4, 1 and 5, …"""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr(devices, "available_cores", lambda: 8)
    monkeypatch.setattr(slots_module, "_siblings", lambda core: f"{core % 4},{core % 4 + 4}")


def cores(wish: int | str | None, found: Sequence[Device] = CPU, threads: int = 1) -> list[tuple[int, ...]]:
    return [slot.cores for slot in slots(wish, found, threads)]


@pytest.mark.usefixtures("machine")
class TestOnCores:
    def test_without_a_wish_there_is_one(self) -> None:
        assert cores(None) == [(0,)]

    def test_auto_takes_each_physical_core_once(self) -> None:
        assert cores("auto") == [(0,), (1,), (2,), (3,)]

    def test_auto_with_threads_shares_the_cores_out(self) -> None:
        assert cores("auto", threads=2) == [(0, 1), (2, 3)]
        assert cores("auto", threads=3) == [(0, 1, 2)]

    def test_auto_is_one_slot_where_the_threads_take_more_than_the_physical_cores(self) -> None:
        assert cores("auto", threads=6) == [(0, 1, 2, 3, 4, 5)]

    def test_a_number_may_use_the_second_hardware_threads(self) -> None:
        assert cores(6) == [(0,), (1,), (2,), (3,), (4,), (5,)]

    def test_no_core_is_in_two_slots(self) -> None:
        taken = [core for some in cores(4, threads=2) for core in some]
        assert len(set(taken)) == len(taken) == 8

    @pytest.mark.parametrize(("wish", "threads", "most"), [(9, 1, 8), (5, 2, 4), (3, 4, 2)])
    def test_more_than_there_are_is_one_line(self, wish: int, threads: int, most: int) -> None:
        with pytest.raises(UsageError, match=rf"-n {wish}: .* process may use 8; at most -n {most}$"):
            slots(wish, CPU, threads)


@pytest.mark.usefixtures("machine")
class TestOnGpus:
    @pytest.mark.parametrize("wish", [None, "auto"])
    def test_all_of_them_with_their_share_of_the_cores(self, wish: str | None) -> None:
        found = slots(wish, GPUS, 1)
        assert [str(slot.device) for slot in found] == ["cuda:0", "cuda:1", "cuda:2"]
        assert [slot.cores for slot in found] == [(0, 1), (2, 3), (4, 5)]

    def test_one_that_was_named(self) -> None:
        assert [str(slot.device) for slot in slots(None, GPUS[1:2], 1)] == ["cuda:1"]

    def test_fewer_if_asked(self) -> None:
        assert [str(slot.device) for slot in slots(2, GPUS, 1)] == ["cuda:0", "cuda:1"]

    def test_more_than_there_are_is_one_line(self) -> None:
        with pytest.raises(UsageError, match=r"-n 4: each trial has a GPU to itself, and there are 3"):
            slots(4, GPUS, 1)

    def test_too_few_cores_are_not_shared_out(self) -> None:
        assert cores(3, GPUS, threads=4) == [(), (), ()]


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
