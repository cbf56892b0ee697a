"""Each provider against an API that answers anything: a status, headers, and a body that is almost right."""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from types import ModuleType
from typing import Any, NamedTuple

from homeport.core.errors import ConnectFailed, UpstreamError
from homeport.core.types import Surface
from homeport.providers import anthropic, gemini, openai_compatible, replicate
from homeport.transport.http import HttpRequest, HttpResponse
from tests.fakes.transport import answered
from tests.fuzz import chats, hostile
from tests.fuzz.loop import VirtualLoop
from tests.fuzz.source import Source
from tests.fuzz.targets import frames
from tests.fuzz.targets.frames import SECRET, Told
from tests.providers.calls import call, setup


class _Stream(NamedTuple):
    status: int
    headers: Any
    pieces: Sequence[bytes]

    async def chunks(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece

    async def read(self, limit: int) -> bytes:
        return b"".join(self.pieces)[:limit]


class _Transport:
    """Gives its answers in turn, a stream's in pieces; then nothing answers any more."""

    def __init__(self, answers: Sequence[HttpResponse], pieces: Sequence[bytes]) -> None:
        self._answers: Iterator[HttpResponse] = iter(answers)
        self._pieces = pieces

    async def post(self, request: HttpRequest) -> HttpResponse:
        for answer in self._answers:
            return answer
        raise ConnectFailed("nobody is there")

    @asynccontextmanager
    async def stream(self, request: HttpRequest) -> AsyncIterator[_Stream]:
        body = b"".join(self._pieces)
        answer = answered(body, kind="text/event-stream")
        yield _Stream(answer.status, answer.headers, self._pieces)

    async def close(self) -> None: ...


_URL = "http://127.0.0.1:9/v1/predictions/p"
PREDICTION = {
    "id": "p",
    "status": "succeeded",
    "output": ["a", "b"],
    "urls": {"get": _URL, "cancel": _URL, "stream": _URL},
}
_MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn"}
WHOLE: tuple[tuple[ModuleType, Any, Sequence[Any]], ...] = (
    (
        openai_compatible,
        {**frames._CHUNK, "choices": [{"index": 0, "message": {"content": "a"}}], "usage": frames._USAGE},
        frames.CHAT,
    ),
    (
        anthropic,
        {**_MESSAGE, "content": [{"type": "text", "text": "a"}], "usage": {"input_tokens": 1}},
        frames.MESSAGES,
    ),
    (
        gemini,
        {"candidates": [{**frames._CANDIDATE, "finishReason": "STOP"}], "usageMetadata": frames._GOOGLE_USAGE},
        frames.GEMINI,
    ),
    (replicate, {**PREDICTION, "metrics": {"predict_time": 0.5, "output_token_count": 3}}, frames.CHAT),
)
_STATUSES = (200, 200, 200, 201, 204, 302, 400, 401, 404, 429, 500, 529)


def hostile_answers(data: bytes) -> None:
    """Whatever an API answers: a completion or a stream in JSON, or an upstream's error without the key in it."""
    source = Source(data)
    module, whole, templates = source.choice(WHOLE)
    bodies = [hostile.written(source, hostile.spoil(source, whole)) for _ in range(source.integer(1, 4))]
    retry = source.choice(("1", "", "-1", "nan", "Wed, 21 Oct 2015 07:28:00 GMT", "x" * 50, "99999999999999999999"))
    answers = [answered(body, source.choice(_STATUSES), **{"retry-after": retry}) for body in bodies]
    stream = replicate_stream(source) if module is replicate else frames.stream_of(source, templates)
    asked = call(surface=Surface.CHAT, model="owner/name", stream=True)

    async def complete() -> None:
        provider = module.connect(setup(_Transport(answers, []), api_key=SECRET))
        completion = await provider.complete(asked)
        hostile.parsed(completion.body)

    _run(complete())
    told = [_run(_streamed(module, answers, pieces)) for pieces in ([stream], source.pieces(stream))]
    assert told[0] == told[1], "the network's cuts changed the frames"


async def _streamed(module: ModuleType, answers: Sequence[HttpResponse], pieces: Sequence[bytes]) -> Told:
    provider = module.connect(setup(_Transport(answers, pieces), api_key=SECRET))
    found = []
    error = None
    asked = call(surface=Surface.CHAT, model="owner/name", stream=True)
    try:
        async with aclosing(provider.stream(asked)) as stream:
            async for frame in stream:
                found.append(frame)  # noqa: PERF401 (what came before an error counts)
    except UpstreamError as refused:
        assert SECRET not in f"{refused.message}{refused.hint}", "the key is in an error"
        error = (type(refused).__name__, refused.code)
    await provider.close()
    content = b"".join(frame.data for frame in found if not frame.closing)
    closing = tuple(frame.data for frame in found if frame.closing)
    usages = [frame.usage for frame in found if frame.usage]
    return Told(content, closing, b"", usages[-1] if usages else None, error)


def _run(work: Any) -> Any:
    async def told() -> Any:
        try:
            return await work
        except UpstreamError as refused:
            assert SECRET not in f"{refused.message}{refused.hint}", "the key is in an error"
            return refused.code

    return VirtualLoop(lambda wire, number: []).run(told())


def replicate_stream(source: Source) -> bytes:
    end = source.choice((b"\n", b"\r\n", b"\r"))
    parts = []
    for _ in range(source.integer(0, 5)):
        name = source.choice((b"output", b"output", b"output", b"error", b"done", b"logs"))
        data = source.choice((source.text().encode(), b"{}", b'{"reason": "canceled"}', source.take(3)))
        lines = [b"data: " + line for line in data.splitlines() or [b""]]
        parts.append(end.join([b"event: " + name, b"id: 1", *lines]) + end + end)
    stream = b"".join(parts) + source.choice((b"event: done\ndata: {}\n\n", b""))
    return stream[: source.integer(0, len(stream))] if source.seldom() else stream


def replicate_text(data: bytes) -> None:
    """What Replicate streams is told as a chat, no word lost, split anywhere."""
    source = Source(data)
    texts = ["".join(source.text().splitlines()) for _ in range(source.integer(0, 4))]
    stream = (
        b"".join(b"event: output\nid: 1\ndata: " + text.encode() + b"\n\n" for text in texts)
        + b"event: done\ndata: {}\n\n"
    )
    begun = answered(json.dumps({**PREDICTION, "status": "starting", "output": None}).encode(), 201)
    settled = answered(
        json.dumps({**PREDICTION, "metrics": {"output_token_count": 3, "input_token_count": 2}}).encode()
    )

    async def work() -> list[Any]:
        provider = replicate.connect(setup(_Transport([begun, settled], source.pieces(stream)), api_key=SECRET))
        async with aclosing(provider.stream(call(chats.request_of(Source(b"")), model="o/n", stream=True))) as told:
            return [frame async for frame in told]

    found = VirtualLoop(lambda wire, number: []).run(work())
    whole = Told(b"", tuple(f.data for f in found if f.closing), b"".join(f.data for f in found), None, None)
    frames._is_chat(whole)
    payloads = [event[6:] for event in whole.joined.split(b"\n\n") if event and b"[DONE]" not in event[:12]]
    deltas = [choice["delta"] for payload in payloads for choice in json.loads(payload)["choices"]]
    assert "".join(delta.get("content") or "" for delta in deltas) == "".join(texts), "words were lost"
