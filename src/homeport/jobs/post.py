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


class Shape(Protocol):
    """A module of `homeport.jobs.shapes`."""

    def write(self, alert: StoredAlert, secret: SecretStr, at: int) -> Post:
        """The post of an alert, sent `at` seconds since the epoch."""
