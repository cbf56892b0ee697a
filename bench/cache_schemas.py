"""Questions of several trades as forms; the forms are in cache_schemas.yaml."""

from pathlib import Path

import msgspec

_FILE = Path(__file__).with_suffix(".yaml")


class Schema(msgspec.Struct, frozen=True, kw_only=True):
    """Questions of one form.

    Attributes:
        base: with {a}, {b} and {n} for names and a number.
        a, b, n: what these stand for.
        same: other words for the same, by how they differ.
        other: words for something else, by how they differ.
    """

    base: str
    a: tuple[str, ...]
    b: tuple[str, ...] = ("",)
    n: tuple[int, ...] = (0,)
    same: tuple[tuple[str, str], ...]
    other: tuple[tuple[str, str], ...]


class _Forms(msgspec.Struct):
    forms: tuple[Schema, ...]


def schemas() -> tuple[Schema, ...]:
    """All forms, in the order of the file."""
    return msgspec.yaml.decode(_FILE.read_bytes(), type=_Forms).forms
