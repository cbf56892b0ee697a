"""A database of an earlier release: what is in it goes on."""

from pathlib import Path

import msgspec
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, inspect, text

from homeport.core.types import Key
from homeport.ledger.reports import spend
from homeport.ledger.verification import Verification
from homeport.storage import db
from homeport.storage.db import schema_version, upgrade, writing
from homeport.storage.keys import list_keys
from homeport.storage.rollups import DAY, HOUR
from homeport.storage.score_figures import metric_figures, metric_times
from homeport.storage.tables import SCHEMA_HEAD
from tests.storage.events import finished

MIGRATIONS = Path(db.__file__).parent / "migrations"
OLD_KEY = "INSERT INTO keys VALUES ('key_old', 'old', 'digest', 1, NULL, NULL, 'open', '[\"m\"]', '[]')"


def at(engine: Engine, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def test_a_key_of_the_first_release_may_infer_as_before(empty: Engine) -> None:
    engine = empty
    at(engine, "0001")
    with writing(engine) as connection:
        connection.execute(text(OLD_KEY))
    assert upgrade(engine)
    assert schema_version(engine) == SCHEMA_HEAD
    assert [stored.key for stored in list_keys(engine)] == [Key(id="key_old", name="old", models=frozenset({"m"}))]
    engine.dispose()


def test_rows_of_earlier_releases_are_in_the_chain_and_in_the_sums(empty: Engine) -> None:
    engine = empty
    at(engine, "0005")
    old = [column["name"] for column in inspect(engine).get_columns("requests")]
    rows = []
    for number in range(1, 2_501):  # more than are chained at once
        row = {
            **msgspec.structs.asdict(finished(f"r{number:05d}", cost=number, started_at=10_000 - number)),
            "batch": True,
        }
        row |= {"outcome": "completed", "attempts": "[]", "project": ("acme", "other")[number % 2]}
        rows.append({name: row[name] for name in old})
    with writing(engine) as connection:
        places = ", ".join(f":{name}" for name in old)
        connection.execute(text(f"INSERT INTO requests ({', '.join(old)}) VALUES ({places})"), rows)
    assert upgrade(engine)
    reading = Verification(engine)
    assert [*reading.findings()] == []
    assert {name: head.sequence for name, head in reading.heads.items()} == {"acme": 1250, "other": 1250}
    assert spend(engine)[0].cost == sum(range(1, 2_501))
    with engine.connect() as connection:
        first = connection.execute(text("SELECT sequence FROM requests ORDER BY started_at LIMIT 1")).scalar_one()
    assert first == 1


def test_the_days_of_earlier_releases_are_moved_and_nothing_is_counted_twice(empty: Engine) -> None:
    at(empty, "0016")
    day = 24 * 3_600 * 10**9
    names = [column["name"] for column in inspect(empty).get_columns("rollups")]
    cells = [
        {
            **dict.fromkeys(names, 0),
            **dict.fromkeys(("key_id", "target", "tier", "upstream", "surface", "route"), "x"),
            "cell": f"{span}{start}",
            "span": span,
            "start": start,
            "project": "p",
            "outcome": "completed",
            "requests": 1,
            "cost": 5,
            "costs": "5,1",
        }
        for span in (day // 24, day)
        for start in (day, 2 * day)
    ]
    with writing(empty) as connection:
        places = ", ".join(f":{name}" for name in names)
        connection.execute(text(f"INSERT INTO rollups ({', '.join(names)}) VALUES ({places})"), cells)
    assert upgrade(empty)
    with empty.connect() as connection:
        for table, span in (("rollups", day // 24), ("day_rollups", day)):
            found = connection.execute(text(f"SELECT span, start, cost, costs FROM {table} ORDER BY start")).all()
            assert [tuple(row) for row in found] == [(span, day, 5, "5,1"), (span, 2 * day, 5, "5,1")]
    (whole,) = spend(empty, since_ns=day, until_ns=3 * day)
    assert (whole.requests, whole.cost, whole.query.p50) == (2, 10, 5)


def test_sums_of_days_are_made_of_the_hours_that_are_there(empty: Engine) -> None:
    engine = empty
    at(engine, "0020")
    hours = [(day * DAY + hour * HOUR, version) for day in (3, 4) for hour in (0, 5, 23) for version in (1, 2)]
    with writing(engine) as connection:
        connection.execute(
            text("INSERT INTO score_hours VALUES (:start, 't', 'm', 'format', :version, 10, 10, 1, 9.0, 8.5)"),
            [{"start": start, "version": version} for start, version in hours],
        )
    assert upgrade(engine)
    found = metric_figures(engine, 3 * DAY, 5 * DAY)
    assert [(one.version, one.outputs, one.failed, one.mean) for one in found] == [(1, 60, 6, 0.9), (2, 60, 6, 0.9)]
    assert [one.start for one in metric_times(engine, "format", 3 * DAY, 5 * DAY, DAY)] == [3 * DAY, 4 * DAY]
    assert [one.start for one in metric_times(engine, "format", 4 * DAY, 5 * DAY, HOUR)] == [
        4 * DAY + hour * HOUR for hour in (0, 5, 23)
    ]
