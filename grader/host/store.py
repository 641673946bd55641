"""Records on disk: `<leaderboard>/records/<task>/<stem>.json`, each with its evidence beside it."""

from __future__ import annotations

import contextlib
import errno
import math
import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from grader.contract.errors import StoreError
from grader.contract.record import SCHEMA, Record
from grader.contract.status import Status
from grader.contract.text import INVISIBLE, json_document, plain, plain_json
from grader.host.evidence import Evidence, checked_bytes, evidence_bytes, evidence_of, read_evidence
from grader.host.files import SUFFIX, not_removed, not_written, stage, sync_folder
from grader.host.track import ReuseKey, Track, reuse_key, reuse_key_of, track

if TYPE_CHECKING:
    from grader.contract.trial import Trial

__all__ = [
    "Copy", "Evidence", "ReuseKey", "Store", "StoreError", "Track", "evidence_of", "read_copy",
    "read_evidence", "read_record", "record_files", "reuse_key", "standing_at", "stem", "track",
]  # fmt: skip

_MAX_RECORD = 1 << 26  # bytes; a record's parts are all bounded far below
_LEFT_OVER = 3600  # seconds after which a temporary file's writer is taken for dead
_UNSAFE = re.compile(rf"(?:[^\w.+=-]|{INVISIBLE})+")


@dataclass(frozen=True)
class Copy:
    """A record as one folder gives it to another: what its files say, and their bytes.

    The bytes go along as they are, not written anew: whoever has both folders can compare them file by
    file. Writing anew would lose what a later grader of the same schema added, and pack the evidence as
    the zlib at hand does.
    """

    record: Record
    data: bytes  # of the record's file, laid out as `write` does it
    proof: bytes | None  # of the evidence's file
    remark: str = ""  # what is wrong with the evidence of a failed trial, which can do without


