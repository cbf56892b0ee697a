"""What is kept of a prompt so that a router can be fitted on it later: its features, and its words as hashes.

    format | CRC-32 of the names of FEATURES | count | features as float32 | places as uint32 | values as float16

No text can be read from it. Whoever guesses a text can tell whether it fits, so it is kept of open requests alone.
"""

import struct
from zlib import crc32

import msgspec

from homeport.core.routing import Prompt
from homeport.routing.features import FEATURES, Text, measure
from homeport.routing.fit import DIMENSION
from homeport.routing.grams import grams

FORMAT = 1
_HEAD = struct.Struct("<BIH")
_NAMES = tuple(FEATURES)
_LATEST = 2


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """What was kept of one prompt: a number for each of FEATURES, and the places and values of `grams`."""

    features: tuple[float, ...]
    places: tuple[int, ...]
    values: tuple[float, ...]


def trace(prompt: Prompt) -> bytes:
    """Of the longest of the user's first and latest turns, which are those that are scored; empty of no text."""
    said = [turn.text for turn in prompt.turns if turn.role == "user"]
    texts = [*said[:1], *said[1:][-_LATEST:]]
    if not texts:
        return b""
    text = Text(max(texts, key=len))
    places, values = grams(text.lower, DIMENSION)
    head = _HEAD.pack(FORMAT, _digest(), len(places))
    written = struct.pack(f"<{len(_NAMES)}f", *map(_single, measure(text, _NAMES)))
    return head + written + struct.pack(f"<{len(places)}I{len(places)}e", *places, *values)


def read_trace(data: bytes) -> Trace | None:
    """What `trace` kept; None where it is no trace, or of a version of Homeport with other features."""
    if len(data) < _HEAD.size:
        return None
    format_, digest, count = _HEAD.unpack_from(data)
    length = _HEAD.size + 4 * len(_NAMES) + 6 * count
    if format_ != FORMAT or digest != _digest() or len(data) != length:
        return None
    found = struct.unpack_from(f"<{len(_NAMES)}f{count}I{count}e", data, _HEAD.size)
    places = found[len(_NAMES) : len(_NAMES) + count]
    if any(place >= DIMENSION for place in places) or any(value != value or abs(value) > 1e30 for value in found):
        return None
    return Trace(features=found[: len(_NAMES)], places=places, values=found[len(_NAMES) + count :])


def _digest() -> int:
    return crc32("\0".join(_NAMES).encode())


def _single(value: float) -> float:
    """As a number that 32 bits can hold."""
    return max(-3e38, min(3e38, value))
