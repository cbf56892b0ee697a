"""What was spent, from rows that came through the journal's own way in."""

from itertools import product
from pathlib import Path

import msgspec
from sqlalchemy import Engine

from homeport.core.events import RequestFinished
from homeport.core.histogram import bucket, middle
from homeport.core.types import Outcome
from homeport.ledger.reports import GROUPS, series, spend
from homeport.ledger.sources import Only
from homeport.storage.ingest import ingest
from homeport.storage.journal import Journal
from homeport.storage.rollups import DAY, HOUR
from tests.storage.events import finished

MINUTE = HOUR // 60


def fill(engine: Engine, folder: Path, *events: RequestFinished) -> None:
    journal = Journal(folder / "journal")
    for event in events:
        journal.record(event)
    journal.close()
    ingest(engine, folder / "journal")


def some() -> list[RequestFinished]:
    local = finished("r1", cost=100, started_at=10)
    paid = msgspec.structs.replace(
        finished("r2", cost=5_000, started_at=20), tier="mid", target="gpt", latency_ns=3_000_000, ttft_ns=0
    )
    failed = msgspec.structs.replace(
        finished("r3", cost=0, started_at=30), outcome=Outcome.FAILED, tier="", target="", key_id="key_2"
    )
    return [local, paid, failed]


def test_nothing_was_spent(engine: Engine) -> None:
    [nothing] = spend(engine)
    assert nothing.group == "all"
    fields = msgspec.structs.asdict(nothing)
    assert all(value == 0 for name, value in fields.items() if name not in ("group", "query"))
    assert set(msgspec.structs.astuple(nothing.query)) == {None}
    assert all(spend(engine, by=group) == [] for group in GROUPS)


def test_the_whole(engine: Engine, tmp_path: Path) -> None:
    fill(engine, tmp_path, *some())
    [whole] = spend(engine)
    assert (whole.requests, whole.completed, whole.cost) == (3, 2, 5_100)
    assert (whole.input_tokens, whole.cached_input_tokens, whole.output_tokens) == (30, 6, 15)
    assert whole.mean_latency_ns == (1_000_000 + 3_000_000 + 1_000_000) // 3
    assert whole.mean_ttft_ns == 500_000, "a request without a first byte has no time to it"


def test_groups_are_sorted_by_cost_and_add_up(engine: Engine, tmp_path: Path) -> None:
    fill(engine, tmp_path, *some())
    assert [(row.group, row.cost, row.requests) for row in spend(engine, by="tier")] == [
        ("mid", 5_000, 1),
        ("local", 100, 1),
        ("", 0, 1),
    ]
    for group in GROUPS:
        rows = spend(engine, by=group)
        assert (sum(row.cost for row in rows), sum(row.requests for row in rows)) == (5_100, 3)


def test_since(engine: Engine, tmp_path: Path) -> None:
    fill(engine, tmp_path, *some())
    assert spend(engine, since_ns=20)[0].requests == 2
    assert spend(engine, since_ns=21)[0].requests == 1
    assert spend(engine, by="model", since_ns=31) == []


def spread() -> list[RequestFinished]:
    """Five days of requests of three projects, at the edges of hours and days too."""
    times = [0, 1, HOUR - 1, HOUR, DAY - 1, DAY, DAY + 90 * MINUTE, 2 * DAY, 2 * DAY + HOUR - 1, 4 * DAY + 1]
    return [
        msgspec.structs.replace(
            finished(f"r{place}", cost=10 ** (place % 5), started_at=at),
            project=("acme", "acme/search", "acmes")[place % 3],
            key_id=f"key_{place % 2}",
            end_user=f"u{place % 4}",
            reason=f"static:{place % 2} because {place}",
        )
        for place, at in enumerate(times)
    ]


TIMES = [(0, None), (1, 4 * DAY + 1), (HOUR, 2 * DAY), (30 * MINUTE, DAY + 95 * MINUTE), (DAY, DAY), (2 * DAY, DAY)]


