"""Anthropic's streams as frames: golden ones, cut at every byte, cut short, and broken."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import BadAnswer, StreamCut, UpstreamError, UpstreamRefused
from homeport.core.types import Frame, Usage
from homeport.protocols.anthropic.answer import answer_to_chat
from homeport.providers.message_frames import ChatFramer, MessageFramer
from tests.protocols.anthropic.shapes import completion_of
from tests.providers.calls import chunks_of

GOLDEN = Path(__file__).parent / "golden" / "anthropic"
STREAMS = ["text", "tools", "thinking"]
FRAMERS: list[Callable[[], MessageFramer]] = [MessageFramer, ChatFramer]


def golden(name: str) -> bytes:
    return (GOLDEN / name).read_bytes()


def frames(framer: MessageFramer, *pieces: bytes) -> list[Frame]:
    return [*(frame for piece in pieces for frame in framer.feed(piece)), *framer.close()]


def bytes_of(told: list[Frame]) -> bytes:
    return b"".join(frame.data for frame in told)


@pytest.mark.parametrize("name", STREAMS)
def test_no_byte_is_lost_wherever_it_is_cut(name: str) -> None:
    stream = golden(f"{name}.sse")
    whole = frames(MessageFramer(), stream)
    for place in range(len(stream)):
        told = frames(MessageFramer(), stream[:place], stream[place:])
        assert bytes_of(told) == stream
        assert [frame for frame in told if frame.closing] == [frame for frame in whole if frame.closing]
    told = frames(MessageFramer(), *(stream[place : place + 1] for place in range(len(stream))))
    assert bytes_of(told) == stream


@pytest.mark.parametrize("name", STREAMS)
def test_a_translated_stream_says_what_the_whole_answer_says(name: str) -> None:
    stream = golden(f"{name}.sse")
    whole, usage = answer_to_chat(golden(f"{name}.json"))
    for step in (len(stream), 1, 7, 100):
        pieces = [stream[place : place + step] for place in range(0, len(stream), step)]
        told = frames(ChatFramer(), *pieces)
        assert completion_of(chunks_of(told)) == json.loads(json.dumps(whole, default=lambda raw: json.loads(raw)))
        assert told[-1] == Frame(data=b"data: [DONE]\n\n", closing=True)
        assert told[-2].usage_only
        assert told[-2].usage == usage


@pytest.mark.parametrize("make", FRAMERS)
@pytest.mark.parametrize("name", STREAMS)
def test_every_stream_that_is_cut_short_is_known(make: Callable[[], MessageFramer], name: str) -> None:
    stream = golden(f"{name}.sse")
    end = len(stream) - 2  # the blank line after the last event may be missing
    for place in range(end):
        with pytest.raises(StreamCut):
            frames(make(), stream[:place])
    assert frames(make(), stream[:end])[-1].closing


def test_the_end_is_held_back() -> None:
    *content, delta, stop = frames(MessageFramer(), golden("text.sse"))
    assert [frame.closing for frame in content] == [False]
    assert b"message_delta" in delta.data
    assert delta.usage == Usage(input_tokens=25, output_tokens=15)
    assert stop == Frame(data=b'event: message_stop\ndata: {"type":"message_stop"}\n\n', closing=True)


@pytest.mark.parametrize("make", FRAMERS)
def test_a_stream_that_is_left_has_been_counted(make: Callable[[], MessageFramer]) -> None:
    stream = golden("text.sse")
    place = stream.index("Zürich".encode())
    known = [frame.usage for frame in make().feed(stream[: place + 20]) if frame.usage]
    assert known[-1] == Usage(input_tokens=25, output_tokens=2, estimated=True)
    long = stream.replace(b"aus", b"aus " * 100)
    [*_, last] = [frame.usage for frame in make().feed(long[: long.index(b" Z")]) if frame.usage]
    assert last.output_tokens > 50, "a long piece is more than one token"


@pytest.mark.parametrize("make", FRAMERS)
def test_an_error_inside_is_told_after_what_came_before_it(make: Callable[[], MessageFramer]) -> None:
    framer = make()
    told: list[Frame] = []
    feeding = framer.feed(golden("overloaded.sse"))
    while b"Half an ans" not in bytes_of(told):
        told.append(next(feeding))
    with pytest.raises(UpstreamRefused) as caught:
        next(feeding)
    assert (caught.value.status, caught.value.retryable) == (529, True)


@pytest.mark.parametrize("make", FRAMERS)
def test_what_follows_the_end_is_nothing(make: Callable[[], MessageFramer]) -> None:
    stream = golden("text.sse")
    assert frames(make(), stream + b"data: nonsense\n\n", stream) == frames(make(), stream)


@pytest.mark.parametrize("make", FRAMERS)
def test_what_is_no_event_is_no_answer(make: Callable[[], MessageFramer]) -> None:
    for nonsense in (b"data: [DONE]\n\n", b"data: {\n\n", b"data: \xff\n\n", b'data: {"type":1}\n\n'):
        with pytest.raises(BadAnswer):
            frames(make(), nonsense)


def test_comments_and_crlf_pass() -> None:
    stream = b": awake\r\n\r\n" + golden("text.sse").replace(b"\n", b"\r\n")
    assert bytes_of(frames(MessageFramer(), stream)) == stream


EVENTS = golden("tools.sse").split(b"\n\n")[:-1]


@given(st.data())
def test_hostile_streams_end_in_an_upstreams_error_or_well(data: Any) -> None:
    """Events lost, doubled, out of order or with a byte changed."""
    chosen = data.draw(st.lists(st.sampled_from(EVENTS), max_size=12))
    stream = bytearray(b"\n\n".join(chosen) + b"\n\n")
    for _ in range(data.draw(st.integers(0, 3))):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    for make in FRAMERS:
        try:
            frames(make(), bytes(stream))
        except UpstreamError:
            continue
