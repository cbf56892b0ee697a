"""What looks at single requests: readers of what the ledger and the kept bodies have."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import Engine

from homeport.api.requests import RequestStore
from homeport.bootstrap.capture import body_store
from homeport.bootstrap.endpoints import read_endpoints
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.core.errors import ConfigError
from homeport.core.types import MachinePrice, Price
from homeport.engines.base import Endpoint
from homeport.engines.pool import pool_of, pool_slots
from homeport.jobs.indexing import Indexer
from homeport.ledger.price_book import PriceBook
from homeport.storage.holders import read_home_id
from homeport.storage.request_rows import RequestRow
from homeport.storage.words import WordIndex
from homeport.storage.words_postgresql import PostgresWords
from homeport.storage.words_sqlite import SqliteWords
from homeport.traces.detail import DetailReader
from homeport.traces.search import Search
from homeport.traces.tail import Tail


def detail_reader(settings: Settings, home: Home, engine: Engine) -> DetailReader:
    """What shows single requests whole."""
    endpoints = partial(read_endpoints, home)
    prices = Prices(settings)

    def price_of(row: RequestRow) -> Price | None:
        return prices.of(row, endpoints())

    return DetailReader(engine, body_store(settings, home), price_of, endpoints)


def word_index(home: Home, engine: Engine) -> WordIndex:
    """Which kept requests have which words, where that is in the database that the ledger is in."""
    if engine.dialect.name == "postgresql":
        return PostgresWords(engine, read_home_id(home.identity))
    return SqliteWords(home.captured)


def request_search(settings: Settings, home: Home, engine: Engine) -> Search:
    """What finds requests by what was said in them."""
    return Search(engine, word_index(home, engine), body_store(settings, home))


def request_indexer(settings: Settings, home: Home, engine: Engine) -> Indexer:
    """What keeps the words up with the bodies."""
    return Indexer(body_store(settings, home), word_index(home, engine))


def request_store(settings: Settings, home: Home, engine: Engine, tail: Tail) -> RequestStore:
    """What the admin API and the console look at requests with."""
    return RequestStore(
        engine=engine,
        bodies=body_store(settings, home),
        detail=detail_reader(settings, home, engine),
        search=request_search(settings, home, engine),
        tail=tail,
    )


class Prices:
    """What targets of a configuration cost when a request was answered."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._book: PriceBook | None = None

    def of(self, row: RequestRow, endpoints: Mapping[str, Endpoint]) -> Price | None:
        """None where the configuration does not say it any more."""
        if row.local:
            engine = self._settings.engines.get(row.upstream)
            if engine is None:
                return None
            slots = pool_slots(pool_of(row.upstream, endpoints).values())
            return MachinePrice(source=row.price_source, hourly=engine.hourly_bill, slots=slots)
        return self._of_remote(row)

    def _of_remote(self, row: RequestRow) -> Price | None:
        named = (target for tier in self._settings.tiers if tier.name == row.tier for target in tier.targets)
        target = next((one for one in named if (one.public_name, one.upstream) == (row.target, row.upstream)), None)
        if target is None or target.engine is not None:
            return None
        self._book = self._book or PriceBook(self._settings)  # reading the tables takes a moment
        try:
            return self._book.of_target(target, datetime.fromtimestamp(row.started_at / 1e9, UTC))
        except ConfigError:  # it has no price any more, which `homeport check` tells
            return None
