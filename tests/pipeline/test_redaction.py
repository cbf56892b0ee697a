"""What leaves has placeholders, what comes back has originals, wherever the network cuts it and whatever goes wrong."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

import pytest

from homeport.config.privacy import PrivacySettings
from homeport.core.errors import StreamCut, UpstreamTimeout
from homeport.core.types import Completion, Frame, Surface, Target
from homeport.pipeline.redaction import held_frames, restored_frames
from homeport.pipeline.spending import SpendingRules
from homeport.privacy.placeholders import place_of
from homeport.privacy.restoration.answer import Restoration
from homeport.privacy.restore import Originals
from homeport.providers import anthropic, openai_compatible
from homeport.providers.frames import Framer
from homeport.providers.message_frames import MessageFramer
from homeport.providers.response_frames import ResponseFramer
from homeport.transport.fallback import AiohttpTransport
from tests.fakes.bank import budget
from tests.fakes.house import ALL, API_PRICE, OPEN, House, target
from tests.fakes.upstream import USAGE, Hang, said, spoken, whole
from tests.fakes.wire import Caller
from tests.privacy.answers import stream, understood
from tests.providers.calls import setup

REDACT = PrivacySettings.model_validate({"find": {"email": "redact_and_restore", "payment_card": "redact_and_restore"}})
EMAIL, CARD = "ada.lovelace@example.org", "4111 1111 1111 1111"
PROMPT = f"Mail {EMAIL} that {CARD} is declined."
TEXTS = {
    "said": "I told [EMAIL_1] of [PAYMENT_CARD_1]; \\[EMAIL\\_1\\] knows, [EMAIL_7] does not. EMAIL_1",
    "thought": "They mean [EMAIL_1].",
    "called": json.dumps({"to": "[EMAIL_1]", "text": "[PAYMENT_CARD_1]"}),
}
MEANT = {
    "said": f"I told {EMAIL} of {CARD}; {EMAIL} knows, [EMAIL_7] does not. {EMAIL}",
    "thought": f"They mean {EMAIL}.",
    "called": json.dumps({"to": EMAIL, "text": CARD}),
}
STREAMED = [Surface.CHAT, Surface.COMPLETION, Surface.MESSAGES, Surface.RESPONSES]


class Cutter(Protocol):
    """What cuts bytes of the network into frames."""

    def feed(self, chunk: bytes) -> Any: ...

    def close(self) -> Any: ...


FRAMERS: dict[Surface, Callable[[], Cutter]] = {Surface.MESSAGES: MessageFramer, Surface.RESPONSES: ResponseFramer}


def meant(surface: Surface) -> dict[str, str]:
    return {**dict.fromkeys(MEANT, ""), "said": MEANT["said"]} if surface is Surface.COMPLETION else MEANT


def asked(surface: Surface, *, streams: bool = True) -> dict[str, Any]:
    """A request that says what must not leave in every way that its surface has."""
    body: dict[str, Any] = {"model": "auto", "stream": streams, "metadata": {"for": EMAIL, EMAIL: "1"}}
    called = {"name": "mail", "arguments": json.dumps({"to": EMAIL})}
    match surface:
        case Surface.CHAT:
            call = {"id": "call_1", "type": "function", "function": called}
            said = [{"role": "user", "content": PROMPT}, {"role": "assistant", "content": None, "tool_calls": [call]}]
            return body | {"messages": [*said, {"role": "tool", "tool_call_id": "call_1", "content": f"{EMAIL}: ok"}]}
        case Surface.COMPLETION:
            return body | {"prompt": PROMPT}
        case Surface.MESSAGES:
            used = {"type": "tool_use", "id": "tu_1", "name": "mail", "input": {"to": EMAIL}}
            result = {"type": "tool_result", "tool_use_id": "tu_1", "content": f"{EMAIL}: ok"}
            said = [{"role": "user", "content": PROMPT}, {"role": "assistant", "content": [used]}]
            told = {"system": f"You write for {EMAIL}.", "max_tokens": 99}
            return body | told | {"messages": [*said, {"role": "user", "content": [result]}]}
    item = {"type": "function_call", "call_id": "call_1", **called}
    output = {"type": "function_call_output", "call_id": "call_1", "output": f"{EMAIL}: ok"}
    return body | {"input": [{"role": "user", "content": PROMPT}, item, output]}


def frames_of(surface: Surface, pieces: Sequence[bytes]) -> list[Frame]:
    framer: Cutter = FRAMERS.get(surface, Framer)()
    return [frame for piece in pieces for frame in framer.feed(piece)] + list(framer.close())


def away(*surfaces: Surface, **more: Any) -> Target:
    return target("mid", price=API_PRICE, surfaces=frozenset(surfaces) or ALL, **more)


def house(*targets: Target, **more: Any) -> House:
    return House(*(targets or (away(),)), privacy=REDACT, **more)


def sent_to(here: House, name: str = "mid") -> str:
    return json.dumps(
        [{field: json.loads(bytes(raw)) for field, raw in call.fields.items()} for call in here.upstreams[name].calls]
    )


def originals_in(text: str) -> list[str]:
    return [value for value in (EMAIL, "lovelace", CARD, CARD.replace(" ", "")) if value in text]


@pytest.mark.parametrize("surface", STREAMED)
def test_the_network_is_cut_at_every_byte(surface: Surface) -> None:
    data = stream(surface, TEXTS, 9)
    originals = Originals(["EMAIL", "PAYMENT_CARD"], {place_of("EMAIL", 1): EMAIL, place_of("PAYMENT_CARD", 1): CARD})
    cuts = [[data[:at], data[at:]] for at in range(len(data))] + [[data[at : at + 1] for at in range(len(data))]]
    # Most cuts give the same frames as their neighbours.
    for frames in {
        tuple(frame.data for frame in told): told for told in (frames_of(surface, cut) for cut in cuts)
    }.values():
        back = Restoration(surface, originals, {})
        told = b"".join(one.data for frame in frames for one in restored_frames(back, frame))
        assert list(held_frames(back)) == []
        assert understood(surface, told) == meant(surface)


@pytest.mark.parametrize("surface", STREAMED)
@pytest.mark.parametrize("size", [1, 3, 1000])
async def test_each_api_in_its_own_words(surface: Surface, size: int) -> None:
    here = house()
    here.upstreams["mid"].script(frames_of(surface, [stream(surface, TEXTS, size)]))
    caller = await here.ask(asked(surface), surface=surface)
    assert understood(surface, caller.body) == meant(surface)
    assert not originals_in(sent_to(here))
    assert "[EMAIL_1]" in sent_to(here)


@pytest.mark.parametrize("surface", [Surface.MESSAGES, Surface.RESPONSES])
@pytest.mark.parametrize("size", [1, 4, 1000])
async def test_an_api_told_as_a_chat(surface: Surface, size: int) -> None:
    here = house(away(Surface.CHAT))
    here.upstreams["mid"].script(frames_of(Surface.CHAT, [stream(Surface.CHAT, TEXTS, size)]))
    request = {name: value for name, value in asked(surface).items() if name != "metadata"}
    caller = await here.ask(request, surface=surface)
    assert caller.status == 200
    assert EMAIL.encode() in caller.body
    assert understood_translated(surface, caller) == {name: MEANT[name] for name in ("said", "called")}
    assert not originals_in(sent_to(here))


def understood_translated(surface: Surface, caller: Caller) -> dict[str, str]:
    """Of a chat that is told in other words: thoughts and ends are told in ways of their own."""
    said = {"said": "", "called": ""}
    names = {"text": "said", "partial_json": "called"}
    stems = {"response.output_text.delta": "said", "response.function_call_arguments.delta": "called"}
    for line in caller.body.splitlines():
        told = json.loads(line.removeprefix(b"data: ")) if line.startswith(b"data: {") else {}
        if surface is Surface.RESPONSES and told.get("type") in stems:
            said[stems[told["type"]]] += told["delta"]
        if told.get("type") == "content_block_delta":
            for name, channel in names.items():
                said[channel] += told["delta"].get(name, "")
    return said


WHOLE: dict[Surface, dict[str, Any]] = {
    Surface.CHAT: {"choices": [{"message": {"content": TEXTS["said"]}}]},
    Surface.COMPLETION: {"choices": [{"text": TEXTS["said"]}]},
    Surface.MESSAGES: {"content": [{"type": "text", "text": TEXTS["said"]}]},
    Surface.RESPONSES: {"output": [{"content": [{"text": TEXTS["said"]}]}]},
}


@pytest.mark.parametrize("surface", STREAMED)
async def test_whole_answers(surface: Surface) -> None:
    here = house()
    here.upstreams["mid"].script(Completion(body=json.dumps(WHOLE[surface]).encode(), usage=USAGE))
    caller = await here.ask(asked(surface, streams=False), surface=surface)
    assert MEANT["said"] in json.dumps(caller.json, ensure_ascii=False).replace("\\\\", "\\")
    assert not originals_in(sent_to(here))
    assert here.event.input_tokens == USAGE.input_tokens


@pytest.mark.parametrize(
    ("surface", "body"), [("embeddings", {"input": [PROMPT]}), ("rerank", {"query": EMAIL, "documents": [PROMPT]})]
)
async def test_what_is_no_conversation_is_redacted_too(surface: str, body: dict[str, Any]) -> None:
    here = house()
    here.upstreams["mid"].script(Completion(body=b'{"data":[0.5],"results":[{"document":"[EMAIL_1]"}]}', usage=USAGE))
    caller = await here.ask({"model": "auto", **body}, surface=surface)
    assert caller.status == 200
    assert not originals_in(sent_to(here))
    assert surface == "embeddings" or caller.json["results"] == [{"document": EMAIL}]


async def test_own_engines_see_it_as_it_is() -> None:
    here = house(target("own", tier="home", local=True))
    here.upstreams["own"].script(whole("[EMAIL_1]"))
    caller = await here.ask(asked(Surface.CHAT, streams=False))
    assert len(originals_in(sent_to(here, "own"))) == 3
    assert caller.json["choices"][0]["message"]["content"] == "[EMAIL_1]"


async def test_another_model_begins_afresh() -> None:
    """The first one dies; the next is told the same placeholders, and nothing of the first one's answer is left."""
    here = house(away(), target("top", price=API_PRICE))
    here.upstreams["mid"].script(UpstreamTimeout("x"))
    here.upstreams["top"].script(frames_of(Surface.CHAT, [stream(Surface.CHAT, TEXTS, 2)]))
    caller = await here.ask(asked(Surface.CHAT))
    assert here.calls() == ["mid", "top"]
    assert understood(Surface.CHAT, caller.body) == MEANT
    first, second = (json.loads(sent_to(here, name)) for name in ("mid", "top"))
    assert first == second


