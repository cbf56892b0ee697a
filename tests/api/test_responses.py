"""POST /v1/responses through the whole request path: answered by a chat, or passed through."""

import json
from typing import Any

import msgspec
import pytest
from openai.types.responses import Response

from homeport.core.errors import StreamCut
from homeport.core.types import Completion, Frame, Outcome, Surface, Target
from homeport.transport.sse import data_of, events
from tests.fakes.house import OPEN, House, target
from tests.fakes.upstream import DONE, USAGE, counted, said, spoken, whole
from tests.fakes.wire import Caller

CHATTY = target("chatty", surfaces=frozenset({Surface.CHAT}))
NATIVE = target("native", surfaces=frozenset({Surface.RESPONSES, Surface.CHAT}))
ASK: dict[str, Any] = {"model": "auto", "input": "Which clause ends the contract?", "instructions": "Be short."}
STREAM = {**ASK, "stream": True}
ANSWER = {"id": "resp_1", "object": "response", "output": [], "usage": None, "new_field": [1.10]}


async def ask(house: House, body: dict[str, Any] | bytes) -> Caller:
    return await house.ask(body, surface="responses", token=OPEN)


def asked(house: House, name: str) -> dict[str, Any]:
    [call] = house.upstreams[name].calls
    return {field: msgspec.json.decode(raw) for field, raw in call.fields.items()}


def told(caller: Caller) -> list[dict[str, Any]]:
    return [json.loads(data) for event in events(caller.body) if (data := data_of(event))]


def event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


async def test_a_chat_answers() -> None:
    house = House(CHATTY)
    house.upstreams["chatty"].script(whole("Clause 9."))
    caller = await ask(house, ASK)
    assert caller.status == 200
    assert Response.model_validate(caller.json).output_text == "Clause 9."
    assert caller.headers["x-homeport-model"] == "chatty"
    assert asked(house, "chatty")["messages"] == [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": ASK["input"]},
    ]
    assert house.event.surface is Surface.RESPONSES
    assert (house.event.input_tokens, house.event.output_tokens) == (USAGE.input_tokens, USAGE.output_tokens)


async def test_a_chat_streams() -> None:
    house = House(CHATTY)
    house.upstreams["chatty"].script(spoken("Clause", " 9."))
    caller = await ask(house, STREAM)
    found = told(caller)
    assert "".join(one["delta"] for one in found if one["type"] == "response.output_text.delta") == "Clause 9."
    last = found[-1]
    assert last["type"] == "response.completed"
    assert last["response"]["usage"]["input_tokens"] == USAGE.input_tokens
    assert last["response"]["homeport"]["request_id"] == house.event.request_id
    assert f": x-homeport-cost: {last['response']['homeport']['cost_usd']}\n\n".encode() in caller.body
    assert b"[DONE]" not in caller.body


async def test_each_answer_has_ids_of_its_own() -> None:
    house = House(CHATTY)
    house.upstreams["chatty"].script(whole())
    first, second = await ask(house, ASK), await ask(house, ASK)
    assert first.json["id"] != second.json["id"]


async def test_a_chat_that_breaks() -> None:
    house = House(CHATTY)
    house.upstreams["chatty"].script([said("Clause"), StreamCut("the upstream's stream ended before the answer did")])
    found = told(await ask(house, STREAM))
    assert [one["type"] for one in found[-2:]] == ["error", "response.failed"]
    assert found[-2]["code"] == "upstream_stream_cut"
    assert [one["sequence_number"] for one in found] == list(range(len(found)))
    assert house.event.outcome is Outcome.FAILED


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_is_none(stream: bool) -> None:
    house = House(CHATTY)
    bad = (
        [Frame(data=b'data: {"choices":7}\n\n', events=1), counted(), DONE]
        if stream
        else Completion(body=b"{}", usage=None)
    )
    house.upstreams["chatty"].script(bad)
    caller = await ask(house, {**ASK, "stream": stream})
    code = told(caller)[-2]["code"] if stream else caller.error["code"]
    assert code == "upstream_bad_answer"
    assert house.event.outcome is Outcome.FAILED


