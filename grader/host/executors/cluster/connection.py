"""The way to a cluster: one that is there, or one that is started for this run on this machine alone."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from grader.contract.errors import GraderError, UsageError
from grader.contract.text import one_line
from grader.host.device import available_cores
from grader.host.scratch import Scratch

# Of a cluster of our own. Ray reads them when it is imported and when it starts its processes.
_OWN = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # every process listens on loopback, and nowhere else
    "RAY_AUTH_MODE": "token",  # loopback is for every user of the machine, the cluster for this one
}
_TOKEN = secrets.token_hex(32)  # one for this process: Ray's libraries keep the first that they see
_LIMIT = 10.0  # seconds for a head to take a connection
_LOOPBACK = ("127.", "::1", "localhost")


class Connection:
    """A connection to a cluster, shared by all who asked for it; the last to leave it closes it."""

    def __init__(self, ray: Any, address: str, folder: Scratch | None) -> None:
        self.ray, self.address = ray, address
        self.users = 0
        self._folder = folder  # of a cluster of our own

    def close(self) -> None:
        """Leave it. What was started for this run alone ends."""
        global _open  # noqa: PLW0603
        with _LOCK:
            self.users -= 1
            if self.users:
                return
            _open = None
            self.ray.shutdown()
            if self._folder is not None:
                self._folder.close()


_LOCK = threading.Lock()
_open: Connection | None = None  # Ray knows one cluster a process


def connected(address: str, cpus: int | None = None) -> Connection:
    """Return a connection to the cluster at HOST:PORT, or with '' to one started here. Raises GraderError.

    One started here offers so many CPUs; unless told, as many as this process may use.
    """
    global _open  # noqa: PLW0603
    with _LOCK:
        if _open is None:
            _open = _attached(address) if address else _started(cpus or available_cores())
        elif _open.address != address:
            there = _open.address or "its own"
            raise GraderError(f"this process is on another Ray cluster already ({there})")
        _open.users += 1
        return _open


def _started(cpus: int) -> Connection:
    folder = Scratch("ray")  # for its logs, and for sockets, whose paths must be short
    try:
        with _environment({**_OWN, "RAY_AUTH_TOKEN": _TOKEN}):
            ray = _imported()
            _init(ray, address="local", num_cpus=cpus, include_dashboard=False, _temp_dir=str(folder.path))
            found = ray.get_runtime_context().gcs_address
        if not found.startswith(_LOOPBACK):  # somebody else had imported Ray before us
            ray.shutdown()
            raise GraderError(
                f"the cluster would listen at {found}, for every machine to reach: import grader before ray, "
                f"or set RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0"
            )
    except BaseException:
        folder.close()
        raise
    return Connection(ray, "", folder)


def _attached(address: str) -> Connection:
    ray = _imported()
    try:
        _look_for(address)
        _init(ray, address=address)
    except (OSError, ValueError, RuntimeError) as error:
        raise UsageError(
            f"--executor ray:{address}: no cluster can be joined there ({one_line(str(error), 200)}); this "
            f"machine must be one of its nodes: ray start --address={address}"
        ) from None
    return Connection(ray, address, None)


def _look_for(address: str) -> None:
    """Ray itself waits for minutes for a head that is not there. Raises OSError and ValueError."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError("an address is written HOST:PORT")
    with socket.create_connection((host, int(port)), _LIMIT):
        pass


def _init(ray: Any, **options: Any) -> None:
    from ray._private import worker

    if ray.is_initialized():
        raise GraderError("this process has joined a Ray cluster already: call ray.shutdown() first")
    with _hushed():
        ray.init(log_to_driver=False, logging_level="ERROR", **options)
    worker.print_to_stdstream = _unsaid  # pages on stdout about a lost node, which we name in a line


@contextlib.contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Lay these over the environment: other children of this process are not to find them."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _hushed() -> Iterator[None]:
    """Its libraries write to descriptor 2 which networks they cannot reach; what matters it raises."""
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def _unsaid(*_: object, **__: object) -> None:
    """Say nothing."""


def _imported() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise UsageError("--executor ray needs Ray: pip install 'grader[ray]'") from None
    return ray