def test_figures_are_those_of_the_rows_whatever_the_time(engine: Engine, tmp_path: Path) -> None:
    fill(engine, tmp_path, *spread())
    for (since, until), by in product(TIMES, GROUPS):
        expected: dict[str, list[RequestFinished]] = {}
        for event in spread():
            if since <= event.started_at < (until or 9 * DAY):
                expected.setdefault(group_of(by, event), []).append(event)
        found = spend(engine, by=by, since_ns=since, until_ns=until)
        assert {row.group: (row.requests, row.cost) for row in found} == {
            group: (len(events), sum(event.cost for event in events)) for group, events in expected.items()
        }, (since, until, by)
        for row in found:
            assert row.query.p50 in {middle(bucket(event.cost)) for event in expected[row.group]}


def group_of(by: str, event: RequestFinished) -> str:
    day, hour = divmod(event.started_at // HOUR, 24)
    match by:
        case "day":
            return f"1970-01-{day + 1:02d}"
        case "hour":
            return f"1970-01-{day + 1:02d}T{hour:02d}:00Z"
        case "route":
            return event.reason.split(" ")[0]
    return str(getattr(event, {"model": "target", "key": "key_id", "user": "end_user"}.get(by, by)))


def test_filters(engine: Engine, tmp_path: Path) -> None:
    fill(engine, tmp_path, *spread())
    counts = {
        "all": Only(),
        "acme and below": Only(project="acme"),
        "one project": Only(project="acme/search"),
        "a key": Only(key_id="key_1"),
        "a model": Only(model="smollm2"),
        "another": Only(model="gpt"),
        "all of it": Only(project="acme", key_id="key_0", model="smollm2"),
        "hostile": Only(project="%", key_id="' OR 1=1 --"),
    }
    for since in (0, 1):
        asked = {name: spend(engine, since_ns=since, only=only)[0].requests for name, only in counts.items()}
        one_less = 1 if since else 0
        assert asked == {
            "all": 10 - one_less,
            "acme and below": 7 - one_less,
            "one project": 3,
            "a key": 5,
            "a model": 10 - one_less,
            "another": 0,
            "all of it": 3 - one_less,
            "hostile": 0,
        }


def test_days_are_in_order_and_not_by_cost(engine: Engine, tmp_path: Path) -> None:
    fill(engine, tmp_path, *spread())
    days = [row.group for row in spend(engine, by="day")]
    assert days == sorted(days)


def test_a_series_has_what_was_and_nothing_else(engine: Engine, tmp_path: Path) -> None:
    fill(engine, tmp_path, *spread())
    by_day = series(engine, width="day", by=None, since_ns=0, until_ns=3 * DAY, only=Only())
    assert {start // DAY: [row.requests for row in rows] for start, rows in by_day.items()} == {0: [5], 1: [2], 2: [2]}
    by_model = series(engine, width="hour", by="model", since_ns=DAY, until_ns=2 * DAY, only=Only(key_id="key_1"))
    assert {start: [(row.group, row.cost) for row in rows] for start, rows in by_model.items()} == {
        DAY: [("smollm2", 1)]
    }


def test_what_was_saved_counts_only_what_can_be_compared(engine: Engine, tmp_path: Path) -> None:
    """The sums of hours and days say the same as the rows."""
    at_home = msgspec.structs.replace(finished("r1", cost=100, started_at=DAY + 1), baseline_cost=1_000)
    dearer = msgspec.structs.replace(finished("r2", cost=900, started_at=DAY + 2), baseline_cost=400, tier="mid")
    unknown = finished("r3", cost=5_000, started_at=DAY + 3)
    fill(engine, tmp_path, at_home, dearer, unknown)
    for since in (0, DAY, DAY + 1):
        [total] = spend(engine, since_ns=since)
        assert (total.cost, total.compared_cost, total.baseline_cost, total.saved) == (6_000, 1_000, 1_400, 400)
    by_tier = {row.group: (row.baseline_cost, row.saved) for row in spend(engine, by="tier")}
    assert by_tier == {"local": (1_000, 900), "mid": (400, -500)}
