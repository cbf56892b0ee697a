"""What the console is made of: everything a page may use."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Engine

from homeport.api.budgets import BudgetRegistry
from homeport.api.keys import KeyRegistry
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.console.attempts import Attempts
from homeport.console.given import Given
from homeport.console.render import Skin
from homeport.console.sessions import Sessions, write_cookie
from homeport.console.users import UserRegistry
from homeport.console.works import Works
from homeport.core.ports import Clock
from homeport.storage.audit import Recorder


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway's own parts, as its console sees them.

    Attributes:
        record: writes down what a page changes in no registry: `record(visit.actor, "cache.purge", subject, {...})`.
        refresh: makes this process know a change of keys at once; other processes follow within a second.
        secure: browsers send the cookie over https alone.
        given: orders to engines.
        works: the policy, the cache, the engines and the request path.
        targets: what requests can be sent to, and how it is, as `GET /admin/v1/targets` tells it.
    """

    engine: Engine
    home: Home
    settings: Settings
    clock: Clock
    keys: KeyRegistry
    refresh: Callable[[], None]
    budgets: BudgetRegistry
    users: UserRegistry
    sessions: Sessions
    attempts: Attempts
    skin: Skin
    record: Recorder
    targets: Callable[[], Sequence[Mapping[str, Any]]]
    works: Works
    given: Given
    secure: bool = False

    def cookie(self, token: str) -> str:
        """The Set-Cookie header for a session's id."""
        return write_cookie(token, secure=self.secure)
