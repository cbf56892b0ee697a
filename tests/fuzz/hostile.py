"""JSON that is almost right: values of the wrong type, fields lost or doubled, texts that are none, bytes changed."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from tests.fuzz.source import Source

ODD: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1,
        2**31,
        2**63,
        -(2**70),
        0.5,
        -1e308,
        "",
        "x",
        "0",
        "null",
        "data:",
        "data:;base64,A",
    ),
    *([], [[]], [None], {}, {"type": "text"}, {"": {}}, [{}], "\ud800", "a\udfffb", "\x00", "x" * 300),
    *({"type": "x"}, {"role": "user"}, {"index": -1}, {"text": None}, {"name": ""}, {"url": "data:x"}),
)
RAW = (
    b"1e999",
    b"NaN",
    b"-0",
    b"1" * 400,
    b"\xff",
    b'"\xff"',
    b'"\\ud800"',
    b"[" * 300,
    b'{"a":' * 300,
    b"",
    b"\x00",
    b'"',
)
NESTS = (
    *(
        (b"[", b"1", b"]"),
        (b'{"a":', b"1", b"}"),
        (b'[{"type":"tool_result","tool_use_id":"a","content":', b'"x"', b"}]"),
    ),
    *(
        (b'{"type":"object","properties":{"a":', b"{}", b"}}"),
        (b'{"items":', b"{}", b"}"),
        (b'{"any_of":[', b"{}", b"]}"),
    ),
)


def parsed(data: bytes) -> Any:
    """JSON by Python's own reader; what is too deep for it here it gets on a stack of its own."""
    text = data.decode()
    try:
        return json.loads(text)
    except RecursionError:
        with ThreadPoolExecutor(1) as fresh:
            return fresh.submit(json.loads, text).result()


def spoil(source: Source, value: Any) -> Any:
    """`value` with some of its inner values changed, lost, doubled or moved."""
    if source.seldom():
        return source.choice(ODD)
    if isinstance(value, dict):
        spoilt = {name: spoil(source, inner) for name, inner in value.items() if not source.seldom()}
        if source.seldom():
            spoilt[source.choice(_NAMES)] = source.choice(ODD)
        return spoilt
    if isinstance(value, list):
        spoilt_list = [spoil(source, inner) for inner in value]
        return spoilt_list * 2 if spoilt_list and source.seldom() else spoilt_list
    return value


_TEXT = re.compile(rb'(?<=:) ?"(?:[^"\\\\]|\\\\.)*"')
_NAMES = (
    *(
        "type",
        "role",
        "content",
        "text",
        "id",
        "name",
        "index",
        "tool_calls",
        "function",
        "arguments",
        "usage",
        "delta",
    ),
    *("choices", "finish_reason", "stop_reason", "error", "input", "output", "parts", "functionCall", "inlineData"),
    *("extra_content", "thinking_blocks", "reasoning_content", "refusal", "logprobs", "audio", "images", "model"),
)


def written(source: Source, value: Any) -> bytes:
    """`value` as JSON; once in a while with bytes changed, or a piece put in that is not JSON."""
    data = json.dumps(value, ensure_ascii=source.flag()).encode("utf-8", "surrogatepass")
    match source.byte() & 15:
        case 13:
            return _with(data, source.integer(0, len(data)), source.choice(RAW))
        case 14:
            return data[: source.integer(0, len(data))]
        case 15:
            return _with_value(source, data)
    return data


def _with_value(source: Source, data: bytes) -> bytes:
    """A text of it is something deep instead."""
    texts = [match.span() for match in _TEXT.finditer(data)]
    start, end = source.choice(texts) if texts else (0, len(data))
    return data[:start] + _nest(source) + data[end:]


def _nest(source: Source) -> bytes:
    """Something deep: around the depth at which a decoder gives up, or far beyond, then without its end."""
    opening, inner, closing = source.choice(NESTS)
    depth = source.choice((source.integer(1, 130), source.integer(300, 1_000), source.integer(300, 1_000), 20_000))
    return opening * depth + (inner + closing * depth if depth < 20_000 else b"")


def _with(data: bytes, at: int, piece: bytes) -> bytes:
    return data[:at] + piece + data[at + len(piece) :]


def fields(body: bytes) -> dict[str, msgspec.Raw]:
    return msgspec.json.decode(body, type=dict[str, msgspec.Raw])


def plain(value: Any) -> Any:
    """What a peer reads of it; it must be JSON in UTF-8 that holds no broken text."""
    text = msgspec.json.encode(value).decode()
    try:
        return json.loads(text)
    except RecursionError:  # the peer's own bound, not ours
        return None
