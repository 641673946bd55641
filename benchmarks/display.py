"""What it costs to watch: processor time of the live display against wall time, 8 trials that run.

    python benchmarks/display.py [--seconds 20] [--running 8] [--reused 500]

A session is acted out in a pseudo-terminal of 120 x 40: each of the running trials says 20 times a second
how far it is, one of them ends each second, and the standings so far are of the 500 records that are
reused and those that ended. Its processor time is held against that of the same session with
`-q`, which hears all and draws nothing; what the terminal does with it is not counted.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
import time
from argparse import Namespace
from pathlib import Path

from grader.contract.record import CurvePoint
from grader.contract.status import Phase
from grader.host.console import Console
from grader.host.settings import make_config

from common import ROOT, headline, pairs, parser, ratio, table

RATE = 20  # words a second of each trial
ACT = "--act"


def main() -> None:
    """Act, or have it acted in a terminal with and without the display, and print."""
    options = parser(__doc__, repeats=3)
    options.add_argument("--seconds", type=float, default=20.0)
    options.add_argument("--running", type=int, default=8)
    options.add_argument("--reused", type=int, default=500)
    options.add_argument(ACT, type=int, help="the verbosity of the session to be acted out here")
    asked = options.parse_args()
    if asked.act is not None:
        json.dump(act(asked), sys.stderr)
        return
    headline()
    drawn, quiet = pairs(asked.repeats, lambda: watched(asked, 0), lambda: watched(asked, -1))
    costs = [a - b for a, b in zip(drawn, quiet, strict=True)]
    share = ratio(costs, [asked.seconds] * len(costs))
    rows = [
        ["with bars", *(f"{value:.3f}" for value in drawn)],
        ["with -q", *(f"{value:.3f}" for value in quiet)],
    ]
    table(rows, [f"processor seconds in {asked.seconds:g} s", *map(str, range(1, asked.repeats + 1))])
    print(f"the display, of one core: {100 * share:.2f} % (asked: at most 1 %)")


def watched(asked: Namespace, verbosity: int) -> float:
    """Processor seconds of a session acted out in a terminal that somebody reads."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    numbers = {"--seconds": asked.seconds, "--running": asked.running, "--reused": asked.reused}
    arguments = [str(word) for pair in {**numbers, ACT: verbosity}.items() for word in pair]
    environment = {name: value for name, value in os.environ.items() if name not in {"CI", "NO_COLOR"}}
    with subprocess.Popen(
        [sys.executable, __file__, *arguments],
        stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, env={**environment, "TERM": "xterm-256color"},
    ) as process:  # fmt: skip
        os.close(theirs)
        threading.Thread(target=swallow, args=(ours,), daemon=True).start()
        assert process.stderr is not None
        return float(json.load(process.stderr))


def swallow(terminal: int) -> None:
    """Read what is drawn, as a terminal does."""
    try:
        while os.read(terminal, 1 << 16):
            pass
    except OSError:  # EIO: nobody draws any more
        os.close(terminal)


def act(asked: Namespace) -> float:
    """Drive the console's hooks; return the processor seconds from the first trial on."""
    sys.path.insert(0, str(ROOT / "tests"))
    import factories

    console = Console(asked.act)
    total = asked.running + int(asked.seconds) + 1
    trials = [factories.trial(f"student-{number:03}") for number in range(total)]
    reused = [factories.record(f"earlier-{n:04}", correct=n % 500) for n in range(asked.reused)]
    config = make_config(leaderboard=Path("leaderboard"))
    console.grader_session_start(config, trials, reused, asked.running)
    waiting = iter(trials)
    running = [next(waiting) for _ in range(asked.running)]
    for trial in running:
        console.grader_trial_start(trial)
    used, started = time.process_time(), time.monotonic()
    for tick in range(int(asked.seconds * RATE)):
        time.sleep(max(0.0, started + tick / RATE - time.monotonic()))
        for trial in running:
            steps = 1 + tick % 1000
            point = CurvePoint(
                epoch=steps / 400, steps=steps, samples=64 * steps, seconds=steps / RATE, loss=1 / steps
            )
            console.grader_trial_progress(trial, Phase.TRAIN, point)
        if tick % RATE == RATE - 1:
            ended = running.pop(0)
            console.grader_trial_finish(ended, factories.record(ended.submission.name, correct=tick % 500))
            running.append(next(waiting))
            console.grader_trial_start(running[-1])
    cost = time.process_time() - used
    console.close()
    return cost


if __name__ == "__main__":
    main()