class Store:
    """The records of one leaderboard folder. Any number of processes may write and read at once."""

    def __init__(self, directory: Path | str, mode: int = 0o666) -> None:
        self.directory = Path(directory)
        self._mode = mode  # of new files, less the user's own mask
        self.records = self.directory / "records"
        self._swept: set[Path] = set()

    def open(self) -> None:
        """Make the folder of records where it is missing. Raises StoreError when it cannot be written."""
        try:
            self.records.mkdir(parents=True, exist_ok=True)
            if not os.access(self.records, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except OSError as error:
            raise not_written(self.records, error) from error

    def path(self, record: Record) -> Path:
        """Where this record stands, or would."""
        return self.records / _safe(record.task.name) / f"{stem(record)}.json"

    def find(self, trial: Trial, torch: str, among: Mapping[str, Record]) -> Record | None:
        """Return the record of this trial, run before with this version of torch, or None.

        `among` are the records by their files, as `read_files` gives them.
        """
        key, name = reuse_key_of(trial, torch), trial.submission.name
        record = among.get(f"{self.records}/{_safe(trial.task.name)}/{_stem(name, trial.seed, key)}.json")
        return record if record is not None and reuse_key(record) == key else None

    def write(self, record: Record, evidence: Evidence | None = None) -> Path:
        """Store a record and its evidence in place of those of the same reuse key; return its path.

        A failed trial has no evidence. Raises StoreError with one line, and what was there stays, when
        the disk is full, the folder cannot be written, or the record holds a NaN or infinite number.
        """
        return self.write_at(self.path(record), record, evidence)

    def write_at(self, path: Path, record: Record, evidence: Evidence | None = None) -> Path:
        """Do as `write`, at a path of the caller's choice."""
        data = _encoded(record)
        with self._writing(path):
            _replace(path, data, evidence_bytes(evidence, record) if evidence else None, self._mode)
        return path

    def take(self, copy: Copy, instead_of: Record | None) -> bool:
        """Store what another folder gave, in place of the record that its taker knows of, None for none.

        False, and nothing changes, when something else has come to stand there in the meantime. Raises
        StoreError as `write` does, and for a file there that is no record: only its owner may lose it.
        """
        path = self.path(copy.record)
        with self._writing(path):
            if standing_at(path) != instead_of:
                return False
            _replace(path, copy.data, copy.proof, self._mode)
        return True

    def remove(self, path: Path, record: Record) -> bool:
        """Remove a record and its evidence, by the file it was read from. Raises StoreError with one line.

        False, and nothing changes, when something else has come to stand there since it was read.
        """
        try:
            with _locked(path.parent):
                if standing_at(path) != record:
                    return False
                # The record first, on disk before the evidence goes: what a kill or a power cut leaves is
                # evidence that counts for nothing, never a record that has lost its proof.
                path.unlink()
                sync_folder(path.parent)
                path.with_suffix(".npz").unlink(missing_ok=True)
        except OSError as error:
            raise not_removed(path, error) from error
        return True

    def evidence(self, record: Record) -> Evidence:
        """Read a record's evidence. Raises StoreError when it is missing, damaged, or another run's."""
        return read_evidence(self.path(record).with_suffix(".npz"), record)

    def read(self) -> tuple[list[Record], list[str]]:
        """Return all records, by path, and one line for each file that is none.

        A file that is old, newer, truncated or foreign is named and left alone. No folder, no records.
        """
        found, problems = self.read_files()
        return list(found.values()), problems

    def read_files(self) -> tuple[dict[str, Record], list[str]]:
        """Do as `read`, with the file of each record, which may have been renamed."""
        found: dict[str, Record] = {}
        problems: list[str] = []
        for path in record_files(self.records, problems):
            try:
                found[path] = read_record(path)
            except StoreError as error:
                problems.append(f"{error}; left alone")
        return found, problems

    @contextlib.contextmanager
    def _writing(self, path: Path) -> Iterator[None]:
        """Hold the folder of this file for one writer; what was written there is on disk afterwards."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with _locked(path.parent):
                self._sweep(path.parent)
                yield
                sync_folder(path.parent)
        except OSError as error:
            raise not_written(path, error) from error

    def _sweep(self, folder: Path) -> None:
        """Remove what writers that were killed left behind. Once a folder: it costs a listing."""
        if folder in self._swept:
            return
        self._swept.add(folder)
        for path in folder.glob(f".*{SUFFIX}"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _LEFT_OVER:
                    path.unlink()


def stem(record: Record) -> str:
    """The name of a record's files: for people the submission and seed, for the rest the reuse key."""
    return _stem(record.submission.name, record.seed, reuse_key(record))


def _stem(name: str, seed: int, key: ReuseKey) -> str:
    return f"{_safe(name)}-s{seed}-{key.digest()[:10]}"


def read_record(path: Path | str) -> Record:
    """Read one record. Raises StoreError with one line that says what is wrong with the file."""
    return _decoded(path, _content(path))


def read_copy(path: Path) -> Copy:
    """Read a record's files, the evidence checked against the record, while no writer is at them.

    Raises StoreError with one line for a file that is no record, and for an ok one without its evidence.
    """
    try:
        with _locked(path.parent):
            data = _content(path)
            record = _decoded(path, data)
            proof, remark = _proof(path.with_suffix(".npz"), record)
    except OSError as error:
        raise StoreError(f"{plain(str(path))}: cannot be read ({error.strerror})") from error
    return Copy(record, _laid_out(path, data), proof, remark)


def standing_at(path: Path) -> Record | None:
    """Return the record at this path, None where no file is. Raises StoreError for one that is no record."""
    return read_record(path) if path.exists() else None


def _proof(path: Path, record: Record) -> tuple[bytes | None, str]:
    """The bytes of a record's evidence; of a failed trial it may be missing, or told to be damaged."""
    if record.status != Status.OK and not path.exists():
        return None, ""
    try:
        return checked_bytes(path, record), ""
    except StoreError as error:
        if record.status == Status.OK:
            raise
        return None, str(error)


def _laid_out(path: Path, data: bytes) -> bytes:
    """The same keys and values, laid out and escaped as `write` does: its own files come back as they are.

    One from elsewhere may hold what would act on the terminal of who looks at it.
    """
    try:
        return plain_json(msgspec.json.format(data, indent=2)) + b"\n"
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{plain(str(path))}: {_complaint(data, error)}") from error


def _content(path: Path | str) -> bytes:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - the hot path: plain strings
            if os.fstat(file.fileno()).st_size > _MAX_RECORD:
                raise StoreError(f"{plain(str(path))}: too large to be a record")
            return file.read()
    except OSError as error:
        raise StoreError(f"{plain(str(path))}: cannot be read ({error.strerror})") from error


def _decoded(path: Path | str, data: bytes) -> Record:
    try:
        record = _DECODER.decode(data)
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{plain(str(path))}: {_complaint(data, error)}") from error
    if record.schema != SCHEMA:
        raise StoreError(f"{plain(str(path))}: {_other_schema(record.schema)}")
    return record


class _Header(msgspec.Struct):
    """All that can be asked of a file of another schema."""

    schema: int | None = None


_DECODER = msgspec.json.Decoder(Record)
_HEADER = msgspec.json.Decoder(_Header)


def _complaint(data: bytes, error: Exception) -> str:
    if not data.strip():
        return "an empty file"
    if isinstance(error, UnicodeDecodeError):
        return "not a record (it is no UTF-8 text)"
    try:
        schema = _HEADER.decode(data).schema
    except msgspec.ValidationError:
        return "not a record of grader (foreign JSON)"
    except (ValueError, RecursionError) as broken:
        return f"truncated, or no JSON at all ({plain(str(broken))})"
    if schema is None:
        return "not a record of grader (it has no schema)"
    return _other_schema(schema) if schema != SCHEMA else f"not a whole record ({plain(str(error))})"


def _other_schema(schema: int) -> str:
    if schema > SCHEMA:
        return (
            f"written by a newer grader (schema {schema}, this one reads {SCHEMA}); update grader to rank it"
        )
    return f"written by an older grader (schema {schema}, this one reads {SCHEMA}); run the trial again"


def record_files(folder: Path, problems: list[str]) -> Iterator[str]:
    """Yield the paths of all `*.json` of the folder and its subfolders, in order: strings, on the hot path.

    What looks like one and is none, and what cannot be listed, becomes a line of `problems`.
    """
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    except OSError as error:
        problems.append(f"{plain(str(folder))}: cannot be listed ({error.strerror}); left alone")
        return
    for entry in found:
        if entry.name.startswith("."):
            continue  # temporary files of a writer, and what file managers leave
        if entry.is_dir(follow_symlinks=False):
            yield from record_files(Path(entry.path), problems)
        elif entry.name.endswith(".json"):
            if entry.is_file():
                yield entry.path
            else:
                problems.append(f"{plain(entry.path)}: no regular file; left alone")


def _replace(path: Path, data: bytes, proof: bytes | None, mode: int) -> None:
    """Put both files in place: both are on disk before the first of two renames, evidence first.

    So a full disk changes nothing, and a record never stands without its evidence.
    """
    evidence = path.with_suffix(".npz")
    staged: list[tuple[Path, Path]] = []
    try:
        if proof is not None:
            staged.append((stage(evidence, proof, mode), evidence))
        staged.append((stage(path, data, mode), path))
        for temporary, final in staged:
            temporary.replace(final)
    finally:
        for temporary, _ in staged:
            temporary.unlink(missing_ok=True)
    if proof is None:
        evidence.unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One writer a folder at a time, so that two runs of one trial do not mix record and evidence.

    The lock is on the folder itself: no file of its own, and the kernel frees it on kill -9. Where the
    file system has none (some network ones), the tie between record and evidence still tells.
    """
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _safe(name: str) -> str:
    """The name as part of a file name: letters of any script and `.+=-_`, no leading dot, short."""
    return _UNSAFE.sub("_", name).lstrip(".-")[:40] or "unnamed"


def _encoded(record: Record) -> bytes:
    """The file's bytes. Raises StoreError for a value that JSON, or the record's own types, do not have."""
    try:
        values = _clean(msgspec.to_builtins(record, enc_hook=_plain_number), "")
        checked = msgspec.convert(values, Record)
    except (TypeError, ValueError) as error:
        name = plain(record.submission.name)
        raise StoreError(f"the record of {name} (seed {record.seed}) cannot be stored: {error}") from error
    return json_document(checked, in_order=True)


def _plain_number(value: Any) -> Any:
    """A metric that a plugin computed may be a numpy scalar."""
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} is no plain value")


def _clean(value: Any, place: str) -> Any:
    """Refuse NaN and infinity (msgspec would write null); write out surrogates, which UTF-8 lacks."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{place.lstrip('.')} is {value}")
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {_clean(key, place): _clean(part, f"{place}.{key}") for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(part, place) for part in value]
    return value
