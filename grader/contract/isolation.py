"""How far a worker is kept from the rest of the machine: levels, and the layers that make them."""

from enum import StrEnum


class Isolation(StrEnum):
    """The levels, strongest first. Rows of different levels are never ranked together."""

    STRICT = "strict"  # own namespaces of files, processes, network and IPC, and all that landlock has
    LANDLOCK = "landlock"  # files by enumeration, no new processes, no sockets: Linux 5.13, containers too
    WEAK = "weak"  # no new processes, no sockets, but files by their modes alone: older kernels
    RLIMIT = "rlimit"  # own session, resource limits, clean environment, own descriptors only: macOS

    @property
    def confines(self) -> bool:
        """Whether code that means harm is kept from targets, network and host."""
        return not self.openings

    @property
    def openings(self) -> str:
        """What code that means harm can still do at this level, in words; nothing at those that confine."""
        if self is Isolation.WEAK:
            return "submitted code can read every file that its user can, targets included"
        if self is Isolation.RLIMIT:
            return "submitted code can read every file that its user can, use the network and start processes"
        return ""


def openings(name: str) -> str:
    """The same by the name that a record has, which another version may have written."""
    return Isolation(name).openings if name in tuple(Isolation) else "nobody knows what it held back"


class Layer(StrEnum):
    """What a level is made of. Each layer is applied by the worker to itself, but for the two marked."""

    NAMESPACES = "namespaces"  # by bubblewrap, around the worker server
    IDENTITY = "identity"  # a user id of the worker's own, where the host is root
    RLIMITS = "rlimits"
    LANDLOCK = "landlock"
    SECCOMP = "seccomp"
    WATCHDOG = "watchdog"  # by the host, which looks at memory, threads and scratch while it waits


MAX_THREADS = 512  # of a worker, processes that it starts included; torch wants one a core

_ALWAYS = frozenset({Layer.IDENTITY, Layer.RLIMITS, Layer.WATCHDOG})

LAYERS = {
    Isolation.STRICT: _ALWAYS | {Layer.SECCOMP, Layer.LANDLOCK, Layer.NAMESPACES},
    Isolation.LANDLOCK: _ALWAYS | {Layer.SECCOMP, Layer.LANDLOCK},
    Isolation.WEAK: _ALWAYS | {Layer.SECCOMP},
    Isolation.RLIMIT: _ALWAYS,
}
