"""The worker's end of the private channel to the host: JSON lines, and descriptors on the way in."""

from __future__ import annotations

import os
import socket
import threading
from typing import TypeVar

import msgspec

from grader.contract.events import MAX_LINE, Event

Message = TypeVar("Message")

_MAX_FILES = 16


def orders(control: socket.socket, kind: type[Message]) -> Message:
    """Wait for the host's first line. It sends nothing more before it was answered. Raises DecodeError."""
    with control.makefile("rb") as file:
        return msgspec.json.decode(file.readline(), type=kind)


class Channel:
    """Sends events, receives what the host orders. Safe to send from several threads."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._encoder = msgspec.json.Encoder()
        self._pid = os.getpid()
        self._lock = threading.Lock()  # a submission may draw batches in a thread

    @property
    def ours(self) -> bool:
        """Whether this process is the worker, and none that the submission forked."""
        return os.getpid() == self._pid

    def send(self, event: Event) -> None:
        """Tell the host. A process that the submission forked stays silent."""
        if self.ours:
            with self._lock:
                self._socket.sendall(self._encoder.encode(event) + b"\n")

    def receive(self, kind: type[Message]) -> tuple[Message, list[int]]:
        """Wait for one message and the descriptors that came with it. Raises EOFError without a host."""
        line, files = b"", []
        while not line.endswith(b"\n"):
            data, fds, _, _ = socket.recv_fds(self._socket, MAX_LINE, _MAX_FILES)
            if not data:
                raise EOFError("the host is gone")
            line += data
            files += fds
        return msgspec.json.decode(line, type=kind), files
