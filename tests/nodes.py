"""A real cluster in a network namespace of its own: `python -m nodes SPEC`, in the folder of the tests.

Ray runs there as a head without processors and two nodes, and `grader run` against it. One of the nodes is
killed while trials run on both. What was seen is written beside the specification, as JSON.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import secrets
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import psutil

_NEWUSER, _NEWNET = 0x10000000, 0x40000000
_PORT = 6379
ADDRESS = f"127.0.0.1:{_PORT}"
_PATIENCE = 180  # seconds for anything to happen


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """The folder holds `subs`, and is the working directory of the command."""

    folder: str
    arguments: tuple[str, ...]  # of `grader run`, but for the executor
    kill: bool  # a node, once trials train on both
    dead_address: str = ""  # also try to join a cluster that is not there


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it."""

    code: int
    output: str
    log: tuple[dict[str, Any], ...]
    listening: tuple[str, ...]  # addresses, with the cluster up and trials running
    left: tuple[str, ...]  # worker processes of the killed node, some seconds later
    refused: str  # what joining a cluster that is not there says
    refused_code: int


def enter() -> None:
    """Go into a new network namespace that has a loopback and nothing else."""
    flags = _NEWNET if os.geteuid() == 0 else _NEWNET | _NEWUSER
    user, group = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags):
        raise OSError(ctypes.get_errno(), "no network namespace can be had here")
    if flags & _NEWUSER:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        up = struct.pack("16sh", b"lo", 1)  # IFF_UP
        fcntl.ioctl(sock, 0x8914, up)  # SIOCSIFFLAGS


def main() -> None:
    """Run the cluster and the command that the file describes; what was seen lies beside it."""
    place = Path(sys.argv[1])
    spec = msgspec.json.decode(place.read_bytes(), type=Spec)
    enter()
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_raylet_start_wait_time_s": str(_PATIENCE)}
    with ExitStack() as stack:
        seen = run(spec, stack)
    place.with_name("seen.json").write_bytes(msgspec.json.encode(seen))


def run(spec: Spec, stack: ExitStack) -> Seen:
    """Start everything, watch, kill."""
    folder = Path(spec.folder)
    temporary = f"/tmp/grader-nodes-{os.getpid()}"  # short: it holds sockets
    common = ["--node-ip-address=127.0.0.1", "--block", "--disable-usage-stats"]
    head = ["--head", f"--port={_PORT}", "--num-cpus=0", "--include-dashboard=false"]
    stack.enter_context(ray_node(folder, "head", [*head, f"--temp-dir={temporary}", *common]))
    until(lambda: started(folder, "head"), "the head answers")
    nodes = []
    for name in ("ada", "bob"):
        arguments = [f"--address={ADDRESS}", "--num-cpus=1", f"--node-name={name}", *common]
        nodes.append(stack.enter_context(ray_node(folder, name, arguments)))
        until(partial(started, folder, name), f"node {name} is there")
    stack.callback(subprocess.run, ["rm", "-rf", temporary], check=False)
    log = folder / "log.jsonl"
    command = [sys.executable, "-m", "grader", "run", *spec.arguments]
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            [*command, f"--executor=ray:{ADDRESS}", f"--log={log}"], cwd=folder, stdout=output, stderr=output
        )
    stack.callback(process.kill)
    listening: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    if spec.kill:
        until(lambda: training(log) >= 2 or process.poll() is not None, "two trials train")
        listening = tuple(sorted(addresses()))
        left = killed(nodes[1]) if process.poll() is None else ("the command had ended",)
    process.wait(_PATIENCE)
    refused = subprocess.run(
        [*command, f"--executor=ray:{spec.dead_address}"],
        cwd=folder, capture_output=True, text=True, check=False, timeout=_PATIENCE,
    ) if spec.dead_address else None  # fmt: skip
    return Seen(
        code=process.returncode,
        output=(folder / "output").read_text(errors="replace"),
        log=tuple(told(log)),
        listening=listening,
        left=left,
        refused=refused.stderr if refused else "",
        refused_code=refused.returncode if refused else 0,
    )


@contextlib.contextmanager
def ray_node(folder: Path, name: str, arguments: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """`ray start`, in a process group of its own, until the block ends."""
    with (folder / f"{name}.txt").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "ray.scripts.scripts", "start", *arguments],
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        family = psutil.Process(process.pid).children(recursive=True) if alive(process) else []
        process.kill()
        for each in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        process.wait()


def killed(node: subprocess.Popen[bytes]) -> tuple[str, ...]:
    """Kill the node's raylet, and say which of its worker servers are still there after a while."""
    servers = [
        each
        for each in psutil.Process(node.pid).children(recursive=True)
        if "grader.worker.server" in " ".join(cmdline(each))
    ]
    assert servers, "the node had no worker server"
    for raylet in raylets(node):
        raylet.kill()
    _, alive = psutil.wait_procs(servers, timeout=20)
    return tuple(" ".join(cmdline(each)) for each in alive)


def raylets(node: subprocess.Popen[bytes]) -> list[psutil.Process]:
    found = psutil.Process(node.pid).children(recursive=True) if alive(node) else []
    return [each for each in found if cmdline(each)[:1] and cmdline(each)[0].endswith("/raylet")]


def cmdline(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def alive(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is None


def started(folder: Path, name: str) -> bool:
    """Whether `ray start` says that its node is up."""
    return "Ray runtime started" in (folder / f"{name}.txt").read_text(errors="replace")


def addresses() -> set[str]:
    """What anything in this namespace listens at."""
    found = psutil.net_connections("inet")
    return {each.laddr[0] for each in found if each.laddr and each.status == psutil.CONN_LISTEN}


def told(log: Path) -> list[dict[str, Any]]:
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def training(log: Path) -> int:
    """How many trials are training now."""
    phases: dict[str, str] = {}
    for event in told(log):
        if event["event"] in {"progress", "trial_finish"}:
            phases[event["node_id"]] = str(event["phase"])
    return sum(phase == "train" for phase in phases.values())


def until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"it never happened that {what}")
        time.sleep(0.1)


if __name__ == "__main__":
    main()
