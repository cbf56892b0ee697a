"""A kept request is asked again on its route, and its judge grades the new answer; the path is the real one."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine

from homeport.api.openai import OpenAIDialect
from homeport.core.errors import UpstreamTimeout
from homeport.core.types import DataClass, Key, Surface
from homeport.jobs.judge_calls import Questions
from homeport.jobs.judging import epoch_of
from homeport.jobs.paired_check import Regraded
from homeport.jobs.regrading import Regrader
from homeport.storage.quality_days import RouteName
from tests.fakes.court import ASKER, PAYER, Court
from tests.fakes.house import API_PRICE, House, target
from tests.fakes.keyring import FixedKeyRing
from tests.fakes.upstream import whole
from tests.traces.kept import chat

OWN = target("own", tier="home", price=API_PRICE)
OTHER = target("other", tier="home", price=API_PRICE)
JUDGE = target("judge-api", tier="judges", price=API_PRICE)
ROUTE = RouteName("home", "own")
OPEN = chat("r1", prompt="May I?", hidden=False)
COST = 1_250_000
KEY = Key(id="", name="payer")


@pytest.fixture
def court(engine: Engine, tmp_path: Path) -> Court:
    return made(engine, tmp_path)


def made(engine: Engine, folder: Path, **keys: Any) -> Court:
    ring = FixedKeyRing({name: msgspec.structs.replace(KEY, id=name, **keys) for name in (ASKER, PAYER)})
    house = House(OWN, OTHER, JUDGE, aliases={"judge": "judges"}, keys=ring)
    for name, says in (("own", "Yes."), ("other", "No."), ("judge-api", "Wrong.\nGRADE: 2")):
        house.upstreams[name].script(whole(says))
    return Court(engine, folder, JUDGE, house=house)


def regrader(court: Court, key: str | None = PAYER, *, bounded: bool = True) -> Regrader:
    path, dialect = court.house.pipeline, OpenAIDialect()
    questions = Questions(
        path, dialect, model="judge", key=key, max_tokens=400, temperature=0.0, purpose="quality:check"
    )
    return Regrader(
        path,
        lambda name: court.house.catalogue.resolve(name)[0],
        {Surface.CHAT: dialect},
        questions,
        court.terms,
        key=key,
        bounded=bounded,
        fence=lambda: "0123456789abcdef",
    )


async def test_it_is_asked_on_its_route_and_graded_by_the_judge_paid_by_a_key(court: Court) -> None:
    court.house.upstreams["own"].script(whole("Perhaps."))
    found = await regrader(court).regrade(OPEN, ROUTE)
    asked, judged = court.house.recorder.events
    assert found == Regraded(score=0.25, asked_as=asked.request_id, cost=2 * COST)
    assert {(one.reason, one.key_id) for one in (asked, judged)} == {("quality:check", PAYER)}
    assert (asked.target, judged.target) == ("own", "judge-api")
    [question] = court.house.upstreams["judge-api"].calls
    told = msgspec.json.decode(question.fields["messages"])[1]["content"]
    assert "May I?" in told
    assert "Perhaps." in told


async def test_a_stream_is_asked_again_as_a_whole_by_its_own_key(court: Court) -> None:
    body = {"model": "auto", "stream": True, "messages": [{"role": "user", "content": "?"}], "temperature": 0.5}
    kept = msgspec.structs.replace(OPEN, body=msgspec.json.encode(body), key_id=ASKER, stream=True)
    assert await regrader(court, None).regrade(kept, ROUTE) is not None
    [call] = court.house.upstreams["own"].calls
    assert "stream" not in call.fields
    assert bytes(call.fields["temperature"]) == b"0.5"
    assert {event.key_id for event in court.house.recorder.events} == {ASKER}


async def test_what_may_not_leave_home_is_neither_asked_nor_judged_elsewhere(court: Court) -> None:
    private = msgspec.structs.replace(OPEN, data_class=DataClass.PRIVATE)
    found = await regrader(court).regrade(private, ROUTE)
    assert found is not None
    assert (found.score, found.why, found.failed) == (None, "private_model_is_remote", False)
    hidden = await regrader(court).regrade(chat("r2"), ROUTE)
    assert hidden is not None
    assert (hidden.score, hidden.why, hidden.cost) == (None, "private_model_is_remote", COST)
    assert court.house.calls() == ["own"]


@pytest.mark.parametrize(
    ("answer", "grade", "expected"),
    [
        (UpstreamTimeout("slow"), "GRADE: 2", ("upstream_unavailable", True)),
        (whole("Yes."), "I like it", ("no_grade", False)),
    ],
    ids=["no answer", "no verdict"],
)
async def test_what_has_no_new_score_says_why(
    court: Court, answer: Any, grade: str, expected: tuple[str, bool]
) -> None:
    court.house.upstreams["own"].script(answer)
    court.house.upstreams["judge-api"].script(whole(grade))
    found = await regrader(court).regrade(OPEN, ROUTE)
    assert found is not None
    assert (found.score, found.why, found.failed) == (None, *expected)


async def test_what_is_held_up_is_asked_later(engine: Engine, tmp_path: Path) -> None:
    court = made(engine, tmp_path, tiers=frozenset({"judges"}))
    assert await regrader(court).regrade(OPEN, ROUTE) is None, "its key has to be mended"
    assert court.house.calls() == []


async def test_an_answer_of_another_model_is_no_pair(court: Court) -> None:
    found = await regrader(court).regrade(OPEN, RouteName("mid", "other"))
    assert found is not None
    assert (found.score, found.why, found.failed) == (None, "another_model", True)


def test_only_routes_that_are_there_and_have_a_price_are_asked(engine: Engine, tmp_path: Path) -> None:
    court = made(engine, tmp_path)
    here = regrader(court)
    assert here.can_ask(ROUTE)
    assert not here.can_ask(RouteName("mid", "own"))
    assert not here.can_ask(RouteName("home", "gone"))
    assert here.epoch() == epoch_of(court.terms, [JUDGE]).digest
    house = House(target("free", tier="home"), JUDGE, aliases={"judge": "judges"})
    court.house = house
    assert not regrader(court).can_ask(RouteName("home", "free"))
    assert regrader(court, bounded=False).can_ask(RouteName("home", "free"))
