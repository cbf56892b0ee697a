"""Requests, answers and streams of both families, for property tests."""

import json
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import strategies as st

from homeport.protocols.anthropic.events import read_event
from homeport.protocols.anthropic.stream_from_chat import MessageEvents
from homeport.protocols.anthropic.stream_to_chat import ChatChunks

TEXT = st.text(min_size=1, max_size=20)
VISIBLE = TEXT.filter(lambda text: bool(text.strip()))
NAME = st.from_regex(r"[a-zA-Z0-9_-]{1,12}", fullmatch=True)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
OBJECTS = st.dictionaries(st.text(max_size=6), VALUES, max_size=3)

TEXT_BLOCK = st.builds(lambda text: {"type": "text", "text": text}, TEXT)
IMAGE = st.one_of(
    st.builds(lambda url: {"type": "url", "url": f"https://example.org/{url}"}, NAME),
    st.just({"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}),
).map(lambda source: {"type": "image", "source": source})
TOOL_USE = st.builds(
    lambda call, name, given: {"type": "tool_use", "id": call, "name": name, "input": given}, NAME, NAME, OBJECTS
)
TOOL_RESULT = st.builds(
    lambda call, content: {"type": "tool_result", "tool_use_id": call, **({"content": content} if content else {})},
    NAME,
    st.one_of(st.none(), TEXT, st.lists(TEXT_BLOCK, min_size=2, max_size=3)),
)


def shortest(blocks: list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    """Content as the translators write it: one text is a string."""
    return blocks[0]["text"] if len(blocks) == 1 and blocks[0]["type"] == "text" else blocks


USER = st.builds(
    lambda results, said: {"role": "user", "content": shortest([*results, *said])},
    st.lists(TOOL_RESULT, max_size=2),
    st.lists(TEXT_BLOCK | IMAGE, min_size=1, max_size=3),
)
ASSISTANT = st.builds(
    lambda texts, calls: {"role": "assistant", "content": shortest([*texts, *calls])},
    st.lists(TEXT_BLOCK, min_size=1, max_size=2),
    st.lists(TOOL_USE, max_size=2),
)
TOOL = st.builds(
    lambda name, description, strict: {
        "name": name,
        "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
        **({"description": description} if description else {}),
        **({"strict": strict} if strict is not None else {}),
    },
    NAME,
    st.none() | TEXT,
    st.none() | st.booleans(),
)
CHOICE = st.one_of(
    st.builds(
        lambda choice, alone: {**choice, **({"disable_parallel_tool_use": True} if alone else {})},
        st.sampled_from([{"type": "auto"}, {"type": "any"}, {"type": "tool", "name": "weather"}]),
        st.booleans(),
    ),
    st.just({"type": "none"}),
)


@st.composite
def messages_requests(draw: st.DrawFn) -> dict[str, Any]:
    """Requests that both families can say in full."""
    turns = draw(st.integers(1, 3))
    said = [draw(USER if turn % 2 == 0 else ASSISTANT) for turn in range(turns)]
    request: dict[str, Any] = {"model": "m", "max_tokens": draw(st.integers(1, 10_000)), "messages": said}
    system = st.one_of(TEXT, st.lists(TEXT_BLOCK, min_size=2, max_size=3))
    optional = {
        "system": system,
        "temperature": st.sampled_from([0, 0.5, 1]),
        "top_p": st.sampled_from([0.1, 1]),
        "top_k": st.integers(1, 100),
        "stop_sequences": st.lists(VISIBLE, min_size=1, max_size=3),
        "stream": st.booleans(),
        "metadata": st.builds(lambda user: {"user_id": user}, NAME),
        "service_tier": st.sampled_from(["auto", "standard_only"]),
        "output_config": st.sampled_from(
            [{"effort": "max"}, {"format": {"type": "json_schema", "schema": {"type": "object"}}}]
        ),
        "thinking": st.just({"type": "disabled"}),
    }
    request |= {name: draw(values) for name, values in optional.items() if draw(st.booleans())}
    if request.get("output_config", {}).get("effort"):
        request.pop("thinking", None)
    if draw(st.booleans()):
        request["tools"] = draw(st.lists(TOOL, min_size=1, max_size=2))
        request |= {"tool_choice": draw(CHOICE)} if draw(st.booleans()) else {}
    elif any(block["type"] == "tool_use" for turn in said for block in turn["content"] if isinstance(block, dict)):
        request["tools"] = [draw(TOOL)]
    return request


THINKING = st.builds(
    lambda thought, seal: {"type": "thinking", "thinking": thought, "signature": seal}, TEXT, st.just("") | NAME
)
COUNTS = st.integers(0, 5_000)
ENDS = st.sampled_from([("end_turn", None), ("max_tokens", None), ("stop_sequence", "###"), ("refusal", None)])


@st.composite
def messages(draw: st.DrawFn) -> dict[str, Any]:
    """Answers that both families can say in full."""
    thoughts = draw(st.lists(THINKING, max_size=1))
    texts = draw(st.lists(TEXT_BLOCK, max_size=1))
    calls = draw(st.lists(TOOL_USE, max_size=3, unique_by=lambda call: call["id"]))
    reason, sequence = ("tool_use", None) if calls else draw(ENDS)
    fresh, read, written = draw(COUNTS), draw(COUNTS), draw(COUNTS)
    usage: dict[str, Any] = {
        "input_tokens": fresh,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "output_tokens": draw(COUNTS),
    }
    if written:
        usage["cache_creation"] = {"ephemeral_5m_input_tokens": written, "ephemeral_1h_input_tokens": 0}
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [*thoughts, *texts, *calls],
        "stop_reason": reason,
        "stop_sequence": sequence,
        "usage": usage,
    }


def fields(body: Mapping[str, Any]) -> dict[str, msgspec.Raw]:
    return msgspec.json.decode(json.dumps(body), type=dict[str, msgspec.Raw])


def plain(value: Any) -> Any:
    """What a peer would read."""
    return json.loads(msgspec.json.encode(value))


def cut(text: str, cuts: list[int]) -> list[str]:
    places = sorted({0, len(text), *(min(place, len(text)) for place in cuts)})
    return [text[start:end] for start, end in pairwise(places)]


def events_of(message: dict[str, Any], cuts: list[int]) -> list[dict[str, Any]]:
    """The stream that Anthropic would send for a message, its texts cut at `cuts`."""
    usage = {**message["usage"], "output_tokens": 1}
    start = {**message, "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": start}, {"type": "ping"}]
    for index, block in enumerate(message["content"]):
        begun, deltas = _block_events(block, cuts)
        events.append({"type": "content_block_start", "index": index, "content_block": begun})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    end = {"stop_reason": message["stop_reason"], "stop_sequence": message["stop_sequence"]}
    usage = {"output_tokens": message["usage"]["output_tokens"]}
    return [*events, {"type": "message_delta", "delta": end, "usage": usage}, {"type": "message_stop"}]


def _block_events(block: dict[str, Any], cuts: list[int]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    match block["type"]:
        case "text":
            return {**block, "text": ""}, [{"type": "text_delta", "text": part} for part in cut(block["text"], cuts)]
        case "thinking":
            parts = [{"type": "thinking_delta", "thinking": part} for part in cut(block["thinking"], cuts)]
            seal = [{"type": "signature_delta", "signature": block["signature"]}] if block["signature"] else []
            return {**block, "thinking": "", "signature": ""}, [*parts, *seal]
    given = json.dumps(block["input"])
    parts = [{"type": "input_json_delta", "partial_json": part} for part in ["", *cut(given, cuts)]]
    return {**block, "input": {}}, parts


def message_of(events: list[dict[str, Any]]) -> dict[str, Any]:
    """The message that a client puts together from a stream; checks the order of its events."""
    message: dict[str, Any] = {}
    texts: dict[int, str] = {}
    is_open = None
    for event in events:
        match event["type"]:
            case "message_start":
                assert not message, "two starts"
                message = dict(event["message"], content=[])
            case "content_block_start":
                assert is_open is None, "two open blocks"
                is_open = event["index"]
                assert is_open == len(message["content"]), "blocks are numbered in their order"
                message["content"].append(dict(event["content_block"]))
            case "content_block_delta":
                assert is_open == event["index"], "a delta of a block that is not open"
                _add(message["content"][-1], event["delta"], texts, event["index"])
            case "content_block_stop":
                assert is_open == event["index"]
                is_open = None
            case "message_delta":
                assert is_open is None, "the end before a block's"
                message |= event["delta"]
                message["usage"] = message["usage"] | event["usage"]
    assert events[-1] == {"type": "message_stop"}
    for index, text in texts.items():
        message["content"][index]["input"] = json.loads(text)
    return message


def _add(block: dict[str, Any], delta: dict[str, Any], texts: dict[int, str], index: int) -> None:
    match delta["type"]:
        case "text_delta":
            block["text"] += delta["text"]
        case "thinking_delta":
            block["thinking"] += delta["thinking"]
        case "signature_delta":
            block["signature"] = delta["signature"]
        case "input_json_delta":
            texts[index] = texts.get(index, "") + delta["partial_json"]


def completion_of(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """The chat completion that a client puts together from a stream."""
    said: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None}
    calls: dict[int, dict[str, Any]] = {}
    choice: dict[str, Any] = {"index": 0, "message": said, "logprobs": None}
    for chunk in chunks:
        for part in chunk["choices"]:
            choice |= {name: part[name] for name in ("finish_reason", "stop_reason") if part.get(name) is not None}
            _merge(said, calls, part["delta"])
    if calls:
        said["tool_calls"] = [calls[index] for index in sorted(calls)]
        said["content"] = said["content"] or None
    last = chunks[-1]
    head = {name: last[name] for name in ("id", "created", "model")}
    return {**head, "object": "chat.completion", "choices": [choice], "usage": last["usage"]}


def _merge(said: dict[str, Any], calls: dict[int, dict[str, Any]], delta: dict[str, Any]) -> None:
    for name in ("content", "refusal", "reasoning_content"):
        if delta.get(name) is not None:
            said[name] = (said.get(name) or "") + delta[name]
    said.setdefault("thinking_blocks", []).extend(delta.get("thinking_blocks", []))
    if not said["thinking_blocks"]:
        del said["thinking_blocks"]
    for call in delta.get("tool_calls", []):
        known = calls.setdefault(call["index"], {"function": {"arguments": ""}})
        known |= {name: call[name] for name in ("id", "type") if name in call}
        known["function"] |= {"name": call["function"]["name"]} if "name" in call["function"] else {}
        known["function"]["arguments"] += call["function"]["arguments"]


def chunks_from(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    writer = ChatChunks()
    return [plain(chunk) for event in events for chunk in writer.feed(read_event(json.dumps(event).encode()))]


def events_from(chunks: list[dict[str, Any]], writer: MessageEvents | None = None) -> list[dict[str, Any]]:
    writer = writer or MessageEvents()
    told = [plain(event) for chunk in chunks for event in writer.feed(json.dumps(chunk).encode())]
    return [*told, *(plain(event) for event in writer.end())]
