"""What the cache would do with a request, in one plain structure, for a dry run. Nothing is counted or changed.

Texts are told only of entries that the same key made.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from homeport.cache.keys import Asked
from homeport.cache.library import Library
from homeport.core.caching import CacheRule, Mode, Place, Sharing
from homeport.core.types import Target
from homeport.pipeline.visit import Visit


class ToldRule(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for the request. `route` is "" where none of `cache.routes` matches."""

    route: str
    exact: bool
    semantic: Mode
    share: Sharing
    ttl_seconds: int


class ToldNear(msgspec.Struct, frozen=True, kw_only=True):
    """An entry whose words are near.

    Attributes:
        similarity: the cosine of both texts.
        same: its answer may be given; `reason` is the stable code of why or why not.
        doubtful: only a judge can tell.
        text: of the entry; null where it is shared.
    """

    entry: str
    similarity: float
    same: bool
    reason: str
    doubtful: bool
    expires_in_seconds: float
    text: str | None


class ToldPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where the answer of one model would be. Ids are in hexadecimal.

    Attributes:
        kept: an answer to the very same request is there.
        alias: the entry that a judge found to ask for the same, or "".
        barred: somebody said that the answer was bad, so none is kept for now.
        off: the partition has switched itself off, so only the very same request is answered.
        prompt: of the system prompt, to purge by.
    """

    model: str
    entry: str
    partition: str
    prompt: str
    kept: bool
    expires_in_seconds: float | None
    alias: str
    barred: bool
    off: bool
    nearest: tuple[ToldNear, ...]


class ToldCache(msgspec.Struct, frozen=True, kw_only=True):
    """What would become of a request.

    Attributes:
        result: `hit` and `semantic` are answers from the cache, `miss` is one from upstream, and `bypass` is one
            that the cache has nothing to do with.
        bypass: why, as a stable code, else "".
        not_semantic: why only the very same request will do, as a stable code, else "".
        warm: this process knows all that was kept before it began.
    """

    result: Literal["hit", "semantic", "miss", "bypass"]
    bypass: str = ""
    not_semantic: str = ""
    rule: ToldRule | None = None
    places: tuple[ToldPlace, ...] = ()
    warm: bool = False


def bypassed(why: str, rule: CacheRule | None = None) -> ToldCache:
    return ToldCache(result="bypass", bypass=why, rule=None if rule is None else _rule(rule))


def looked(visit: Visit, places: Sequence[tuple[Target, Place]], library: Library, now_ns: int) -> ToldCache:
    """What a look would find.

    Args:
        places: where the answer may be, in the order in which they are looked at.
        now_ns: nanoseconds since the epoch.
    """
    told = tuple(_place(target, place, visit.asked, library, now_ns) for target, place in places)
    return ToldCache(
        result="miss" if visit.wishes.fresh else _result(told),
        not_semantic=visit.asked.semantic,
        rule=_rule(visit.rule),
        places=told,
        warm=library.is_warm,
    )


def _result(places: Sequence[ToldPlace]) -> Literal["hit", "semantic", "miss"]:
    answering = [place for place in places if not place.off]
    for place in places:
        if place.kept or (place.alias and place in answering):
            return "hit" if place.kept else "semantic"
    return "semantic" if any(near.same for place in answering for near in place.nearest) else "miss"


def _rule(rule: CacheRule) -> ToldRule:
    return ToldRule(
        route=rule.name, exact=rule.exact, semantic=rule.semantic, share=rule.sharing, ttl_seconds=rule.ttl_s
    )


def _place(target: Target, place: Place, asked: Asked, library: Library, now_ns: int) -> ToldPlace:
    card, alias = library.shelf.card(place.id), library.shelf.alias(place.id)
    return ToldPlace(
        model=target.name,
        entry=place.id.hex(),
        partition=place.partition.hex(),
        prompt=place.prompt.hex(),
        kept=card is not None,
        expires_in_seconds=None if card is None else (card.expires_at - now_ns) / 1e9,
        alias="" if alias is None else alias.hex(),
        barred=library.shelf.barred(place.id),
        off=not library.guard.answers(place.partition),
        nearest=tuple(_nearest(place, asked, library, now_ns)),
    )


def _nearest(place: Place, asked: Asked, library: Library, now_ns: int) -> list[ToldNear]:
    told = []
    for match in library.near(place):
        card = library.shelf.card(match.id)
        if card is not None:
            told.append(
                ToldNear(
                    entry=match.id.hex(),
                    similarity=round(match.similarity, 4),
                    same=match.ruling.same,
                    reason=match.ruling.reason,
                    doubtful=match.ruling.doubtful,
                    expires_in_seconds=(card.expires_at - now_ns) / 1e9,
                    text=card.text if asked.sharing is Sharing.KEY else None,
                )
            )
    return told
