"""What of an answer is compared: all of it, how it begins, how long it is, or how likely its first tokens were."""

import math
from collections.abc import Mapping
from hashlib import blake2b

LEVELS = 4
"""Texts are compared at so many levels, each counting as much as the others."""

TABLE_WEIGHT = 250.0
"""Tables of log-probabilities repeat to the digit, so much less of a difference tells there: as far as half of the
answers being others are apart, are tables whose log-probabilities differ by about a twentieth."""

_OPENINGS = (40, 10)
_LEAST_LOG = -60.0


def traits(output: str) -> tuple[bytes, ...]:
    """A text at each level, the finest first: the whole, its first 40 and 10 characters, its length by half octaves.

    Where all answers differ as a whole, as with samples at a temperature, beginnings and lengths still repeat.
    """
    text = " ".join(output.split())
    length = int(2 * math.log2(1 + len(text)))
    return (_digest(text), *(_digest(text[:size]) for size in _OPENINGS), length.to_bytes(1, "big"))


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def table(logprobs: Mapping[str, float]) -> dict[str, float]:
    """A table as a vector of length `sqrt(TABLE_WEIGHT)`: roots of probabilities, with that of all other tokens.

    The squared distance of two such vectors is that of Hellinger, times twice the weight.
    """
    probabilities = {token: math.exp(min(max(value, _LEAST_LOG), 0.0)) for token, value in logprobs.items()}
    total = math.fsum(probabilities.values())
    scale = 1 / total if total > 1 else 1.0
    scaled = {f"t{token}": math.sqrt(scale * share * TABLE_WEIGHT) for token, share in probabilities.items()}
    return {**scaled, "rest": math.sqrt(max(0.0, 1 - scale * total) * TABLE_WEIGHT)}