@pytest.mark.parametrize("end", [StreamCut("x"), None])
async def test_what_was_held_is_told_when_a_stream_breaks(end: Exception | None) -> None:
    here = house()
    steps: list[Any] = [said("to [EMAIL_1], [EMAI")]
    here.upstreams["mid"].script([*steps, end] if end else steps)
    caller = await here.ask(asked(Surface.CHAT))
    told = [json.loads(line[6:]) for line in caller.body.splitlines() if line.startswith(b'data: {"choices"')]
    assert "".join(one["choices"][0]["delta"]["content"] for one in told) == f"to {EMAIL}, [EMAI"
    assert (b'"error"' in caller.body) == (end is not None)


async def test_what_was_held_is_told_when_the_money_is_gone() -> None:
    rules = SpendingRules(default_output=100, patience=0.1)
    here = house(budgets=[budget(limit=8_000_000)], rules=rules)
    here.upstreams["mid"].script([said("x [EMAI")] * 3_000)
    caller = await here.ask(asked(Surface.CHAT))
    assert here.event.reason == "budget:cut"
    chunks = [json.loads(line[6:]) for line in caller.body.splitlines() if line.startswith(b'data: {"choices"')]
    told = "".join(one["choices"][0]["delta"].get("content", "") for one in chunks)
    assert here.upstreams["mid"].produced * 7 == len(told)


