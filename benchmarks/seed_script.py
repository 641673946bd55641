"""The quickstart's own script against the same training as a submission, whole processes both.

    python benchmarks/seed_script.py --data ../shared/data

Both train ten epochs of the same MLP on Fashion-MNIST. The script tests after each, as the tutorial does;
`grader run` starts its server, predicts in a second worker, scores, stores and ranks. The task's cache is
warm. Then the train phase alone against a bare loop that slices tensors and does the same arithmetic.
"""

from __future__ import annotations

import re
import resource
import statistics
import time
from pathlib import Path

import grader

from common import headline, opened, pairs, parser, places, python, ratio, table

SUBMISSION = "submissions/tutorial_mlp.py"


def main() -> None:
    """Run pairs, print ratios."""
    options = parser(__doc__)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--bare", help="internal: run the bare loop on this data", metavar="DATA")
    asked = options.parse_args()
    if asked.bare:
        print(bare(asked.bare, asked.threads))
        return
    headline()
    with places() as folder:
        with opened("fashion-mnist", asked.data):
            pass  # prepared now, off every clock
        compare(asked.data, folder, asked.threads, asked.repeats)


def compare(data: Path, folder: Path, threads: int, repeats: int) -> None:
    """Print the tables."""
    accuracy: dict[str, list[float]] = {"script": [], "grader": []}
    phases: list[float] = []
    cpu: dict[str, list[float]] = {"script": [], "grader": []}

    def script() -> float:
        started, before = time.perf_counter(), children_cpu()
        text = python("benchmarks/quickstart.py", str(data), threads=threads)
        seconds = time.perf_counter() - started
        cpu["script"].append(children_cpu() - before)
        accuracy["script"].append(float(re.findall(r"Accuracy: ([\d.]+)%", text)[-1]))
        return seconds

    def command() -> float:
        board = folder / f"board-{len(phases)}"
        started, before = time.perf_counter(), children_cpu()
        python(
            "-m", "grader", "run", SUBMISSION, "--task", "fashion-mnist", "--budget", "10 epochs",
            "--data", str(data), "--leaderboard", str(board), "--threads", str(threads), "-q",
        )  # fmt: skip
        seconds = time.perf_counter() - started
        cpu["grader"].append(children_cpu() - before)
        (record,) = grader.records(board)
        accuracy["grader"].append(100 * record.metrics["accuracy"])
        assert record.timing.train_seconds is not None
        phases.append(record.timing.train_seconds)
        return seconds

    def bare_loop() -> float:
        text = python(__file__, "--bare", str(data), "--threads", str(threads), threads=threads)
        return float(text.split()[-1])

    theirs, ours, loops = pairs(repeats, script, command, bare_loop)
    med = statistics.median
    rows = [
        ["the script", med(theirs), 1.0, med(cpu["script"]), f"{med(accuracy['script']):.1f} %"],
        [
            "grader run",
            med(ours),
            ratio(ours, theirs),
            med(cpu["grader"]),
            f"{med(accuracy['grader']):.1f} %",
        ],
    ]
    table(rows, [f"whole process, {threads} threads", "seconds", "ratio", "CPU seconds", "accuracy"])
    rows = [["the bare loop", med(loops), 1.0], ["the train phase", med(phases), ratio(phases, loops)]]
    print()
    table(rows, [f"training alone, {threads} threads", "seconds", "ratio"])


def children_cpu() -> float:
    """User and system time of all processes that this one has started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def bare(data: str, threads: int) -> float:
    """Seconds of the same ten epochs over resident tensors, with no loader at all."""
    import torch
    from torch import nn
    from torchvision.datasets import FashionMNIST

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    train = FashionMNIST(data)
    inputs, targets = train.data.unsqueeze(1), train.targets
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)
    )
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    started = time.perf_counter()
    for _ in range(10):
        for batch, start in enumerate(range(0, len(inputs), 64)):
            x = inputs[start : start + 64].float().div_(255)
            loss = loss_fn(model(x), targets[start : start + 64])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if batch % 100 == 0:
                print(loss.item())
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
