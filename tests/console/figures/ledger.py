"""A state folder with requests of the last days, which the command line and the console are asked about."""

import time
from pathlib import Path

import msgspec
from sqlalchemy import Engine

from homeport.core.events import RequestFinished
from homeport.core.types import Outcome
from homeport.storage.db import open_database, sqlite_url
from homeport.storage.engine_hours import Pool, note_presence
from tests.cli.terminal import Terminal
from tests.ledger.requests import DAY, HOUR, add, request


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What both are asked with. `now` is nanoseconds since the epoch."""

    terminal: Terminal
    engine: Engine
    now: int


def told(folder: Path) -> Told:
    """Requests in three windows, of two projects, models and users, some of which the cache answered."""
    terminal = Terminal(folder / "home")
    terminal.run("budget", "list")  # which makes the database
    engine, now = open_database(sqlite_url(terminal.home / "homeport.db")), time.time_ns()
    add(engine, *(_request(now - age, place) for place, age in enumerate(_AGES)))
    note_presence(engine, [Pool(engine="own", hourly=50_000_000, slots=2)], now - 2 * HOUR, now - HOUR // 2)
    return Told(terminal=terminal, engine=engine, now=now)


_AGES = (*range(HOUR // 4, 20 * HOUR, HOUR), 2 * DAY, 3 * DAY, 5 * DAY + HOUR, 6 * DAY, 20 * DAY, 25 * DAY)


def _request(at: int, place: int) -> RequestFinished:
    own = place % 3 == 0
    return request(
        at,
        cost=0 if place % 7 == 6 else 1_000_000 * (place + 1),
        saved_cost=3_000_000 if place % 7 == 6 else 0,
        cache="hit" if place % 7 == 6 else "miss",
        target="own" if own else "gpt-mini",
        upstream="own" if own else "openai",
        tier="local" if own else "mid",
        local=own,
        project="acme/search" if place % 2 else "acme",
        key_id=f"key_{place % 4}",
        end_user=f"user-{place % 5}",
        reason=f"complexity:{'local' if own else 'mid'}",
        outcome=Outcome.FAILED if place == 5 else Outcome.COMPLETED,
    )