async def test_a_native_upstream_gets_and_gives_the_bytes_as_they_are() -> None:
    house = House(NATIVE)
    house.upstreams["native"].script(Completion(body=json.dumps(ANSWER).encode(), usage=USAGE))
    body = b'{"model":"auto","input":"x","previous_response_id":"resp_0","tools":[{"type":"web_search"}],"new":1.10}'
    caller = await ask(house, body)
    assert caller.body == json.dumps(ANSWER).encode()
    [call] = house.upstreams["native"].calls
    assert call.surface is Surface.RESPONSES
    assert bytes(call.fields["new"]) == b"1.10"
    assert bytes(call.fields["previous_response_id"]) == b'"resp_0"'


@pytest.mark.parametrize("order", [(CHATTY, NATIVE), (NATIVE, CHATTY)])
async def test_what_only_a_native_upstream_can_do_goes_to_one(order: tuple[Target, Target]) -> None:
    house = House(*order)
    house.upstreams["native"].script(Completion(body=json.dumps(ANSWER).encode(), usage=USAGE))
    caller = await ask(house, {**ASK, "previous_response_id": "resp_0"})
    assert (caller.status, house.calls()) == (200, ["native"])


async def test_a_native_stream_passes_with_the_receipt_in_its_end() -> None:
    house = House(NATIVE)
    created, delta = event("response.created", response=ANSWER), event("response.output_text.delta", delta="x")
    ended = event("response.completed", response=ANSWER, sequence_number=2)
    house.upstreams["native"].script(
        [Frame(data=created), Frame(data=delta, events=1), Frame(data=ended, usage=USAGE, closing=True)]
    )
    caller = await ask(house, STREAM)
    assert caller.body.startswith(created + delta)
    last = told(caller)[-1]
    assert last["response"].pop("homeport")["model"] == "native"
    assert last == {"type": "response.completed", "response": ANSWER, "sequence_number": 2}
    assert house.event.output_tokens == USAGE.output_tokens


async def test_a_native_stream_that_breaks_ends_as_its_upstream_would_end_it() -> None:
    house = House(NATIVE)
    created = event("response.created", response=ANSWER, sequence_number=0)
    delta = event("response.output_text.delta", delta="x", sequence_number=41)
    house.upstreams["native"].script([Frame(data=created), Frame(data=delta, events=1), StreamCut("it ended")])
    found = told(await ask(house, STREAM))
    assert [(one["type"], one["sequence_number"]) for one in found[-2:]] == [("error", 42), ("response.failed", 43)]
    assert found[-1]["response"]["id"] == "resp_1"
    assert found[-1]["response"]["status"] == "failed"


@pytest.mark.parametrize("frame", [b"", b": hi\n\n", b"data: 7\n\n", b'data: {"response":7}\n\n', b"data: \xff\n\n"])
async def test_a_native_stream_that_was_never_readable(frame: bytes) -> None:
    house = House(NATIVE)
    house.upstreams["native"].script([Frame(data=frame), StreamCut("it ended")])
    caller = await ask(house, STREAM)
    assert caller.body.startswith(frame)
    assert b'"upstream_stream_cut"' in caller.body
    assert caller.finished


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (b"", "invalid_json", None),
        (b"[]", "invalid_value", None),
        (b"\xff", "invalid_utf8", None),
        (b'{"model":"auto"}', "invalid_value", None),
        (b'{"model":"auto","input":7}', "invalid_value", "input"),
        (b'{"model":"auto","input":[{"type":"message","content":[{}]}]}', "invalid_value", "input[0].content[0]"),
        (b'{"model":"auto","input":"x","temperature":3}', "invalid_value", "temperature"),
        (b'{"model":"auto","input":"x","previous_response_id":"r"}', "responses_native_only", "previous_response_id"),
        (b'{"model":"auto","input":"x","new":' + b"[" * 5000, "json_too_deep", None),
    ],
)
async def test_what_is_refused(body: bytes, code: str, param: str | None) -> None:
    house = House(CHATTY)
    caller = await ask(house, body)
    assert (caller.status, caller.error["code"], caller.error["param"]) == (400, code, param)
    assert house.calls() == []
    assert house.event.outcome is Outcome.REJECTED


async def test_the_size_of_the_prompt_is_known_where_no_usage_is() -> None:
    house = House(CHATTY)
    house.upstreams["chatty"].script(whole(usage=None))
    content = [
        {"type": "input_text", "text": "x" * 30},
        {"type": "input_image", "image_url": "data:image/png;base64,AA=="},
    ]
    await ask(house, {"model": "auto", "instructions": "y" * 10, "input": [{"role": "user", "content": content}]})
    assert house.event.estimated
    assert house.event.input_tokens == 10
