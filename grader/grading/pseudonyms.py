"""Names for what is published: they tell nobody who is who, and stay the same from grading to grading."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from pathlib import Path

from grader.contract.errors import GraderError
from grader.contract.text import plain
from grader.host.places import kept_secret

# words that nobody in the class is called
_FIRST = (
    "brisk", "calm", "clear", "copper", "crisp", "dusky", "early", "gentle", "gilded", "golden", "grand",
    "green", "keen", "late", "lilac", "lively", "lucid", "mild", "misty", "noble", "opal", "pale", "plain",
    "proud", "quick", "quiet", "rapid", "rosy", "rustic", "sandy", "scarlet", "shady", "silent", "silver",
    "sleek", "snowy", "solar", "steady", "still", "stony", "sunny", "swift", "tidal", "tawny", "velvet",
    "vivid", "warm", "white", "windy", "witty",
)  # fmt: skip
_SECOND = (
    "alder", "aspen", "badger", "beaver", "bison", "brook", "cedar", "comet", "crane", "curlew", "delta",
    "dove", "dune", "eagle", "falcon", "fern", "finch", "fjord", "gannet", "glade", "grove", "harbour",
    "hare", "heath", "heron", "hill", "ibex", "island", "kestrel", "lake", "lynx", "maple", "marten",
    "meadow", "moor", "otter", "owl", "peak", "pine", "plover", "poplar", "reef", "ridge", "river", "seal",
    "shore", "spruce", "swan", "tern", "thistle", "thrush", "vale", "willow",
)  # fmt: skip


def secret(folder: Path) -> bytes:
    """Return the folder's own 32 random bytes, made at first use and readable by their owner alone.

    Whoever has them can tell who is who. Raises GraderError where they cannot be kept.
    """
    path = folder / "secret"
    try:
        found = kept_secret(path)
    except OSError as error:
        raise GraderError(
            f"cannot keep the pseudonyms' secret in {plain(str(path))}: {error.strerror}"
        ) from None
    if len(found) < 32:
        raise GraderError(f"{plain(str(path))} is no secret of ours: remove it, and all get new pseudonyms")
    return found


def pseudonyms(keys: Iterable[str], secret: bytes) -> dict[str, str]:
    """Return a name like `quiet-heron-4821` for each key of a class, no two alike.

    A name depends on the secret and the key; only where two would be alike, on who else is in the class.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for key in sorted(set(keys)):
        turn = 0
        while (name := _name(key, secret, turn)) in taken:
            turn += 1
        taken.add(name)
        names[key] = name
    return names


def _name(key: str, secret: bytes, turn: int) -> str:
    told = f"{turn}\0{key}".encode("utf-8", "surrogatepass")
    number = int.from_bytes(hmac.new(secret, told, hashlib.sha256).digest())
    number, digits = divmod(number, 10_000)
    number, first = divmod(number, len(_FIRST))
    return f"{_FIRST[first]}-{_SECOND[number % len(_SECOND)]}-{digits:04}"
