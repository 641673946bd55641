"""The agents of a run: one a node, started, counted, lost and replaced."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from grader.contract.errors import GraderError
from grader.contract.text import count, one_line
from grader.host.executors.cluster.agent import NodeAgent, Orders
from grader.host.workers import Cancelled

_AGENTS_A_NODE = 3  # a node whose agents keep dying is given up
_PATIENCE = 60.0  # seconds to wait for a node when there is none: a lost one is noticed in about 20
_FIRST = 10.0  # seconds in which a cluster that has just been started gets its first node
_LONG = 20.0  # seconds for an agent to come up: importing torch from a slow disk takes as long
_LOOK = 2.0  # seconds between two looks at which nodes there are


@dataclass(eq=False)
class Agent:
    """An agent as the host sees it."""

    node: str  # Ray's id of it
    name: str
    handle: Any
    slots: int
    since: float  # when it was asked for
    busy: int = 0
    ready: bool = False
    told: bool = False  # that it is waited for


class Fleet:
    """Hands out slots of agents. `slots` is how many there were to be at the start.

    Raises GraderError when the cluster has no node for such trials.
    """

    def __init__(
        self, ray: Any, orders: Orders, wish: int | str | None, notice: Callable[[str], None]
    ) -> None:
        self._ray, self._orders, self._notice = ray, orders, notice
        self._most = wish if isinstance(wish, int) else None  # all there is
        self._changed = threading.Condition()
        self._agents: list[Agent] = []
        self._made: Counter[str] = Counter()  # agents by node
        self._refused: dict[str, str] = {}  # reasons by the names of nodes
        self._looked = 0.0
        self.cancelled = False
        deadline = time.monotonic() + _FIRST
        while not self._agents and time.monotonic() < deadline:
            self._looked = 0.0
            self._grow()
            time.sleep(0 if self._agents else 0.5)
        self.slots = sum(agent.slots for agent in self._agents)
        if not self.slots:
            raise GraderError(f"no node of the cluster can run such trials: {self._why()}")
        if self._most is not None and self.slots < self._most:
            notice(f"the cluster has room for {count(self.slots, 'trial')} at once, not for {self._most}")

    def take(self) -> Agent:
        """Return an agent with a free slot, once there is one. Raises Cancelled and GraderError."""
        alone_since = None
        with self._changed:
            while not self.cancelled:
                free = [agent for agent in self._agents if agent.ready and agent.busy < agent.slots]
                if free:
                    agent = max(free, key=lambda each: each.slots - each.busy)
                    agent.busy += 1
                    return agent
                if not self._agents:
                    alone_since = alone_since or time.monotonic()
                    if time.monotonic() - alone_since > (0 if self._refused else _PATIENCE):
                        raise GraderError(f"no node of the cluster is left: {self._why()}")
                self._changed.wait(_LOOK)
                self._grow()
                self._tell_of_waiting()
        raise Cancelled

    def give(self, agent: Agent) -> None:
        """Take a slot back."""
        with self._changed:
            agent.busy -= 1
            self._changed.notify_all()

    def lost(self, agent: Agent, why: str) -> None:
        """Do without an agent from now on; another one may come in its place, there or elsewhere."""
        with self._changed:
            if agent not in self._agents:
                return  # another trial of it has said so
            self._agents.remove(agent)
            self._looked = 0.0
            self._changed.notify_all()
        self._notice(f"node {agent.name} is lost: {why}")
        self._ray.kill(agent.handle)

    def cancel(self) -> None:
        """Have every agent kill what it runs, within a second or two: who does not answer is killed."""
        with self._changed:
            self.cancelled = True
            agents = list(self._agents)
            self._changed.notify_all()
        answers = [agent.handle.cancel.remote() for agent in agents if agent.ready]
        if answers:
            self._ray.wait(answers, num_returns=len(answers), timeout=2)
        for agent in agents:
            if not agent.ready:
                self._ray.kill(agent.handle)

    def close(self) -> None:
        """End every agent."""
        with self._changed:
            agents, self._agents = self._agents, []
            self.cancelled = True
        ends = [agent.handle.close.remote() for agent in agents if agent.ready]
        if ends:
            self._ray.wait(ends, num_returns=len(ends), timeout=10)
        for agent in agents:
            self._ray.kill(agent.handle)

    def _grow(self) -> None:
        """Start an agent on each node that has none. Asks the cluster every other second at most."""
        if time.monotonic() - self._looked < _LOOK:
            return
        self._looked = time.monotonic()
        room = None if self._most is None else self._most - sum(agent.slots for agent in self._agents)
        manned = {agent.node for agent in self._agents}
        wanted = {
            node["NodeID"]: (node, many)
            for node in self._ray.nodes()
            if node["Alive"] and node["NodeID"] not in manned and (many := self._fits(node))
        }
        for node, many in _shared(wanted, room):
            self._start(node, many)

    def _tell_of_waiting(self) -> None:
        for agent in self._agents:
            if not agent.ready and not agent.told and time.monotonic() - agent.since > _LONG:
                agent.told = True
                needs = count(agent.slots * self._orders.threads, "CPU")
                self._notice(f"node {agent.name} is waited for: its {needs} may be held by other jobs")

    def _fits(self, node: dict[str, Any]) -> int:
        """How many trials at once a node has room for: none where it has refused, or lost too many agents."""
        there, orders = node["Resources"], self._orders
        if _name(node) in self._refused or self._made[node["NodeID"]] >= _AGENTS_A_NODE:
            return 0
        most = int(there.get("CPU", 0)) // orders.threads
        if orders.device_kind == "cuda":
            most = min(most, int(there.get("GPU", 0)))
        memory = int(there.get("memory", 0)) // orders.config.limits.memory
        return min(most, max(1, memory))  # limits.memory is what a trial may take, few do

    def _start(self, node: dict[str, Any], many: int) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        orders, name = self._orders, _name(node)
        memory = min(int(node["Resources"].get("memory", 0)), many * orders.config.limits.memory)
        kind = self._ray.remote(NodeAgent).options(
            num_cpus=many * orders.threads,
            num_gpus=many if orders.device_kind == "cuda" else 0,
            memory=memory,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
            max_restarts=0,  # what is run again, and where, is decided here
            max_task_retries=0,
            max_concurrency=many + 2,
        )
        self._made[node["NodeID"]] += 1
        agent = Agent(node["NodeID"], name, kind.remote(name, many, orders), many, time.monotonic())
        self._agents.append(agent)
        answer = agent.handle.start.remote()
        answer.future().add_done_callback(lambda future: self._started(agent, future))

    def _started(self, agent: Agent, future: Any) -> None:
        """Take an agent into service, or do without its node."""
        error = future.exception()
        refusal = f"no agent comes up there ({_last(error)})" if error else str(future.result())
        with self._changed:
            if agent not in self._agents or self.cancelled:
                return
            if refusal:
                self._agents.remove(agent)
                if error is None:
                    self._refused[agent.name] = refusal
            agent.ready = not refusal
            self._changed.notify_all()
        if refusal:
            self._notice(f"node {agent.name} is left out: {refusal}")
        else:
            self._notice(f"node {agent.name}: {count(agent.slots, 'slot')}")

    def _why(self) -> str:
        if self._refused:
            return "; ".join(f"{name}: {why}" for name, why in sorted(self._refused.items()))
        orders = self._orders
        needs = [count(orders.threads, "CPU"), *(["a GPU"] if orders.device_kind == "cuda" else [])]
        return f"each trial takes {' and '.join(needs)}; `ray status` shows what there is"


def _last(error: BaseException) -> str:
    """Ray's errors bring tracebacks and tables along; the last line says what it was."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return one_line(f"{type(error).__name__}: {lines[-1] if lines else ''}", 200)


def _shared(
    wanted: dict[str, tuple[dict[str, Any], int]], room: int | None
) -> list[tuple[dict[str, Any], int]]:
    """Deal so many slots out to the nodes, one each in turn; None gives each node all that fit."""
    if room is None:
        return list(wanted.values())
    dealt: Counter[str] = Counter()
    while room > 0 and any(dealt[key] < most for key, (_, most) in wanted.items()):
        for key, (_, most) in wanted.items():
            if room > 0 and dealt[key] < most:
                dealt[key] += 1
                room -= 1
    return [(wanted[key][0], many) for key, many in dealt.items()]


def _name(node: dict[str, Any]) -> str:
    """What records call it: the name it was started with, or its host's up to the first dot."""
    name, address = node.get("NodeName") or "", node["NodeManagerAddress"]
    return str(name if name and name != address else node["NodeManagerHostname"].partition(".")[0])