async def test_a_caller_who_leaves_is_no_trouble() -> None:
    here = house()
    here.upstreams["mid"].script([said("to [EMAI"), Hang()])
    caller = here.caller(asked(Surface.CHAT))
    running = caller.start(here.app)
    await here.upstreams["mid"].hanging.wait()
    caller.leave()
    await asyncio.gather(running, return_exceptions=True)
    assert here.event.outcome == "cancelled"
    assert here.upstreams["mid"].cancelled == 1


async def test_nothing_found_costs_nothing() -> None:
    here = house()
    first, *others = spoken("[EMAIL_1] as it is")
    assert isinstance(first, Frame)
    here.upstreams["mid"].script([first, *others])
    caller = await here.ask({"model": "auto", "stream": True, "messages": [{"role": "user", "content": "Hello"}]})
    assert first.data in caller.body


async def test_what_cannot_be_redacted_stays_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    own = target("own", tier="home", local=True)
    here = house(away(), own)
    here.upstreams["own"].script(whole())
    body = asked(Surface.CHAT, streams=False) | {"x": {"a": float("inf")}}
    sent = json.dumps(body).replace("Infinity", f'1e999, "b": "{EMAIL}"').encode()
    assert (await here.ask(sent)).status == 200
    assert here.calls() == ["own"]
    assert here.event.data_class == "private"
    refused = await here.ask(sent.replace(b'"auto"', b'"mid"'))
    assert (refused.status, refused.error["code"]) == (403, "private_model_is_remote")


