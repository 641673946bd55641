"""The shape of a program: its syntax tree without the names that its author chose.

Two programs of one shape are the same after renaming and reformatting. What is written between quotes and
every number is kept, and so is what is imported or built in: `nn.ReLU` and `nn.Tanh` are no two names of one
thing.
"""

from __future__ import annotations

import ast
import hashlib
import warnings
from dataclasses import dataclass, field
from typing import Any, cast


def shape(source: str) -> str:
    """Return a digest that equal shapes share; of source that Python cannot read, one of its words."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes: the author's affair
            tree = ast.parse(source)
        text = ast.dump(_Renamed(_names(tree)).visit(tree), annotate_fields=False)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        text = " ".join(source.split())
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass
class _Names:
    """The names that a program binds, by where it may use them."""

    own: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    keywords: set[str] = field(default_factory=set)
    imported: dict[str, str] = field(default_factory=dict)  # what stands for "torch.nn"


def _names(tree: ast.Module) -> _Names:
    names = _Names()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                names.own.add(name)
            case ast.arg(arg=name):
                names.own.add(name)
                names.keywords.add(name)
            case ast.Attribute(attr=name, ctx=ast.Store()):
                names.attributes.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.own.add(name)
            case ast.ClassDef(name=name, body=body):
                names.own.add(name)
                names.attributes.update(_members(body))
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                names.own.add(name)
            case ast.Import() | ast.ImportFrom():
                names.imported.update(_imported(node))
    return names


def _members(body: list[ast.stmt]) -> set[str]:
    """What the statements of a class bind: its methods and its attributes."""
    methods = {node.name for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    targets = [each for node in body if isinstance(node, ast.Assign) for each in node.targets]
    return methods | {each.id for each in targets if isinstance(each, ast.Name)}


def _imported(node: ast.Import | ast.ImportFrom) -> dict[str, str]:
    if isinstance(node, ast.Import):
        plain = {each.name.split(".")[0]: each.name.split(".")[0] for each in node.names if not each.asname}
        return plain | {each.asname: each.name for each in node.names if each.asname}
    module = "." * node.level + (node.module or "")
    return {each.asname or each.name: f"{module}.{each.name}" for each in node.names}


class _Renamed(ast.NodeTransformer):
    """Numbers a program's own names as they are met, and writes what is imported by its full name."""

    def __init__(self, names: _Names) -> None:
        self._names = names
        self._numbers: dict[str, str] = {}

    def _number(self, name: str) -> str:
        return self._numbers.setdefault(name, f"v{len(self._numbers)}")

    def visit_Import(self, _: ast.Import) -> None:
        """Leave it out: what is used of it stands at its place."""

    def visit_ImportFrom(self, _: ast.ImportFrom) -> None:
        """Leave it out as well."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        """Leave out docstrings: they are comments."""
        lone = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if lone else self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Number it, or write out what it was imported as."""
        if node.id in self._names.own:
            node.id = self._number(node.id)
        else:
            node.id = self._names.imported.get(node.id, node.id)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """Join it to an imported name, or number it where the program itself made it."""
        whole = self._of_import(node)
        if whole is not None:
            return ast.Name(whole, node.ctx)
        self.generic_visit(node)
        if node.attr in self._names.attributes:
            node.attr = self._number(node.attr)
        return node

    def _of_import(self, node: ast.expr) -> str | None:
        """`torch.nn.ReLU` for an attribute of what was imported, however it was; None for others."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id in self._names.own:
            return None
        origin = self._names.imported.get(node.id)
        return None if origin is None else ".".join([origin, *reversed(parts)])

    def _named(self, node: Any) -> ast.AST:
        """Number the name that a definition, an `except` or a pattern binds."""
        node.name = self._number(node.name) if node.name else None
        return self.generic_visit(node)

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = _named  # noqa: N815 - ast's own spelling
    visit_ExceptHandler = visit_MatchAs = _named  # noqa: N815

    def _listed(self, node: Any) -> ast.AST:
        """Number the names of `global` and `nonlocal`."""
        node.names = [self._number(name) for name in node.names]
        return cast("ast.AST", node)

    visit_Global = visit_Nonlocal = _listed  # noqa: N815

    def visit_arg(self, node: ast.arg) -> ast.AST:
        """Number its name."""
        node.arg = self._number(node.arg)
        return self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> ast.AST:
        """Number it where it may be an argument of the program's own functions."""
        if node.arg in self._names.keywords:
            node.arg = self._number(str(node.arg))
        return self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        """Drop the u of u'text'."""
        node.kind = None
        return node
