"""A kept request is asked once more: whole, of another model, and whatever its body was."""

import msgspec
import pytest

from homeport.api.openai import OpenAIDialect
from homeport.core.captured import Captured
from homeport.core.types import DataClass
from homeport.pipeline.again import answered_again, asked_again
from homeport.pipeline.exchange import Exchange
from homeport.traces.said import said
from tests.fakes.house import OPEN, OWN, House
from tests.fakes.upstream import whole
from tests.traces.kept import chat, events, kept


def again(captured: Captured) -> Exchange:
    return asked_again(captured, "own", OPEN, OpenAIDialect(), "replay")


async def test_a_stream_is_asked_and_answered_as_a_whole() -> None:
    house = House(OWN)
    house.upstreams["own"].script(whole("Perhaps."))
    body = {
        "model": "x",
        "messages": [{"role": "user", "content": "?"}],
        "stream": True,
        "stream_options": {},
        "seed": 7,
    }
    was = kept("r1", body, events({"choices": []}), stream=True)
    exchange = again(was)
    await house.pipeline.run(exchange)
    [call] = house.upstreams["own"].calls
    assert bytes(call.fields["seed"]) == b"7"
    assert not {"stream", "stream_options"} & set(call.fields)
    now = answered_again(was, exchange)
    assert (said(now).answer, now.stream, now.request_id) == ("Perhaps.", False, "r1")
    [event] = house.recorder.events
    assert event.reason == "replay"


async def test_what_may_not_leave_home_says_so_again() -> None:
    assert again(msgspec.structs.replace(chat(), data_class=DataClass.PRIVATE)).data_class_header == "private"
    assert again(chat()).data_class_header is None


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff"])
async def test_a_body_that_is_no_request_is_refused_as_one(body: bytes) -> None:
    house = House(OWN)
    exchange = again(msgspec.structs.replace(chat(), body=body))
    await house.pipeline.run(exchange)
    assert exchange.status == 400
    assert house.calls() == []
