"""Seeded text that says what it is, and its tokens.

Tokens are estimated: up to six letters or digits, or one other character, each with the white space
before it. Whole answers and streams count the same pieces.
"""

import base64
import hashlib
import math
import random
import re
import struct
from collections.abc import Sequence

IMAGE_TOKENS = 85
"""What one image counts; OpenAI's number for an image of low detail."""

_QUOTED_WORDS = 8
_PIECE = re.compile(r"\s*\w{1,6}|\s*[^\w\s]|\s+")
_FILLER = tuple(
    _PIECE.findall(f" {word}")
    for word in re.findall(
        r"\w+", "the contract names a term of notice and each party keeps a copy until the review is done and dated"
    )
)


def pieces_of(text: str) -> list[str]:
    """The tokens of a text; joined, they are the text."""
    return _PIECE.findall(text)


def count_tokens(text: str) -> int:
    """The estimate of this module's docstring."""
    return len(_PIECE.findall(text))


def digest(*parts: object) -> str:
    """64 hexadecimal digits, the same for the same parts."""
    return hashlib.sha256("\0".join(str(part) for part in parts).encode("utf-8", "surrogatepass")).hexdigest()


def opening(note: str, prompt: str) -> str:
    """How every text begins: that it is simulated, and what was asked.

    Args:
        note: a sentence in between, or "".
        prompt: its first words are quoted.
    """
    words = " ".join(prompt[:400].split()[:_QUOTED_WORDS])
    return f'Simulated: no model was called.{note and " "}{note} You asked: "{words}".'


def extend(beginning: str, seed: str, length: int) -> list[str]:
    """The pieces of `beginning`, and invented ones after them until there are `length`."""
    pieces = pieces_of(beginning)
    missing = length - len(pieces)
    if missing > 0:
        dice = random.Random(seed)  # noqa: S311  the same request gives the same text
        pieces += [piece for word in dice.choices(_FILLER, k=missing) for piece in word]
    return pieces[:length]


def unit_vector(seed: str, size: int) -> list[float]:
    """A direction that looks random, and is the same for the same seed."""
    dice = random.Random(seed)  # noqa: S311  the same text gives the same vector
    values = [dice.gauss(0.0, 1.0) for _ in range(size)]
    norm = math.hypot(*values)
    return [value / norm for value in values]


def base64_floats(values: Sequence[float]) -> str:
    """Little-endian 32-bit floats as base64, as OpenAI sends embeddings on request."""
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()
