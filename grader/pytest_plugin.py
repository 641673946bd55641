"""The pytest plugin: criteria over trained submissions, in tests that pytest runs as it runs any other.

Loaded with every pytest that finds grader installed, so it imports nothing but pytest: what is behind the
fixtures comes when a test asks for one. `-p no:grader` leaves it out.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest

if TYPE_CHECKING:
    from grader.contract.record import Record
    from grader.contract.submission import Submission
    from grader.grading.cases import Case
    from grader.grading.trainings import Trainings
    from grader.host.rank import Standings

_T = TypeVar("_T")
_POINTS = (
    "points(points, *, hidden=False, extra=False, after=(), task=(), hint=''): what a criterion of a rubric "
    "is worth; `hidden` from students, `extra` credit, `after` criteria that must be met, for some `task` "
    "only, and a `hint` at what to try next"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that the command has as well."""
    group = parser.getgroup("grader", "submissions that are trained")
    group.addoption(
        "--submissions", action="append", default=[], metavar="PATH",
        help="File or folder of submissions; may be given again. Without it, the folder submissions/.",
    )  # fmt: skip
    group.addoption("--task", action="append", default=[], help="Task to train on; may be given again.")
    group.addoption("--budget", help="'10s', '3 epochs', '1000 steps', '300k samples', or several.")
    group.addoption("--seeds", help="How many (3 means 0, 1, 2), or which (0,7,9).")
    group.addoption(
        "--slots", metavar="auto|N", help="Trainings at once: N, or auto for all there is room for."
    )
    group.addoption("--retrain", action="store_true", help="Also train what has a record, or failed, before.")
    for internal in ("--grading-answers", "--grading-attempts"):  # of `grader grade`
        group.addoption(internal, type=Path, help=argparse.SUPPRESS)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Refuse to begin inside submissions, before anything there is read. Raises UsageError."""
    from grader.grading.fence import check

    check(early_config)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, and note what criteria come to where `grader grade` wants to know."""
    config.addinivalue_line("markers", _POINTS)
    if file := config.getoption("--grading-answers"):
        from grader.grading.answers import Answers
        from grader.worker.confine import die_with_parent

        die_with_parent(True)  # kill -9 of the one that grades leaves nobody behind
        config.pluginmanager.register(Answers(file), "grader-answers")
        sys.path.append(str(config.rootpath))  # last: nothing beside the rubric stands in for a library


@pytest.hookimpl(tryfirst=True)
def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Keep out of submissions, whatever their files are called."""
    from grader.grading.fence import inside

    return True if inside(collection_path, config) else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Hold a test that takes `record` or `submission` against each."""
    from_us = metafunc.fixturenames
    if "_grader_case" not in from_us:
        return
    from grader.contract.errors import GraderError
    from grader.grading.criteria import MARKER
    from grader.grading.door import door_of

    marks = metafunc.definition.iter_markers(MARKER)
    try:
        cases = door_of(metafunc.config).cases_for(next(marks, None), trained="_grader_training" in from_us)
    except GraderError as error:
        raise pytest.Collector.CollectError(str(error)) from None
    metafunc.parametrize("_grader_case", cases, indirect=True, ids=[case.id for case in cases])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Learn of all criteria, before -k and the like leave some out."""
    if not any(item.get_closest_marker("points") for item in items):
        return
    from grader.grading.door import door_of
    from grader.grading.judge import Judge

    door = door_of(config)
    door.take(items)
    answers = config.pluginmanager.get_plugin("grader-answers")
    if answers is not None:
        answers.criteria = door.criteria()
    config.pluginmanager.register(Judge(door, answers))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Learn which trainings the chosen tests ask for: the first that does has all of them trained."""
    from_us = [item for item in session.items if "_grader_training" in getattr(item, "fixturenames", ())]
    if from_us:
        from grader.grading.door import case_of, door_of

        door = door_of(session.config)
        everything = any(
            "standings" in item.fixturenames for item in from_us if isinstance(item, pytest.Function)
        )
        chosen = door.all_cases() if everything else map(case_of, from_us)
        door.trainings.want(case for case in chosen if case is not None)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what each submission earned."""
    outcomes = ("passed", "failed", "skipped", "error")
    reports = [report for outcome in outcomes for report in terminalreporter.getreports(outcome)]
    judged = [report for report in reports if "points" in dict(getattr(report, "user_properties", ()))]
    if judged:
        from grader.grading.judge import summary

        terminalreporter.section("points")
        for line in summary(judged):
            terminalreporter.write_line(line)


# --- fixtures: those with a leading underscore say which of the others a test takes, at any distance ---


@pytest.fixture
def _grader_case(request: pytest.FixtureRequest) -> Case:
    case: Case = request.param
    return case


@pytest.fixture
def _grader_training(_grader_case: Case) -> Case:
    return _grader_case


@pytest.fixture
def submission(_grader_case: Case) -> Submission:
    """What discovery has read of a submission, without running it: its hooks, files, size, notes."""
    return _grader_case.submission


@pytest.fixture
def record(_grader_training: Case, request: pytest.FixtureRequest) -> Record:
    """The record of one training of a submission, which may have failed.

    Of a metric that a failed training cannot have, `record.metrics[...]` fails the test with the reason.
    """
    return _of(request, lambda trainings: trainings.record(_grader_training))


@pytest.fixture
def trial(_grader_training: Case, request: pytest.FixtureRequest) -> Callable[..., Record]:
    """`trial(seed=7)` trains the submission once more, with another seed, budget or task."""
    return lambda **overrides: _of(
        request, lambda all_of_them: all_of_them.further(_grader_training, **overrides)
    )


@pytest.fixture
def baseline(_grader_training: Case, request: pytest.FixtureRequest) -> Callable[[str], Record]:
    """`baseline("reference.py")` is the record of another submission under the same task, budget and seed.

    The path is relative to the rubric's folder; the name of an installed submission will do.
    """
    beside = request.path.parent

    def reference(name: str) -> Record:
        path = str(beside / name) if (beside / name).exists() else name
        return _of(request, lambda trainings: trainings.baseline(_grader_training, path))

    return reference


@pytest.fixture
def standings(_grader_training: Case, request: pytest.FixtureRequest) -> Standings:
    """The tables of all submissions, ranked as the leaderboard ranks them."""
    return _of(request, lambda trainings: trainings.standings())


def _of(request: pytest.FixtureRequest, ask: Callable[[Trainings], _T]) -> _T:
    """What the trainings say; what could not be trained is one line, and never the submission's fault."""
    from grader.contract.errors import GraderError
    from grader.grading.criteria import NotJudged
    from grader.grading.door import door_of

    trainings = door_of(request.config).trainings
    if worker := getattr(request.config, "workerinput", None):  # one of the processes of pytest-xdist
        factory: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
        trainings.share(factory.getbasetemp().parent / f"grader-{worker['testrunuid']}")
    try:
        return ask(trainings)
    except GraderError as error:
        raise NotJudged(str(error)) from None
