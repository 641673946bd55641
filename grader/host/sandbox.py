"""How the processes that confine themselves are started: their command, their environment, their orders.

At level strict the command is bubblewrap's: a new view of the file system that holds libraries, the
submissions' folders and a scratch folder, with no other process and no network in sight.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO

import msgspec

from grader.contract import events
from grader.contract.errors import GraderError
from grader.contract.isolation import Layer
from grader.host.libraries import libraries
from grader.host.scratch import Scratch

_NVIDIA = ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidia-modeset")
_USERS = range(61184, 65184)  # where systemd, too, takes users that own nothing
_users = itertools.count(secrets.randbelow(len(_USERS)))  # apart from those of another session


class Sandbox:
    """What confines the workers of one session. Holds the folder in which each gets its scratch."""

    def __init__(
        self,
        layers: Iterable[Layer],
        *,
        folders: Iterable[Path] = (),
        more: Iterable[Path] = (),
        hidden: Iterable[Path] = (),
        device_kind: str = "cpu",
        allow_subprocess: bool = False,
    ) -> None:
        """`folders` hold submissions; `more` are libraries, `hidden` folders that no worker may read."""
        self.layers = frozenset(layers)
        self._libraries = libraries(more, hidden, programs=allow_subprocess)
        self._folders = tuple(dict.fromkeys(folder.resolve() for folder in folders))
        self._devices = tuple(_devices()) if device_kind == "cuda" else ()
        self._allow_subprocess = allow_subprocess
        self._held = Scratch(
            "scratch", 0o711
        )  # each worker reaches its own folder, and cannot list the others'
        self.scratch = self._held.path

    def start(
        self, module: str, orders: msgspec.Struct, environment: Mapping[str, str], log: IO[bytes]
    ) -> tuple[subprocess.Popen[bytes], socket.socket]:
        """Start `python -I -m module FD`, hand it its orders, and return it with our end of its socket."""
        wrapper = self._wrapper()
        control, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(
                [*wrapper, sys.executable, "-I", "-m", module, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,  # Ctrl-C is the host's to handle
                cwd=Path("/"),
            )
        with contextlib.suppress(OSError):  # it is dead already: whoever waits for its answer learns why
            control.sendall(msgspec.json.encode(orders) + b"\n")
        return process, control

    def orders(self) -> events.Sandbox:
        """What the started process is told to apply."""
        return events.Sandbox(
            layers=tuple(sorted(self.layers)),
            libraries=self._libraries.paths(),
            listed=self._libraries.listed(),
            devices=self._devices,
            allow_subprocess=self._allow_subprocess,
        )

    def new_scratch(self) -> tuple[Path, int | None]:
        """Return an empty folder for one worker, and the user who owns it and whom it is to become."""
        folder = Path(tempfile.mkdtemp(dir=self.scratch))
        user = next_user() if Layer.IDENTITY in self.layers else None
        if user:
            os.chown(folder, user, user)
        return folder, user

    def close(self) -> None:
        """Remove what is left in the scratch folder. May be called twice."""
        self._held.close()

    def _wrapper(self) -> list[str]:
        if Layer.NAMESPACES not in self.layers:
            return []
        program = shutil.which("bwrap")
        if program is None:
            raise GraderError("bubblewrap (bwrap) is not installed")
        return [program, *_namespaces(), *self._mounts(), "--"]

    def _mounts(self) -> Iterator[str]:
        """Outer folders first, so that what lies inside them shows, or is hidden, over them."""
        places = dict.fromkeys(self._libraries.holes, "--tmpfs")
        places |= dict.fromkeys((*self._read_only(), *self._libraries.roots), "--ro-bind")
        places[self.scratch] = "--bind"
        yield from _parents(path for path, how in places.items() if how != "--tmpfs")
        yield from _links()
        for path in sorted(places, key=lambda path: len(path.parts)):
            how, around = places[path], next((places[p] for p in path.parents if p in places), "--tmpfs")
            if how != around:  # what shows, or is hidden, with the folder around it needs nothing more
                yield from (how, *([str(path)] * (1 if how == "--tmpfs" else 2)))
        yield from self._devices_and_kernel()

    def _devices_and_kernel(self) -> Iterator[str]:
        yield from ("--proc", "/proc", "--dev", "/dev")
        if os.geteuid() == 0:  # bubblewrap leaves it writable to root: core_pattern leads out
            yield from ("--ro-bind", "/proc/sys", "/proc/sys")
        if self._allow_subprocess:  # what data loaders pass to each other; counted as memory
            yield from ("--perms", "1777", "--tmpfs", "/dev/shm")  # noqa: S108
        for device in self._devices:
            yield from ("--dev-bind", device, device)
        yield from ("--ro-bind-try", "/sys/devices/system", "/sys/devices/system")

    def _read_only(self) -> Iterator[Path]:
        yield from self._folders
        yield Path(sys.executable)
        config = Path(sys.prefix, "pyvenv.cfg")
        if config.exists():
            yield config


def next_user() -> int | None:
    """A user id for one worker; None where this process is not root, or root of too small a namespace."""
    if sys.platform != "linux" or os.geteuid() != 0 or not _maps(_USERS):
        return None
    return _USERS[next(_users) % len(_USERS)]


def _namespaces() -> Iterator[str]:
    yield from ("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")
    # the server is the namespace's init: it adopts what workers leave, and its end is the end of all
    yield from ("--as-pid-1", "--die-with-parent")


def _links() -> Iterator[str]:
    """/lib and the like, which are links into /usr on a merged system."""
    for name in ("/lib", "/lib64", "/lib32", "/bin", "/usr/lib64"):
        if Path(name).is_symlink():
            yield from ("--symlink", str(Path(name).readlink()), name)


def _parents(paths: Iterable[Path]) -> Iterator[str]:
    """The folders above them: bubblewrap would make each for root alone."""
    for folder in sorted({folder for path in paths for folder in path.parents} - {Path("/")}):
        yield from ("--perms", "0755", "--dir", str(folder))


def _devices() -> Iterator[str]:
    yield from (name for name in _NVIDIA if Path(name).exists())
    yield from (str(path) for path in Path("/dev").glob("nvidia[0-9]*"))


def _maps(users: range) -> bool:
    """Whether this user namespace knows all of these ids."""
    try:
        lines = [line.split() for line in Path("/proc/self/uid_map").read_text().splitlines()]
    except OSError:
        return True
    return any(int(first) <= users[0] and users[-1] < int(first) + int(count) for first, _, count in lines)
