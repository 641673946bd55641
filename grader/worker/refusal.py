"""How a phase ends early: refusals of ours, and whatever the submission's code raises.

Each becomes one line that its author can act on, with the line of the author's own file in it.
"""

from __future__ import annotations

import traceback
from pathlib import Path

from grader.contract.events import Failed
from grader.contract.status import Status
from grader.contract.submission import Submission

_MAX_REASON = 500  # characters
_MAX_DETAIL = 8000
_MAX_FRAMES = 30


class Refused(BaseException):
    """A rule was broken. A BaseException: the code that broke it must not catch it by accident."""

    def __init__(self, reason: str, status: Status = Status.INVALID) -> None:
        super().__init__(reason)
        self.status = status


def failure(error: BaseException, submission: Submission, doing: str) -> Failed:
    """Return the event for an exception that ended a phase. `doing` says in words what was going on."""
    frames = own_frames(error, submission)
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    status, reason = _judge(error, _text(error), doing)
    return Failed(
        status=status,
        reason=_one_line(reason)[:_MAX_REASON] + _encodable(place),
        detail=_detail(error, frames) if not isinstance(error, Refused) or frames else "",
    )


def own_frames(error: BaseException, submission: Submission) -> list[traceback.FrameSummary]:
    """The frames of the submission's own files, outermost first."""
    own = {str(Path(submission.folder, name)) for name in submission.files}
    frames = traceback.extract_tb(error.__traceback__)
    return [frame for frame in frames if frame.filename in own][-_MAX_FRAMES:]


def _judge(error: BaseException, text: str, doing: str) -> tuple[Status, str]:
    if "out of memory" in text or "can't allocate memory" in text or isinstance(error, MemoryError):
        return Status.OUT_OF_MEMORY, f"out of memory while {doing}: {text}"
    match error:
        case Refused():
            return error.status, text
        case SystemExit():
            return Status.CRASHED, f"sys.exit({text}) was called while {doing}: return instead"
        case ModuleNotFoundError():
            return Status.INVALID, f"{text}: it is not installed here, and no file of the submission"
        case ImportError() | SyntaxError():
            return Status.INVALID, f"{type(error).__name__} while {doing}: {text}"
    return Status.CRASHED, f"{type(error).__name__} while {doing}" + (f": {text}" if text else "")


def _text(error: BaseException) -> str:
    """What it says of itself. Its class is the submission's: saying so may fail in its turn."""
    try:
        return repr(error.code) if isinstance(error, SystemExit) else str(error)
    except BaseException as another:  # as above
        return f"(its message cannot be read: {type(another).__name__})"


def _detail(error: BaseException, frames: list[traceback.FrameSummary]) -> str:
    lines = traceback.format_list(frames) + traceback.format_exception_only(error)
    return _encodable("".join(lines)[-_MAX_DETAIL:])


def _one_line(text: str) -> str:
    return _encodable(" ".join(text.split()))


def _encodable(text: str) -> str:
    """Return the text with lone surrogates written out: events travel as UTF-8, which has none."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
