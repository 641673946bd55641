"""Which hooks a submission implements, and what is wrong or noteworthy about them, in one line each.

The hooks and the arguments on offer are read from `grader.hookspecs.SubmissionHooks`, so that this list
never differs from what the worker calls.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from grader import hookspecs
from grader.contract.submission import HookInfo
from grader.contract.text import did_you_mean
from grader.host.modules import Sources
from grader.host.syntax import Branch, Function, Import, exclusive

_UNMARKED = {
    "build_model": "the baseline model was trained",
    "build_optimizer": "the task's own optimiser was used",
    "train": "the default loop trained this model",
    "predict": "the outputs are model(inputs)",
}


@dataclass
class Found:
    """The hooks of a submission. Problems carry their file and line."""

    hooks: dict[str, HookInfo] = field(default_factory=dict)
    problems: list[tuple[str, int | None, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@cache
def offered() -> dict[str, tuple[str, ...]]:
    """The hooks that a submission may implement, and the arguments that each offers."""
    return {
        name: tuple(inspect.signature(function).parameters)[1:]  # without self
        for name, function in vars(hookspecs.SubmissionHooks).items()
        if hasattr(function, "grader_spec")
    }


def find(sources: Sources) -> Found:
    """Read the hooks that importing the entry would register."""
    found = Found()
    bound = list(_bindings(sources, sources.entry))
    for implementation in bound:
        found.problems += _problems_of(implementation)
    _keep_hooks(bound, found)
    _check_rest(sources, bound, found)
    return found


# --- what the entry's names are bound to ---


@dataclass(frozen=True)
class _Bound:
    """A function under a name of the entry, defined in one of the submission's files."""

    name: str
    file: str
    function: Function
    branch: Branch

    @property
    def hook(self) -> str:
        mark = self.function.mark
        return (mark.hook if mark else None) or self.name

    def at(self, entry: str) -> str:
        place = f"line {self.function.line}"
        return f"at {place}" if self.file == entry else f"at {self.file}:{self.function.line}"


def _bindings(sources: Sources, file: str, seen: tuple[str, ...] = ()) -> Iterator[_Bound]:
    """Yield the functions that are names of a module: its own, and those imported from own modules."""
    module = sources.module(file)
    if module is None or file in seen:
        return
    for function in module.functions:
        if not function.inside:
            yield _Bound(function.name, file, function, function.branch)
    for statement in module.imports:
        origin = sources.source_of(file, statement) if statement.at_top and statement.names else None
        if origin is not None:
            for bound in _bindings(sources, origin, (*seen, file)):
                for name in _bound_as(bound.name, statement):
                    yield _Bound(name, bound.file, bound.function, statement.branch)


def _bound_as(name: str, statement: Import) -> Iterator[str]:
    for imported, bound in statement.names:
        if imported == name:
            yield bound
        elif imported == "*" and not name.startswith("_"):
            yield name


# --- hooks ---


def _keep_hooks(bound: list[_Bound], found: Found) -> None:
    """Enter each hook once; two that could both be there are a problem."""
    kept: dict[str, _Bound] = {}
    for each in (each for each in bound if each.function.mark and each.hook in offered()):
        first = kept.setdefault(each.hook, each)
        info = HookInfo(each.function.name, each.file, each.function.line)
        if first is each:
            found.hooks[each.hook] = info
        elif found.hooks[each.hook] != info and not exclusive(first.branch, each.branch):
            where = f"already {first.at(each.file)}"
            found.problems.append((each.file, info.line, f"a second {each.hook} hook, {where}: keep one"))


def _problems_of(bound: _Bound) -> Iterator[tuple[str, int | None, str]]:
    function = bound.function
    if function.mark is None:
        return
    if function.mark.problem:
        yield bound.file, function.mark.line, function.mark.problem
    elif bound.hook not in offered():
        hint = did_you_mean(bound.hook, offered()) or f"; there are {', '.join(offered())}"
        yield bound.file, function.line, f"there is no hook {bound.hook}{hint}"
    else:
        for message in _signature_problems(bound):
            yield bound.file, function.line, f"{function.name}() {message}"


def _signature_problems(bound: _Bound) -> Iterator[str]:
    function, mark = bound.function, bound.function.mark
    if mark and {"wrapper", "hookwrapper"} & {*mark.options}:
        yield "cannot wrap other hooks: write @hookimpl without wrapper"
    if function.is_async:
        yield "is `async def`, which nothing awaits: write `def`"
    elif function.is_generator:
        yield "contains `yield`, so calling it would run nothing: use return"
    yield from _argument_problems(function, offered()[bound.hook])


