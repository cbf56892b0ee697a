"""What a shape makes of an alert."""

from collections.abc import Mapping
from typing import Protocol

import msgspec
from pydantic import SecretStr

from homeport.storage.alerts import StoredAlert


class Post(msgspec.Struct, frozen=True, kw_only=True):
    """An HTTP POST, but for where it goes."""

    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        # Both may hold a secret: a token, a routing key.
        return f"Post({len(self.body)} bytes)"


class Shape(Protocol):
    """A module of `homeport.jobs.shapes`."""

    def write(self, alert: StoredAlert, secret: SecretStr, at: int, link: str) -> Post:
        """The post of an alert, sent `at` seconds since the epoch; `link` is where people see more, or ""."""


def one_line(text: str, longest: int) -> str:
    """Words that may be anybody's, as one line: no line breaks, no control characters, no change of direction."""
    return "".join(character if character.isprintable() else " " for character in text[:longest])
