"""What a shape makes of an alert."""

from collections.abc import Mapping
from typing import Protocol
from urllib.parse import quote

import msgspec
from pydantic import SecretStr

from homeport.core.incidents import IncidentKind
from homeport.storage.alerts import StoredAlert

_CONSOLE = "/console"
_OF_INCIDENTS = frozenset(kind.value for kind in IncidentKind)


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


def leads_to(alert: StoredAlert, link: str) -> str:
    """Where an alert leads to: an incident to its page, where the link is that of the console."""
    base = link.rstrip("/")
    if alert.kind not in _OF_INCIDENTS or not base.endswith(_CONSOLE):
        return link
    return f"{base}/incidents/{quote(alert.incident, safe='')}"


def one_line(text: str, longest: int) -> str:
    """Words that may be anybody's, as one line: no line breaks, no control characters, no change of direction."""
    return "".join(character if character.isprintable() else " " for character in text[:longest])
