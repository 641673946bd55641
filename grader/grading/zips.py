"""Zip files. Those of others are read as data: nothing of them is written but plain files, within limits.

What is too large or no zip at all is refused as a whole, and so are single members that lie about where
they belong. Sizes are counted as they come out; a header says what its author likes. Our own are the same
bytes for the same files.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
import stat
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from grader.contract.size import in_mib
from grader.contract.text import plain
from grader.grading.staging import staged

_LIST = 16 << 20  # bytes of the list of members, and of any one read: a list of millions fills the memory
_CHUNK = 1 << 16
_PART, _NAME, _DEPTH = 200, 600, 20  # bytes of a name's parts and of all of it; folders
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # bzip2 and LZMA blow up in one step, before any count
_NO_DATE = datetime(1980, 1, 1)  # what is written where nothing is known
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError)


class Broken(Exception):
    """An archive that cannot be taken at all; the message completes the sentence "FILE ..."."""


@dataclass(frozen=True)
class Most:
    """How much an archive may hold."""

    members: int
    size: int  # bytes of all of them


ONE = Most(2_000, 64 << 20)  # of one student
MANY = Most(20_000, 2 << 30)  # of a course


@dataclass(frozen=True)
class Unpacked:
    """The folder of an archive's files, and what its list says of them."""

    folder: Path
    times: Mapping[str, datetime]  # by relative name; of no zone
    refused: tuple[str, ...] = ()  # members that were left out, each with the reason: "../x leads out of it"


def is_zip(path: Path) -> bool:
    """Whether a file is named like a zip."""
    return path.suffix.lower() == ".zip"


def is_junk(name: str) -> bool:
    """Whether a file or folder of this name is an operating system's or Python's, or hidden."""
    return (
        name.startswith(".")
        or name in {"__MACOSX", "__pycache__", "Thumbs.db", "desktop.ini"}
        or (name.endswith(".pyc"))
    )


def unpack(archive: Path, work: Path, most: Most, label: str = "zip") -> Unpacked:
    """Return an archive's files, in a folder of this label below one in `work` that its bytes name.

    Raises Broken, and StoreError.
    """
    try:
        with _Bounded(archive) as file, zipfile.ZipFile(file) as opened:
            members = list(_members(opened, most))
            good = {member.name: member for member in members if not member.fault}
            file.seek(0)
            digest = hashlib.sha256(f"{label}\0".encode())
            while chunk := file.read(_LIST):
                digest.update(chunk)
            folder = staged(
                work, digest.hexdigest(), lambda made: _write(opened, good.values(), made / label, most)
            )
        folder /= label
    except _BROKEN as error:
        raise Broken(f"is no zip that can be read: {plain(str(error), 100)}") from None
    except OSError as error:
        raise Broken(f"cannot be read: {error.strerror}") from None
    gone = [f"{name} is damaged" for name in good if not (folder / name).is_file()]
    refused = [f"{plain(member.shown, 100)} {member.fault}" for member in members if member.fault]
    times = {name: member.when for name, member in good.items() if member.when is not None}
    return Unpacked(folder, times, tuple(sorted([*refused, *gone])))


# --- the list of members ---


@dataclass
class _Member:
    info: zipfile.ZipInfo
    name: str  # where it goes, relative
    shown: str
    when: datetime | None
    fault: str = ""


class _Bounded(io.FileIO):
    """A file of which no single read takes more than the list of members may."""

    def read(self, size: int | None = -1, /) -> bytes:
        whole = size is None or size < 0
        if not whole and size is not None and size > _LIST:
            raise zipfile.BadZipFile("its list of members is too long")
        data = super().read(_LIST + 1 if whole else size) or b""
        if len(data) > _LIST:
            raise zipfile.BadZipFile("its list of members is too long")
        return data


