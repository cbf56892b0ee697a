"""Answers from the cache: looked for once it is known who would answer, kept once they are settled.

A hit stands in for the dispatcher: it gives what the upstream gave, in the same words, and costs nothing.
Nothing here may cost a request: a cache that fails is a cache that has nothing.
"""

import logging
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Protocol

from homeport.cache.keys import Keys, Uncached
from homeport.cache.library import Library
from homeport.cache.rules import Rules
from homeport.core.caching import Card, Entry, Found, Mode, Place
from homeport.core.ports import Clock, Pricing
from homeport.core.privacy import Assessment
from homeport.core.routing import Decision
from homeport.core.types import Completion, Frame, Outcome, Target
from homeport.pipeline.cache_told import ToldCache, bypassed, looked
from homeport.pipeline.exchange import Exchange
from homeport.pipeline.flights import Flights, Landing
from homeport.pipeline.visit import Tape, Visit, read_wishes, refuse_unkept
from homeport.protocols.replay.base import Replay
from homeport.protocols.replay.replays import Admission, replays

logger = logging.getLogger(__name__)

_KEPT_ALL_THE_SAME = "kept:"
_CUT = "budget:cut"
_ENTRY_BYTES = 400
"""What an entry has beside its texts, about."""

Sleep = Callable[[float], Awaitable[None]]
Follow = Callable[[Exchange, Visit], None]


class Meter(Protocol):
    """Is told what the cache does."""

    def bypassed(self, reason: str) -> None:
        """It had nothing to do with a request, for a reason with a stable code."""

    def looked(self, nanoseconds: int) -> None:
        """A lookup took so long."""


class Hit:
    """Gives a kept answer as the dispatcher would have given it."""

    def __init__(self, told: Completion | Sequence[Frame], found: Found, target: Target, now: int) -> None:
        self._told = told
        self._found = found
        self._target = target
        self._now = now

    async def complete(self, exchange: Exchange, _: Decision) -> Completion:
        exchange.begin(self._target, self._found.entry.surface, self._now)
        assert isinstance(self._told, Completion)
        return self._told

    async def stream(self, exchange: Exchange, _: Decision) -> tuple[Frame, AsyncGenerator[Frame, None]]:
        exchange.begin(self._target, self._found.entry.surface, self._now)
        assert not isinstance(self._told, Completion)
        frames = _flow(self._told)
        return await anext(frames), frames


