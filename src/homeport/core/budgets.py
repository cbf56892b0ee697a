"""Budgets: whose spending is capped, over what time, and what happens at the cap."""

from enum import StrEnum

import msgspec

from homeport.core.money import Nano

OF_BUDGET = "budget:"
"""A request that a budget refused, or sent home, has this and the budget's name as its reason."""

EACH = "*"
"""As the scope of a budget of users or traces: every one of them has an account of its own."""


class ScopeKind(StrEnum):
    """What a budget is of. The tree is ALL, then PROJECT (a path: organisation, team, project), KEY, USER, TRACE."""

    ALL = "all"
    PROJECT = "project"
    KEY = "key"
    USER = "user"
    TRACE = "trace"


class Window(StrEnum):
    """The time a limit is for: the last hour or day (rolling), this calendar month (UTC), or ever."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"
    TOTAL = "total"


class Action(StrEnum):
    """What happens to a request that does not fit: refused, answered at home alone, or kept waiting."""

    BLOCK = "block"
    DEGRADE = "degrade"
    QUEUE = "queue"


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """A hard cap on what remote models may cost; own engines cost by the hour and are never blocked by it.

    Attributes:
        scope: "" for ALL; a path of one to three names for PROJECT, which caps everything below it together;
            a key's id for KEY; a user's or a trace's name, or EACH, for USER and TRACE.
        limit: nano-dollars in a window.
        thresholds: percentages of the limit at which somebody is told, ascending.
    """

    id: str
    name: str
    kind: ScopeKind
    scope: str
    window: Window
    limit: Nano
    thresholds: tuple[int, ...] = (50, 80, 100)
    action: Action = Action.BLOCK


class Account(msgspec.Struct, frozen=True):
    """What a budget is spent from. `instance` is the user's or the trace's name where the scope is EACH, else ""."""

    budget: Budget
    instance: str = ""


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What a holder got from an account, and how the account stands after it. All in nano-dollars.

    Attributes:
        granted: added to the holder's lease; 0 where less than it needed was left.
        spent: in the window, as far as it was reported.
        leased: by every holder, this one's lease included.
        resets_at: nanoseconds since the epoch when more may fit because time has passed; None for never.
        wanted: another holder needs more than is left, so what lies idle here should be given back.
    """

    granted: Nano
    spent: Nano
    leased: Nano
    resets_at: int | None
    wanted: bool = False
