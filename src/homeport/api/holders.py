"""Who holds money of budgets: `homeport budget holders` and the admin API are two ways to ask."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Engine

from homeport.api.admin import Action, Answer, off_the_loop
from homeport.api.bodies import read
from homeport.config.home import Home
from homeport.core.money import Nano, format_usd
from homeport.core.types import Key
from homeport.storage.lost import (
    GivenUp,
    HolderFacts,
    State,
    folder_of,
    give_up,
    list_holders,
    still_alive,
    unknown_holder,
)

_MOST_LEASES = 100
_SECOND = 1_000_000_000


class HolderRegistry:
    """The holders of the database, seen from one state folder.

    Args:
        wall_ns: nanoseconds since the epoch.
    """

    def __init__(self, engine: Engine, home: Home, wall_ns: Callable[[], int]) -> None:
        self._engine = engine
        self._home = home
        self._wall_ns = wall_ns

    def every(self) -> Sequence[HolderFacts]:
        """Everybody who has leases, the longest silent first."""
        return list_holders(self._engine, self._home, self._wall_ns())

    def give_up(self, word: str, *, free: bool = False) -> Mapping[str, GivenUp]:
        """Give up a holder, by its name, or all of a state folder, by its id: all of them or none is lost.

        Args:
            free: what they never told was not spent; else it counts as spent.

        Raises:
            NotFound: holder_unknown.
            InvalidRequest: holder_alive or holder_not_lost.
        """
        meant = [facts for facts in self.every() if word in (facts.name, folder_of(facts.name))]
        if not meant:
            raise unknown_holder(word)
        for facts in meant:
            if facts.state is not State.SILENT:
                raise still_alive(facts.name, facts.state)
        done = {facts.name: give_up(self._engine, facts.name, free=free, now=self._wall_ns()) for facts in meant}
        if not (given_up := {name: one for name, one in done.items() if one is not None}):
            raise unknown_holder(word)  # somebody else was faster
        return given_up


def holder_view(facts: HolderFacts) -> dict[str, Any]:
    """For JSON, with at most a hundred leases, the largest first. Sums are exact decimals, times seconds."""
    return {
        "name": facts.name,
        "folder": folder_of(facts.name),
        "state": facts.state,
        "held_usd": format_usd(Nano(facts.held)),
        "since": facts.since / _SECOND,
        "seen_at": facts.seen_at / _SECOND,
        "accounts": len(facts.leases),
        "leases": [
            {
                "budget_id": lease.budget_id,
                "budget": lease.budget,
                "instance": lease.instance,
                "held_usd": format_usd(Nano(lease.amount)),
            }
            for lease in facts.leases[:_MOST_LEASES]
        ],
    }


def given_up_view(name: str, done: GivenUp) -> dict[str, Any]:
    """For JSON; sums are exact decimals."""
    return {
        "name": name,
        "booked_usd": format_usd(Nano(done.booked)),
        "freed_usd": format_usd(Nano(done.freed)),
        "corrected_usd": format_usd(Nano(done.corrected)),
    }


class _GiveUp(Struct, frozen=True, forbid_unknown_fields=True):
    free: bool = False


class HolderActions:
    """`Resource` of /admin/v1/holders."""

    def __init__(self, registry: HolderRegistry) -> None:
        self._registry = registry

    def actions(self, parts: Sequence[str]) -> Mapping[str, Action]:
        match parts:
            case ["holders"]:
                return {"GET": self._list}
            case ["holders", word, "give-up"] if word:
                return {"POST": lambda _, body: self._give_up(word, body)}
        return {}

    async def _list(self, _: Key, __: bytes) -> Answer:
        return 200, {"object": "list", "data": [holder_view(one) for one in await off_the_loop(self._registry.every)]}

    async def _give_up(self, word: str, body: bytes) -> Answer:
        free = read(body or b"{}", _GIVE_UP)[0].free
        done = await off_the_loop(partial(self._registry.give_up, word, free=free))
        return 200, {"object": "list", "data": [given_up_view(name, one) for name, one in done.items()]}


_GIVE_UP = msgspec.json.Decoder(_GiveUp)
