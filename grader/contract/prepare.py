"""What the host and the preparer of task data say to each other: one request, one reply."""

from __future__ import annotations

from typing import Any

import msgspec


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """Host to preparer, on its stdin: prepare this task into this cache entry. Paths are absolute."""

    task: str
    entry: str  # the folder to create, or to replace where it is damaged
    data: str | None
    downloads: str
    tables: dict[str, dict[str, Any]] = {}  # the configuration's [tool.grader.tasks.NAME] tables
    modules: tuple[str, ...] = ()  # plugins named with -p
    path: tuple[str, ...] = ()  # where the host finds those modules, beside the installed packages


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """Preparer to host, one line on its stdout; progress and tracebacks go to stderr."""

    error: str = ""  # one line; empty when the entry is there
    kind: str = ""  # the error's class in contract.errors; empty for a fault that nobody foresaw
    exit_code: int = 0
