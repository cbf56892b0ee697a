"""Bytes read as choices: how a generator of well-formed input is steered by a fuzzer.

The same bytes make the same choices on every machine and in every release, so a crash is a small file.
Where the bytes end, every choice is the first one: short inputs make simple things.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeVar

Item = TypeVar("Item")

WORDS = (
    *("", "a", "Bern", " ", "é", "ß", "\u20ac", "\U0001f600", "\u2028", "\x85", "\ufeff", "\x7f", "\x00"),
    *(
        '"',
        "\\",
        "\n",
        "\r",
        "\r\n",
        "\n\n",
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "data:",
        "data: [DONE]",
        "[DONE]",
        "event: x",
    ),
    *('"usage"', '"usage":null', '"error"', '"finish_reason":"stop"', '"type":"response.completed"', "message_stop"),
    *("null", "0", "-1", "1e999", "NaN", "</think>", "Error", "a" * 70),
)


class Source:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """How many bytes were not read yet."""
        return max(0, len(self._data) - self._at)

    def byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1] if self._at <= len(self._data) else 0

    def take(self, size: int) -> bytes:
        taken = self._data[self._at : self._at + size]
        self._at += size
        return taken

    def rest(self) -> bytes:
        return self.take(self.left)

    def integer(self, low: int, high: int) -> int:
        """Between the two, both included; `low` where the bytes have ended."""
        span, value = high - low, 0
        for _ in range((span.bit_length() + 7) // 8):
            value = value << 8 | self.byte()
        return low + value % (span + 1)

    def flag(self) -> bool:
        return self.byte() & 1 == 1

    def seldom(self) -> bool:
        """True once in sixteen."""
        return self.byte() & 15 == 15

    def choice(self, items: Sequence[Item]) -> Item:
        return items[self.integer(0, len(items) - 1)]

    def many(self, make: Callable[[], Item], least: int = 0, most: int = 3) -> list[Item]:
        return [make() for _ in range(self.integer(least, most))]

    def text(self, least: int = 0) -> str:
        """At least `least` characters: words that parsers trip over, and any character."""
        text = "".join(self._word() for _ in range(self.integer(0, 3)))
        return text if len(text) >= least else text + "x" * (least - len(text))

    def name(self) -> str:
        return "".join(self.choice("abcxyz_09-") for _ in range(self.integer(1, 6)))

    def cuts(self, size: int) -> list[int]:
        """Places to cut `size` things at, in order, from 0 to `size`."""
        match self.byte() & 3:
            case 0:
                return [0, size]
            case 1 if size < 2_000:
                return list(range(size + 1))
            case _:
                return [0, *sorted(self.integer(0, size) for _ in range(self.integer(1, 6))), size]

    def pieces(self, data: bytes) -> list[bytes]:
        """`data` as a network might deliver it."""
        return [data[start:end] for start, end in pairwise(self.cuts(len(data)))]

    def split(self, text: str) -> list[str]:
        """The same for text; no piece is empty."""
        return [text[start:end] for start, end in pairwise(self.cuts(len(text))) if start < end]

    def _word(self) -> str:
        kind = self.byte()
        if kind < 192:
            return WORDS[kind % len(WORDS)]
        code = self.integer(0, 0x2FFF)
        return chr(code)
