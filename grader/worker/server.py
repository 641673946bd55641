"""The worker server: has torch preloaded, and forks one fresh, confined process a phase.

Started by the host as `python -I -m grader.worker.server FD`. It reads no submission, holds no
data, and alone waits for its children. When the host's end of the control socket closes, it kills them
all and ends. It stays single-threaded: a thread pool does not survive a fork.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from grader.contract.events import SPEECHLESS, Exited, Setup, Spawned
from grader.contract.submission import COMPILER
from grader.worker import confine, dynamo, pages
from grader.worker.channel import orders

_PRELOAD = (
    "torch.optim",
    "torch.utils.data",
    "safetensors.torch",
    "numpy.ctypeslib",
    "pluggy",
    "grader.worker.phases",
)


def main() -> None:
    """Preload, then serve until the host is gone."""
    control = socket.socket(fileno=int(sys.argv[1]))
    setup = orders(control, Setup)
    confine.become_subreaper()
    confine.die_with_parent(True)  # importing torch takes seconds in which nobody looks at the socket
    preload(setup.preload, cpu=setup.cpu)
    sys.dont_write_bytecode = True  # a submission's folder is not ours to write into
    means = confine.means(setup.sandbox)
    if setup.many:
        pages.collapse()
    confine.die_with_parent(False)  # it would fire at the end of the thread that started us, not of the host
    control.sendall(b"R")
    Server(control, means).serve()


def preload(modules: Sequence[str], *, cpu: bool) -> None:
    """Import what every worker needs, and take the costs that come with a first training step."""
    gc.disable()  # collecting on the way takes half a second of two, and frees nothing to speak of
    if cpu:  # triton serves GPUs alone; without it the server starts a second sooner, 30 MB smaller
        sys.modules["triton"] = None  # type: ignore[assignment]
    import torch

    if COMPILER not in modules:
        dynamo.put_off()
    for name in (*_PRELOAD, *modules):
        try:
            importlib.import_module(name)
        except Exception as error:  # a broken library is the submission's row to report
            print(f"cannot preload {name}: {error}", file=sys.stderr)  # noqa: T201
    torch.backends.cpu.get_cpu_capability()  # read before confinement can hide /proc/cpuinfo
    if cpu:  # never where a GPU is to be used: a backward pass asks CUDA for its devices, and poisons forks
        del sys.modules["triton"]
        _first_step()
    gc.freeze()
    gc.enable()


def _first_step() -> None:
    import torch

    torch.set_num_threads(1)  # a thread pool here would deadlock every child
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loss = torch.nn.functional.cross_entropy(model(torch.zeros(2, 4)), torch.zeros(2, dtype=torch.int64))
    loss.backward()
    optimizer.step()


class Server:
    """Forks on request and reports each child's end. Children by pid, with their status sockets."""

    def __init__(self, control: socket.socket, means: confine.Means) -> None:
        self._control = control
        self._means = means
        self._children: dict[int, socket.socket] = {}
        self._memory = _anonymous()

    def serve(self) -> None:
        """Serve until the control socket closes."""
        wake, woken = os.pipe()
        for fd in (wake, woken):
            os.set_blocking(fd, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(name, signal.SIG_IGN)  # the host decides when to end, and closes the socket
        while self._turn(wake):
            pass
        self._end()

    def _turn(self, wake: int) -> bool:
        ready, _, _ = select.select([self._control.fileno(), wake], [], [])
        if wake in ready:
            os.read(wake, 4096)
            self._reap()
        return self._control.fileno() not in ready or self._fork()

    def _fork(self) -> bool:
        request, fds, _, _ = socket.recv_fds(self._control, 1, 3)
        if not request:
            return False
        pid = os.fork()
        if pid == 0:
            run_child(self._means, *fds)
        status, channel, output = fds
        os.close(channel)
        os.close(output)
        self._children[pid] = socket.socket(fileno=status)
        self._announce(pid)
        return True

    def _announce(self, pid: int) -> None:
        pidfds = [os.pidfd_open(pid)] if hasattr(os, "pidfd_open") else []
        try:
            socket.send_fds(
                self._children[pid], [msgspec.json.encode(Spawned(pid, self._memory)) + b"\n"], pidfds
            )
        except OSError:  # the host gave up on this one already
            os.kill(pid, signal.SIGKILL)
        for fd in pidfds:
            os.close(fd)

    def _reap(self) -> None:
        while True:
            try:
                pid, wait_status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self._children:
                self._report(pid, wait_status, usage)

    def _report(self, pid: int, wait_status: int, usage: object) -> None:
        status = self._children.pop(pid)
        self._kill_strays()
        unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes there, kilobytes here
        message = Exited(
            code=os.waitstatus_to_exitcode(wait_status),
            cpu_seconds=usage.ru_utime + usage.ru_stime,  # type: ignore[attr-defined]
            max_rss=usage.ru_maxrss * unit,  # type: ignore[attr-defined]
        )
        with status, contextlib.suppress(OSError):  # nobody waits for it any more
            status.sendall(msgspec.json.encode(message) + b"\n")

    def _kill_strays(self) -> None:
        """Kill what a dead worker started: it was adopted by this process, and is not one of ours."""
        while strays := _child_pids() - self._children.keys():
            for pid in strays:
                try:
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
                except (ProcessLookupError, ChildProcessError):
                    continue

    def _end(self) -> None:
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)
        self._children.clear()
        self._kill_strays()


def _anonymous() -> int:
    """Bytes of this process's memory that no file stands behind; 0 where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    sizes = dict(line.split(":", 1) for line in lines)
    return (
        sum(int(sizes[name].split()[0]) for name in ("RssAnon", "RssShmem", "VmSwap") if name in sizes) * 1024
    )


def _child_pids() -> set[int]:
    try:
        return set(map(int, Path("/proc/thread-self/children").read_text().split()))
    except OSError:
        return set()


def run_child(means: confine.Means, status: int, channel: int, output: int) -> None:
    """Become the worker of one phase. Never returns; finalising the interpreter would take half a second."""
    try:
        os.close(status)
        signal.set_wakeup_fd(-1)
        for name in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(name, signal.SIG_DFL)
        confine.leave_server(channel, output)
        confine.die_with_parent(True)  # it may have to wait for its trial
        _speak_at_once()
        from grader.worker.phases import run_phase

        run_phase(means)
    except BaseException:  # nothing may unwind into the server's loop
        import traceback

        traceback.print_exc()
        os._exit(SPEECHLESS)
    os._exit(0)


def _speak_at_once() -> None:
    """Print line by line, as to a terminal: a worker ends by being killed, with its buffers."""
    sys.stdout, sys.stderr = (
        open(fd, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        for fd in (1, 2)
    )


if __name__ == "__main__":
    main()
