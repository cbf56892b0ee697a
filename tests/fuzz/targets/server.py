"""What strangers send to us: bodies of every surface, uploads, deadlines and the lines of batches."""

import json
import math
import tempfile
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

from homeport.api.anthropic import AnthropicDialect
from homeport.api.dialects import dialects
from homeport.api.multipart import MAX_FIELD_BYTES, MAX_FIELDS, Upload
from homeport.core.errors import BadAnswer, InvalidRequest
from homeport.core.types import Completion, Frame, Receipt, Surface
from homeport.jobs import lines
from homeport.pipeline.deadline import seconds_left
from homeport.transport.sse import data_of, events
from tests.fakes.multipart import BOUNDARY, CONTENT_TYPE, form
from tests.fuzz import chats, hostile
from tests.fuzz.source import Source
from tests.fuzz.targets import anthropic, responses

RECEIPT = Receipt(request_id="req_1", tier="local", model="m", reason="because")


def _completion_request(source: Source) -> dict[str, Any]:
    return {
        "model": "m",
        "prompt": source.choice((source.text(), [source.text()], [1, 2], [[1], [2]])),
        "max_tokens": 5,
    }


def _embedding_request(source: Source) -> dict[str, Any]:
    return {"model": "m", "input": [source.text(), source.text()], "dimensions": 3}


def _rerank_request(source: Source) -> dict[str, Any]:
    return {"model": "m", "query": source.text(), "documents": [source.text(), {"text": source.text()}], "top_n": 1}


def _moderation_request(source: Source) -> dict[str, Any]:
    return {"input": [source.text(), {"type": "text", "text": source.text()}]}


MAKERS: dict[Surface, Callable[[Source], dict[str, Any]]] = {
    Surface.CHAT: chats.request_of,
    Surface.COMPLETION: _completion_request,
    Surface.EMBEDDING: _embedding_request,
    Surface.RESPONSES: responses.request_of,
    Surface.MESSAGES: anthropic.request_of,
    Surface.MODERATION: _moderation_request,
    Surface.RERANK: _rerank_request,
}


def bodies(data: bytes) -> None:
    """A body is refused, or kept as it came: every field of it, in JSON that anybody can read."""
    source = Source(data)
    surface = source.choice(tuple(MAKERS))
    dialect = dialects()[surface]
    good = MAKERS[surface](source)
    assert hostile.plain(dialect.decode(surface, json.dumps(good).encode()).fields) == good, (
        "fields were lost or changed"
    )
    body = hostile.written(source, hostile.spoil(source, good))
    with suppress(InvalidRequest):
        AnthropicDialect(betas=source.text()).decode_prompt(body)
    try:
        inference = dialect.decode(surface, body)
    except InvalidRequest as error:
        assert error.code in {"invalid_json", "invalid_utf8", "json_too_deep", "invalid_value"}, error.code
        return
    assert hostile.plain(inference.fields) == json.loads(body.decode()), "fields were lost or changed"
    assert inference.input_chars >= 0
    with suppress(InvalidRequest):
        hostile.plain(dialect.as_chat(inference))


def writers(data: bytes) -> None:
    """An answer of a chat in every caller's words, from frames cut anywhere: the same events, and an end."""
    source = Source(data)
    surface = source.choice((Surface.RESPONSES, Surface.MESSAGES))
    inference = dialects()[surface].decode(surface, json.dumps(MAKERS[surface](source)).encode())
    completion, chunks = chats.answer_of(source)
    places = source.cuts(len(chunks))
    groups = [chunks[start:end] for start, end in pairwise(places) if start < end]
    told = [_written(inference, cut) for cut in (groups, [chunks])]
    assert told[0] == told[1], "the frames' cuts changed what the caller reads"
    assert "".join(_texts(told[0])) == (completion["choices"][0]["message"]["content"] or "")
    writer = dialects()[surface].writer(inference, Surface.CHAT)
    body = hostile.written(source, hostile.spoil(source, completion))
    with suppress(BadAnswer):
        json.loads(writer.whole(Completion(body=body, usage=None)).decode())
    with suppress(BadAnswer):
        for chunk in chunks:
            writer.frame(Frame(data=b"data: " + hostile.written(source, hostile.spoil(source, chunk)) + b"\n\n"))
    assert data_of(list(events(writer.closing([], RECEIPT)))[-1]) is not None


