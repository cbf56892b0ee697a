"""`homeport cost --engines`: what people and programs see."""

import json
from pathlib import Path

import msgspec
import pytest

from homeport.storage.db import open_database, sqlite_url
from homeport.storage.engine_hours import HOUR_NS, Pool, note_presence
from homeport.storage.journal import Journal
from tests.cli.inside import Inside
from tests.ledger.test_engine_report import POOL, START, asked


@pytest.fixture
def program(tmp_path: Path) -> Inside:
    program = Inside(tmp_path / "home")
    program.run("init", str(program.home / "homeport.yaml"))
    return program


def test_the_bill_of_a_pool(program: Inside) -> None:
    assert "No engine has a bill yet" in program.run("cost", "--engines")
    assert json.loads(program.run("cost", "--engines", "--json")) == {"engines": []}
    journal = Journal(program.home / "journal")
    for place in range(40):
        journal.record(msgspec.structs.replace(asked(place), request_id=f"r{place}"))
    journal.close()
    engine = open_database(sqlite_url(program.home / "homeport.db"))
    note_presence(engine, [POOL, Pool(engine="idle", hourly=7, slots=1)], START, START + HOUR_NS)
    engine.dispose()
    (idle, own) = json.loads(program.run("cost", "--engines", "--json"))["engines"]
    assert (idle["engine"], idle["requests"], idle["idle_tax"], idle["idle_nanodollars"]) == ("idle", 0, None, 7)
    assert own["used_nanodollars"] + own["idle_nanodollars"] == own["bill_nanodollars"] == 3_600_000_000
    assert own["shares_nanodollars"] == own["used_nanodollars"] == 20_000_000
    assert own["usage_cost"] == {"per_query_usd": "0.000500000", "per_mtok_usd": "5.000000000"}
    assert own["fully_loaded_cost"]["per_query_usd"] == "0.090000000"
    assert (own["idle_tax"], own["weights"]["fitted"]) == (180.0, True)
    said = program.run("cost", "--engines")
    assert "3.600000000" in said
    assert "0.020000000" in said
    assert "0 requests" not in said
