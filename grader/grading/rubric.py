"""A rubric, run by pytest in a process of its own, and what its answers come to."""

from __future__ import annotations

import hashlib
import math
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from grader.contract.errors import NothingCollected, UsageError
from grader.contract.text import one_line, plain
from grader.grading import answers
from grader.grading.answers import Answer, Told
from grader.grading.asked import Asked
from grader.grading.model import Criterion, Mark, Outcome

_ENDED_WELL = {0, 1, 5}  # pytest's: all passed, some failed, nothing collected
_ROUND = 9  # decimal places of points: what lies beyond is the arithmetic's


def check(rubric: Path, asked: Asked) -> Told:
    """Collect the rubric without running it; its criteria are told. Raises UsageError, one line."""
    return _run(rubric, asked, ["--collect-only"])


def evaluate(rubric: Path, asked: Asked) -> Told:
    """Run the rubric, on trainings that are there. Raises UsageError for one that cannot be collected."""
    return _run(rubric, asked, [])


def digest(rubric: Path) -> str:
    """SHA-256 of the rubric and the modules beside it, which it may import."""
    found = hashlib.sha256()
    beside = (path for path in rubric.parent.glob("*.py") if path.is_file())  # editors leave links to nothing
    for path in sorted({rubric, *beside}):
        data = path.read_bytes()
        found.update(f"{path.name}\0{len(data)}\0".encode("utf-8", "surrogateescape") + data)
    return found.hexdigest()


def marks(
    criteria: Sequence[Criterion], told: Iterable[Answer], submissions: Iterable[str]
) -> Mapping[str, tuple[Mark, ...]]:
    """Return the marks of each submission by its name, in the order of the criteria.

    Over several seeds of a case the mean of the shares counts. A criterion that has no answer for a
    submission could not be judged.
    """
    by: dict[tuple[str, str], list[Answer]] = {}
    for answer in told:
        by.setdefault((answer.submission, answer.criterion.name), []).append(answer)
    return {
        name: tuple(_mark(criterion, by.get((name, criterion.name), ())) for criterion in criteria)
        for name in submissions
    }


def _mark(criterion: Criterion, found: Sequence[Answer]) -> Mark:
    if not found:
        detail = "the rubric's process told nothing of it"
        return Mark(
            criterion=criterion.name, outcome=Outcome.GRADER_ERROR, points=criterion.points, detail=detail
        )
    judged = [each for each in found if each.outcome is not Outcome.EXCUSED]
    share = math.fsum(each.share for each in judged) / len(judged) if judged else 0.0
    return Mark(
        criterion=criterion.name,
        outcome=_together(judged, share),
        points=round(share * criterion.points, _ROUND),
        message=_joined(found, [each.message for each in found]),
        detail=_joined(found, [each.detail for each in found]),
    )


def _together(judged: Sequence[Answer], share: float) -> Outcome:
    if not judged:
        return Outcome.EXCUSED
    outcomes = {each.outcome for each in judged}
    if Outcome.GRADER_ERROR in outcomes:
        return Outcome.GRADER_ERROR
    if len(outcomes) == 1:
        return next(iter(outcomes))
    return Outcome.PARTIAL if share > 0 else Outcome.FAILED


def _joined(found: Sequence[Answer], texts: Sequence[str]) -> str:
    """One text where all say the same, else a paragraph a seed."""
    if len(set(texts)) == 1:
        return texts[0]
    told = zip(found, texts, strict=True)
    return "\n".join(f"seed {each.seed}: {text}" for each, text in told if text)


def _run(rubric: Path, asked: Asked, options: Sequence[str]) -> Told:
    """Run pytest over the rubric alone, by none but its own folder's conftest.py.

    Nothing settles its configuration but these arguments; the folder is at the end of the path of imports,
    so that nothing there stands in for a library.
    """
    with tempfile.TemporaryDirectory(prefix="grader-") as folder:
        given, got, settings = (Path(folder, name) for name in ("asked.json", "told.json", "pytest.ini"))
        asked.write(given)
        settings.write_text(f"[pytest]\ncache_dir = {folder}/cache\n", encoding="utf-8")
        command = [
            sys.executable, "-P", "-m", "pytest", f"./{rubric.name}", "-q", "--import-mode=importlib",
            "-c", str(settings), f"--rootdir={rubric.parent}", f"--confcutdir={rubric.parent}",
            f"--grading-attempts={given}", f"--grading-answers={got}", *options,
        ]  # fmt: skip
        done = subprocess.run(
            command, cwd=rubric.parent, env=_environment(), capture_output=True, text=True,
            errors="replace", check=False,
        )  # fmt: skip
        told = _read(got)
    if told is not None and told.problems:
        raise UsageError("\n".join(_placed(rubric, problem) for problem in told.problems))
    if told is None or done.returncode not in _ENDED_WELL:
        raise UsageError(_why(rubric, done.returncode, f"{done.stdout}\n{done.stderr}"))
    if not told.criteria:
        raise NothingCollected(
            f"{plain(str(rubric))} holds no criterion: mark a test with @pytest.mark.points(10)"
        )
    return told


def _placed(rubric: Path, problem: str) -> str:
    """A problem with the whole path before its line, once."""
    own = problem.startswith(f"{rubric.name}:")
    return f"{plain(str(rubric.parent))}/{problem}" if own else f"{plain(str(rubric))}: {problem}"


def _read(file: Path) -> Told | None:
    """What was told; None where the process did not come to it."""
    try:
        return answers.read(file)
    except (OSError, ValueError):
        return None


def _environment() -> dict[str, str]:
    """Nothing of the caller's own use of pytest."""
    own = {"PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_XDIST_WORKER", "PYTEST_CURRENT_TEST"}
    return {name: value for name, value in os.environ.items() if name not in own}


def _why(rubric: Path, code: int, output: str) -> str:
    """The line in which pytest says why it did not even begin, or how its process ended."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.partition("ERROR:")[2] for line in lines if line.startswith("ERROR:")]
    if errors:
        return one_line(errors[0], 1000)
    if code < 0:
        return one_line(f"{rubric}: {_signal(-code)} killed the process that ran it", 1000)
    told = [line for line in lines if line.startswith(("!!!", "INTERNALERROR>"))] or lines
    last = told[-1].removeprefix("INTERNALERROR>").strip("! ") if told else "it told nothing"
    if "SystemExit" in last:
        last = "it calls sys.exit() where pytest reads it"
    return one_line(f"{rubric}: the process that ran it ended with code {code}: {last}", 1000)


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
