"""Where trials run. Local slots are built in; plugins bring others by `grader_make_executor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from concurrent.futures import Future

    from grader.contract.trial import Trial
    from grader.host.supervise import Attempt, TaskData


class Executor(Protocol):
    """Runs trials somewhere. Every trial is supervised by `supervise.Supervisor`, wherever it runs."""

    slots: int
    """How many trials may run at once; a session hands over no more."""

    def submit(self, trial: Trial, data: TaskData) -> Future[Attempt]:
        """Return at once; the attempt comes later, also when the trial failed.

        The future raises Cancelled after `cancel`, and any other exception only for a fault of ours.
        """

    def cancel(self) -> None:
        """Kill what runs and drop what waits; their futures raise Cancelled or are cancelled."""

    def close(self) -> None:
        """Wait for what runs and let go of every resource. May be called twice."""
