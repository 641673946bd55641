"""Records and evidence out of nothing, for tests and benchmarks."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from grader.contract.budget import Budget
from grader.contract.isolation import Isolation
from grader.contract.record import (
    CurvePoint,
    DeviceInfo,
    Environment,
    Layer,
    ModelInfo,
    Record,
    SubmissionInfo,
    TaskInfo,
    TestPoint,
    Timing,
    Usage,
)
from grader.contract.status import Phase, Status
from grader.contract.submission import HookInfo, Submission
from grader.contract.task import Task
from grader.contract.trial import Device, Trial
from grader.host.evidence import Evidence, evidence_of
from grader.host.rank import Standings, standings

HOSTILE = (
    "a|b", "back\\slash", "tick`s``", "<script>alert(1)</script>", "[click](javascript:alert(1))",
    "*bold* _it_ ~~x~~", "line\nbreak\r\nand\x0b\x0c\x85\u2028more", "\x1b[31mred\x1b]0;title\x07",
    "\u202egnp.exe", "=cmd|'/c calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\uff1d1", "a;=1",
    '"quoted",', "007", "1e3", "文件", "naïve é", "👩‍👩‍👧", "\ud800", "", " ", "www.evil.example",
    "https://evil.example", "\\", "|", "x" * 500, "&lt;b&gt;", "a\x00b", "../../etc/passwd", ".hidden", "$x$",
    "| --- |", "zero\u200bwidth", "trailing\\",
)  # fmt: skip


def task(**changes: Any) -> TaskInfo:
    base = TaskInfo(
        name="digits",
        digest="d1" * 32,
        kind="multiclass",
        metric="accuracy",
        higher_is_better=True,
        train_samples=1297,
        test_samples=500,
        classes=tuple("0123456789"),
    )
    return msgspec.structs.replace(base, **changes)


def record(
    name: str = "mlp",
    *,
    seed: int = 0,
    correct: int = 450,
    digest: str = "",
    torch: str = "2.9.0",
    model: str | None = None,
    loop: str = "default",
    **changes: Any,
) -> Record:
    """A record that ended well; `changes` are fields of Record."""
    base = Record(
        submission=SubmissionInfo(
            name=name,
            digest=digest or f"{name.encode('utf-8', 'replace').hex()[:60]:0<64}",
            model=name if model is None else model,
            loop=loop,
            path=f"submissions/{name}.py",
            title="What it claims",
        ),
        task=task(),
        budget="3 epochs",
        seed=seed,
        device=DeviceInfo(kind="cpu", name="A Processor 9000", threads=1),
        status=Status.OK,
        metrics={"accuracy": correct / 500, "loss": 1.5 - correct / 500},
        correct=correct,
        timing=Timing(
            load_seconds=0.1,
            train_seconds=1.234,
            predict_seconds=0.2,
            score_seconds=0.01,
            train_cpu_seconds=1.2,
        ),
        usage=Usage(epochs=3.0, steps=63, samples=3891, samples_per_second=3153.2, optimizer_steps=63),
        model=ModelInfo(
            parameters=4810,
            trainable=4810,
            structure="Sequential(...)",
            layers=(Layer(name="0", kind="Linear", shape=(10,), parameters=650),),
            weights_bytes=19_400,
        ),
        curve=tuple(
            CurvePoint(epoch=i + 1.0, steps=21 * i, samples=1297 * i, seconds=i * 0.4, loss=2.0 / (i + 1))
            for i in range(3)
        ),
        environment=Environment(
            grader="0.1.0",
            python="3.11.7",
            torch=torch,
            torchvision="0.24.0",
            numpy="2.4.0",
            platform="Linux",
            processor="A Processor 9000",
            cores=2,
        ),
        isolation="landlock",
        finished="2026-01-01T00:00:00Z",
    )
    return msgspec.structs.replace(base, **changes)


def timed(name: str, seconds: float | None, seed: int = 0, correct: int = 450) -> Record:
    """A record that reaches 80 % after so many seconds and stays there, or never does."""
    points = [(seconds, 0.81), (seconds + 1, 0.82)] if seconds is not None else [(5.0, 0.7), (6.0, 0.9)]
    curve = tuple(TestPoint(seconds=at, epoch=1.0, metrics={"accuracy": value}) for at, value in points)
    if seconds is None:
        curve = curve[:1]
    return record(name, seed=seed, correct=correct, target="accuracy=0.8", test_curve=curve)


def trial(
    name: str = "mlp", *, seed: int = 0, budget: str = "3 epochs", digest: str = "", **changes: Any
) -> Trial:
    """The trial that `record` with the same arguments is the record of; `changes` are fields of Trial."""
    known, info = record(name, digest=digest), task()
    who = known.submission
    base = Trial(
        submission=Submission(
            name=name,
            path=f"/class/{who.path}",
            display=who.path,
            entry=f"/class/{who.path}",
            package=False,
            files=(f"{name}.py",),
            digest=who.digest,
            hooks={"build_model": HookInfo("build_model", f"{name}.py", 1)},
        ),
        task=Task(
            name=info.name,
            title="Handwritten digits",
            kind="multiclass",
            input_shape=(1, 8, 8),
            input_dtype="uint8",
            classes=info.classes,
            metric=info.metric,
            budget="3 epochs",
            train_samples=info.train_samples,
            test_samples=info.test_samples,
            digest=info.digest,
        ),
        budget=Budget.parse(budget),
        seed=seed,
        device=Device(kind=known.device.kind, name=known.device.name),
        threads=known.device.threads,
        isolation=Isolation(known.isolation),
    )
    return msgspec.structs.replace(base, **changes)


def failed(name: str = "broken", status: Status = Status.CRASHED, **changes: Any) -> Record:
    """A record that did not end well."""
    fields: dict[str, Any] = {
        "phase": Phase.TRAIN,
        "reason": "ZeroDivisionError: division by zero",
        "detail": 'File "broken.py", line 3\nZeroDivisionError: division by zero',
        "metrics": {},
        "correct": None,
        "curve": (),
    }
    made = record(name, **{key: changes.pop(key) for key in ("seed", "digest", "torch") if key in changes})
    return msgspec.structs.replace(made, status=status, **(fields | changes))


def evidence(correct: int = 450, samples: int = 500, seed: int = 0) -> Evidence:
    """Evidence of classification with this many samples right."""
    generator = np.random.default_rng(seed)
    targets = generator.integers(0, 10, samples)
    predictions = targets.copy()
    wrong = generator.permutation(samples)[: samples - correct]
    predictions[wrong] = (predictions[wrong] + 1) % 10
    return evidence_of(predictions, targets, 10)


def proof(of: Record) -> Evidence | None:
    """The evidence of a record that ended well: as many samples right as it says, the same ones each time."""
    if of.correct is None or not 0 <= of.correct <= of.task.test_samples:
        return None
    return evidence(
        of.correct, of.task.test_samples, seed=zlib.crc32(ascii(of.submission.name).encode()) + of.seed
    )


def right(of: Record) -> npt.NDArray[np.bool_] | None:
    """Which samples it got right, by `proof`."""
    made = proof(of)
    return made.correct if made else None


def ranked(records: Iterable[Record]) -> Standings:
    """The standings of records whose evidence is `proof`."""
    return standings(records, scores=right)


def board(rows: int, seeds: int = 1, *, chance: random.Random | None = None) -> list[Record]:
    """Records of a whole class, in one track: mostly good, some failed."""
    chance = chance or random.Random(0)
    made = []
    for row in range(rows):
        for seed in range(seeds):
            if chance.random() < 0.05:
                made.append(failed(f"student-{row:04}", status=chance.choice(list(Status)[1:]), seed=seed))
            else:
                correct = chance.randrange(250, 500)
                made.append(record(f"student-{row:04}", seed=seed, correct=correct))
    return made
