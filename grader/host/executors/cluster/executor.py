"""The host's side of a cluster: a thread for each slot, which follows one trial at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import msgspec

from grader.contract.status import Phase, Status
from grader.host.executors.cluster.agent import Orders, Said, Trouble, Word
from grader.host.executors.cluster.fleet import Agent, Fleet
from grader.host.executors.cluster.freight import Sender
from grader.host.executors.local import own_key
from grader.host.source import Unreadable
from grader.host.supervise import Attempt
from grader.host.workers import Cancelled

if TYPE_CHECKING:
    from grader.contract.trial import Trial
    from grader.host.executors.cluster.connection import Connection
    from grader.host.supervise import Listener, TaskData

ATTEMPTS = 3  # of a trial whose machine was lost each time: then it may be what loses them


class Lost(Exception):
    """The node of a trial is gone, or cannot go on: nothing is known of the trial."""


class ClusterExecutor:
    """Trials on the nodes of a Ray cluster. A trial runs again only where its node was lost."""

    def __init__(
        self,
        connection: Connection,
        orders: Orders,
        wish: int | str | None,
        listen: Listener,
        notice: Callable[[str], None],
    ) -> None:
        self._connection, self._ray = connection, connection.ray
        self._listen = listen
        self._sender = Sender(self._ray.put)
        self._closed = False
        try:
            self._fleet = Fleet(self._ray, orders, wish, notice)
        except BaseException:
            connection.close()
            raise
        self.slots = self._fleet.slots
        self._pool = ThreadPoolExecutor(self.slots, thread_name_prefix="node-slot")

    def submit(self, trial: Trial, data: TaskData) -> Future[Attempt]:
        """Queue the trial for the next free slot of any node."""
        return self._pool.submit(self._run, trial, data)

    def cancel(self) -> None:
        """Kill what runs on all nodes; what waits is dropped."""
        self._fleet.cancel()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def close(self) -> None:
        """Wait for the slots, end the agents, and leave the cluster."""
        if self._closed:
            return
        self._closed = True
        self._pool.shutdown(wait=True)
        self._fleet.close()
        self._connection.close()

    def _run(self, trial: Trial, data: TaskData) -> Attempt:
        why = ""
        for number in range(1, ATTEMPTS + 1):
            agent = self._fleet.take()
            try:
                return self._followed(agent, trial, data, number)
            except Unreadable as error:  # since the scheduler has looked
                reason = f"{trial.submission.display} {error}"
                return Attempt(trial, status=Status.INVALID, phase=Phase.LOAD, reason=reason)
            except Lost as error:
                why = str(error)
                if self._fleet.cancelled:
                    raise Cancelled from None
                self._fleet.lost(agent, why)
            finally:
                self._fleet.give(agent)
        reason = f"its node was lost {ATTEMPTS} times over, last {why}"
        return Attempt(trial, status=Status.HARNESS_ERROR, reason=reason, number=ATTEMPTS)

    def _followed(self, agent: Agent, trial: Trial, data: TaskData, number: int) -> Attempt:
        load = self._sender.load(trial, data, own_key(trial), number)
        for word in self._words(agent, load):
            if isinstance(word, Said):
                self._listen(trial, word.phase, word.point)
            elif isinstance(word, Trouble):
                raise Lost(word.why)
            elif word is None:
                raise Cancelled
            else:  # its submission lies elsewhere than ours
                word.trial = msgspec.structs.replace(trial, device=word.trial.device)
                return word
        raise Lost("its words ended")

    def _words(self, agent: Agent, load: object) -> Iterator[Word]:
        """What the agent says. Raises Lost when its process, its node or its words are gone."""
        from ray.exceptions import RayError, RayTaskError

        try:
            for reference in agent.handle.run.options(num_returns="streaming").remote(load):
                yield self._ray.get(reference)
        except RayTaskError:  # a fault of ours over there
            raise
        except RayError as error:
            raise Lost(f"its agent does not answer ({type(error).__name__})") from error
