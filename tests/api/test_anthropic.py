"""POST /v1/messages through the whole request path: answered by a chat, or passed through; and its tokens counted."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from homeport.api.anthropic import AnthropicDialect
from homeport.core.errors import ConnectFailed, InvalidRequest, StreamCut, UpstreamError, UpstreamRefused
from homeport.core.types import Completion, Frame, Outcome, Surface, Target, UpstreamCall, Usage
from homeport.providers.message_frames import MessageFramer
from homeport.transport.sse import data_of, events
from tests.fakes.house import NARROW, OPEN, PRIVATE, House, seen, target
from tests.fakes.upstream import DONE, USAGE, Hang, counted, event, said, spoken, whole
from tests.fakes.wire import Caller
from tests.protocols.anthropic.shapes import message_of

CHATTY = target("chatty", surfaces=frozenset({Surface.CHAT}))
NATIVE = target("native", surfaces=frozenset({Surface.MESSAGES, Surface.CHAT}))
ASK: dict[str, Any] = {
    "model": "auto",
    "max_tokens": 64,
    "system": "Be short.",
    "messages": [{"role": "user", "content": "Which clause ends the contract?"}],
}
STREAM = {**ASK, "stream": True}
MESSAGE = {"id": "msg_1", "type": "message", "content": [], "model": "x", "new_field": [1.10]}
GOLDEN = Path(__file__).parents[1] / "providers" / "golden" / "anthropic"


async def ask(house: House, body: dict[str, Any] | bytes, **request: Any) -> Caller:
    return await house.ask(body, surface="messages", **{"token": OPEN, **request})


def told(caller: Caller) -> list[dict[str, Any]]:
    found = [(one, data_of(one)) for one in events(caller.body)]
    for one, data in found:
        if data is not None:
            assert one.startswith(f"event: {json.loads(data)['type']}\n".encode()), "an event has its name"
    return [json.loads(data) for _, data in found if data is not None]


def passed() -> list[Frame]:
    framer = MessageFramer()
    return [*framer.feed((GOLDEN / "tools.sse").read_bytes())]


async def test_a_chat_answers() -> None:
    house = House(CHATTY)
    house.upstreams["chatty"].script(whole("Clause 9."))
    caller = await ask(house, ASK)
    assert caller.status == 200
    assert caller.json["type"] == "message"
    assert caller.json["content"] == [{"type": "text", "text": "Clause 9."}]
    assert caller.headers["x-homeport-model"] == "chatty"
    assert caller.headers["request-id"] == caller.headers["x-homeport-request-id"]
    assert caller.headers["x-homeport-cost"]
    assert seen(house.upstreams["chatty"])["messages"] == [
        {"role": "system", "content": "Be short."},
        *ASK["messages"],
    ]
    assert house.event.surface is Surface.MESSAGES
    assert (house.event.input_tokens, house.event.output_tokens) == (USAGE.input_tokens, USAGE.output_tokens)


async def test_a_chat_streams() -> None:
    house = House(CHATTY)
    house.upstreams["chatty"].script(spoken("Clause", " 9."))
    caller = await ask(house, STREAM)
    message = message_of(told(caller))
    assert message["content"] == [{"type": "text", "text": "Clause 9."}]
    assert message["stop_reason"] == "end_turn"
    assert message["usage"]["cache_read_input_tokens"] == USAGE.cached_input_tokens
    assert message["usage"]["input_tokens"] == USAGE.input_tokens - USAGE.cached_input_tokens
    receipt = told(caller)[-2]["homeport"]
    assert receipt["request_id"] == house.event.request_id
    assert f": x-homeport-cost: {receipt['cost_usd']}\n\n".encode() in caller.body
    assert b"[DONE]" not in caller.body


async def test_each_answer_has_an_id_of_its_own() -> None:
    house = House(CHATTY)
    house.upstreams["chatty"].script(whole())
    first, second = await ask(house, ASK), await ask(house, ASK)
    assert first.json["id"] != second.json["id"]
    assert first.json["id"].startswith("msg_")


async def test_tools_are_called_in_a_stream() -> None:
    house = House(CHATTY)
    function = {"name": "weather", "arguments": ""}
    pieces = [
        [{"index": 0, "id": "call_1", "type": "function", "function": function}],
        *([{"index": 0, "function": {"arguments": part}}] for part in ('{"ci', 'ty": "Zü', 'rich"}')),
    ]
    frames = [Frame(data=event({"choices": [{"index": 0, "delta": {"tool_calls": piece}}]})) for piece in pieces]
    end = Frame(data=event({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}))
    house.upstreams["chatty"].script([*frames, end, counted(), DONE])
    tools = [{"name": "weather", "input_schema": {"type": "object"}}]
    message = message_of(told(await ask(house, {**STREAM, "tools": tools})))
    assert message["stop_reason"] == "tool_use"
    [block] = message["content"]
    assert (block["id"], block["name"], block["input"]) == ("call_1", "weather", {"city": "Zürich"})


async def test_bytes_pass_through_both_ways() -> None:
    house = House(NATIVE)
    body = json.dumps(MESSAGE, indent=1).encode()
    house.upstreams["native"].script(Completion(body=body, usage=USAGE))
    strange = {**ASK, "unknown": {"z": 1.0, "a": 2}, "tools": [{"type": "web_search_20250305", "name": "web_search"}]}
    caller = await ask(house, strange, headers=[("anthropic-beta", "one-2025-01-01, two-2025-01-01")])
    assert caller.body == body
    [call] = house.upstreams["native"].calls
    assert call.surface is Surface.MESSAGES
    assert seen(house.upstreams["native"]) == {**strange, "anthropic_beta": ["one-2025-01-01", "two-2025-01-01"]}


async def test_a_stream_passes_through_with_its_receipt() -> None:
    house = House(NATIVE)
    house.upstreams["native"].script(passed())
    caller = await ask(house, STREAM)
    stream = (GOLDEN / "tools.sse").read_bytes()
    head = stream[: stream.index(b"event: message_delta")]
    assert caller.body.startswith(head + b": x-homeport-cost: 0.")
    assert caller.body.endswith(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')
    end = told(caller)[-2]
    assert end["delta"]["stop_reason"] == "tool_use"
    assert end["homeport"]["request_id"] == house.event.request_id
    assert (house.event.input_tokens, house.event.output_tokens) == (472, 89)


async def test_a_caller_who_leaves_pays_for_what_was_said() -> None:
    house = House(NATIVE)
    [content, *_] = passed()
    house.upstreams["native"].script([content, Hang()])
    caller = house.caller(STREAM, surface="messages")
    task = caller.start(house.app)
    await house.upstreams["native"].hanging.wait()
    caller.leave()
    await task
    assert house.event.outcome is Outcome.CANCELLED
    assert house.event.estimated
    assert house.event.input_tokens == 472, "Anthropic told it at the start"
    assert house.event.output_tokens > 5


@pytest.mark.parametrize("answerer", [CHATTY, NATIVE], ids=["translated", "passed"])
async def test_a_stream_that_breaks_ends_with_an_error_event(answerer: Any) -> None:
    house = House(answerer)
    first = said("Clause") if answerer is CHATTY else passed()[0]
    house.upstreams[answerer.name].script([first, StreamCut("the upstream's stream ended before the answer did")])
    last = told(await ask(house, STREAM))[-1]
    assert last["type"] == "error"
    assert last["error"]["type"] == "api_error"
    assert last["error"]["code"] == "upstream_stream_cut"
    assert last["request_id"] == house.event.request_id
    assert house.event.outcome is Outcome.FAILED


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_is_none(stream: bool) -> None:
    house = House(CHATTY)
    bad: Any = [Frame(data=b"data: {\n\n"), DONE] if stream else Completion(body=b'{"choices":[]}', usage=None)
    house.upstreams["chatty"].script(bad)
    caller = await ask(house, {**ASK, "stream": stream})
    error = told(caller)[-1]["error"] if stream else caller.error
    assert error["code"] == "upstream_bad_answer"
    assert house.event.outcome is Outcome.FAILED


async def test_comments_keep_a_connection_awake() -> None:
    house = House(CHATTY)
    house.upstreams["chatty"].script([Frame(data=b": ping\n\n"), *spoken("Yes")])
    assert (await ask(house, STREAM)).body.startswith(b": ping\n\n")


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        (b"{", None, "invalid_json"),
        (b'{"model":"\xff"}', None, "invalid_utf8"),
        (b'{"x":' + b"[" * 50_000, None, "json_too_deep"),
        ({**ASK, "max_tokens": "5"}, "max_tokens", "invalid_value"),
        ({name: value for name, value in ASK.items() if name != "max_tokens"}, None, "invalid_value"),
        ({**ASK, "messages": []}, "messages", "invalid_value"),
        ({**ASK, "messages": [{"role": "user", "content": 5}]}, "messages[0].content", "invalid_value"),
        ({**ASK, "temperature": 1.5}, "temperature", "invalid_value"),
        ({**ASK, "tools": [{"type": "web_search_20250305", "name": "s"}]}, "tools[0]", "untranslatable"),
    ],
)
async def test_errors_have_anthropics_shape(body: Any, param: str | None, code: str) -> None:
    house = House(CHATTY)
    caller = await ask(house, body)
    assert caller.status == 400
    assert caller.json["type"] == "error"
    assert caller.error["type"] == "invalid_request_error"
    assert (caller.error["code"], caller.error["param"]) == (code, param)
    assert caller.json["request_id"] == caller.headers["x-homeport-request-id"] == caller.headers["request-id"]
    assert house.calls() == []


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (UpstreamRefused("no", status=400, retryable=False), 400, "invalid_request_error"),
        (UpstreamRefused("no", status=413, retryable=False), 413, "request_too_large"),
        (UpstreamRefused("no", status=429, retryable=True, code="upstream_rate_limited"), 429, "rate_limit_error"),
        (ConnectFailed("no"), 503, "overloaded_error"),
    ],
)
async def test_failures_of_upstreams(error: UpstreamError, status: int, kind: str) -> None:
    house = House(CHATTY)
    house.upstreams["chatty"].script(error)
    caller = await ask(house, ASK)
    assert (caller.status, caller.error["type"]) == (status, kind)


async def test_keys() -> None:
    house = House(CHATTY)
    house.upstreams["chatty"].script(whole())
    assert (await ask(house, ASK, token=None, headers=[("x-api-key", OPEN)])).status == 200
    missing = await ask(house, ASK, token=None)
    assert (missing.status, missing.error["type"]) == (401, "authentication_error")
    forbidden = await ask(house, ASK, token=NARROW)
    assert (forbidden.status, forbidden.error["type"]) == (403, "permission_error")
    unknown = await ask(house, {**ASK, "model": "claude-9"})
    assert (unknown.status, unknown.error["type"]) == (404, "not_found_error")


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens", "/v1/messages/nowhere"])
async def test_wrong_methods_and_paths(path: str) -> None:
    caller = await counting(CHATTY).get(path)
    assert caller.status in {404, 405}
    assert caller.json["type"] == "error"


class Counter:
    """`TokenCounter` that notes what it was asked."""

    def __init__(self, answer: int | UpstreamError) -> None:
        self._answer = answer
        self.calls: list[UpstreamCall] = []

    async def count_tokens(self, call: UpstreamCall) -> int:
        self.calls.append(call)
        if isinstance(self._answer, UpstreamError):
            raise self._answer
        return self._answer


def counting(*targets: Target, **counters: Counter) -> House:
    """A house whose targets' prompts are counted by `counters`, by target name."""
    return House(*targets, counters=counters)


