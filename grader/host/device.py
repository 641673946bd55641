"""Which device trials run on, found without torch."""

from __future__ import annotations

import os
import platform
import sys
from functools import cache
from pathlib import Path

from grader.contract.errors import UsageError
from grader.contract.trial import Device

_NVIDIA = ("/dev/nvidiactl", "/dev/dxg")  # the driver's, and that of WSL2
_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # microseconds, and in how many of them; as a container sees its own


def choose(wish: str) -> tuple[Device, ...]:
    """Return the devices for `auto`, `cpu`, `cuda` (all that are like the first), `cuda:1` or `mps`.

    Raises UsageError.
    """
    kind, _, index = wish.partition(":")
    if kind == "auto":
        kind = "cuda" if accelerators() else "mps" if _has_mps() else "cpu"
    if kind == "cuda" and index:
        return (_cuda(int(index), wish),)
    if kind == "cuda":
        first = _cuda(0, wish)
        alike = (number for number, name in enumerate(accelerators()) if name == first.name)
        return tuple(_cuda(number, wish) for number in alike)
    if kind == "mps" and not _has_mps():
        raise UsageError(f"--device {wish}: this machine has no Apple GPU; use cpu")
    return (Device(kind=kind, name=processor_name()),)


def choose_elsewhere(wish: str) -> tuple[Device, ...]:
    """Do as `choose` for trials that other machines run: a GPU that is not here is there, by its kind."""
    if wish.partition(":")[0] == "cuda" and not accelerators():
        return (Device(kind="cuda"),)
    return choose(wish)


def threads(wish: int | None) -> int:
    """Return the threads a trial computes with: the wish, or one.

    One, because sums come out in another order, and so with other bits, for each number of threads: what
    nobody asked for must not depend on the machine, nor on how many trials it runs at once. A second thread
    made the baselines 1.0 to 1.3 times as fast; a second trial beside the first doubles what gets done.
    """
    cores = available_cores()
    if wish is not None and wish > cores:
        raise UsageError(f"--threads {wish}: this process may use {cores} cores; ask for no more than that")
    return wish or 1


@cache
def available_cores() -> int:
    """Cores that this process may run on: those it is bound to, or what a container's quota is worth."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = _QUOTA.read_text(encoding="ascii").split()
        return max(1, min(cores, round(int(quota) / int(period))))
    except (OSError, ValueError):  # no container, or one with "max": no quota
        return cores


@cache
def processor_name() -> str:
    """The processor's model."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model")))
    return next(names, platform.machine())


@cache
def accelerators() -> tuple[str, ...]:
    """Names of the NVIDIA devices that torch would see, in its order; none without a driver."""
    if sys.platform == "linux" and not any(map(os.path.exists, _NVIDIA)):
        return ()
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception:  # the library is absent, or there is no driver: either way no device
        return ()
    handles = map(pynvml.nvmlDeviceGetHandleByIndex, range(pynvml.nvmlDeviceGetCount()))
    names = [str(pynvml.nvmlDeviceGetName(handle)) for handle in handles]
    return tuple(_visible(names))


@cache
def driver_version() -> str | None:
    """The NVIDIA driver's version, where there is one."""
    if not accelerators():
        return None
    import pynvml

    return str(pynvml.nvmlSystemGetDriverVersion())


def _visible(names: list[str]) -> list[str]:
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        return names
    parts = [part.strip() for part in chosen.split(",") if part.strip()]
    if all(part.isdecimal() for part in parts):
        return [names[int(part)] for part in parts if int(part) < len(names)]
    return names[: len(parts)]  # by UUID: how many is all that can be said cheaply


def _cuda(index: int, wish: str) -> Device:
    names = accelerators()
    if index >= len(names):
        found = f"there are {len(names)} (the first is cuda:0)" if names else "no NVIDIA device is visible"
        raise UsageError(f"--device {wish}: {found}; use cpu, or check the driver and CUDA_VISIBLE_DEVICES")
    return Device(kind="cuda", index=index, name=names[index])


def _has_mps() -> bool:
    return sys.platform == "darwin" and platform.machine() == "arm64"
