"""One module of a submission, read from its syntax tree: never imported, never compiled, never run."""

from __future__ import annotations

import ast
import codecs
import io
import tokenize
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from grader.contract.text import plain

MAX_SOURCE = 256 << 10  # bytes: 1 MB of `x` lines took 6.8 s and 900 MB to parse
_ENCODINGS = {"utf-8", "utf-8-sig", "ascii", "iso8859-1", "cp1252"}  # others decode to what no reader sees
_OPTIONS = {"hookwrapper", "optionalhook", "tryfirst", "trylast", "specname", "wrapper"}

Branch = tuple[tuple[int, int, int], ...]  # line, column and arm of each `if`, `try`, `match` around
AnyFunction = ast.FunctionDef | ast.AsyncFunctionDef
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SCOPES = (*_FUNCTIONS, ast.ClassDef)


class Unparsable(Exception):
    """Source that Python itself would not read. `line` may be None; the message is one line."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(plain(message, 200))
        self.line = line


@dataclass(frozen=True)
class Mark:
    """A `@hookimpl` decorator. `problem` says why it cannot work."""

    line: int
    hook: str | None = None  # its specname
    options: tuple[str, ...] = ()  # those switched on
    problem: str = ""


@dataclass(frozen=True)
class Function:
    """A function of a module. `inside` names what keeps it from being a name of the module."""

    name: str
    line: int
    node: AnyFunction
    mark: Mark | None
    branch: Branch = ()
    inside: str = ""

    @property
    def is_async(self) -> bool:
        """Whether it is `async def`."""
        return isinstance(self.node, ast.AsyncFunctionDef)

    @property
    def is_generator(self) -> bool:
        """Whether its own body, not that of a function in it, yields."""
        waiting: list[ast.AST] = [*self.node.body]
        while waiting:
            node = waiting.pop()
            if isinstance(node, ast.Yield | ast.YieldFrom):
                return True
            if not isinstance(node, (*_SCOPES, ast.Lambda)):
                waiting.extend(ast.iter_child_nodes(node))
        return False


@dataclass(frozen=True)
class Import:
    """An import statement anywhere in a module: `from <level dots><module> import <names>`."""

    line: int
    level: int
    module: str
    names: tuple[tuple[str, str], ...] = ()  # (name, bound as); empty for `import module`
    at_top: bool = False  # binds its names in the module
    branch: Branch = ()


@dataclass(frozen=True)
class Module:
    """What a module says of itself."""

    title: str = ""
    functions: tuple[Function, ...] = ()  # by line
    imports: tuple[Import, ...] = ()
    stray: tuple[int, ...] = ()  # lines where hookimpl is called, but not as a decorator


def parse(source: bytes) -> Module:
    """Read a module. Raises Unparsable, whatever the bytes are."""
    try:
        return _module(_tree(source))
    except SyntaxError as error:
        raise Unparsable(f"syntax error: {error.msg}", error.lineno) from None
    except (ValueError, LookupError) as error:  # null bytes, before Python 3.12; broken encodings
        raise Unparsable(f"cannot be read as Python: {error}") from None
    except (RecursionError, MemoryError, OverflowError):
        raise Unparsable("is nested too deeply for Python to read") from None


def exclusive(one: Branch, other: Branch) -> bool:
    """Whether two statements stand in different arms of one `if`, `try` or `match`."""
    arms = {place[:2]: place[2] for place in one}
    return any(arms.get(place[:2], place[2]) != place[2] for place in other)


def _tree(source: bytes) -> ast.Module:
    if len(source) > MAX_SOURCE:
        raise Unparsable(f"has more than {MAX_SOURCE >> 10} KB of source: keep data in files of its own")
    if b"\0" in source:
        raise Unparsable("holds null bytes: save it as plain UTF-8 text")
    _check_encoding(source)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes: the author's affair
        return ast.parse(source)


def _check_encoding(source: bytes) -> None:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
    except SyntaxError as error:
        raise Unparsable(f"{error.msg}: save it as UTF-8", 1) from None
    if codecs.lookup(encoding).name not in _ENCODINGS:
        raise Unparsable(f"declares the encoding {encoding!r}: save it as UTF-8 and drop that line", 1)
    try:
        source.decode(encoding)
    except UnicodeDecodeError as error:
        line = source.count(b"\n", 0, error.start) + 1
        raise Unparsable(
            f"byte 0x{source[error.start]:02x} is not {encoding}: save it as UTF-8", line
        ) from None


def _module(tree: ast.Module) -> Module:
    top = list(_top_level(tree))
    marker = _Marker.of([node for node, _ in top])
    functions = [*_module_functions(top, marker), *_hidden_functions(top, marker)]
    return Module(
        title=_title(tree),
        functions=tuple(sorted(functions, key=lambda function: function.line)),
        imports=tuple(_imports(tree, {id(node): branch for node, branch in top})),
        stray=tuple(_stray_calls(tree, marker)),
    )


def _title(tree: ast.Module) -> str:
    lines = (ast.get_docstring(tree) or "").strip().splitlines()
    return plain(" ".join(lines[0].split()), 200) if lines else ""


# --- statements ---


def _top_level(tree: ast.Module) -> Iterator[tuple[ast.stmt, Branch]]:
    """Yield the statements that run when the module is imported, in order, without recursion."""
    waiting: list[tuple[ast.stmt, Branch]] = [(node, ()) for node in reversed(tree.body)]
    while waiting:
        node, branch = waiting.pop()
        yield node, branch
        if not isinstance(node, _SCOPES):
            inner = [
                (child, (*branch, (node.lineno, node.col_offset, arm)))
                for arm, body in enumerate(_arms(node))
                for child in body
            ]
            waiting.extend(reversed(inner))


def _arms(node: ast.stmt) -> Iterator[Sequence[ast.stmt]]:
    """Yield the bodies of a compound statement of which only one is meant to run."""
    if isinstance(node, ast.If):
        yield () if _is_main_guard(node) else node.body
        yield node.orelse
    elif isinstance(node, ast.Try | ast.TryStar):
        yield [*node.body, *node.orelse, *node.finalbody]
        yield from (handler.body for handler in node.handlers)
    elif isinstance(node, ast.Match):
        yield from (case.body for case in node.cases)
    else:
        yield [*getattr(node, "body", ()), *getattr(node, "orelse", ())]


def _is_main_guard(node: ast.If) -> bool:
    """Whether this is `if __name__ == "__main__":`, which is false in a worker."""
    test = node.test
    if not isinstance(test, ast.Compare) or not isinstance(test.ops[0], ast.Eq):
        return False
    sides = {
        getattr(side, "id", None) or getattr(side, "value", None) for side in (test.left, *test.comparators)
    }
    return sides == {"__name__", "__main__"}


def _imports(tree: ast.Module, top: dict[int, Branch]) -> Iterator[Import]:
    for node in ast.walk(tree):
        branch, at_top = top.get(id(node), ()), id(node) in top
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(node.lineno, 0, alias.name, at_top=at_top, branch=branch)
        elif isinstance(node, ast.ImportFrom):
            names = tuple((alias.name, alias.asname or alias.name) for alias in node.names)
            yield Import(node.lineno, node.level, node.module or "", names, at_top, branch)


# --- functions and their marks ---


def _module_functions(top: list[tuple[ast.stmt, Branch]], marker: _Marker) -> Iterator[Function]:
    for node, branch in top:
        if isinstance(node, _FUNCTIONS):
            yield Function(node.name, node.lineno, node, marker.mark_of(node), branch)


def _hidden_functions(top: list[tuple[ast.stmt, Branch]], marker: _Marker) -> Iterator[Function]:
    """Yield marked functions that importing the module does not bind in it."""
    seen = {id(node) for node, _ in top}
    for scope, place in _hiding_places(top):
        for node in ast.walk(scope):
            if isinstance(node, _FUNCTIONS) and id(node) not in seen and marker.mark_of(node):
                seen.add(id(node))
                yield Function(node.name, node.lineno, node, marker.mark_of(node), inside=place)


def _hiding_places(top: list[tuple[ast.stmt, Branch]]) -> Iterator[tuple[ast.stmt, str]]:
    for node, _ in top:
        if isinstance(node, ast.ClassDef):
            yield node, f"class {node.name}"
        elif isinstance(node, _FUNCTIONS):
            yield node, f"{node.name}()"
        elif isinstance(node, ast.If) and _is_main_guard(node):
            yield node, 'the `if __name__ == "__main__"` block'


def _stray_calls(tree: ast.Module, marker: _Marker) -> Iterator[int]:
    decorators = {
        id(decorator) for node in ast.walk(tree) for decorator in getattr(node, "decorator_list", ())
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and id(node) not in decorators and marker.is_ours(node.func):
            yield node.lineno


@dataclass(frozen=True)
class _Marker:
    """The names under which a module knows `grader.hookimpl`."""

    names: frozenset[str]
    modules: frozenset[str]

    @classmethod
    def of(cls, top: list[ast.stmt]) -> _Marker:
        names: set[str] = set()
        modules: set[str] = set()
        for node in top:
            if isinstance(node, ast.ImportFrom) and (node.module == "grader" or node.level):
                # a folder's own module may hand the marker on: its name is believed
                found = [alias for alias in node.names if alias.name in {"hookimpl", "*"}]
                names.update(alias.asname or "hookimpl" for alias in found)
            elif isinstance(node, ast.Import):
                modules.update(alias.asname or alias.name for alias in node.names if alias.name == "grader")
        return cls(frozenset(names), frozenset(modules))

    def is_ours(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Name):
            return node.id in self.names
        return _is_hookimpl(node) and isinstance(node.value, ast.Name) and node.value.id in self.modules

    def mark_of(self, function: AnyFunction) -> Mark | None:
        for decorator in function.decorator_list:
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            if self.is_ours(called):
                return _mark(decorator)
            if _is_hookimpl(called) or (isinstance(called, ast.Name) and called.id == "hookimpl"):
                problem = "this hookimpl is not grader's: write `from grader import hookimpl`"
                return Mark(decorator.lineno, problem=problem)
        return None


def _is_hookimpl(node: ast.expr) -> TypeGuard[ast.Attribute]:
    return isinstance(node, ast.Attribute) and node.attr == "hookimpl"


def _mark(decorator: ast.expr) -> Mark:
    """Read `@hookimpl` or `@hookimpl(specname="train")`."""
    line, hook, options = decorator.lineno, None, []
    if not isinstance(decorator, ast.Call):
        return Mark(line)
    if decorator.args:
        return Mark(line, problem='hookimpl takes names only: write @hookimpl(specname="train")')
    for keyword in decorator.keywords:
        if keyword.arg not in _OPTIONS:
            return Mark(line, problem=f"hookimpl has no option {keyword.arg or '**'}; there is specname")
        if not isinstance(keyword.value, ast.Constant):
            return Mark(line, problem=f"the value of {keyword.arg} must be written out, not computed")
        if keyword.arg == "specname":
            hook = keyword.value.value
        elif keyword.value.value:
            options.append(keyword.arg)
    if hook is not None and not isinstance(hook, str):
        return Mark(line, problem='specname must be a string: write @hookimpl(specname="train")')
    return Mark(line, hook, tuple(options))
