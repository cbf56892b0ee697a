"""One request, whole, out of all places that know something of it."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine

from homeport.core.errors import NotFound
from homeport.core.money import Nano
from homeport.core.types import Attempt, Price, Surface
from homeport.engines.base import Endpoint, Fingerprint
from homeport.storage.bodies import BodyStore
from homeport.storage.db import writing
from homeport.storage.decisions import Learned
from homeport.storage.feedback import rate
from homeport.storage.ingest import insert_events
from homeport.traces.detail import DetailReader, steps
from homeport.traces.detail_view import detail_view
from tests.fakes.house import OWN_PRICE
from tests.ledger.requests import ledger
from tests.storage.events import finished
from tests.traces.kept import HOSTILE, chat

CHILD = Endpoint(
    url="http://127.0.0.1:1/v1",
    api_key="canary-token",
    health_url="",
    surfaces=frozenset({Surface.CHAT}),
    revision="r",
    fingerprint=Fingerprint(engine="llamacpp", build="b1", package="sha256:aa", profile="p1"),
    pool="smollm2",
)


def reader(
    engine: Engine, folder: Path, price: Price | None = OWN_PRICE, endpoints: dict[str, Endpoint] | None = None
) -> tuple[DetailReader, BodyStore]:
    bodies = BodyStore(folder / "captured", keep_days=7, most_bytes=1 << 20)
    return DetailReader(engine, bodies, lambda _: price, lambda: endpoints or {}), bodies


def fill(engine: Engine, **more: Any) -> None:
    attempts = (
        Attempt(target="a", error="upstream_timeout", started_ns=1_000, ended_ns=3_000, cost=Nano(3)),
        Attempt(target="b", error="", started_ns=3_000, ended_ns=9_000),
    )
    fields = {"attempts": attempts, "trace_id": "tr_1", "decided": "local", "propensity": 0.9, "score": 0.4} | more
    with writing(engine) as connection:
        insert_events(connection, [msgspec.structs.replace(finished("req_1", started_at=5), **fields)])
        insert_events(connection, [msgspec.structs.replace(finished("req_2", started_at=9), trace_id="tr_1")])
    rate(engine, "req_1", "user", -1.0, HOSTILE, "key_1", 77)


def test_all_that_is_known(tmp_path: Path) -> None:
    engine = ledger()
    fill(engine)
    details, bodies = reader(engine, tmp_path, endpoints={"smollm2-0": CHILD})
    bodies.put(chat("req_1", prompt=HOSTILE, answer="fine", upstream="smollm2"))
    detail = details.find("req_1")
    assert [(step.target, step.began_ns, step.ended_ns) for step in detail.steps] == [
        ("a", 0, 2_000),
        ("b", 2_000, 8_000),
    ]
    assert detail.route.learned == Learned(
        decided="local", propensity=0.9, router_version=0, score=0.4, explored=False, escalation=""
    )
    assert detail.said is not None
    assert detail.said.answer == "fine"
    assert detail.answered_by.engine == CHILD.fingerprint
    assert detail.answered_by.same is True
    assert [word.comment for word in detail.words] == [HOSTILE]
    assert detail.others == ("req_2",)
    told = msgspec.json.encode(detail_view(detail))
    assert b"canary-token" not in told
    assert b'"fine"' in told


def test_what_was_not_kept_and_what_cannot_be_read(tmp_path: Path) -> None:
    engine = ledger()
    fill(engine)
    details, bodies = reader(engine, tmp_path)
    assert details.find("req_1").said is None
    assert detail_view(details.find("req_1"))["said"] is None
    bodies.put(chat("req_1"))
    [path] = (tmp_path / "captured").glob("[0-9]*/*")
    path.write_bytes(b"\x00")
    broken = details.find("req_1")
    assert broken.said is None
    assert "cannot be read" in broken.unreadable


def test_the_last_of_a_trace(tmp_path: Path) -> None:
    engine = ledger()
    fill(engine)
    details, _ = reader(engine, tmp_path)
    assert details.find("tr_1").row.request_id == "req_2"
    for nothing in ("tr_2", "", "../req_1", "' OR 1=1", "x" * 500, "\x00"):
        with pytest.raises(NotFound) as missing:
            details.find(nothing)
        assert missing.value.code == "request_unknown"


def test_an_engine_that_runs_something_else_now(tmp_path: Path) -> None:
    engine = ledger()
    fill(engine)
    other = msgspec.structs.replace(CHILD, revision="another")
    details, bodies = reader(engine, tmp_path, endpoints={"smollm2-0": other})
    assert details.find("req_1").answered_by.same is None
    bodies.put(chat("req_1"))
    assert details.find("req_1").answered_by.same is False


def test_a_hit_of_the_cache_is_not_billed(tmp_path: Path) -> None:
    engine = ledger()
    fill(engine, cost=0, price_source="cache", cache="hit", attempts=())
    bill = reader(engine, tmp_path)[0].find("req_1").bill
    assert (bill.lines, bill.total, bill.exact) == ((), 0, True)


def test_a_stream_lasts_beyond_its_first_byte() -> None:
    made = (Attempt(target="a", error="", started_ns=10, ended_ns=20),)
    assert steps(made, 100)[0].ended_ns == 110
    assert steps((), 5) == ()
