"""Google's Gemini API and OpenAI's chat: what both can say survives, and what is nonsense is refused."""

import json
from contextlib import suppress
from typing import Any

from homeport.core.errors import BadAnswer, InvalidRequest, StreamCut
from homeport.protocols.gemini.answer import chat_completion, gemini_answer
from homeport.protocols.gemini.embeddings import batch_answer, batch_request, embedding_list, embedding_request
from homeport.protocols.gemini.errors import read_error
from homeport.protocols.gemini.request import chat_request, gemini_request
from homeport.protocols.gemini.stream import ChatChunks, GeminiEvents
from tests.fuzz import chats, hostile
from tests.fuzz.source import Source
from tests.fuzz.targets.frames import _gemini_framer, told
from tests.protocols.gemini.test_answer import folded

_MODELS = ("gemini-2.5-pro", "gemini-3-pro")


def _to_gemini(fields: dict[str, Any], model: str) -> dict[str, Any]:
    return dict(json.loads(gemini_request(hostile.fields(json.dumps(fields).encode()), model).decode()))


def _to_chat(body: dict[str, Any]) -> dict[str, Any]:
    return dict(hostile.plain(chat_request(json.dumps(body).encode(), model="m", stream=False)))


def requests(data: bytes) -> None:
    """A chat request says the same on a second journey, and no word of it is lost on the first."""
    source = Source(data)
    asked, model = chats.request_of(source), source.choice(_MODELS)
    body = _to_gemini(asked, model)
    said = [text for text in chats.texts_of(asked) if not _is_object(text)]
    missing = [text for text in said if text not in chats.all_text(body)]
    assert not missing, f"words were lost: {missing}"
    back = _to_chat(body)
    assert _to_gemini(back, model) == body, "it drifts"
    assert [message["role"] for message in back["messages"]] == [message["role"] for message in asked["messages"]]


def _is_object(text: str) -> bool:
    """A tool's result that is a JSON object goes as one."""
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _part(source: Source) -> dict[str, Any]:
    call = {"name": source.name(), "args": chats.json_object(source)}
    signed = {"functionCall": {**call, "id": source.name()}, "thoughtSignature": "c2ln"}
    text = source.text()
    return source.choice(({"text": text}, {"text": text, "thought": True}, {"functionCall": call}, signed))


def _candidate(parts: list[Any], index: int, finish: str) -> dict[str, Any]:
    said = {"content": {"role": "model", "parts": parts}, "index": index}
    return {**said, "finishReason": finish} if finish else said


def answers(data: bytes) -> None:
    """A stream of Gemini's says what the whole says, however it is cut; so does a chat's, told as Gemini's."""
    source = Source(data)
    finish, number = source.choice(("STOP", "MAX_TOKENS", "SAFETY")), source.integer(1, 2)
    pieces = [source.many(lambda: _part(source)) for _ in range(source.integer(1, 4))]
    usage = {
        "usageMetadata": {"promptTokenCount": source.integer(0, 99), "candidatesTokenCount": source.integer(0, 99)}
    }
    head = {"responseId": "r", "modelVersion": "g", **usage}
    parts = [part for piece in pieces for part in piece]
    body = {**head, "candidates": [_candidate(parts, at, finish) for at in range(number)]}
    answer, counted = chat_completion(json.dumps(body).encode(), model="m", answer_id="a", created=1)
    events = [
        {**head, "candidates": [_candidate(piece, at, finish if last + 1 == len(pieces) else "")]}
        for at in range(number)
        for last, piece in enumerate(pieces)
    ]
    stream = b"".join(b"data: " + json.dumps(event).encode() + b"\r\n\r\n" for event in events)
    whole = told(_gemini_framer(), [stream])
    assert told(_gemini_framer(), source.pieces(stream)) == whole
    assert whole.error is None
    assert whole.usage == counted
    _same(whole.joined, hostile.plain(answer))
    _chat_stream(source)


def _same(stream: bytes, answer: dict[str, Any]) -> None:
    """What a client makes of the chunks is what it makes of the whole."""
    payloads = [event[6:] for event in stream.split(b"\n\n") if event and event != b"data: [DONE]"]
    chunks = [json.loads(payload) for payload in payloads]
    wanted = {c["index"]: {**c["message"], "finish_reason": c["finish_reason"]} for c in answer["choices"]}
    assert folded(chunks) == wanted, "the stream says something else than the whole"


