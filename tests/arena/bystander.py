"""What attacks aim at: another process of the same user, sockets that listen, files that must not change."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

HOME_FILES = (".bashrc", "truncated", "renamed", "deleted", "changed", "dated", "marked", "linked")

# Holds the answers in memory, in its environment and at descriptor 9. Where Yama asks for it, it lets
# anybody of its user trace it, as any process does where Yama is not.
_VICTIM = """
import ctypes, os, sys
answers = open(sys.argv[1], "rb")
os.dup2(answers.fileno(), 9, inheritable=False)
secret = ctypes.create_string_buffer(answers.read())
ctypes.CDLL(None).prctl(0x59616d61, ctypes.c_ulong(-1), 0, 0, 0)
print(ctypes.addressof(secret), flush=True)
sys.stdin.read()
"""


@contextmanager
def victim(answers: Path) -> Iterator[tuple[int, int]]:
    """A process of this user that knows the answers: its pid, and where they lie in its memory."""
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _VICTIM, str(answers)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"ANSWERS": "7 2 1"},
    ) as process:
        assert process.stdout is not None
        try:
            yield process.pid, int(process.stdout.readline())
        finally:
            process.kill()


@contextmanager
def listeners(path: Path) -> Iterator[tuple[int, str]]:
    """TCP, UDP, unix and abstract sockets that greet whoever calls: the port, and the abstract name."""
    abstract = f"grader-arena-{os.getpid()}"
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_UNIX) as unix,
        socket.socket(socket.AF_UNIX) as hidden,
    ):
        port = tcp.getsockname()[1]
        udp.bind(("127.0.0.1", port))
        unix.bind(str(path))
        hidden.bind(f"\0{abstract}")
        for server in (unix, hidden):
            server.listen()
        for server in (tcp, unix, hidden):
            _serve(_greet, server)
        _serve(_answer, udp)
        yield port, abstract


def _serve(turn: Callable[[socket.socket], None], server: socket.socket) -> None:
    def loop() -> None:
        while True:
            turn(server)

    threading.Thread(target=loop, daemon=True).start()


def _greet(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        connection.sendall(b"welcome")


def _answer(server: socket.socket) -> None:
    _, caller = server.recvfrom(64)
    server.sendto(b"welcome", caller)


def furnish_home(home: Path) -> None:
    """Make a home folder with private files."""
    home.mkdir(mode=0o700)
    for name in HOME_FILES:
        path = home / name
        path.write_text(f"this is {name}\n", encoding="utf-8")
        path.chmod(0o600)


def state_of(folder: Path) -> dict[str, str]:
    """What an attack could change of a folder's files: names, kinds, owners, times, attributes, contents."""
    return {str(path.relative_to(folder)): _state(path) for path in sorted(folder.rglob("*"))}


def _state(path: Path) -> str:
    status = path.lstat()
    words = [oct(status.st_mode), status.st_uid, status.st_mtime_ns if path.is_file() else 0]
    if path.is_symlink():
        words.append(str(path.readlink()))
    elif path.is_file():
        words.append(hashlib.sha256(path.read_bytes()).hexdigest())
        words.append(str(os.listxattr(path)) if hasattr(os, "listxattr") else "")
    return " ".join(map(str, words))
