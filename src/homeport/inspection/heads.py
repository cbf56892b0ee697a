"""Attention heads as people name them: `5.3` is head 3 of layer 5, both from 0."""

import re

import msgspec

from homeport.core.errors import ConfigError

_HEAD = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})", re.ASCII)
_LARGEST = 100.0


class Head(msgspec.Struct, frozen=True, order=True):
    """One head."""

    layer: int
    head: int

    def __str__(self) -> str:
        return f"{self.layer}.{self.head}"


class Scaled(msgspec.Struct, frozen=True):
    """A head whose output is multiplied; 0 removes it."""

    head: Head
    factor: float


def read_head(text: str) -> Head:
    """The head that is named. Raises ConfigError: inspect_head_unknown."""
    found = _HEAD.fullmatch(text.strip())
    if found is None:
        raise _unknown(text, "name a head as LAYER.HEAD, both from 0, such as 5.3")
    return Head(int(found[1]), int(found[2]))


def read_scaled(text: str) -> Scaled:
    """`5.3=0.5`. Raises ConfigError: inspect_head_unknown."""
    name, separator, number = text.partition("=")
    try:
        factor = float(number)
    except ValueError:
        factor = _LARGEST + 1
    if not separator or not abs(factor) <= _LARGEST:  # what is no number is not less than anything
        raise _unknown(text, f"write LAYER.HEAD=FACTOR with a factor of at most {_LARGEST:g}, such as 5.3=0.5")
    return Scaled(read_head(name), factor)


def read_changes(ablated: list[str], scaled: list[str]) -> tuple[Scaled, ...]:
    """All that is to be changed at once, each head once. Raises ConfigError: inspect_head_unknown."""
    told = [*(Scaled(read_head(text), 0.0) for text in ablated), *(read_scaled(text) for text in scaled)]
    by_head = {one.head: one for one in told}
    if len(by_head) < len(told):
        raise _unknown(" ".join((*ablated, *scaled)), "name each head once")
    return tuple(told)


def read_sweep(text: str) -> int | None:
    """The layer whose heads are removed one by one; None for `all`. Raises ConfigError: inspect_head_unknown."""
    if text == "all":
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 4):
        raise _unknown(text, "name a layer from 0, such as --sweep 5, or --sweep all")
    return int(text)


def _unknown(text: str, hint: str) -> ConfigError:
    return ConfigError(f"{ascii(text)[:80]} names no attention head", code="inspect_head_unknown", hint=hint)