def _chat_stream(source: Source) -> None:
    completion, chunks = chats.answer_of(source)
    body = json.loads(gemini_answer(json.dumps(completion).encode()))
    translator = GeminiEvents()
    events = [json.loads(event) for chunk in chunks for event in translator.feed(json.dumps(chunk).encode())]
    translator.close()
    parts = [part for event in events for part in _parts(event)]
    assert _folded(parts) == _folded(_parts(body)), "the stream says something else than the whole"
    assert events[-1]["usageMetadata"] == body["usageMetadata"]
    back, _ = chat_completion(json.dumps(body).encode(), model="m", answer_id="a", created=1_700_000_000)
    [choice], [asked] = hostile.plain(back)["choices"], completion["choices"]
    assert (choice["message"]["content"] or "") == (asked["message"]["content"] or "")
    assert choice["message"].get("tool_calls") == asked["message"].get("tool_calls")
    assert choice["message"].get("reasoning_content") == asked["message"].get("reasoning_content")


def _parts(event: dict[str, Any]) -> list[dict[str, Any]]:
    return [part for candidate in event.get("candidates", []) for part in candidate["content"]["parts"]]


def _folded(parts: list[dict[str, Any]]) -> tuple[str, str, list[Any]]:
    """The text, what was thought, and the calls."""
    thoughts = "".join(part.get("text", "") for part in parts if part.get("thought"))
    texts = "".join(part.get("text", "") for part in parts if not part.get("thought"))
    return texts, thoughts, [part["functionCall"] for part in parts if "functionCall" in part]


def nonsense(data: bytes) -> None:
    """Whatever comes is told or refused, and what is told is JSON."""
    source = Source(data)
    asked, model = chats.request_of(source), source.choice(_MODELS)
    body = hostile.written(source, hostile.spoil(source, asked))
    with suppress(InvalidRequest):
        json.loads(gemini_request(chats.fields_of(body), model).decode())
    native = hostile.written(source, hostile.spoil(source, _to_gemini(asked, model)))
    with suppress(InvalidRequest):
        hostile.plain(chat_request(native, model="m", stream=source.flag()))
    _embeddings(source)
    completion, chunks = chats.answer_of(source)
    answer = {
        "candidates": [_candidate(source.many(lambda: _part(source)), 0, "STOP")],
        "usageMetadata": {"promptTokenCount": 1},
    }
    with suppress(BadAnswer):
        hostile.plain(
            chat_completion(hostile.written(source, hostile.spoil(source, answer)), model="m", answer_id="a", created=0)
        )
    with suppress(BadAnswer):
        json.loads(gemini_answer(hostile.written(source, hostile.spoil(source, completion))).decode())
    read_error(
        hostile.written(source, hostile.spoil(source, {"error": {"code": 429, "details": [{"retryDelay": "3s"}]}}))
    )
    to_chat, from_chat = ChatChunks(model="m", answer_id="a", created=0), GeminiEvents()
    with suppress(BadAnswer, StreamCut):
        for event in (answer, answer):
            hostile.plain(to_chat.feed(hostile.written(source, hostile.spoil(source, event))))
        hostile.plain(to_chat.close())
    with suppress(BadAnswer, StreamCut):
        for chunk in chunks:
            told_events = from_chat.feed(hostile.written(source, hostile.spoil(source, chunk)))
            assert all(json.loads(event.decode()) for event in told_events)
        from_chat.close()


def _embeddings(source: Source) -> None:
    asked = {
        "model": "m",
        "input": source.choice(("a", ["a", source.text()])),
        "dimensions": 2,
        "encoding_format": "base64",
    }
    body = hostile.written(source, hostile.spoil(source, asked))
    with suppress(InvalidRequest):
        json.loads(batch_request(chats.fields_of(body), "e").decode())
    native = {"requests": [{"content": {"parts": [{"text": source.text()}]}, "outputDimensionality": 2}]}
    with suppress(InvalidRequest):
        hostile.plain(embedding_request(hostile.written(source, hostile.spoil(source, native)), model="m"))
    answer = hostile.written(source, hostile.spoil(source, {"embeddings": [{"values": [0.5, -1]}]}))
    with suppress(BadAnswer):
        hostile.plain(embedding_list(answer, model="m", encoding=source.choice(("float", "base64")), expected=1))
    listing = {"object": "list", "data": [{"index": 0, "embedding": [0.5, 1]}], "usage": {"prompt_tokens": 1}}
    with suppress(BadAnswer):
        json.loads(batch_answer(hostile.written(source, hostile.spoil(source, listing))).decode())
