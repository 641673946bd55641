"""torch's compiler is imported for who compiles, and for nobody else: a stand-in answers until then."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from sessions import loop, session, write

from grader.contract.status import Status
from grader.contract.submission import COMPILER
from grader.host.modules import Sources

USES = (
    "from torch._dynamo import config",
    "import torch._dynamo.config",
    "torch.compile(model, backend='eager')(torch.ones(1, 4))",
)

SCRIPT = f"""
import os, sys
from grader.worker import server

server.preload((), cpu=True)
import torch
stand_in = sys.modules["torch._dynamo"]

def real():
    return "torch._dynamo.config" in sys.modules

def step(optimizer):
    optimizer.zero_grad()
    model(torch.ones(3, 4)).sum().backward()
    optimizer.step()
    optimizer.load_state_dict(optimizer.state_dict())

model = torch.nn.Linear(4, 2)
for kind in ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "NAdam", "RAdam", "Adamax"):
    optimizer = getattr(torch.optim, kind)(model.parameters(), lr=0.1)
    step(optimizer)
    assert not real(), kind

for use in {USES!r}:
    if os.fork() == 0:
        exec(use)
        assert real()
        assert sys.modules["torch._dynamo"] is torch._dynamo is not stand_in
        step(optimizer)
        os._exit(0)
    if os.wait()[1] == 0:
        print(use)
"""

COMPILED = """
compiled = torch.compile(model, backend="eager")
for x, y in train_loader:
    step(compiled, optimizer, x, y)
print("imported", any(name.endswith(".convert_frame") for name in __import__("sys").modules))
"""


def test_whoever_asks_for_more_than_a_step_gets_torch_s_own() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == list(USES), done.stderr


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("net = torch.compile(net)", True),
        ("model.compile()", True),
        ("@torch.compile", True),
        ("from torch import compile", True),
        ("import torch._dynamo as d", True),
        ("digits = re.compile('[0-9]')", False),
        ("x = compile('1', 'f', 'eval')", False),
    ],
)
def test_who_compiles_is_seen_in_the_source(tmp_path: Path, line: str, found: bool) -> None:
    (tmp_path / "mine.py").write_text(f"import torch\n{line}\n", encoding="utf-8")
    sources = Sources(tmp_path, "mine.py", package=False, limit=1 << 20)
    assert (COMPILER in sources.imports()) is found


def test_a_compiled_model_trains(tmp_path: Path, places: Path) -> None:
    write(tmp_path, {"subs/compiled.py": loop(COMPILED)})
    record = session(tmp_path, places, allow_subprocess=True)["compiled.py"]
    assert record.status is Status.OK, record.reason
    assert "imported True" in record.output
