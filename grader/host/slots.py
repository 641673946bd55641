"""Where trials run side by side: so many cores of this machine each, or one GPU each."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

from grader.contract.errors import UsageError
from grader.contract.text import count
from grader.contract.trial import Device
from grader.host import device as devices
from grader.host.files import locked

AUTO = "auto"
_TOPOLOGY = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"


class Slot(NamedTuple):
    """What one trial at a time has to itself: a device, and so many cores."""

    device: Device
    cores: tuple[int, ...] = ()  # that its workers are pinned to; none: wherever the system puts them


def slots(wish: int | str | None, found: Sequence[Device], threads: int) -> tuple[Slot, ...]:
    """Return the slots of `-n WISH` (a number, "auto", or None for what is usual) on these devices.

    On CPUs "auto" takes every physical core, `threads` a slot, and None one slot; a number may use the
    second hardware threads as well. On GPUs "auto" and None are one slot for each. Raises UsageError.
    """
    cores, physical = _cores()
    if found[0].kind == "cpu":
        most = len(cores) // threads
        many = max(1, physical // threads) if wish == AUTO else int(wish or 1)
        if many > most:
            raise UsageError(
                f"-n {many}: so many slots of {count(threads, 'thread')} take {many * threads} cores, and "
                f"this process may use {len(cores)}; at most -n {most}"
            )
        return (Slot(found[0]),) * many
    many = len(found) if wish in {AUTO, None} else int(wish or 1)
    if many > len(found):
        raise UsageError(f"-n {many}: each trial has a GPU to itself, and there are {len(found)} of them")
    return tuple(map(Slot, found[:many]))


def pinned(slots: Sequence[Slot], threads: int, folder: Path, stack: ExitStack) -> tuple[Slot, ...]:
    """Return the slots with cores of their own, which no other run of this user has, until the stack closes.

    A single slot is not pinned, nor are several where there are not cores enough that nobody has pinned, or
    where a container's quota is worth fewer cores than it may run on: the system places them better then.
    The folder holds a lock for each core, which the kernel frees when a run ends, however it does.
    """
    cores, _ = _cores()
    share = max(threads, len(cores) // len(slots)) if slots[0].device.kind == "cuda" else threads
    bound = hasattr(os, "sched_getaffinity") and len(os.sched_getaffinity(0)) == len(cores)
    if len(slots) == 1 or not bound:
        return tuple(slots)
    mine = _claimed(cores, share * len(slots), folder, stack)
    return tuple(
        slot._replace(cores=tuple(mine[at * share : (at + 1) * share])) for at, slot in enumerate(slots)
    )


def _claimed(cores: Sequence[int], wanted: int, folder: Path, stack: ExitStack) -> list[int]:
    """Lock so many cores; none where there are not so many."""
    mine: list[int] = []
    with ExitStack() as locks, suppress(OSError):  # the secret is kept there as well: who needs it will say
        for core in cores:
            (folder / f"core-{core}").mkdir(parents=True, exist_ok=True)
            if len(mine) < wanted and (lock := locked(folder / f"core-{core}")) is not None:
                locks.callback(os.close, lock)
                mine.append(core)
        if len(mine) == wanted:
            stack.push(locks.pop_all())
            return mine
    return []


def _cores() -> tuple[tuple[int, ...], int]:
    """The cores of this process, one hardware thread of each physical core first; how many those are."""
    if not hasattr(os, "sched_getaffinity"):
        return tuple(range(devices.available_cores())), devices.available_cores()
    seen: dict[str, int] = {}
    placed = []
    for core in sorted(os.sched_getaffinity(0)):
        siblings = _siblings(core)
        placed.append((seen.get(siblings, 0), core))
        seen[siblings] = seen.get(siblings, 0) + 1
    allowed = devices.available_cores()
    return tuple(core for _, core in sorted(placed)[:allowed]), min(len(seen), allowed)


def _siblings(core: int) -> str:
    """The hardware threads of the physical core that this one belongs to."""
    try:
        return Path(_TOPOLOGY.format(core)).read_text(encoding="ascii").strip()
    except OSError:
        return str(core)
