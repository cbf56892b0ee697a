"""How a native stream of /v1/responses becomes frames, without a network."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import BadAnswer, StreamCut, UpstreamRefused
from homeport.core.types import Frame, Usage
from homeport.providers.response_frames import ResponseFramer
from homeport.transport.sse import data_of, events

USAGE = Usage(input_tokens=11, cached_input_tokens=3, output_tokens=4, reasoning_tokens=1)
TOLD_USAGE = {
    "input_tokens": 11,
    "input_tokens_details": {"cached_tokens": 3},
    "output_tokens": 4,
    "output_tokens_details": {"reasoning_tokens": 1},
    "total_tokens": 15,
}


def event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


CREATED = event("response.created", response={"id": "resp_1", "usage": None, "error": None}, sequence_number=0)
# Words that only look like the end of the stream.
TRAP = event("response.output_text.delta", delta='"type":"response.completed"', sequence_number=1)
ITEM = event("response.output_item.done", item={"type": "error"}, sequence_number=2)
COMPLETED = event(
    "response.completed", response={"id": "resp_1", "usage": TOLD_USAGE, "error": None}, sequence_number=3
)


def frames_of(*chunks: bytes) -> list[Frame]:
    framer = ResponseFramer("s3cret")
    return [frame for chunk in chunks for frame in framer.feed(chunk)] + list(framer.close())


def test_a_stream() -> None:
    assert frames_of(CREATED, TRAP, ITEM, COMPLETED) == [
        Frame(data=CREATED),
        Frame(data=TRAP, events=1),
        Frame(data=ITEM),
        Frame(data=COMPLETED, usage=USAGE, closing=True),
    ]


def test_one_read() -> None:
    assert frames_of(CREATED + TRAP + ITEM + COMPLETED) == [
        Frame(data=CREATED + TRAP + ITEM, events=1),
        Frame(data=COMPLETED, usage=USAGE, closing=True),
    ]


def test_an_incomplete_answer_is_an_answer() -> None:
    told = event(
        "response.incomplete", response={"usage": TOLD_USAGE, "incomplete_details": {"reason": "content_filter"}}
    )
    assert frames_of(told) == [Frame(data=told, usage=USAGE, closing=True)]


def test_nothing_follows_the_end() -> None:
    assert frames_of(COMPLETED + TRAP, TRAP) == frames_of(COMPLETED)


def test_a_missing_blank_line_after_the_end() -> None:
    assert frames_of(CREATED, COMPLETED.rstrip())[-1].usage == USAGE


@pytest.mark.parametrize("chunks", [(), (CREATED,), (CREATED, TRAP, ITEM), (COMPLETED[:-10],), (b": a comment\n\n",)])
def test_a_stream_without_an_end_was_cut(chunks: tuple[bytes, ...]) -> None:
    with pytest.raises(StreamCut):
        frames_of(*chunks)


@pytest.mark.parametrize(
    ("told", "status", "retryable"),
    [
        (event("response.failed", response={"error": {"code": "server_error", "message": "s3cret broke"}}), 500, True),
        (event("response.failed", response={"error": {"code": "rate_limit_exceeded", "message": "slow"}}), 429, True),
        (event("response.failed", response={"error": {"code": "invalid_prompt", "message": "no s3cret"}}), 400, False),
        (event("response.failed", response={"error": None}), 500, True),
        (event("response.failed"), 500, True),
        (event("error", code="server_error", message="s3cret", param=None), 500, True),
        (event("error", error={"code": "rate_limit_exceeded"}), 429, True),
    ],
)
def test_a_failure_is_told_in_words_of_our_own(told: bytes, status: int, retryable: bool) -> None:
    framer = ResponseFramer("s3cret")
    assert list(framer.feed(CREATED)) == [Frame(data=CREATED)]
    with pytest.raises(UpstreamRefused) as caught:
        list(framer.feed(told))
    assert (caught.value.status, caught.value.retryable) == (status, retryable)
    assert "s3cret" not in caught.value.message


def test_what_a_failed_answer_used_is_billed() -> None:
    framer = ResponseFramer()
    failing = framer.feed(event("response.failed", response={"usage": TOLD_USAGE, "error": {"code": "server_error"}}))
    assert next(failing).usage == USAGE
    with pytest.raises(UpstreamRefused):
        next(failing)


@given(st.lists(st.integers(0, 600), max_size=6), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_the_cuts_of_the_network_change_nothing(cuts: list[int], line_end: bytes) -> None:
    data = (CREATED + TRAP + ITEM + COMPLETED).replace(b"\n", line_end)
    places = [0, *sorted(cut % len(data) for cut in cuts), len(data)]
    frames = frames_of(*(data[start:end] for start, end in pairwise(places)))
    assert b"".join(frame.data for frame in frames).rstrip() == data.rstrip()
    assert sum(frame.events for frame in frames) == 1
    assert [frame.usage for frame in frames if frame.closing] == [USAGE]


@given(st.binary(max_size=200), st.lists(st.binary(max_size=50), max_size=3))
def test_any_bytes_are_forwarded_refused_or_cut(noise: bytes, more: list[bytes]) -> None:
    try:
        frames = frames_of(b"data: " + noise + b"\n\n", *more, b"\n\n" + COMPLETED)
    except (BadAnswer, StreamCut, UpstreamRefused):
        return
    assert data_of(list(events(b"".join(frame.data for frame in frames)))[-1]) is not None


@pytest.mark.parametrize("response", ["x", [], 7, None])
def test_an_end_whose_response_makes_no_sense_is_an_end(response: Any) -> None:
    last = event("response.completed", response=response)
    assert frames_of(CREATED, last) == [Frame(data=CREATED), Frame(data=last, closing=True)]
    with pytest.raises(UpstreamRefused):
        frames_of(CREATED, event("response.failed", response=response))