class CacheStage:
    """Looks for answers and keeps them, by one configuration.

    Args:
        library: what is kept; it outlives the configuration.
        flights: the same.
        max_bytes: of an answer that is kept.
        jitter_s: a hit waits for a random time up to this.
        meter: told of lookups.
        followers: shown each request when it is settled; they return at once.
    """

    def __init__(
        self,
        *,
        rules: Rules,
        keys: Keys,
        library: Library,
        flights: Flights,
        pricing: Pricing,
        clock: Clock,
        dice: random.Random,
        sleep: Sleep,
        max_bytes: int,
        meter: Meter,
        jitter_s: float = 0.0,
        followers: Sequence[Follow] = (),
    ) -> None:
        self._rules = rules
        self._keys = keys
        self._library = library
        self._flights = flights
        self._pricing = pricing
        self._clock = clock
        self._dice = dice
        self._sleep = sleep
        self._max_bytes = max_bytes
        self._jitter_s = jitter_s
        self._followers = followers
        self._meter = meter
        self._replays = replays()
        self._admission = Admission()

    async def look(self, exchange: Exchange) -> Hit | None:
        """The answer that is kept of a request that was decided, if there is one.

        Where somebody asks the very same at this moment, his answer is waited for. Where there is none to be had,
        whoever gets nothing here asks upstream, and others wait for him.

        Raises:
            InvalidRequest: a header of the cache is malformed.
            NotCached: only a kept answer was wanted.
        """
        visit = exchange.visit = self._visit(exchange)
        if visit is None:
            if exchange.uncached and not exchange.purpose:
                self._meter.bypassed(exchange.uncached)
            refuse_unkept(exchange.cache_headers)
            return None
        places = self._places(exchange, visit)
        hit = None if visit.wishes.fresh else await self._find_or_wait(exchange, visit, places)
        if hit is None:
            refuse_unkept(exchange.cache_headers)
        if hit is not None and self._jitter_s:
            await self._sleep(self._dice.random() * self._jitter_s)
        if hit is None and not visit.wishes.forgotten:
            visit.tape = Tape(self._max_bytes)
        return hit

    def tell(self, exchange: Exchange) -> ToldCache:
        """What `look` would find for a request that was decided. Nothing is counted, and nothing changes.

        Raises:
            InvalidRequest: a header of the cache is malformed.
        """
        assert exchange.inference is not None
        assert exchange.key is not None
        rule = self._rules.of(exchange.inference.model, exchange.key)
        visit = self._visit(exchange)
        if visit is None:
            return bypassed(exchange.uncached or "off", rule)
        return looked(visit, self._places(exchange, visit), self._library, self._clock.wall_ns())

    def leave(self, exchange: Exchange) -> None:
        """The request is settled: keep its answer, if it is one to be kept, and let those go who waited for it."""
        visit = exchange.visit
        if visit is None:
            return
        how = Landing.LOST if exchange.outcome is Outcome.CANCELLED else Landing.UNFIT
        try:
            entry = self._entry(exchange, visit)
            if entry is not None and self._library.keep(entry, persistent=visit.asked.persistent):
                how = Landing.KEPT
        except Exception:  # the caller has the answer, and whatever is wrong with keeping it is not his concern
            logger.exception("the answer of request %s could not be kept", exchange.request_id)
        finally:
            if visit.flight is not None:
                visit.flight.land(how)
        self._follow(exchange, visit)

    def _follow(self, exchange: Exchange, visit: Visit) -> None:
        try:
            for follow in self._followers:
                follow(exchange, visit)
        except Exception:  # the same
            logger.exception("the answer of request %s could not be looked at", exchange.request_id)

    def _visit(self, exchange: Exchange) -> Visit | None:
        assert exchange.inference is not None
        assert exchange.key is not None
        rule = self._rules.of(exchange.inference.model, exchange.key)
        if not rule.exact:
            return None
        wishes = read_wishes(exchange.cache_headers)
        asked = self._keys.read(
            exchange.inference,
            exchange.key,
            rule,
            exchange.assessment or Assessment(),
            corpus=wishes.corpus,
            end_user=exchange.end_user,
            batch=exchange.batch,
        )
        if isinstance(asked, Uncached):
            exchange.uncached = asked.reason
            return None
        return Visit(asked, rule, wishes)

    def _places(self, exchange: Exchange, visit: Visit) -> list[tuple[Target, Place]]:
        """Where an answer would be that the decision could have led to without a failure."""
        assert exchange.decision is not None
        decision = exchange.decision
        first = decision.candidates[0]
        targets = [one for one in decision.candidates if decision.cascade or one.name == first.name]
        places: dict[bytes, tuple[Target, Place]] = {}
        for target in targets:
            place = visit.asked.at(target, judged=decision.cascade)
            places.setdefault(place.id, (target, place))
        return list(places.values())

    async def _find_or_wait(
        self, exchange: Exchange, visit: Visit, places: Sequence[tuple[Target, Place]]
    ) -> Hit | None:
        landed: Landing | None = None
        while True:
            began = self._clock.monotonic_ns()
            hit = await self._find(exchange, visit, places)
            self._meter.looked(self._clock.monotonic_ns() - began)
            alone = visit.wishes.forgotten or visit.wishes.only_kept
            if hit is not None or alone or landed in (Landing.KEPT, Landing.UNFIT):
                return hit
            key = places[0][1].id
            flight = self._flights.find(key)
            if flight is None:
                visit.flight = self._flights.start(key)
                return None
            # Whoever is waited for may be slow on purpose, so time is left to ask.
            landed = await flight.landing(self._left_s(exchange) / 2)

    async def _find(self, exchange: Exchange, visit: Visit, places: Sequence[tuple[Target, Place]]) -> Hit | None:
        try:
            return await self._search(exchange, visit, places)
        except Exception:  # what is kept may be anything, and it must not cost the caller an answer
            logger.exception("the cache could not be looked through for request %s", exchange.request_id)
            return None

    async def _search(self, exchange: Exchange, visit: Visit, places: Sequence[tuple[Target, Place]]) -> Hit | None:
        for target, place in places:
            found = await self._library.same(place)
            if found is not None and (hit := self._replay(exchange, visit, found, target, place)) is not None:
                return hit
        for target, place in places:
            match = self._library.match(place)
            if match is not None and match.ruling.doubtful and visit.doubt is None:
                visit.doubt = place, match
            found = await self._library.alike(match) if match is not None and match.ruling.same else None
            if found is not None and (hit := self._replay(exchange, visit, found, target, place)) is not None:
                return hit
        return None

    def _replay(self, exchange: Exchange, visit: Visit, found: Found, target: Target, place: Place) -> Hit | None:
        """The entry as this request is answered; None where it is too old, or cannot be told that way."""
        assert exchange.inference is not None
        entry, now = found.entry, self._clock.wall_ns()
        age_s = max(0, now - entry.created_at) // 10**9
        if entry.card.expires_at <= now or (visit.wishes.max_age_s is not None and age_s > visit.wishes.max_age_s):
            return None
        told = _told(self._replays.get(entry.surface), entry, exchange.request_id, stream=exchange.inference.stream)
        if not told:
            return None
        visit.saved = self._pricing.cost(target, entry.usage, entry.elapsed_ns)
        visit.found, visit.place, visit.age_s = found, place, age_s
        return Hit(told, found, target, self._clock.monotonic_ns())

    def _entry(self, exchange: Exchange, visit: Visit) -> Entry | None:
        """What is kept of an answer; None where it may not be given again."""
        target, usage, tape = exchange.target, exchange.billed, visit.tape
        if visit.found is not None or tape is None or exchange.outcome is not Outcome.COMPLETED:
            return None
        assert exchange.inference is not None
        assert exchange.key is not None
        assert exchange.decision is not None
        if target is None or usage is None or _is_second_best(exchange):
            return None
        surface = target.answers(exchange.surface)
        body = tape.events if exchange.completion is None else exchange.completion.body
        streamed = exchange.completion is None
        if surface is None or not 0 < len(body) <= self._max_bytes:
            return None
        if self._admission.defect(surface, body, streamed=streamed):
            return None
        place = visit.asked.at(target, judged=exchange.decision.cascade)
        now = self._clock.wall_ns()
        is_alike = place.mode is not Mode.OFF
        card = Card(
            id=place.id,
            partition=place.partition,
            tenant=visit.asked.tenant,
            expires_at=now + visit.rule.ttl_s * 10**9,
            size=len(body) + len(place.text) + _ENTRY_BYTES,
            cost=exchange.cost or 0,
            text=place.text if is_alike else "",
            vector=self._library.vector(place.text) if is_alike else b"",
        )
        return Entry(
            card=card,
            surface=surface,
            streamed=streamed,
            body=body,
            usage=usage,
            elapsed_ns=self._clock.monotonic_ns() - exchange.dispatched_ns,
            target=target.name,
            model=target.model,
            upstream=target.origin,
            request_id=exchange.request_id,
            key_id=exchange.key.id,
            prompt=place.prompt,
            created_at=exchange.started_at,  # so that what is purged meanwhile is not kept after all
            tags=visit.wishes.tags,
        )

    def _left_s(self, exchange: Exchange) -> float:
        assert exchange.deadline_ns is not None
        return (exchange.deadline_ns - self._clock.monotonic_ns()) / 1e9


def _is_second_best(exchange: Exchange) -> bool:
    """Given for want of a better one, or cut short."""
    return _KEPT_ALL_THE_SAME in exchange.escalation or exchange.reason == _CUT


def _told(replay: Replay | None, entry: Entry, request_id: str, *, stream: bool) -> Completion | Sequence[Frame] | None:
    """A kept answer in the form that is wanted; None where it cannot be had without loss."""
    if replay is None:
        return None if stream or entry.streamed else Completion(body=entry.body, usage=entry.usage)
    kept = replay.renamed(entry.body, request_id.removeprefix("req_"), streamed=entry.streamed)
    if stream:
        return replay.stored_frames(kept, entry.usage) if entry.streamed else replay.frames(kept, entry.usage)
    body = replay.whole(kept) if entry.streamed else kept
    return None if body is None else Completion(body=body, usage=entry.usage)


async def _flow(frames: Sequence[Frame]) -> AsyncGenerator[Frame, None]:
    for frame in frames:
        yield frame