PROMPT = {name: value for name, value in ASK.items() if name != "max_tokens"}


async def count(house: House, body: dict[str, Any] | bytes = PROMPT, **request: Any) -> Caller:
    return await house.ask(body, surface="messages/count_tokens", **{"token": OPEN, **request})


async def test_an_upstream_counts() -> None:
    counter = Counter(42)
    house = counting(NATIVE, native=counter)
    caller = await count(house, headers=[("anthropic-beta", "one-2025-01-01")])
    assert (caller.status, caller.json) == (200, {"input_tokens": 42})
    [call] = counter.calls
    fields = {name: msgspec.json.decode(raw) for name, raw in call.fields.items()}
    assert fields == {**PROMPT, "anthropic_beta": ["one-2025-01-01"]}
    assert house.recorder.events == [], "it costs nothing"


@pytest.mark.parametrize("counters", [{}, {"native": Counter(ConnectFailed(""))}], ids=["nobody counts", "it is down"])
@pytest.mark.parametrize("answerer", [CHATTY, NATIVE], ids=["chat", "messages"])
async def test_else_it_is_estimated(answerer: Any, counters: Any) -> None:
    house = counting(answerer, **counters)
    chars = len(PROMPT["system"]) + len(PROMPT["messages"][0]["content"])
    assert (await count(house)).json == {"input_tokens": -(-chars // 4)}


async def test_what_an_upstream_refuses_to_count_is_refused() -> None:
    refusal = UpstreamRefused("the upstream rejected the request: no", status=400, retryable=False)
    caller = await count(counting(NATIVE, native=Counter(refusal)))
    assert (caller.status, caller.error["type"]) == (400, "invalid_request_error")


async def test_private_prompts_are_not_counted_elsewhere() -> None:
    counter = Counter(42)
    local = target("own", tier="home", local=True, surfaces=frozenset({Surface.CHAT}))
    house = counting(NATIVE, local, native=counter)
    assert (await count(house, token=PRIVATE)).status == 200
    assert (await count(counting(NATIVE, native=counter), token=PRIVATE)).status == 403
    assert counter.calls == []


async def test_counting_keeps_to_the_callers_deadline() -> None:
    counter = Counter(42)
    house = counting(NATIVE, native=counter)
    assert (await count(house, headers=[("x-homeport-timeout", "2.5")])).status == 200
    assert counter.calls[0].timeouts.total == 2.5
    refused = await count(house, headers=[("x-homeport-timeout", "soon")])
    assert (refused.status, refused.error["code"]) == (400, "timeout_invalid")


async def test_counting_needs_a_key_and_a_prompt() -> None:
    house = counting(NATIVE)
    missing = await count(house, token=None)
    assert (missing.status, missing.json["type"]) == (401, "error")
    wrong = await count(house, {"model": "auto"})
    assert (wrong.status, wrong.error["code"]) == (400, "invalid_value")
    assert (await count(house, b"[" * 100_000)).status in {400, 413}


async def test_all_of_a_prompt_counts() -> None:
    blocks: list[dict[str, Any]] = [
        {"type": "text", "text": "a" * 400},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "x" * 50_000}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "b" * 400}},
        {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "c" * 400}]},
        {"type": "tool_use", "id": "t", "name": "w", "input": {"d": "d" * 400}},
        {"type": "thinking", "thinking": "e" * 400, "signature": "s" * 1000},
        {"type": "web_search_tool_result", "content": {"type": "error"}},
    ]
    tools = [{"name": "w", "input_schema": {"f": "f" * 400}}]
    body = {"model": "auto", "messages": [{"role": "user", "content": blocks}], "tools": tools}
    tokens = (await count(counting(CHATTY), body)).json["input_tokens"]
    assert 100 * 6 + 1_600 <= tokens <= 100 * 6 + 1_600 + 30, "an image is not its base64, a signature is not text"


async def test_usage_of_a_chat_keeps_what_was_written_to_a_cache() -> None:
    usage = Usage(input_tokens=30, cached_input_tokens=10, cache_write_tokens=5, output_tokens=2)
    house = House(CHATTY)
    house.upstreams["chatty"].script([said("x"), counted(usage), DONE])
    message = message_of(told(await ask(house, STREAM)))
    assert message["usage"]["input_tokens"] == 15
    assert message["usage"]["cache_creation_input_tokens"] == 5
    assert house.event.cache_write_tokens == 5


def test_blocks_in_blocks_that_are_almost_too_deep_are_refused_as_too_deep() -> None:
    codes = set()
    for depth in range(420, 500):
        nested = b'[{"type":"tool_result","tool_use_id":"a","content":' * depth + b'"x"' + b"}]" * depth
        body = b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":' + nested + b"}]}"
        try:
            AnthropicDialect().decode(Surface.MESSAGES, body)
        except InvalidRequest as error:
            codes.add(error.code)
    assert codes == {"json_too_deep"}
