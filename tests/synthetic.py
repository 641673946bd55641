"""A class of students, made up: what they hand in, most of it good, some slow, broken or hostile.

A file's name begins with the status that its row must have.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from sessions import GOOD, IMPORTS, LOOP, loop

_SHARES = {"good": 70, "slow": 10, "broken": 13, "hostile": 7}  # of a hundred

CNN = (
    IMPORTS
    + """\

@hookimpl
def build_model(task):
    return nn.Sequential(
        nn.Conv2d(1, WIDTH, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(WIDTH * 16, task.outputs),
    )


@hookimpl
def build_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=RATE)
"""
)
ITS_OWN = """\
for epoch in range(1000):
    for x, y in train_loader:
        step(model, optimizer, x, y)
    progress(loss=1 / (epoch + 1))
"""
AT_LENGTH = """\
import time
for x, y in train_loader:
    step(model, optimizer, x, y)
    time.sleep(0.05)
"""
GOOD_ONES: tuple[Callable[[random.Random], str], ...] = (
    lambda chance: GOOD.replace("16", str(chance.randrange(8, 128))),
    lambda chance: CNN.replace("WIDTH", str(chance.randrange(2, 12))).replace(
        "RATE", f"{chance.random():.4f}"
    ),
    lambda chance: loop(ITS_OWN, "model, train_loader, progress").replace(
        "lr=0.1", f"lr={chance.random():.3f}"
    ),
)
SLOW_ONES = {"ok": loop(AT_LENGTH), "timeout": loop("import time\nwhile True: time.sleep(1)")}
BROKEN_ONES = {
    "invalid-syntax": "def build_model(task:\n",
    "invalid-hook": GOOD.replace("build_model", "biuld_model"),
    "invalid-shape": GOOD.replace("task.outputs", "3"),
    "invalid-nothing": "print('TODO')\n",
    "invalid-import": "import tensorflow\n" + GOOD,
    "crashed-name": loop("for x, y in train_loader: step(model, optimiser, x, y)"),
    "crashed-division": loop("1 / 0"),
    "diverged": LOOP
    + "\n\n@hookimpl\ndef train(model):\n    for p in model.parameters(): p.data *= float('nan')\n",
}
HOSTILE_ONES = {
    "invalid-fork": loop("import os\nwhile True: os.fork()"),
    "violation-socket": loop("import socket\nsocket.create_connection(('192.0.2.1', 80))"),
    "violation-write": loop("open('/etc/passwd', 'a').write('x')"),
    "violation-disk": loop("with open('big', 'wb') as f:\n    while True: f.write(b'x' * (1 << 20))"),
    "out_of_memory": loop("hoard = [b'x' * (64 << 20) for _ in range(64)]"),
    "crashed-exit": loop("import os\nos._exit(0)"),
    "timeout-stubborn": loop(
        "import signal, time\nfor n in set(range(1, 32)) - {9, 19}: signal.signal(n, signal.SIG_IGN)\n"
        "while True:\n    try: time.sleep(600)\n    except BaseException: pass"
    ),
}


def sources(number: int, seed: int = 0) -> dict[str, str]:
    """Return so many submissions, by file name; the same again for the same seed."""
    chance = random.Random(seed)
    kinds = chance.choices(list(_SHARES), list(_SHARES.values()), k=number)
    made = (_one(kind, at, chance) for at, kind in enumerate(kinds))
    return {f"{name}_{at:04}.py": f"{source}\n# {at}\n" for at, (name, source) in enumerate(made)}


def _one(kind: str, at: int, chance: random.Random) -> tuple[str, str]:
    if kind == "good":
        return "ok", chance.choice(GOOD_ONES)(chance)
    several = {"slow": SLOW_ONES, "broken": BROKEN_ONES, "hostile": HOSTILE_ONES}[kind]
    name = list(several)[at % len(several)]
    return name, several[name]