def _written(inference: Any, groups: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    ids = iter(["one", "two"])
    kinds = {Surface.MESSAGES: AnthropicDialect(new_id=lambda: next(ids))}
    dialect = kinds.get(inference.surface) or dialects()[inference.surface]
    writer = dialect.writer(inference, Surface.CHAT)
    frames = [Frame(data=chats.stream_of(group).removesuffix(b"data: [DONE]\n\n")) for group in groups]
    stream = b"".join(writer.frame(frame) for frame in frames) + writer.closing([], RECEIPT)
    found = [json.loads(payload) for event in events(stream) if (payload := data_of(event)) is not None]
    return [_without_ids(event) for event in found]


def _without_ids(event: Any) -> Any:
    """Ids of an answer are made anew each time."""
    if isinstance(event, dict):
        return {name: _without_ids(value) for name, value in event.items() if name not in ("id", "item_id", "call_id")}
    return [_without_ids(item) for item in event] if isinstance(event, list) else event


def _texts(found: list[dict[str, Any]]) -> list[str]:
    told = []
    for event in found:
        if event["type"] == "response.output_text.delta":
            told.append(event["delta"])
        elif event["type"] == "content_block_delta" and event["delta"]["type"] == "text_delta":
            told.append(event["delta"]["text"])
    return told


_END = f"\r\n--{BOUNDARY}".encode()
_PARTS = (
    *(
        _END,
        _END + b"--",
        _END + b"\r\n",
        f"--{BOUNDARY}".encode(),
        f"--{BOUNDARY}\r\n".encode(),
        b"\r\n",
        b"\r\n\r\n",
        b"--",
    ),
    *(
        b'Content-Disposition: form-data; name="file"; filename="a"\r\n\r\n',
        b'Content-Disposition: form-data; name="purpose"\r\n\r\n',
    ),
    *(
        b"Content-Disposition: form-data; name*=utf-8''a\r\n",
        b'content-disposition: form-data; name="\xff"\r\n\r\n',
        b"A: b\r\n",
    ),
    *(
        b"batch",
        b"\x00",
        b"\xff",
        b": \r\n",
        b"Content-Disposition: form-data\r\n\r\n",
        b"x" * 5_000,
        b"a: " + b"y" * 5_000,
    ),
)


def multipart(data: bytes) -> None:
    """A file comes out as it went in, wherever the network cuts; any other bytes are refused, wherever it cuts."""
    source = Source(data)
    file = b"".join(source.many(lambda: source.take(4) if source.flag() else source.choice(_PARTS[:8]), most=6))
    if _END not in b"\r\n" + file:
        body = form(file, filename="in.jsonl", extra=source.name())
        whole = _read(CONTENT_TYPE, [body])
        assert whole[:2] == ("", file), "bytes were lost, invented or moved"
        assert _read(CONTENT_TYPE, source.pieces(body)) == whole, "the network's cuts changed the upload"
    body = b"".join(source.many(lambda: source.take(3) if source.seldom() else source.choice(_PARTS), most=16))
    whole = _read(CONTENT_TYPE, [body])
    cut = _read(CONTENT_TYPE, source.pieces(body))
    assert cut[0] == whole[0], "the network's cuts changed whether it is refused"
    assert whole[0] or cut == whole
    with suppress(InvalidRequest):
        Upload(source.text().encode().decode("latin-1"), lambda _: None).feed(body)


def _read(content_type: str, pieces: list[bytes]) -> tuple[str, bytes, dict[str, str], str]:
    """The code of the refusal or "", the file, the fields and the file's name."""
    written: list[bytes] = []
    try:
        upload = Upload(content_type, written.append)
        for piece in pieces:
            upload.feed(piece)
        upload.finish()
    except InvalidRequest as error:
        return error.code, b"", {}, ""
    assert len(upload.fields) <= MAX_FIELDS
    assert all(len(value.encode()) <= MAX_FIELD_BYTES for value in upload.fields.values())
    return "", b"".join(written), upload.fields, upload.filename


_DIGITS = (
    "0",
    "1",
    "9",
    ".",
    "-",
    "+",
    "e",
    "_",
    " ",
    "\t",
    "\u0661",
    "\u00b2",
    "inf",
    "nan",
    "0x1",
    "000000001",
    "1e5",
    ",",
)


def deadline(data: bytes) -> None:
    """The header `x-homeport-timeout` gives seconds above 0 and inside our bound, as a second reader reads them."""
    source = Source(data)
    header = "".join(source.many(lambda: source.choice(_DIGITS) if source.byte() < 240 else source.text(), most=12))
    longest = source.choice((0.5, 30.0, 600.0))
    try:
        seconds = seconds_left(header, longest)
    except InvalidRequest as error:
        assert error.code == "timeout_invalid"
        return
    assert math.isfinite(seconds)
    assert 0 < seconds <= longest
    stripped = header.strip(" \t")
    assert stripped.isascii()
    assert set(stripped) <= set("0123456789.")
    assert seconds == min(float(Decimal(stripped)), longest)


def _line(source: Source, number: int) -> bytes:
    good = {
        "custom_id": f"id{number}",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": chats.request_of(source),
    }
    return hostile.written(source, hostile.spoil(source, good) if source.byte() & 3 == 3 else good)


def batch_lines(data: bytes) -> None:
    """A batch's input is refused with reasons, or every line of it can be run, each once."""
    source = Source(data)
    rows = [_line(source, number) for number in range(source.integer(0, 4))]
    rows += [rows[0]] if rows and source.seldom() else []
    parts = [row + source.choice((b"\n", b"\r\n", b"\n\n", b" \n")) for row in rows]
    text = (b"\xef\xbb\xbf" if source.seldom() else b"") + b"".join(parts)
    most = source.choice((10_000, 10_000, 300))
    with tempfile.NamedTemporaryFile() as file:
        path = Path(file.name)
        path.write_bytes(text)
        checked = lines.check(path, endpoint="/v1/chat/completions", max_lines=100, max_line_bytes=most)
        if checked.problems:
            assert all(problem.code and problem.message for problem in checked.problems)
            return
        found = list(lines.read(path, max_line_bytes=most))
    assert len(found) == checked.total == len([row for row in rows if row.strip()])
    assert len({line.custom_id for line in found}) == len(found), "two lines have one id"
    assert [line.body for line in found if json.loads(line.body.decode()) is None] == []
    assert all(len(line.body) <= most for line in found)
