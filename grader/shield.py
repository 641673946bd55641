"""Other people's plugins, shielded: one that fails is named in a line and switched off, and the run goes on.

The built-ins are registered as they are: an error of theirs is our bug, and is seen as one.
"""

from __future__ import annotations

import functools
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pluggy

from grader import hookimpl
from grader.contract.errors import GraderError
from grader.contract.text import did_you_mean, one_line
from grader.hookspecs import HarnessHooks

Tell = Callable[[str], None]
"""Takes one line about a plugin that was switched off."""

_TRIALS = "grader_modify_trials"  # its plugins change what they are given
_MAY_REFUSE = frozenset(  # they come before anything is trained: a GraderError raised there ends the run
    {
        "grader_register_tasks",
        "grader_collect",
        _TRIALS,
        "grader_make_executor",
        "grader_task_prepare",
        "grader_session_start",
    }
)
_MEANS = {
    "grader_metrics": "; records from here on lack its metrics",
    _TRIALS: "; the trials are as they were before it",
}


@dataclass(frozen=True)
class Guest:
    """A plugin that is not built in: the name that `-p no:NAME` takes, and where it comes from."""

    name: str
    origin: str  # its distribution and version; '-p' for a module that was named
    module: str

    def __str__(self) -> str:
        """How messages have it: one line."""
        return one_line(self.name if self.origin == "-p" else f"{self.name} ({self.origin}, {self.module})")


@dataclass(frozen=True)
class Off:
    """A guest that was switched off, and why: one line."""

    guest: Guest
    why: str


class ShieldedManager(pluggy.PluginManager):
    """Calls built-ins as pluggy does, and guests under a guard. `tell` gets a line about each that failed."""

    def __init__(self, tell: Tell) -> None:
        super().__init__("grader")
        self.add_hookspecs(HarnessHooks)
        self.guests: dict[str, Guest] = {}  # those at work, by name
        self.off: list[Off] = []
        self._tell = tell
        self._admitted: list[object] = []

    def admit(self, guest: Guest, load: Callable[[], object]) -> None:
        """Load a guest's plugin and register it under guard; one that does not fit is switched off."""
        try:
            plugin = load()
        except (Exception, SystemExit) as error:
            self.switch_off(guest, f"importing it raised {told(error, guest.module)}")
            return
        if any(plugin is each for each in (*self._admitted, *self.get_plugins())):
            return  # named twice: by its distribution, and by -p
        implementations = list(self._implementations(plugin))
        problem = next(filter(None, map(_misfit, implementations)), "")
        if not implementations:
            problem = "it implements no hook: mark its functions with @hookimpl"
        elif self.has_plugin(guest.name):
            problem = f"another plugin has the name {guest.name!r}"
        if problem:
            self.switch_off(guest, problem)
            return
        self._admitted.append(plugin)
        self.guests[guest.name] = guest
        functions = {each.name: self._guarded(guest, each) for each in implementations}
        self.register(_StandIn(guest.module, functions), guest.name)

    def switch_off(self, guest: Guest, why: str, means: str = "") -> None:
        """Have no more to do with a guest. `means` says, in the line about it, what comes of that."""
        if self.guests.get(guest.name) is guest:
            self.unregister(name=guest.name)
            del self.guests[guest.name]
        off = Off(guest, one_line(why))
        self.off.append(off)
        way_out = f"leave it out with -p no:{one_line(guest.name)}"
        self._tell(f"plugin {guest} is switched off: {off.why}{means}; {way_out}")

    def absent(self) -> str:
        """Return what to add to a message about something that no plugin brings; '' where none is off."""
        if not self.off:
            return ""
        listed = ", ".join(f"{one_line(off.guest.name)} ({off.why})" for off in self.off)
        return f"; a plugin that is switched off may have brought it: {listed}"

    def _implementations(self, plugin: object) -> Iterator[_Implementation]:
        for name in dir(plugin):
            options = self.parse_hookimpl_opts(plugin, name)
            if options is not None:
                hook = options.get("specname") or name
                yield _Implementation(name, hook, getattr(plugin, name), dict(options))

    def _guarded(self, guest: Guest, implementation: _Implementation) -> Callable[..., object]:
        hook, function = implementation.hook, implementation.function
        names = tuple(inspect.signature(function).parameters)

        @functools.wraps(function)  # through which pluggy reads the names of the arguments
        def guarded(*values: object) -> object:
            from grader.returned import problem

            arguments = dict(zip(names, values, strict=True))
            trials = arguments.get("trials") if hook == _TRIALS else None
            before = [*trials] if isinstance(trials, list) else []
            try:
                result = function(*values)
                wrong = problem(hook, result, arguments)
            except (Exception, SystemExit) as error:
                if isinstance(error, GraderError) and hook in _MAY_REFUSE:
                    raise
                result, wrong = None, f"raised {told(error, guest.module)}"
            if not wrong:
                return result
            if isinstance(trials, list):
                trials[:] = before
            self.switch_off(guest, f"{hook} {wrong}", _MEANS.get(hook, ""))
            return None  # pluggy takes it for no answer

        marked: Callable[..., object] = hookimpl(**implementation.options)(guarded)
        return marked


def told(error: BaseException, module: str) -> str:
    """Return an error in one line, with the last place in the package of `module` that it came through."""
    package, place = module.partition(".")[0], ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        if str(frame.f_globals.get("__name__")).partition(".")[0] == package:
            place = f" ({Path(frame.f_code.co_filename).name}:{line})"
    return one_line(": ".join(filter(None, (type(error).__name__, str(error))))) + place


@dataclass(frozen=True)
class _Implementation:
    """A function of a plugin that is marked as a hook's."""

    name: str
    hook: str
    function: Callable[..., object]
    options: dict[str, Any]  # of the mark


class _StandIn:
    """What is registered in a guest's place: the same hooks under guard, and where its code lies."""

    def __init__(self, module: str, functions: dict[str, Callable[..., object]]) -> None:
        self.__file__ = getattr(sys.modules.get(module), "__file__", None)
        vars(self).update(functions)


def _misfit(each: _Implementation) -> str:
    """Say what keeps a function from being called as the hook it is marked as; '' where nothing does."""
    hooks = {name: hook for name, hook in vars(HarnessHooks).items() if inspect.isfunction(hook)}
    if each.hook not in hooks:
        if each.options.get("optionalhook"):
            return ""
        return f"there is no hook {each.hook}{did_you_mean(each.hook, hooks)}"
    if each.options.get("wrapper") or each.options.get("hookwrapper"):
        return f"{each.hook} cannot wrap other plugins' hooks: write @hookimpl without wrapper"
    if inspect.isgeneratorfunction(each.function) or inspect.iscoroutinefunction(each.function):
        return f"{each.hook} contains `yield` or is `async`, so calling it would run nothing"
    return next(_argument_problems(each, list(inspect.signature(hooks[each.hook]).parameters)[1:]), "")


def _argument_problems(each: _Implementation, offer: list[str]) -> Iterator[str]:
    for name, parameter in inspect.signature(each.function).parameters.items():
        if parameter.kind is not parameter.POSITIONAL_OR_KEYWORD or parameter.default is not parameter.empty:
            yield f"{each.hook} is given its arguments by name: write {name} plainly, without a default"
        elif name not in offer:
            hint = did_you_mean(name, offer)
            yield f"{each.hook} asks for {name}, which is not on offer{hint}; on offer: {', '.join(offer)}"
