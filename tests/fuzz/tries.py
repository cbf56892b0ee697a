"""Inputs that a seed makes, for tests that run without a fuzzer."""

import random
from collections.abc import Iterator


def seeded(count: int, seed: int = 1) -> Iterator[bytes]:
    """`count` inputs, short and long; the same ones each time."""
    chance = random.Random(seed)
    for _ in range(count):
        yield chance.randbytes(chance.choice((5, 30, 100, 400)))
