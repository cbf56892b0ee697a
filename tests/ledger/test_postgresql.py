"""PostgreSQL counts as SQLite does: sums that come as decimals, quantiles, JSON that is searched."""

import random

import pytest
from sqlalchemy import Engine

from homeport.core.events import RequestFinished
from homeport.core.types import Outcome
from homeport.ledger.indicators import cost_by_key, quantile_ns, tallies_by_key, tallies_since
from homeport.ledger.objectives import Indicator, Objective, Promise, Route
from homeport.ledger.reports import GROUPS, spend
from homeport.storage.db import open_database
from tests.ledger.requests import MS, NOW, add, failed, ledger, name_keys, request

pytestmark = pytest.mark.slow

PROMISES = {
    Indicator.AVAILABILITY: Promise(share=999_000),
    Indicator.LATENCY: Promise(share=950_000, within_ns=40 * MS),
    Indicator.TTFT: Promise(share=950_000, within_ns=8 * MS),
}
ROUTES = [
    Route(),
    Route(key="chief"),
    Route(tier="local", names=("local", "smollm2"), targets=("smollm2", "100%_sure")),
    Route(only=("key_1",), asked="auto"),
]


def traffic(seed: int) -> list[RequestFinished]:
    chosen = random.Random(seed)
    found = []
    for number in range(200):
        at = NOW - chosen.randrange(100) * MS
        key = {"key_id": f"key_{number % 3}", "cost": chosen.randrange(1 << 55)}
        if number % 5 == 0:
            found.append(failed(at, tried=[chosen.choice(["smollm2", "100%_sure", "other"])], **key))
            continue
        times = {"latency_ns": chosen.randrange(80) * MS, "ttft_ns": chosen.randrange(16) * MS}
        found.append(request(at, outcome=chosen.choice(list(Outcome)), stream=number % 2 == 0, **times, **key))
    return found


def everything(engine: Engine, route: Route) -> list[object]:
    of = Objective(name="n", route=route, window="30d", days=30, promises=PROMISES)
    until = NOW + 1
    return [
        tallies_since(engine, of, (0, NOW - 50 * MS, NOW - 10 * MS), until),
        tallies_by_key(engine, of, 0, until),
        cost_by_key(engine, route, 0, until),
        [quantile_ns(engine, of, indicator, 0, until) for indicator in Indicator],
    ]


def test_both_databases_count_alike(postgres: str) -> None:
    here, there = ledger(*traffic(1)), open_database(postgres)
    add(there, *traffic(1))
    for engine in (here, there):
        name_keys(engine, [("key_1", "chief")])
    for route in ROUTES:
        assert everything(here, route) == everything(there, route)
    for by in (None, *GROUPS):
        assert spend(here, by=by) == spend(there, by=by)
    there.dispose()
