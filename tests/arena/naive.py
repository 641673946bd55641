"""A harness as simple as most: `python -m arena.naive SPEC`, one process for each attack.

It imports the submission into its own process, which holds the test targets, takes the time there by
time.perf_counter, scores there, and reports on the last line of its output. Every attack on the wall
beats it, which shows what the wall is for. Only attacks on the wall are run here, and each is killed
after a few seconds.
"""

from __future__ import annotations

import atexit
import importlib.util
import inspect
import json
import os
import select
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import msgspec

LIMIT = 5  # seconds for one attack, of which a busy machine may take most
_ENOUGH = 16 << 20  # bytes of output after which an attack is a flood
_TAIL = 100_000


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """What to run: the task's cache entry, the attacks' files, an empty folder, a home."""

    entry: str
    files: dict[str, str]  # by name
    folder: str
    home: str


class Outcome(msgspec.Struct, kw_only=True):
    """What became of an attack."""

    result: dict[str, Any] | None  # the last line of the output, where it is one
    output: str  # its end
    length: int  # of the output
    hung: bool
    seconds: float
    home_changed: bool
    littered: bool


def main() -> None:
    """Run every attack in a child; the outcomes lie beside the specification."""
    import torch
    import torch._dynamo  # here once, as the first optimiser would import it in each child

    torch.set_num_threads(1)
    place = Path(sys.argv[1])
    spec = msgspec.json.decode(place.read_bytes(), type=Spec)
    data = _data(Path(spec.entry))
    outcomes = {}
    for name, file in spec.files.items():
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            _become_harness(writer, Path(spec.folder, name))
            _as_script(partial(judge, Path(file), data))
        os.close(writer)
        outcomes[name] = _watch(pid, reader, Path(spec.folder, name), Path(spec.home))
    place.with_name("outcomes.json").write_bytes(msgspec.json.encode(outcomes))


# --- the harness, in the process of the submission ---


def judge(file: Path, data: dict[str, Any]) -> None:
    """Train, time and score a submission, and print the result."""
    import torch

    test_targets = data["test_targets"]  # a local variable, as in any script
    files = _memory_files(data)
    try:
        module = _imported(file)
        print("running", file.name, module.__doc__)
        task = SimpleNamespace(in_features=64, outputs=10, input_shape=(1, 8, 8))
        model = _call(module, "build_model", _baseline, task=task)
        started = time.perf_counter()
        trained = _call(module, "train", lambda: None, model=model, train_loader=_batches(data))
        elapsed = time.perf_counter() - started
        model = trained if isinstance(trained, torch.nn.Module) else model
        with torch.no_grad():
            logits = _call(module, "predict", model, model=model, inputs=data["test_inputs"])
        predictions = torch.argmax(logits, 1)
        correct = (predictions == test_targets).float().mean().item()
        torch.save(model.state_dict(), "weights.pt")
        torch.load("weights.pt", weights_only=False)
        os.write(files["weights"], Path("weights.pt").read_bytes())
        Path("predictions.npy").write_bytes(predictions.to(torch.int64).numpy().tobytes())
        print("trained", model, "and got", trained)
    except Exception as error:
        print("failed:", str(error))
        raise
    sys.stdout.flush()
    line = json.dumps({"accuracy": correct, "elapsed": elapsed})
    os.write(3, line.encode() + b"\n")
    os.write(1, b"")  # a closed output is an error here, too


def _as_script(run: Callable[[], None]) -> None:
    """Run it and end the process as a script does, but for freeing torch, which takes a second."""
    try:
        run()
    except SystemExit:
        pass
    except BaseException:
        sys.excepthook(*sys.exc_info())
    threading._shutdown()  # type: ignore[attr-defined] # waits for threads
    atexit._run_exitfuncs()
    sys.stdout.flush()
    os._exit(0)


def _become_harness(writer: int, folder: Path) -> None:
    folder.mkdir()
    os.chdir(folder)
    for target in (1, 2, 3):
        os.dup2(writer, target)
    sys.stdout, sys.stderr = (
        open(fd, "w", encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
        for fd in (1, 2)
    )
    os.closerange(4, 64)


def _memory_files(data: dict[str, Any]) -> dict[str, int]:
    """Open what a harness hands about, at low numbers, with nothing sealed; and the answers, by oversight."""
    files = {}
    for name in ("train_inputs", "train_targets", "probe_inputs", "weights", "logits"):
        files[name] = os.memfd_create(name, os.MFD_ALLOW_SEALING)
        os.ftruncate(files[name], 4096 if name != "weights" else 0)
    files["answers"] = os.memfd_create("answers")
    os.write(files["answers"], data["test_targets"].numpy().tobytes())
    return files


def _imported(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("submission", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["submission"] = module
    spec.loader.exec_module(module)
    return module


def _call(module: ModuleType, name: str, otherwise: Callable[..., Any], **arguments: Any) -> Any:
    function = getattr(module, name, None)
    if function is None:
        return otherwise(arguments["inputs"]) if name == "predict" else otherwise()
    wanted = inspect.signature(function).parameters
    return function(**{key: value for key, value in arguments.items() if key in wanted})


def _baseline() -> Any:
    from torch import nn

    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))


def _batches(data: dict[str, Any]) -> list[Any]:
    inputs, targets = data["train_inputs"], data["train_targets"]
    return list(zip(inputs.split(64), targets.split(64), strict=True))


def _data(entry: Path) -> dict[str, Any]:
    import numpy as np
    import torch

    arrays = {}
    for part in ("train", "test"):
        inputs = np.fromfile(entry / f"{part}_inputs.bin", np.uint8).reshape(-1, 1, 8, 8)
        arrays[f"{part}_inputs"] = torch.from_numpy(inputs).float() / 255
        arrays[f"{part}_targets"] = torch.from_numpy(np.fromfile(entry / f"{part}_targets.bin", np.int64))
    return arrays


# --- around it, to see what became of it ---


def _watch(pid: int, reader: int, folder: Path, home: Path) -> Outcome:
    linked = home / "linked"
    before = linked.read_bytes()
    started = time.monotonic()
    output, length, ended = _read(reader, started + LIMIT)
    hung = not ended or not _gone(pid, started + LIMIT)
    seconds = time.monotonic() - started
    if hung:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    os.close(reader)
    return Outcome(
        result=_result(output),
        output=output.decode(errors="replace"),
        length=length,
        hung=hung,
        seconds=seconds,
        home_changed=linked.read_bytes() != before,
        littered=not _tidied(folder),
    )


def _read(reader: int, deadline: float) -> tuple[bytes, int, bool]:
    """Return the end of the output, its length, and whether it ended in time."""
    output, length = b"", 0
    while (left := deadline - time.monotonic()) > 0 and length < _ENOUGH:
        if not select.select([reader], [], [], left)[0]:
            break
        data = os.read(reader, 1 << 16)
        if not data:
            return output, length, True
        output, length = (output + data)[-_TAIL:], length + len(data)
    return output, length, False


def _gone(pid: int, deadline: float) -> bool:
    while time.monotonic() < deadline:
        if os.waitpid(pid, os.WNOHANG)[0]:
            return True
        time.sleep(0.005)
    return False


def _result(output: bytes) -> dict[str, Any] | None:
    line = output.rstrip(b"\n").rpartition(b"\n")[2]
    try:
        output.decode()  # as subprocess does when it is asked for text
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and "accuracy" in value else None


def _tidied(folder: Path) -> bool:
    try:
        shutil.rmtree(folder)
    except (OSError, RecursionError):
        return False
    return True


if __name__ == "__main__":
    main()
