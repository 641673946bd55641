"""The JSON Schema of a record, made from its structs: fields, types, defaults, the comments beside them."""

from __future__ import annotations

import ast
import inspect
import io
import tokenize
from collections.abc import Iterator
from typing import Any

import msgspec

from grader.contract import record as records
from grader.contract.record import SCHEMA, Record

_DIALECT = "https://json-schema.org/draft/2020-12/schema"

Part = dict[str, Any]  # of a schema


def schema() -> Part:
    """Return the schema of one record's file.

    It lets further fields be, as a reader of records does: a later grader may have added them.
    """
    made = msgspec.json.schema(Record)
    _describe(made["$defs"])
    return {"$schema": _DIALECT, "title": f"A record of grader, schema {SCHEMA}", **made}


def fields() -> Iterator[tuple[str, str, str]]:
    """Yield dotted name, type and meaning of each field, in the order of the file.

    Objects come before what they hold; `[]` stands for each element of a list.
    """
    whole = schema()
    yield from _fields("", whole["$defs"]["Record"], whole["$defs"])


def _fields(prefix: str, struct: Part, structs: dict[str, Part]) -> Iterator[tuple[str, str, str]]:
    for name, part in struct["properties"].items():
        below = _struct(part, structs)
        yield f"{prefix}{name}", _type(part, structs), part.get("description") or below.get("description", "")
        if "properties" in below:
            mark = "[]" if part.get("type") == "array" else ""
            yield from _fields(f"{prefix}{name}{mark}.", below, structs)


def _struct(part: Part, structs: dict[str, Part]) -> Part:
    """What a field holds: alone, or nothing in its place, or in a list; empty where that is no struct."""
    for each in (part, part.get("items", {}), *part.get("anyOf", ())):
        if "$ref" in each:
            return structs[each["$ref"].removeprefix("#/$defs/")]
    return {}


def _type(part: Part, structs: dict[str, Part]) -> str:
    if "anyOf" in part:
        told = [_type(each, structs) for each in part["anyOf"]]
        return " or ".join(sorted(told, key=lambda each: each == "null"))
    if "$ref" in part:
        return _type(_struct(part, structs), structs)
    if "enum" in part:
        return ", ".join(f"`{value}`" for value in part["enum"])
    if part["type"] == "array":
        return f"list of {_type(part['items'], structs)}s"
    return str(part["type"])


def _describe(structs: dict[str, Part]) -> None:
    """Give each field the comment that stands behind it in the code, where there is one."""
    source = inspect.getsource(records)
    comments = _comments(source)
    classes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    for node in classes:
        for field in node.body:
            if isinstance(field, ast.AnnAssign) and field.lineno in comments:
                name = ast.unparse(field.target)
                structs[node.name]["properties"][name]["description"] = comments[field.lineno]


def _comments(source: str) -> dict[int, str]:
    """The comments by the lines that they stand on, without the sign."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {
        token.start[0]: token.string.removeprefix("#").strip()
        for token in tokens
        if token.type == tokenize.COMMENT
    }
