"""OpenAI chats: requests, answers and their streams, made of a fuzzer's choices."""

import json
from typing import Any

import msgspec

from homeport.core.errors import InvalidRequest
from tests.fuzz.source import Source

TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
_PIXEL = "iVBORw0KGgo="


def json_object(source: Source, depth: int = 2) -> dict[str, Any]:
    return {source.text(): json_value(source, depth) for _ in range(source.integer(0, 2))}


def json_value(source: Source, depth: int) -> Any:
    kind = source.integer(0, 7 if depth else 4)
    match kind:
        case 0 | 1:
            return source.text()
        case 2:
            return source.integer(0, 2**53) - 2**52
        case 3:
            return source.choice((None, True, False))
        case 4:
            return source.integer(0, 1000) / 8
        case 5:
            return [json_value(source, depth - 1) for _ in range(source.integer(0, 2))]
    return json_object(source, depth - 1)


def call_of(source: Source, number: int) -> dict[str, Any]:
    arguments = msgspec.json.encode(json_object(source)).decode()
    return {"id": f"call{number}", "type": "function", "function": {"name": source.name(), "arguments": arguments}}


def request_of(source: Source) -> dict[str, Any]:
    """A chat with calls that are answered, as every family takes it."""
    said: list[dict[str, Any]] = [{"role": "system", "content": source.text(1)}] if source.flag() else []
    calls = 0
    for _ in range(source.integer(1, 3)):
        said.append({"role": "user", "content": _content(source)})
        made = [call_of(source, calls + number) for number in range(source.integer(0, 2))]
        calls += len(made)
        answer: dict[str, Any] = {"role": "assistant", "content": source.text(1) if not made or source.flag() else None}
        said.append(answer | ({"tool_calls": made} if made else {}))
        said += [{"role": "tool", "tool_call_id": call["id"], "content": source.text(1)} for call in made]
    optional = {
        "temperature": source.choice((0, 0.5, 1)),
        "top_p": source.choice((0.1, 1)),
        "max_completion_tokens": source.integer(1, 10_000),
        "stop": ["s" + source.text()],
        "reasoning_effort": source.choice(("none", "low", "medium", "high")),
        "tools": TOOLS,
    }
    return {"model": "m", "messages": said, **{name: value for name, value in optional.items() if source.flag()}}


def _content(source: Source) -> Any:
    if source.flag():
        return source.text(1)
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{_PIXEL}"}}
    texts = [{"type": "text", "text": source.text(1)} for _ in range(source.integer(2, 3))]
    return [*texts, image] if source.flag() else texts


def texts_of(request: dict[str, Any]) -> list[str]:
    """Everything that somebody said in a chat."""
    contents = [message["content"] for message in request["messages"] if message["content"]]
    parts = [[content] if isinstance(content, str) else [part.get("text") for part in content] for content in contents]
    return [text for texts in parts for text in texts if text]


def all_text(value: Any) -> list[str]:
    """Every text in a JSON value, the values of JSON in texts not."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in inner for text in all_text(item)]


def answer_of(source: Source) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A chat completion, and the chunks of its stream: texts cut anywhere, the pieces of calls in turns."""
    thought, text = source.choice(("", source.text(1))), source.choice(("", source.text(1)))
    calls = [call_of(source, number) for number in range(source.integer(0, 3))]
    finish = "tool_calls" if calls else source.choice(("stop", "length", "content_filter"))
    message: dict[str, Any] = {"role": "assistant", "content": text or None}
    message |= {"reasoning_content": thought} if thought else {}
    message |= {"tool_calls": calls} if calls else {}
    usage = {"prompt_tokens": source.integer(0, 900), "completion_tokens": source.integer(0, 900)}
    head = {"id": "chatcmpl-1", "created": 1_700_000_000, "model": "m"}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
    completion = {**head, "object": "chat.completion", "choices": [choice], "usage": usage}
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"reasoning_content": piece} for piece in source.split(thought)]
    deltas += [{"content": piece} for piece in source.split(text)] + _call_deltas(source, calls)
    chunks = [_chunk(head, [{"index": 0, "delta": delta, "finish_reason": None}]) for delta in deltas]
    chunks.append(_chunk(head, [{"index": 0, "delta": {}, "finish_reason": finish}]))
    return completion, [*chunks, {**_chunk(head, []), "usage": usage}]


def _chunk(head: dict[str, Any], choices: list[Any]) -> dict[str, Any]:
    return {**head, "object": "chat.completion.chunk", "choices": choices}


def _call_deltas(source: Source, calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    deltas = [
        {"tool_calls": [{**call, "index": index, "function": {**call["function"], "arguments": ""}}]}
        for index, call in enumerate(calls)
    ]
    queues = [source.split(call["function"]["arguments"]) for call in calls]
    while waiting := [index for index, queue in enumerate(queues) if queue]:
        index = source.choice(waiting)
        deltas.append({"tool_calls": [{"index": index, "function": {"arguments": queues[index].pop(0)}}]})
    return deltas


def stream_of(chunks: list[dict[str, Any]]) -> bytes:
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"


def fields_of(body: bytes) -> dict[str, msgspec.Raw]:
    """The body's fields as the path gives them on; a body that is none is refused there."""
    try:
        body.decode()
        return msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidRequest("not a JSON object") from None
