"""Who changed what: the values of the audit log."""

from enum import StrEnum

import msgspec

from homeport.core.types import Key


class Origin(StrEnum):
    """Which way a change came."""

    CONSOLE = "console"
    API = "api"
    CLI = "cli"
    SYSTEM = "system"


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who changes something.

    Attributes:
        name: of a console's user; the id of a key; on the command line the user of the machine.
        role: that it acted in; "" on the command line.
        address: where the request came from; "" on the command line.
        request_id: of the request that asked for it.
    """

    name: str
    origin: Origin
    role: str = ""
    address: str = ""
    request_id: str = ""


HOMEPORT = Actor(name="homeport", origin=Origin.SYSTEM)
"""Homeport itself, such as when it makes its first keys."""


class Asker(Key, frozen=True, kw_only=True):
    """The key of a request to the admin API, and which request it is."""

    address: str = ""
    request_id: str = ""

    @property
    def actor(self) -> Actor:
        """As the audit log has it."""
        return Actor(name=self.id, origin=Origin.API, role="admin", address=self.address, request_id=self.request_id)
