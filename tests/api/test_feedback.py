"""What may be said of an answer, by whom, and what is refused."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, select

from homeport.api.feedback import FeedbackPaths
from homeport.core.types import Key, Scope
from homeport.storage.db import open_database, sqlite_url, writing
from homeport.storage.ingest import insert_events
from homeport.storage.tables import feedback, metadata
from tests.fakes.clock import ManualClock
from tests.fakes.house import MID, House
from tests.fakes.keyring import FixedKeyRing
from tests.fakes.wire import Caller
from tests.storage.events import finished

OWN, OTHER, ABOVE = "hp-own-token", "hp-other-token", "hp-above-token"
KEYS = {
    OWN: Key(id="key_1", name="own", project="acme/search", scopes=frozenset({Scope.CHAT})),
    OTHER: Key(id="key_2", name="other", project="acme/other"),
    ABOVE: Key(id="key_3", name="above", project="acme"),
}
OPEN_ID, PRIVATE_ID, LATE_ID = (f"req_{digit * 24}" for digit in "abc")


class Office:
    def __init__(self, folder: Path) -> None:
        self.engine: Engine = open_database(sqlite_url(folder / "homeport.db"))
        metadata.create_all(self.engine)
        self.add(OPEN_ID)
        self.add(PRIVATE_ID, data_class="private")
        self.slept = 0
        self.late = False
        paths = FeedbackPaths(FixedKeyRing(KEYS), self.engine, ManualClock(), self.sleep)
        self.house = House(MID, keys=FixedKeyRing(KEYS), families=[paths])

    def add(self, request_id: str, **changes: Any) -> None:
        with writing(self.engine) as connection:
            insert_events(connection, [msgspec.structs.replace(finished(request_id), project="acme/search", **changes)])

    async def sleep(self, _: float) -> None:
        self.slept += 1
        if self.late and self.slept == 3:
            self.add(LATE_ID)

    async def say(self, body: Any, *, token: str | None = OWN, method: str = "POST") -> Caller:
        headers = [("authorization", f"Bearer {token}")] if token is not None else []
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await Caller("/v1/feedback", method=method, headers=headers, body=[sent]).call(self.house.app)

    def kept(self) -> list[tuple[str, str, float, str, str]]:
        columns = (feedback.c[name] for name in ("request_id", "source", "score", "comment", "key_id"))
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(select(*columns).order_by(feedback.c.source))]


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


async def test_a_thumb_and_a_score(office: Office) -> None:
    said = await office.say({"request_id": OPEN_ID, "thumb": "down", "comment": "too long \N{SNOWMAN}"})
    assert said.status == 200
    assert said.json == {"object": "feedback", "request_id": OPEN_ID, "source": "user", "score": -1.0}
    await office.say({"request_id": OPEN_ID, "score": 0.25, "source": "review"})
    assert office.kept() == [
        (OPEN_ID, "review", 0.25, "", "key_1"),
        (OPEN_ID, "user", -1.0, "too long \N{SNOWMAN}", "key_1"),
    ]


async def test_saying_it_twice_is_saying_it_once_and_the_last_word_counts(office: Office) -> None:
    for thumb in ("up", "up", "down"):
        assert (await office.say({"request_id": OPEN_ID, "thumb": thumb})).status == 200
    assert office.kept() == [(OPEN_ID, "user", -1.0, "", "key_1")]


async def test_an_answer_that_the_ledger_gets_a_moment_later(office: Office) -> None:
    office.late = True
    assert (await office.say({"request_id": LATE_ID, "score": 1})).status == 200


@pytest.mark.parametrize("token", [OTHER, ABOVE])
async def test_of_another_project_it_is_not_even_told_that_it_is_there(office: Office, token: str) -> None:
    theirs = await office.say({"request_id": OPEN_ID, "score": 1}, token=token)
    unknown = await office.say({"request_id": LATE_ID, "score": 1}, token=token)
    assert theirs.status == unknown.status == 404
    assert theirs.json["error"]["code"] == "request_unknown"
    assert theirs.json["error"]["message"] == unknown.json["error"]["message"]
    assert office.kept() == []


async def test_what_is_no_id_is_not_waited_for(office: Office) -> None:
    for odd in ("x", "a\0b", "req_'; DROP TABLE feedback", "req_" + "g" * 24):
        assert (await office.say({"request_id": odd, "score": 1})).status == 404
    assert office.slept == 0


async def test_of_a_private_request_a_score_is_kept_and_no_comment(office: Office) -> None:
    refused = await office.say({"request_id": PRIVATE_ID, "score": 1, "comment": "about Ms Doe"})
    assert (refused.status, refused.json["error"]["param"]) == (400, "comment")
    assert (await office.say({"request_id": PRIVATE_ID, "score": 1})).status == 200
    assert office.kept() == [(PRIVATE_ID, "user", 1.0, "", "key_1")]


ASKED = {"request_id": OPEN_ID}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\xff",
        b"[" * 10_000,
        {},
        ASKED,
        {**ASKED, "score": 1, "thumb": "up"},
        {**ASKED, "score": 1.01},
        {**ASKED, "score": -2},
        {**ASKED, "score": "1"},
        {**ASKED, "score": True},
        {**ASKED, "thumb": "sideways"},
        b'{"request_id": "' + OPEN_ID.encode() + b'", "score": NaN}',
        b'{"request_id": "' + OPEN_ID.encode() + b'", "score": 1e999}',
        {**ASKED, "score": 1, "comment": "x" * 1_001},
        {**ASKED, "score": 1, "comment": "a\0b"},
        {**ASKED, "score": 1, "comment": 5},
        {**ASKED, "score": 1, "source": ""},
        {**ASKED, "score": 1, "source": "homeport.judge"},
        {**ASKED, "score": 1, "source": "a b"},
        {**ASKED, "score": 1, "source": "x" * 65},
        {**ASKED, "score": 1, "more": 1},
        {"request_id": "", "score": 1},
        {"request_id": "x" * 41, "score": 1},
        {"request_id": 5, "score": 1},
        {"request_id": None, "score": 1},
    ],
)
async def test_what_cannot_be_read_is_refused(office: Office, body: Any) -> None:
    refused = await office.say(body)
    assert refused.status == 400, refused.body
    assert office.kept() == []


async def test_nobody_speaks_without_a_key(office: Office) -> None:
    assert (await office.say({**ASKED, "score": 1}, token=None)).status == 401
    assert (await office.say({**ASKED, "score": 1}, token="hp-unknown")).status == 401
    assert (await office.say({**ASKED, "score": 1}, method="GET")).status == 405
    assert office.kept() == []
