"""The errors a person may see. Each message is one line: culprit, place, fix."""


class GraderError(Exception):
    """A user's mistake or a missing thing; printed as one line, never as a traceback."""

    exit_code = 4


class UsageError(GraderError):
    """A wrong argument, option or configuration value."""


class TaskUnavailable(GraderError):
    """A task's data could not be found or prepared; the message says what was tried and how to help."""


class CacheUnusable(GraderError):
    """The cache of prepared tasks cannot be written or read back."""


class PreparerFailed(GraderError):
    """The preparer of task data broke in a way nobody foresaw; its traceback is on stderr."""

    exit_code = 3


class StoreError(GraderError):
    """A record, its evidence or a form of the leaderboard could not be written or read."""


class NothingCollected(GraderError):
    """No submission was found."""

    exit_code = 5


class BudgetExhausted(BaseException):
    """Raised inside `train` by a loader asked for one more epoch after the budget ended.

    A BaseException, so that a tutorial's `except Exception` cannot swallow it. Whoever catches it on
    purpose may tidy up; the model as it stands is the result.
    """
