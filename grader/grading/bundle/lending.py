"""A plugin of the harness there: a rubric's references can be read by others while they alone are trained.

They lie beside the rubric, which is shut, and are run by a user without rights, as anything is. A reference
may be a solution, so it is shut again before a submission is run: its files would be kept from that by no
layer where there is no Landlock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from grader import hookimpl
from grader.contract.trial import Trial
from grader.host.config import Config

NAME = __name__


@hookimpl
def grader_session_start(config: Config, trials: Sequence[Trial]) -> None:
    """Open what is trained now where all of it is the rubric's own, else see that nothing there is open."""
    home = config.root
    trained = {path for trial in trials for path in _files(trial)}
    lent = trained if all(path.is_relative_to(home) for path in trained) else set()
    for path in sorted(home.rglob("*")):
        around = any(path in each.parents for each in lent)
        path.chmod((0o755 if around else 0o711) if path.is_dir() else 0o644 if path in lent else 0o600)


@hookimpl
def grader_session_finish(config: Config) -> None:
    """Shut them again."""
    grader_session_start(config, ())


def _files(trial: Trial) -> Iterator[Path]:
    for part in trial.submission.parts:
        yield from (Path(part.folder, name) for name in part.files)