def _members(opened: zipfile.ZipFile, most: Most) -> Iterator[_Member]:
    """The files that count, each with what is wrong with it. Raises Broken for too many, or too large."""
    infos = [info for info in opened.infolist() if not info.is_dir()]
    members = [_member(info) for info in infos]
    members = [each for each in members if not any(map(is_junk, each.name.split("/"))) or each.fault]
    if len(members) > most.members:
        raise Broken(
            f"holds {len(members):,} files, at most {most.members:,} are read: leave data and libraries out"
        )
    if sum(each.info.file_size for each in members) > most.size:
        raise Broken(_too_large(most))
    _mark_clashes(members)
    yield from members


def _member(info: zipfile.ZipInfo) -> _Member:
    written = info.filename
    if not info.flag_bits & 0x800:  # the flag of UTF-8, which macOS leaves out
        with contextlib.suppress(UnicodeError):
            written = written.encode("cp437").decode("utf-8")
    parts = [part for part in written.replace("\\", "/").split("/") if part not in {"", "."}]
    name = unicodedata.normalize("NFC", "/".join(parts))
    return _Member(info, name, written, _when(info), _fault(info, written, name))


def _when(info: zipfile.ZipInfo) -> datetime | None:
    try:
        read = datetime(*info.date_time)
    except ValueError:
        return None
    return None if read == _NO_DATE else read


def _fault(info: zipfile.ZipInfo, written: str, name: str) -> str:
    mode = info.external_attr >> 16
    parts = name.split("/")
    too_long = len(name.encode()) > _NAME or max(len(part.encode()) for part in parts) > _PART
    return next(
        (
            fault
            for wrong, fault in (
                (not name or plain(written) != written, "has a name with characters that do not print"),
                (
                    ".." in parts or re.match(r"[\\/]|[A-Za-z]:", written),
                    "has a name that leads out of the zip",
                ),
                (too_long or len(parts) > _DEPTH, "has a name that is too long"),
                (stat.S_IFMT(mode) not in {0, stat.S_IFREG}, "is a link, or no regular file"),
                (info.flag_bits & 1, "is encrypted"),
                (
                    info.compress_type not in _METHODS,
                    "is compressed in a way that is not read: use plain zip",
                ),
            )
            if wrong
        ),
        "",
    )


def _mark_clashes(members: Iterable[_Member]) -> None:
    """Files of one name, which some file systems cannot keep apart, and files that are folders, too."""
    good = [(each, each.name.casefold()) for each in members if not each.fault]
    taken = Counter(key for _, key in good)
    folders = {str(above) for _, key in good for above in PurePosixPath(key).parents}
    for each, key in good:
        if taken[key] > 1:
            each.fault = "is there twice, perhaps in another case"
        elif key in folders:
            each.fault = "is a file and a folder"


# --- the bytes ---


def _write(opened: zipfile.ZipFile, members: Iterable[_Member], folder: Path, most: Most) -> None:
    folder.mkdir()
    left = most.size
    for member in members:
        path = folder / member.name
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            left -= _write_one(opened, member.info, path, left, most)
        except _BROKEN:
            path.unlink(missing_ok=True)  # told as damaged, now and by every later look


def _write_one(opened: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, left: int, most: Most) -> int:
    taken = 0
    with opened.open(info) as member, path.open("xb") as file:
        while chunk := member.read(_CHUNK):
            taken += len(chunk)
            if taken > left:
                raise Broken(_too_large(most))
            file.write(chunk)
    return taken


def _too_large(most: Most) -> str:
    return f"unpacks to more than {in_mib(most.size)}: leave data and weights out"


def zipped(files: Mapping[str, bytes], modes: Mapping[str, int] | None = None) -> bytes:
    """Return a zip of the files, in their order; modes are 0644 unless said. No dates, no owners."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            member = zipfile.ZipInfo(name)  # of 1980, the first year that a zip can hold
            member.create_system = 3  # Unix, whose modes are kept
            member.external_attr = (stat.S_IFREG | (modes or {}).get(name, 0o644)) << 16
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, data)
    return made.getvalue()
