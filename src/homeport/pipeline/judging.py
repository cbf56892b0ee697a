"""A model says whether two questions are the same, where rules cannot tell: afterwards, and beside the traffic.

What it is sure of becomes an alias, which lives as long as the entry that it leads to. A judge that fails, or may
not be asked, changes nothing.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw

from homeport.cache import judge
from homeport.cache.library import Library
from homeport.core.caching import Alias, Card, Place, Sharing
from homeport.core.errors import NotFound, NotPermitted
from homeport.core.ports import Dialect
from homeport.core.purposes import CACHE_JUDGE
from homeport.core.types import Outcome, Surface
from homeport.pipeline.errands import Asker, Errands
from homeport.pipeline.exchange import Exchange
from homeport.pipeline.visit import Visit

PURPOSE = CACHE_JUDGE

_KIND = "judge"
_REMEMBERED = 10_000


class Once:
    """Remembers what it was told last."""

    def __init__(self, most: int = _REMEMBERED) -> None:
        self._most = most
        self._known: OrderedDict[object, None] = OrderedDict()

    def __contains__(self, what: object) -> bool:
        return what in self._known

    def add(self, what: object) -> bool:
        """Remember it; False where it was known."""
        if what in self._known:
            return False
        self._known[what] = None
        if len(self._known) > self._most:
            self._known.popitem(last=False)
        return True


class PairJudge:
    """The model of `cache.judge`, asked in the name of whoever made a request.

    Args:
        dialect: of chats.
        model: its public name.
        approve: how probable its yes must be.
    """

    def __init__(self, errands: Errands, dialect: Dialect, *, model: str, approve: float) -> None:
        self._errands = errands
        self._dialect = dialect
        self._model = model
        self._approve = approve
        self._refused = Once()

    async def says_yes(self, asker: Asker, body: Mapping[str, Any]) -> bool | None:
        """Whether it is sure of a yes; None where it cannot be asked or heard, or where the key may not ask it."""
        if asker.token in self._refused:
            return None
        fields = {name: Raw(msgspec.json.encode(value)) for name, value in {**body, "model": self._model}.items()}
        asked = await self._errands.ask(asker, Surface.CHAT, self._dialect, fields, purpose=PURPOSE, control="no-store")
        if isinstance(asked.error, NotPermitted | NotFound):
            self._refused.add(asker.token)
        if asked.outcome is not Outcome.COMPLETED:
            return None
        return self._read(asked.body)

    def _read(self, body: bytes) -> bool | None:
        try:
            choice = msgspec.json.decode(body)["choices"][0]
            sure = judge.read(choice)
            word = str(choice["message"]["content"])
        except (msgspec.DecodeError, UnicodeError, RecursionError, LookupError, TypeError):
            return None
        return judge.is_yes(word) if sure is None else judge.approves(sure, self._approve)


class Judging:
    """Puts doubtful pairs to the judge, each once.

    Args:
        asked: the pairs; it outlives a configuration.
    """

    def __init__(self, library: Library, errands: Errands, one: PairJudge, asked: Once) -> None:
        self._library = library
        self._errands = errands
        self._judge = one
        self._asked = asked

    def follow(self, exchange: Exchange, visit: Visit) -> None:
        """A request is settled: where it was like one that was answered before, let the judge say whether it is one."""
        if visit.doubt is None or visit.found is not None or exchange.outcome is not Outcome.COMPLETED:
            return
        if visit.asked.sharing is not Sharing.KEY:
            return  # Whoever wrote the kept text could have written it for the judge.
        place, match = visit.doubt
        card = self._library.shelf.card(match.id)
        if card is None or not judge.is_judgeable(place.text, card.text):
            return
        pair, asker = (place.id, card.id), Asker.of(exchange)
        if pair not in self._asked and self._errands.send(_KIND, lambda: self._put(asker, place, card)):
            self._asked.add(pair)

    async def _put(self, asker: Asker, place: Place, card: Card) -> None:
        yes = await self._judge.says_yes(asker, judge.request(place.text, card.text))
        self._errands.count(_KIND, "nothing" if yes is None else "approved" if yes else "denied")
        if yes and self._library.shelf.card(card.id) is not None:
            self._library.alias(Alias(place.id, card.id, card.expires_at))
