"""One worker as the host sees it: a process to wait for and to kill, whose every word is a claim."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
import psutil

from grader.contract import events
from grader.contract.events import Confined, Exited, Failed, Progress, Snapshot, Spawned
from grader.contract.status import Status
from grader.host import watchdog

EventT = TypeVar("EventT", events.Ready, events.Done)

_TICK = watchdog.INTERVAL  # seconds between two looks at the worker, and at whether it was cancelled
_GONE_LIMIT = 30.0  # seconds to wait for a killed process; tearing down gigabytes takes its time
_SIGNALS = {
    signal.SIGSEGV: "segmentation fault",
    signal.SIGABRT: "aborted",
    signal.SIGBUS: "bus error",
    signal.SIGFPE: "floating point exception",
    signal.SIGILL: "illegal instruction",
}


class PhaseEnded(Exception):
    """The phase is over, and not well: status, one line, and details for its record."""

    def __init__(self, status: Status, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.status, self.reason, self.detail = status, reason, detail


class Cancelled(Exception):
    """The session was interrupted; the trial has no outcome."""


class Timeout(Exception):
    """The deadline passed before the event that was waited for."""


class WorkerProcess:
    """A forked worker: its status socket, its channel, its output. Used by one thread."""

    def __init__(self, status: socket.socket, channel: socket.socket, output: int) -> None:
        self._status, self._channel, self._output_fd = status, channel, output
        self._status_lines, self._lines = _Lines(1 << 12), _Lines(events.MAX_LINE)
        self._total = self._count = 0  # bytes and lines that came over the channel
        self._born = time.monotonic()
        self.pid: int | None = None
        self._memory = 0  # bytes that it started with
        self._pidfd: int | None = None
        self._exited: Exited | None = None
        self._events: list[events.Event] = []
        self.output = bytearray()
        self.output_limit = 64 * 1024
        self.watchdog: watchdog.Watchdog | None = None
        self._confined = False  # until then it is our own code that runs
        self._selector = selectors.DefaultSelector()
        for fd, handler in (
            (status.fileno(), self._read_status),
            (channel.fileno(), self._read_channel),
            (output, self._read_output),
        ):
            os.set_blocking(fd, False)
            self._selector.register(fd, selectors.EVENT_READ, handler)

    def waits(self) -> bool:
        """Whether it is there, as far as its server has told. Its time begins now."""
        self._born = time.monotonic()
        with contextlib.suppress(PhaseEnded):
            self._poll(0)
        return self._exited is None and self._open(self._status.fileno())

    def send(self, message: msgspec.Struct, fds: Sequence[int] = ()) -> None:
        """Send an order, with descriptors. A worker that is gone is noticed by the wait that follows."""
        data = msgspec.json.encode(message) + b"\n"
        self._channel.settimeout(10)
        with contextlib.suppress(OSError):
            sent = socket.send_fds(self._channel, [data], list(fds))
            self._channel.sendall(data[sent:])
        self._channel.setblocking(False)

    def wait(
        self,
        wanted: type[EventT],
        deadline: Callable[[], float],
        on_progress: Callable[[Progress], None],
        cancelled: Callable[[], bool],
        on_snapshot: Callable[[Snapshot], None] | None = None,
    ) -> EventT:
        """Wait for the event. Raises PhaseEnded, Timeout after `deadline()` (monotonic), or Cancelled.

        Without `on_snapshot`, snapshots are out of turn.
        """
        while True:
            while self._events:
                event = self._events.pop(0)
                if isinstance(event, wanted):
                    return event
                self._other(event, on_progress, on_snapshot)
            if self._exited is not None:
                raise _crashed(self._exited) if self._confined else self._not_confined()
            if cancelled():
                raise Cancelled
            left = deadline() - time.monotonic()
            if left <= 0:
                raise Timeout
            self._watch()
            self._poll(min(left, _TICK))

    def cpu_seconds(self) -> float | None:
        """User and system time so far, of the process and its reaped children, by the kernel."""
        try:
            times = psutil.Process(self.pid).cpu_times()
        except psutil.Error:
            return None
        return float(sum(times[:4]))

    def stop(self) -> Exited | None:
        """Kill the worker and all that it started; return how it ended. None if nobody could say."""
        deadline = time.monotonic() + _GONE_LIMIT
        while self._exited is None and time.monotonic() < deadline and self._open(self._status.fileno()):
            self._kill()
            with contextlib.suppress(PhaseEnded):
                self._poll(_TICK)
        self._drain_output()
        self._close()
        return self._exited

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            if self._pidfd is not None:
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            elif self.pid is not None:
                os.kill(self.pid, signal.SIGKILL)

    def _watch(self) -> None:
        if self.watchdog is None or self.pid is None or time.monotonic() - self._born < watchdog.INTERVAL:
            return  # a look while it starts would make both wait for its page tables
        try:
            self.watchdog.look(self.pid, self._memory)
        except watchdog.Exceeded as limit:
            raise PhaseEnded(limit.status, f"killed: {limit.reason}") from None

    def _not_confined(self) -> PhaseEnded:
        self._drain_output()
        words = self.output.decode(errors="replace").strip().rpartition("\n")[2]
        return PhaseEnded(Status.HARNESS_ERROR, f"the worker could not confine itself: {words or 'no word'}")

    def _other(
        self,
        event: events.Event,
        on_progress: Callable[[Progress], None],
        on_snapshot: Callable[[Snapshot], None] | None,
    ) -> None:
        if isinstance(event, Confined) and not self._confined:
            self._confined = True
        elif isinstance(event, Progress):
            on_progress(event)
        elif isinstance(event, Snapshot) and on_snapshot is not None:
            on_snapshot(event)
        elif isinstance(event, Failed):
            raise PhaseEnded(self._status_of(event), event.reason, event.detail)
        else:
            raise _malformed(f"sent '{type(event).__name__}' out of turn")

    def _status_of(self, event: Failed) -> Status:
        """A submission that could call its failure ours would be rid of a seed that it does not like."""
        ours = event.status is Status.HARNESS_ERROR
        return Status.VIOLATION if ours and self._confined else event.status

    def _poll(self, seconds: float) -> None:
        if not self._selector.get_map():
            raise PhaseEnded(Status.HARNESS_ERROR, "the worker server went away in the middle of a phase")
        for key, _ in self._selector.select(seconds):
            key.data()

    def _read_status(self) -> None:
        try:
            data, fds, _, _ = socket.recv_fds(self._status, 1 << 12, 1)
        except BlockingIOError:
            return
        except OSError:
            data, fds = b"", []
        self._pidfd = fds[0] if fds else self._pidfd
        if not data:
            self._forget(self._status.fileno())
            if self._exited is None:
                raise PhaseEnded(Status.HARNESS_ERROR, "the worker server went away in the middle of a phase")
        for line in self._status_lines.feed(data):
            message = msgspec.json.decode(line, type=Spawned | Exited)
            if isinstance(message, Spawned):
                self.pid, self._memory = _pid_here(self._pidfd, message.pid), message.memory
            else:
                self._finish_reading(message)

    def _finish_reading(self, exited: Exited) -> None:
        """Its last words may still lie in the socket: read them before its end counts."""
        self._drain_output()
        if self._open(self._channel.fileno()):
            with contextlib.suppress(PhaseEnded):
                while self._read_channel():
                    pass
        self._exited = exited

    def _read_channel(self) -> bool:
        try:
            data = self._channel.recv(1 << 16)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._forget(self._channel.fileno())
            return False
        self._total += len(data)
        self._count += data.count(b"\n")
        age = time.monotonic() - self._born
        if (
            self._total > events.MAX_TOTAL + events.MAX_RATE * age
            or self._count > events.MAX_EVENTS + events.MAX_EVENT_RATE * age
        ):
            raise _malformed("sent more than its channel may carry")
        for line in self._lines.feed(data):
            self._events.append(_decoded(line))
        return True

    def _read_output(self) -> bool:
        try:
            data = os.read(self._output_fd, 1 << 16)
        except BlockingIOError:
            return False
        if not data:
            self._forget(self._output_fd)
            return False
        self.output += data
        del self.output[: -self.output_limit]
        return True

    def _drain_output(self) -> None:
        while self._open(self._output_fd) and self._read_output():
            pass

    def _open(self, fd: int) -> bool:
        return fd in self._selector.get_map()

    def _forget(self, fd: int) -> None:
        if self._open(fd):
            self._selector.unregister(fd)

    def _close(self) -> None:
        self._selector.close()
        self._status.close()
        self._channel.close()
        os.close(self._output_fd)
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None


class _Lines:
    """Splits a stream into lines, none longer than a limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > self._limit or any(len(line) > self._limit for line in lines):
            raise _malformed(f"sent a line of more than {self._limit} bytes")
        return lines


