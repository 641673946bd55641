"""The wheel of this very package, made of what is installed: no network, no build tool, the same bytes.

Its files are those of the folder that was imported, in development mode as well; all else is the
distribution's metadata.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import grader
from grader.contract.errors import UsageError
from grader.grading.zips import zipped

_NAME = "grader"
_WHEEL = "Wheel-Version: 1.0\nGenerator: grader\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_REQUIRED = re.compile(r"[\w.-]+")  # the name at the start of `torch<3,>=2.8`
_TEXTS = ("METADATA", "entry_points.txt")


def wheel() -> tuple[str, bytes]:
    """Return the wheel's file name and its bytes. Raises UsageError where grader is not installed."""
    found = _distribution()
    info = f"{_NAME}-{found.version}.dist-info"
    files = {f"{_NAME}/{name}": data for name, data in _package().items()}
    files |= {f"{info}/{name}": text.encode() for name in _TEXTS if (text := found.read_text(name))}
    files |= {f"{info}/{name}": data for name, data in _licences(found).items()}
    files[f"{info}/WHEEL"] = _WHEEL.encode()
    record = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in sorted(files.items())]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""]).encode()
    return f"{_NAME}-{found.version}-py3-none-any.whl", zipped(dict(sorted(files.items())))


def constraints() -> str:
    """Return the versions of what grader needs, as they are installed here, a line each, for pip.

    Without the part after the plus sign: which build of torch there is depends on where pip looks.
    """
    wanted = (text for text in _distribution().requires or () if "extra ==" not in text)
    names = sorted({text[: match.end()] for text in wanted if (match := _REQUIRED.match(text))})
    lines = (f"{name}=={version.partition('+')[0]}" for name in names if (version := _version(name)))
    return "".join(f"{line}\n" for line in lines)


def plugins() -> str:
    """Return the installed distributions that bring plugins of the harness, a line each, for pip."""
    points = metadata.entry_points(group=_NAME)
    found = {(each.dist.name, each.dist.version) for each in points if each.dist is not None}
    return "".join(f"{name}=={version.partition('+')[0]}\n" for name, version in sorted(found))


def _package() -> dict[str, bytes]:
    """The package's files by relative name, without what Python and editors leave among them."""
    root = Path(grader.__file__).parent
    found = (path for path in root.rglob("*") if path.is_file() and not path.name.startswith("."))
    names = {path.relative_to(root).as_posix(): path for path in found if path.parent.name != "__pycache__"}
    return {name: path.read_bytes() for name, path in names.items()}


def _licences(found: metadata.Distribution) -> dict[str, bytes]:
    listed: Iterable[metadata.PackagePath] = found.files or ()
    paths = {f"licenses/{each.name}": Path(str(each.locate())) for each in listed if "licenses" in each.parts}
    return {name: path.read_bytes() for name, path in paths.items() if path.is_file()}


def _distribution() -> metadata.Distribution:
    try:
        return metadata.distribution(_NAME)
    except metadata.PackageNotFoundError:
        raise UsageError(
            "grader runs from a folder that is not installed, so that there is nothing to put into the "
            "bundle: install it first (pip install .)"
        ) from None


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
