"""What a worker does to itself right after the fork, before it sees any submitted byte.

It has one thread then: Landlock and seccomp bind the calling thread and what comes after it, so a thread
started earlier would stay free. Every step is for good.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from grader.contract.events import Sandbox, Start
from grader.contract.isolation import Layer
from grader.contract.submission import Submission
from grader.contract.trial import Limits
from grader.worker import identity, kernel, landlock, limits, seccomp
from grader.worker.landlock import Rule

CHANNEL_FD = 3

# what libraries look at while they run; of /proc nothing that tells of another process
_READ = (
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/sys/devices/system/cpu",
    "/sys/devices/system/node",
    "/dev/urandom",
    "/dev/random",
)
_DEVICES = ("/dev/null", "/dev/zero")


@dataclass(frozen=True, kw_only=True)
class Means:
    """What the server has ready for each worker: looked up once."""

    layers: frozenset[Layer]
    libraries: tuple[Rule, ...]
    readable: bool  # the libraries, by any user
    others: int  # processes and threads of this user


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What one worker needs."""

    scratch: str
    submission: tuple[tuple[str, int], ...] = ()  # paths, and rights to them
    user: int | None = None
    cores: tuple[int, ...] = ()
    limits: Limits = Limits()
    on_cpu: bool = True
    allow_subprocess: bool = False


def means(sandbox: Sandbox) -> Means:
    """Open what workers may read, and where submissions may start processes also run."""
    rules: list[Rule] = []
    if Layer.LANDLOCK in sandbox.layers:
        rights = landlock.READ | (landlock.EXECUTE if sandbox.allow_subprocess else 0)
        pairs = [(path, rights) for path in sandbox.libraries]
        pairs += [(path, landlock.READ_DIR) for path in sandbox.listed]
        pairs += [(path, landlock.DEVICE) for path in (*_DEVICES, *sandbox.devices)]
        rules = [rule for path, right in pairs if (rule := landlock.rule(path, right))]
    return Means(
        layers=frozenset(sandbox.layers),
        libraries=tuple(rules),
        # asked for one who is no longer root: anybody else has read them already
        readable=os.geteuid() != 0 or all(map(_anyone_reads, sandbox.libraries)),
        others=limits.tasks_of_user(),
    )


def leave_server(channel: int, output: int) -> None:
    """Leave the server's session behind. Descriptor 3 becomes the channel, 1 and 2 the output."""
    os.setsid()
    # dup the two out of the way first: either may itself be a number that is about to be overwritten
    channel, output = (os.dup(os.dup(fd)) for fd in (channel, output))
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (output, 1), (output, 2), (channel, CHANNEL_FD)):
        os.dup2(source, target)


def plan_of(start: Start) -> Plan:
    """What the trial of this message needs, and no more."""
    trial = start.trial
    return Plan(
        scratch=start.scratch,
        submission=tuple(grant for part in trial.submission.parts for grant in _of_submission(part)),
        user=start.user,
        cores=start.cores,
        limits=trial.limits,
        on_cpu=trial.device.kind == "cpu",
        allow_subprocess=trial.allow_subprocess,
    )


def confine(plan: Plan, means: Means) -> None:
    """Apply every layer, and close all descriptors but 0 to 3. Raises OSError when one can't be had."""
    layers = means.layers
    _one_thread()
    if plan.cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, plan.cores)
    if Layer.RLIMITS in layers:
        limits.apply(plan.limits, others=None if plan.user else means.others, data=plan.on_cpu)
    if plan.user:
        mine = all(_anyone_reads(path) for path, _ in plan.submission) and _anyone_reaches(plan.scratch)
        identity.become(plan.user, read_all=not (means.readable and mine))
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)  # no setuid helper lifts any of this again
    die_with_parent(True)  # kill -9 of the server leaves nobody behind; a change of user had cleared it
    if Layer.LANDLOCK in layers:
        landlock.restrict([*means.libraries, *_own_rules(plan)])
    os.closerange(CHANNEL_FD + 1, os.sysconf("SC_OPEN_MAX"))
    if Layer.SECCOMP in layers:
        seccomp.install(seccomp.program(os.getpid(), allow_subprocess=plan.allow_subprocess))


def die_with_parent(wish: bool, /) -> None:
    """Be killed at the end of the thread that started this process, or no longer."""
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL if wish else 0)


def become_subreaper() -> None:
    """Adopt the orphans of workers, so that a double fork cannot outlive its trial."""
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)


def _one_thread() -> None:
    if kernel.LINUX and len(os.listdir("/proc/self/task")) > 1:  # noqa: PTH208 - in each fork
        raise RuntimeError("a thread runs beside the one that confines itself, and would stay free")


def _own_rules(plan: Plan) -> Iterator[Rule]:
    extra = landlock.FOR_CHILDREN if plan.allow_subprocess else 0
    writable = [plan.scratch, *(["/dev/shm"] if extra else [])]  # noqa: S108 - in a namespace of its own
    pairs = [(path, landlock.READ) for path in _READ]
    pairs += plan.submission
    pairs += [(path, landlock.SCRATCH | extra) for path in writable]
    for path, rights in pairs:
        if rule := landlock.rule(path, rights):
            yield rule


def _of_submission(submission: Submission) -> Iterator[tuple[str, int]]:
    """Its files, as the digest covers them, and the names in the folders that are its own."""
    folder = Path(submission.folder)
    files = [folder / name for name in submission.files]
    own = {path.parent for path in files} - (set() if submission.package else {folder})
    yield from ((str(path), landlock.READ_FILE) for path in files)
    yield from ((str(path), landlock.READ_DIR) for path in own)  # import lists what it looks into


def _anyone_reads(path: str) -> bool:
    """Whether others than the owner may read it and search the folders above it."""
    try:
        return bool(Path(path).stat().st_mode & 0o004) and _anyone_reaches(path)
    except OSError:
        return True  # not there: nothing to be read


def _anyone_reaches(path: str) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in Path(path).parents)