async def test_placeholders_of_an_earlier_answer_are_not_mistaken() -> None:
    """An upstream that keeps the conversation knows placeholders of former turns; ours have other numbers."""
    here = house()
    body = b'{"id":"resp_1","output":[{"content":[{"text":"[EMAIL_1] and %b"}]}]}'
    here.upstreams["mid"].script(Completion(body=body % b"x", usage=USAGE))
    request = {"model": "auto", "input": PROMPT, "previous_response_id": "resp_0"}
    caller = await here.ask(request, surface="responses")
    assert caller.json["output"][0]["content"][0]["text"] == "[EMAIL_1] and x"
    assert not originals_in(sent_to(here))


class Tap:
    """A server of bytes: it answers each request with the same ones, one write for each byte, and keeps what it got."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self.received = b""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        self.received += head + await reader.readexactly(length)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        for at in range(len(self._answer)):
            writer.write(self._answer[at : at + 1])
            await writer.drain()
            if at % 16 == 0:
                await asyncio.sleep(0)
        writer.close()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


@pytest.mark.parametrize("surface", STREAMED)
async def test_over_real_sockets(surface: Surface) -> None:
    """The provider's own adapter, a connection that brings single bytes, and the bytes that the upstream got."""
    tap, transport = Tap(stream(surface, TEXTS, 2)), AiohttpTransport()
    family = anthropic if surface is Surface.MESSAGES else openai_compatible
    here = house()
    async with tap.listening() as url:
        here.serve("at-mid", family.connect(setup(transport, base_url=url, api_key="sk-test-abcdefghijkl")))
        caller = await here.ask(asked(surface), surface=surface, token=OPEN)
        await transport.close()
    assert understood(surface, caller.body) == meant(surface)
    assert not originals_in(tap.received.decode())
    assert b"[EMAIL_1]" in tap.received
