"""JSON lines of anybody, in bounded memory: every line with its number, and nothing longer than it may be."""

import codecs
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Protocol, TypeVar

import msgspec

Value = TypeVar("Value")


class Readable(Protocol):
    """A file, as far as lines are read from it."""

    def readline(self, most: int, /) -> bytes: ...


class LineError(ValueError):
    """A line cannot be used.

    Attributes:
        number: counted from 1.
        why: a few words.
        long: it is longer than it may be, and was not read.
    """

    def __init__(self, number: int, why: str, *, long: bool = False) -> None:
        super().__init__(f"line {number}: {why}")
        self.number = number
        self.why = why
        self.long = long


def numbered_lines(file: Readable, most_bytes: int) -> Iterator[tuple[int, bytes]]:
    """Every line that is not empty; never more than one is held, nor more of it than it may have.

    Raises:
        LineError: a line is longer than `most_bytes`.
    """
    for number, line in enumerate(iter(partial(file.readline, most_bytes + 1), b""), 1):
        if len(line) > most_bytes:
            raise LineError(number, f"it is longer than {most_bytes >> 10} KiB", long=True)
        stripped = (line.removeprefix(codecs.BOM_UTF8) if number == 1 else line).strip()
        if stripped:
            yield number, stripped


def decoder_of(kind: type[Value]) -> Callable[[int, bytes], Value]:
    """Reads a line as `kind`; what cannot be is a `LineError`."""
    decoder = msgspec.json.Decoder(kind)

    def decode(number: int, line: bytes) -> Value:
        try:
            return decoder.decode(line)
        except RecursionError:
            raise LineError(number, "it is nested too deep") from None
        except (msgspec.DecodeError, UnicodeError) as error:
            raise LineError(number, str(error)) from None

    return decode


def encode_lines(values: Iterable[object]) -> bytes:
    """One line each."""
    return b"".join(msgspec.json.encode(value) + b"\n" for value in values)
