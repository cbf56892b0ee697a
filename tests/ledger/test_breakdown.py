"""The same requests by several groups, in one look at the sums."""

import msgspec
import pytest

from homeport.ledger.reports import breakdown, label, series, spend
from homeport.ledger.sources import Only
from tests.ledger.requests import HOUR, NOW, ledger, request


@pytest.mark.parametrize("only", [Only(), Only(project="acme"), Only(key_id="key_2")])
def test_a_breakdown_is_what_each_of_its_groups_says(only: Only) -> None:
    asked = [
        request(
            NOW - place * HOUR // 3,
            cost=place * 1_000,
            target="ab"[place % 2],
            tier="xyz"[place % 3],
            project="acme/x" if place % 4 else "other",
            key_id=f"key_{place % 3}",
            reason=f"static:{'xyz'[place % 3]} later",
        )
        for place in range(60)
    ]
    engine = ledger(*asked)
    since = NOW - 12 * HOUR - 5
    found = breakdown(engine, by=("model", "tier", "route", "user"), since_ns=since, only=only)
    assert [found.total] == spend(engine, since_ns=since, only=only)
    for by, groups in found.groups.items():
        assert groups == spend(engine, by=by, since_ns=since, only=only)


def test_without_the_spread_all_but_the_spread_is_the_same() -> None:
    engine = ledger(*(request(NOW - place * HOUR, cost=place) for place in range(30)))
    whole = breakdown(engine, by=("model",), since_ns=NOW - 20 * HOUR)
    bare = breakdown(engine, by=("model",), since_ns=NOW - 20 * HOUR, spread=False)
    assert whole.total.query.p95 is not None
    known = msgspec.structs.replace(whole.total.query, low=None, high=None, p50=None, p95=None, p99=None)
    assert bare.total == msgspec.structs.replace(whole.total, query=known)


@pytest.mark.parametrize("by", ["model", "user"])
@pytest.mark.parametrize("width", ["hour", "day"])
def test_the_same_requests_by_time_too(by: str, width: str) -> None:
    engine = ledger(*(request(NOW - place * HOUR, cost=place, target="ab"[place % 2]) for place in range(60)))
    since, until, only = NOW - 50 * HOUR - 5, NOW + 1, Only(model="a")
    found = breakdown(engine, by=(by,), since_ns=since, until_ns=until, only=only, width=width)
    times = series(engine, width=width, by=None, since_ns=since, until_ns=until, only=only, spread=False)
    assert list(found.times) == list(times)
    for start, row in found.times.items():
        assert [row] == [msgspec.structs.replace(one, group=label(width, start)) for one in times[start]]
    assert found.groups[by] == spend(engine, by=by, since_ns=since, until_ns=until, only=only)
    assert sum(row.cost for row in found.times.values()) == found.total.cost > 0
    assert found.total.query.p95 is not None
