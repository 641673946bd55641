"""Small submissions, and sessions over them in processes of their own, for the black-box tests."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

import grader
from grader.contract.record import Record

IMPORTS = """\
import torch
from torch import nn
from torch.nn import functional as F

from grader import hookimpl
"""

MODEL = """\

@hookimpl
def build_model(task):
    first, last = nn.Linear(task.in_features, 16), nn.Linear(16, task.outputs)
    return nn.Sequential(nn.Flatten(), first, nn.ReLU(), last)
"""

GOOD = IMPORTS + MODEL

STEP = """\

def step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss
"""

LOOP = IMPORTS + MODEL + STEP
"""For submissions with a `train` of their own, whose body is given to `loop`."""


def loop(body: str, arguments: str = "model, train_loader") -> str:
    """A submission with this body of `train`; `optimizer` is there already."""
    lines = ["optimizer = torch.optim.SGD(model.parameters(), lr=0.1)", *body.strip("\n").splitlines()]
    indented = "\n".join(f"    {line}" if line else "" for line in lines)
    return f"{LOOP}\n\n@hookimpl\ndef train({arguments}):\n{indented}\n"


def write(folder: Path, sources: Mapping[str, str]) -> Path:
    """Write the files, by their paths below the folder, and return the folder."""
    for name, source in sources.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
    return folder


@contextmanager
def at_home(root: Path, places: Path) -> Iterator[None]:
    """Work in a folder, with the tests' own cache and state."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADER_CACHE", str(places / "cache"))
        patch.setenv("GRADER_STATE", str(places / "state"))
        patch.delenv("GRADER_DATA", raising=False)
        patch.chdir(root)
        yield


def session(
    root: Path, places: Path, budget: str = "3 steps", limits: str = "", **wishes: object
) -> dict[str, Record]:
    """Run the folder `subs` below the root in one session; return its records by file name."""
    (root / "pyproject.toml").write_text(f"[tool.grader]\nlimits = {{{limits}}}\n", encoding="utf-8")
    with at_home(root, places):
        records = grader.run("subs", budget=budget, device="cpu", **{"rerun": True, **wishes})  # type: ignore[arg-type]
    return {Path(record.submission.path).name: record for record in records}


def environment(places: Path) -> dict[str, str]:
    """The environment of a command: the tests' own places, no terminal's width, no colours."""
    mine = {"GRADER_CACHE": str(places / "cache"), "GRADER_STATE": str(places / "state"), "COLUMNS": "200"}
    return {**os.environ, **mine}


def command(
    *arguments: str,
    cwd: Path,
    places: Path,
    timeout: float = 120,
    python: str | Path = sys.executable,
    **variables: str,
) -> subprocess.CompletedProcess[str]:
    """Run `grader` with its output on pipes. `variables` are further ones of its environment."""
    return subprocess.run(
        [python, "-m", "grader", *arguments],
        cwd=cwd,
        env={**environment(places), **variables},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def marked(marker: str) -> list[psutil.Process]:
    """Processes that have the marker among their arguments."""
    processes = psutil.process_iter(["cmdline"])
    return [process for process in processes if marker in (process.info["cmdline"] or ())]


def gone(pids: Sequence[int], seconds: float = 15) -> bool:
    """Whether all these processes end within the seconds; zombies have ended."""
    deadline = time.monotonic() + seconds
    while any(_alive(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
