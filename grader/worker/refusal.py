"""How a phase ends early: refusals of ours, and whatever the submission's code raises.

Each becomes one line that its author can act on, with the line of the author's own file in it.
"""

from __future__ import annotations

import errno
import socket
import traceback
from pathlib import Path

from grader.contract.events import Failed
from grader.contract.isolation import LAYERS, Layer
from grader.contract.status import Status
from grader.contract.submission import Submission
from grader.contract.text import encodable
from grader.contract.trial import Trial

_MAX_REASON = 500  # characters
_MAX_DETAIL = 8000
_MAX_FRAMES = 30
_MAX_CHAIN = 10  # errors behind an error

_FILES = "lets a submission read its own files and the libraries, and write to its current folder only"
_SYSTEM = "lets a submission start no processes, open no sockets, signal nobody and change no modes of files"


class Refused(BaseException):
    """A rule was broken. A BaseException: the code that broke it must not catch it by accident."""

    def __init__(self, reason: str, status: Status = Status.INVALID) -> None:
        super().__init__(reason)
        self.status = status


class ProcessesOff(PermissionError):
    """What was asked for would start processes. As where the system forbids it, so that a library that
    can do without, does: many ask a program about the machine, and shrug.
    """

    def __init__(self, what: str, instead: str) -> None:
        remedy = "or run with --allow-subprocess (needs --isolation strict)"
        super().__init__(errno.EPERM, f"{what}, which are off: {instead}, {remedy}")

    def __str__(self) -> str:
        return str(self.strerror)


def failure(error: BaseException, trial: Trial, doing: str) -> Failed:
    """Return the event for an exception that ended a phase. `doing` says in words what was going on."""
    own = _own_files(trial.submission)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in own]
    frames = frames[-_MAX_FRAMES:]
    place = f" ({own[frames[-1].filename]}, line {frames[-1].lineno})" if frames else ""
    status, reason = _denied(error, trial, doing) or _judge(error, _text(error), doing)
    return Failed(
        status=status,
        reason=_one_line(reason)[:_MAX_REASON] + encodable(place, "utf-8"),
        detail=_detail(error, frames) if not isinstance(error, Refused) or frames else "",
    )


def _own_files(submission: Submission) -> dict[str, str]:
    """The submission's files by their paths, as people are shown them: those of a pair with their folder."""
    own = {}
    for part in submission.parts:
        folder = part.display if part.package else part.display.rpartition("/")[0]
        for name in part.files:
            shown = Path(folder, name) if submission.pair else Path(name).name
            own[str(Path(part.folder, name))] = str(shown)
    return own


def _judge(error: BaseException, text: str, doing: str) -> tuple[Status, str]:
    if "out of memory" in text or "can't allocate memory" in text or isinstance(error, MemoryError):
        return Status.OUT_OF_MEMORY, f"out of memory while {doing}" + (f": {text}" if text else "")
    match error:
        case Refused(status=status):
            return status, text
        case ProcessesOff():
            return Status.INVALID, text
        case SystemExit():
            return Status.CRASHED, f"sys.exit({text}) was called while {doing}: return instead"
        case ModuleNotFoundError():
            return Status.INVALID, f"{text}: it is not installed here, and no file of the submission"
    status = Status.INVALID if isinstance(error, ImportError | SyntaxError) else Status.CRASHED
    return status, f"{type(error).__name__} while {doing}" + (f": {text}" if text else "")


def _denied(error: BaseException, trial: Trial, doing: str) -> tuple[Status, str] | None:
    """What to say of an error that comes of the confinement; None where it does not.

    Libraries raise errors of their own over the system's: a download fails with a URLError.
    """
    if isinstance(error, ProcessesOff):
        return None
    if isinstance(error, OSError) and error.errno == errno.EFBIG:
        most = max(trial.limits.weights, trial.limits.scratch)
        said = f"a file grew beyond the {most} bytes that limits.weights and limits.scratch allow"
        return Status.VIOLATION, f"{said}, while {doing}"
    for layer, allowed in filter(None, map(_forbidden, _chain(error))):
        if layer in LAYERS[trial.isolation]:
            said = f"{type(error).__name__} while {doing}: {_text(error)}"[: _MAX_REASON // 2]
            return Status.VIOLATION, f"{said}: the confinement {allowed} (isolation {trial.isolation})"
    return None


def _forbidden(error: OSError) -> tuple[Layer, str] | None:
    """The layer that may have forbidden it, and what that allows. What code raises itself has no number."""
    if isinstance(error, socket.gaierror):  # a name server is asked over a socket
        return Layer.SECCOMP, _SYSTEM
    if not isinstance(error, PermissionError):
        return None
    return {errno.EPERM: (Layer.SECCOMP, _SYSTEM), errno.EACCES: (Layer.LANDLOCK, _FILES)}.get(
        error.errno or 0
    )


def _chain(error: BaseException | None) -> list[OSError]:
    """The error and those behind it, as far as they are the system's."""
    chain: list[OSError] = []
    while isinstance(error, OSError) and len(chain) < _MAX_CHAIN:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain


def _text(error: BaseException) -> str:
    """What it says of itself. Its class is the submission's: saying so may fail in its turn."""
    try:
        return repr(error.code) if isinstance(error, SystemExit) else str(error)
    except BaseException as another:  # as above
        return f"(its message cannot be read: {type(another).__name__})"


def _detail(error: BaseException, frames: list[traceback.FrameSummary]) -> str:
    lines = traceback.format_list(frames) + traceback.format_exception_only(error)
    return encodable("".join(lines)[-_MAX_DETAIL:], "utf-8")


def _one_line(text: str) -> str:
    return encodable(" ".join(text.split()), "utf-8")  # events travel as UTF-8, which has no lone surrogates
