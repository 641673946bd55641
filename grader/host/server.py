"""The host's handle on the worker server: started once a session, asked for one worker a phase."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path

from grader.contract.errors import GraderError
from grader.contract.events import Setup
from grader.contract.submission import COMPILER
from grader.host.sandbox import Sandbox
from grader.host.workers import WorkerProcess

_START_LIMIT = 120.0  # seconds; a cold import of torch from a slow disk took 20

# libraries that submissions import and that cost every fork what importing them takes
_WORTH_PRELOADING = {COMPILER, "torchvision", "torchmetrics", "sklearn", "scipy", "pandas", "einops", "timm"}

_PASSED_ON = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TZ", "CUDA_HOME", "NVIDIA_VISIBLE_DEVICES")


class ServerError(GraderError):
    """The worker server could not start, or is gone: our trouble, no submission's."""

    exit_code = 3


class WorkerServer:
    """One process that has torch preloaded and forks workers. Started at once, waited for when first used."""

    def __init__(
        self, sandbox: Sandbox, *, device_kind: str, imports: Iterable[str] = (), many: bool = False
    ) -> None:
        self.sandbox = sandbox
        self._lock = threading.Lock()
        self._ready = False
        self._many = many
        self._spare: WorkerProcess | None = None
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the server
        setup = Setup(
            sandbox=sandbox.orders(),
            preload=tuple(sorted(_WORTH_PRELOADING.intersection(imports))),
            cpu=device_kind == "cpu",
            many=many,  # half a second at the start that saves each trial 40 ms
        )
        self._process, self._control = sandbox.start(
            "grader.worker.server", setup, _environment(device_kind, sandbox.scratch), self._log
        )

    def spawn(self) -> WorkerProcess:
        """Return a fresh worker, which waits for its Start. Raises ServerError.

        Where there are many trials the next one is forked ahead, while this one loads: so no trial waits for
        the server to copy its page tables.
        """
        with self._lock:
            self._wait_until_ready()
            spare, self._spare = self._spare, None
            if spare is not None and not spare.waits():
                spare.stop()
                spare = None
            worker = spare or self._fork()
            if self._many:
                self._spare = self._fork()
        return worker

    def _fork(self) -> WorkerProcess:
        status, status_there = socket.socketpair()
        channel, channel_there = socket.socketpair()
        output, output_there = os.pipe()
        theirs = [status_there.fileno(), channel_there.fileno(), output_there]
        try:
            socket.send_fds(self._control, [b"F"], theirs)
        except OSError as error:
            raise ServerError(f"the worker server is gone: {self._last_words() or error}") from None
        finally:
            status_there.close()
            channel_there.close()
            os.close(output_there)
        return WorkerProcess(status, channel, output)

    @property
    def alive(self) -> bool:
        """Whether the server still runs."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the server and with it every worker. May be called twice."""
        if self._spare is not None:
            self._spare.stop()
            self._spare = None
        self._control.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _wait_until_ready(self) -> None:
        if self._ready:
            return
        self._control.settimeout(_START_LIMIT)
        with contextlib.suppress(OSError):
            self._ready = self._control.recv(1) == b"R"
        self._control.settimeout(None)
        if not self._ready:
            raise ServerError(f"the worker server did not start: {self._last_words() or 'no word from it'}")

    def _last_words(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _environment(device_kind: str, scratch: Path) -> dict[str, str]:
    """A clean environment: nothing of the user's reaches a worker but what is named here."""
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if device_kind != "cuda":
        environment["CUDA_VISIBLE_DEVICES"] = ""
    elif visible is not None:
        environment["CUDA_VISIBLE_DEVICES"] = visible
    return environment | {
        "TMPDIR": str(scratch),  # importing torch needs one that can be written
        "USER": "grader",  # getpass.getuser(): a worker's user has no entry in passwd
        "PYTHONHASHSEED": "0",  # the order of sets must not differ between two runs
        # spinning OpenMP threads make two trials at once 8 to 50 times slower; this costs 6 % alone
        "GOMP_SPINCOUNT": "1000",
        # glibc would give each batch's memory back and fault it in again: 3.4 ms against 0.8 for the
        # inputs of 10,000 predictions
        "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
        "MALLOC_TRIM_THRESHOLD_": str(256 << 20),
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",  # huge pages: two forks and exits cost 10 ms less
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # what --deterministic needs; must stand before CUDA starts
        "PYTORCH_NVML_BASED_CUDA_CHECK": "1",  # is_available() without initialising CUDA
    }