def _argument_problems(function: Function, offer: tuple[str, ...]) -> Iterator[str]:
    arguments = function.node.args
    for star, argument in (("*", arguments.vararg), ("**", arguments.kwarg)):
        if argument is not None:
            yield f"takes {star}{argument.arg}, which is never filled: name what you want; {_list(offer)}"
    if arguments.posonlyargs:
        yield "has positional-only arguments, but hooks are given theirs by name: drop the `/`"
    if arguments.kwonlyargs:
        yield "has keyword-only arguments, which are never filled: drop the `*`"
    named = [*arguments.posonlyargs, *arguments.args]
    for argument in named[len(named) - len(arguments.defaults) :]:
        yield f"gives {argument.arg} a default, so it would never be filled: drop the default"
    for argument in (*named, *arguments.kwonlyargs):
        if argument.arg not in offer:
            hint = did_you_mean(argument.arg, offer)
            yield f"asks for {argument.arg}, which is not on offer{hint}; {_list(offer)}"


def _list(offer: tuple[str, ...]) -> str:
    return f"on offer: {', '.join(offer)}"


# --- what is there beside the hooks ---


def _check_rest(sources: Sources, bound: list[_Bound], found: Found) -> None:
    found.problems += _misplaced(sources)
    found.problems += _relative(sources)
    unmarked = [
        each
        for each in bound
        if each.function.mark is None and each.name in offered() and each.name not in found.hooks
    ]
    if not found.hooks and not found.problems and not sources.problems:
        found.problems.append((sources.entry, None, _why_no_hook(sources, unmarked)))
    found.notes += _unmarked_notes(sources, unmarked, found.hooks)
    found.notes += _option_notes(sources, bound)
    if "train" in found.hooks and "build_optimizer" in found.hooks:
        found.notes.append(
            "build_optimizer is unused: this submission's own train() ran in place of the loop"
        )


def _misplaced(sources: Sources) -> Iterator[tuple[str, int | None, str]]:
    """Marks where pluggy would not look, in the files that are run."""
    for file in sources.reached if sources.package else [sources.entry]:
        module = sources.module(file)
        for function in module.functions if module else ():
            if function.inside:
                message = (
                    f"stands in {function.inside}, where no hook is found: move it to the file's top level"
                )
                yield file, function.line, f"{function.name}() {message}"
        for line in module.stray if module else ():
            yield file, line, "hookimpl is called like a function: write it as a decorator, right above `def`"


def _relative(sources: Sources) -> Iterator[tuple[str, int | None, str]]:
    """Relative imports of a single file, which belongs to no package."""
    module = None if sources.package else sources.module(sources.entry)
    for statement in module.imports if module else ():
        if statement.level and statement.at_top and not statement.branch:
            name = f"from .{statement.module} import"
            fix = f"write `from {statement.module or '...'} import`, or hand in a folder"
            yield (
                sources.entry,
                statement.line,
                f"`{name}` works in a folder with a submission.py only: {fix}",
            )


def _why_no_hook(sources: Sources, unmarked: list[_Bound]) -> str:
    if unmarked:
        named = ", ".join(f"{each.name}() {each.at(sources.entry)} has no @hookimpl" for each in unmarked)
        return f"implements no hook: {named}: write it above `def`"
    for file, function in _marked_elsewhere(sources):
        module = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        fix = f"write `from .{module} import {function.name}` in {sources.entry}"
        place = f"{function.name}() at {file}:{function.line}"
        return f"does not import the hook {place}: {fix}"
    return f"implements no hook: mark a function with @hookimpl; there are {', '.join(offered())}"


def _marked_elsewhere(sources: Sources) -> Iterator[tuple[str, Function]]:
    for file in sorted(sources.data) if sources.package else ():
        module = sources.module(file) if file.endswith(".py") and file != sources.entry else None
        for function in module.functions if module else ():
            if function.mark and function.name in offered():
                yield file, function


def _unmarked_notes(sources: Sources, unmarked: list[_Bound], hooks: dict[str, HookInfo]) -> Iterator[str]:
    for each in unmarked if hooks else ():
        if not (each.name == "build_optimizer" and "train" in hooks):
            yield f"{each.name}() {each.at(sources.entry)} has no @hookimpl: {_UNMARKED[each.name]}"


def _option_notes(sources: Sources, bound: list[_Bound]) -> Iterator[str]:
    for each in bound:
        options = each.function.mark.options if each.function.mark else ()
        for option in options:
            if option in {"tryfirst", "trylast", "optionalhook"}:
                yield f"{each.name}() {each.at(sources.entry)}: {option} has no effect in a submission"
