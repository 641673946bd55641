"""What a rubric's process tells the one that grades: its criteria, and what each came to."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from grader.contract.text import one_line
from grader.grading.model import Criterion, Outcome
from grader.host import files

if TYPE_CHECKING:
    import pytest  # which the process that grades does without

_FRAME = re.compile(r"(.+\.py):(\d+): in ")  # pytest's, of the traceback
_UNREAD = re.compile(r"\s+File \"(.+)\", line (\d+)$")  # Python's, of a syntax error


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What one criterion came to for one training, or for one submission where it asks for none."""

    criterion: Criterion
    submission: str  # its name
    task: str = ""
    seed: int | None = None
    outcome: Outcome
    share: float
    message: str = ""
    detail: str = ""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """All that the process told."""

    title: str = ""  # the first line of the rubric's docstring
    criteria: tuple[Criterion, ...] = ()  # in the order of the rubric
    problems: tuple[str, ...] = ()  # why it could not be collected
    answers: tuple[Answer, ...] = ()


class Answers:
    """A plugin of pytest that writes them when the session ends, whole or not at all."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._answers: dict[str, Answer] = {}
        self._problems: list[str] = []
        self._title = ""
        self.criteria: tuple[Criterion, ...] = ()

    def add(self, item: str, answer: Answer) -> None:
        """Note an answer in place of what this item had before."""
        self._answers[item] = answer

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note why something could not be collected, in a line."""
        if report.failed:
            self._problems.append(_in_a_line(report.longreprtext))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note what the rubric calls itself."""
        import pytest

        modules = (item.getparent(pytest.Module) for item in session.items)
        text = next((module.obj.__doc__ or "" for module in modules if module), "")
        self._title = one_line(text.strip().split("\n")[0], 200)

    def pytest_sessionfinish(self) -> None:
        """Write the file. Raises StoreError."""
        told = Told(
            title=self._title,
            criteria=self.criteria,
            problems=tuple(self._problems),
            answers=tuple(self._answers.values()),
        )
        files.replace(self._file, msgspec.json.encode(told))


def read(file: Path) -> Told:
    """Read what a rubric's process wrote. Raises OSError, or ValueError for a file that is not whole."""
    return msgspec.json.decode(file.read_bytes(), type=Told)


def _in_a_line(text: str) -> str:
    """The error out of pytest's account of it, with file and line: it marks what was raised with an E.

    What is indented after the E is the code that Python could not read; what follows is more of the message.
    """
    said = [line[4:] for line in text.splitlines() if line.startswith("E   ")]
    raised = next((line for line in said if line[:1].strip()), "") or (text.strip().splitlines() or [""])[-1]
    frames = [found for line in text.splitlines() if (found := _FRAME.match(line))]
    unread = [found for line in said if (found := _UNREAD.match(line))]
    where = next(iter(unread or frames[-1:]), None)
    line = raised or "it could not be collected"
    return one_line(f"{Path(where[1]).name}:{where[2]}: {line}" if where else line, 1000)