def _pid_here(pidfd: int | None, told: int) -> int:
    """The worker's number in our own namespace; what its server told may be that of another."""
    if pidfd is None:
        return told
    try:
        fields = Path(f"/proc/self/fdinfo/{pidfd}").read_text().split()
    except PermissionError:  # of level weak, where this process is hidden, and there are no namespaces
        return told
    return int(fields[fields.index("Pid:") + 1])


def _decoded(line: bytes) -> events.Event:
    try:
        event: events.Event = msgspec.json.decode(line, type=events.Event)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        raise _malformed("sent something that is no event") from None
    return event


def _malformed(what: str) -> PhaseEnded:
    return PhaseEnded(
        Status.VIOLATION,
        f"the submission's process {what} on the channel that belongs to grader (descriptor 3)",
    )


def _crashed(exited: Exited) -> PhaseEnded:
    if exited.code == events.SPEECHLESS:
        return PhaseEnded(
            Status.CRASHED,
            "the process could no longer speak on the channel that belongs to grader (descriptor 3): "
            "the submission has closed or replaced it",
        )
    if exited.code >= 0:
        return PhaseEnded(
            Status.CRASHED,
            f"the process ended itself with code {exited.code} before the phase was over: "
            "os._exit or a library that exits? return instead",
        )
    if exited.code == -signal.SIGKILL:
        return PhaseEnded(
            Status.OUT_OF_MEMORY,
            "the process was killed by the system, not by grader, most likely for want of memory",
        )
    name = signal.Signals(-exited.code).name
    words = _SIGNALS.get(signal.Signals(-exited.code), "killed by a signal")
    return PhaseEnded(Status.CRASHED, f"the process died: {words} ({name})")
