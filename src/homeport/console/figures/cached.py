"""The figures of the page Cache, as `homeport cache stats` and `homeport cost` have them."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Engine

from homeport.api.cache_admin import CacheStats, stats
from homeport.cache.guard import Terms
from homeport.console.figures.windows import Window
from homeport.ledger.reports import Spend, breakdown
from homeport.storage.rollups import DAY


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """One hour or day: requests that asked the cache, those that it answered, nano-dollars that this saved."""

    when: str
    asked: int
    hits: int
    saved: int

    @property
    def rate(self) -> float:
        return self.hits / self.asked if self.asked else 0.0


class CacheView(msgspec.Struct, frozen=True, kw_only=True):
    """Of a window.

    Attributes:
        stats: what is held now, and the answers of the last day by kind.
        total: of the window, where `cache_asked`, `cache_hits` and `saved_cost` are told.
        models: the same by model, those that saved most first.
        terms: by which partitions are bounded.
    """

    window: Window
    stats: CacheStats
    total: Spend
    models: Sequence[Spend]
    rates: Sequence[Rate]
    terms: Terms


def cache_view(engine: Engine, terms: Terms, window: Window, now: int) -> CacheView:
    """The figures at a time (nanoseconds since the epoch)."""
    since, until = window.since_ns, window.until_ns
    found = breakdown(engine, by=("model",), since_ns=since, until_ns=until, width=window.width, spread=False)
    models = [row for row in found.groups["model"] if row.cache_asked]
    return CacheView(
        window=window,
        stats=stats(engine, terms, now, now - DAY),
        total=found.total,
        models=sorted(models, key=lambda row: (-row.saved_cost, row.group)),
        rates=[_rate(row) for row in found.times.values() if row.cache_asked],
        terms=terms,
    )


def _rate(row: Spend) -> Rate:
    return Rate(when=row.group, asked=row.cache_asked, hits=row.cache_hits, saved=row.saved_cost)
