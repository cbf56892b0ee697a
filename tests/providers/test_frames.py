"""How a stream of bytes becomes frames, without a network."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import BadAnswer, StreamCut, UpstreamRefused
from homeport.core.types import Frame, Usage
from homeport.providers.frames import Framer
from tests.fakes.openai_server import Fault, stream_events

FIELDS: dict[str, Any] = {"model": "m", "stream_options": {"include_usage": True}}
USAGE = Usage(input_tokens=11, cached_input_tokens=3, output_tokens=4, reasoning_tokens=1)
WORD = b'data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}\n\n'
LAST = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
USED = b'data: {"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":4}}\n\n'
DONE = b"data: [DONE]\n\n"
PLAIN_USAGE = Usage(input_tokens=11, output_tokens=4)


def frames_of(*chunks: bytes) -> list[Frame]:
    framer = Framer()
    return [frame for chunk in chunks for frame in framer.feed(chunk)] + list(framer.close())


def test_one_network_read_is_one_frame() -> None:
    assert frames_of(WORD * 3, WORD, LAST + DONE) == [
        Frame(data=WORD * 3, events=3),
        Frame(data=WORD, events=1),
        Frame(data=LAST, events=1),
        Frame(data=DONE, closing=True),
    ]


def test_usage_and_done_are_frames_of_their_own() -> None:
    assert frames_of(WORD + LAST + USED + DONE) == [
        Frame(data=WORD + LAST, events=2),
        Frame(data=USED, usage=PLAIN_USAGE, closing=True, usage_only=True),
        Frame(data=DONE, closing=True),
    ]


def test_usage_beside_choices_is_forwarded() -> None:
    running = WORD.replace(b"}]}", b'}],"usage":{"prompt_tokens":11,"completion_tokens":%d}}')
    block = running % 1 + running % 4
    assert frames_of(block, DONE)[0] == Frame(data=block, events=2, usage=PLAIN_USAGE)


@pytest.mark.parametrize("empty", [b'"choices":[],', b'"choices":null,', b""])
def test_a_usage_chunk_has_no_choices(empty: bytes) -> None:
    event = b'data: {%s"usage":{"prompt_tokens":11,"completion_tokens":4}}\n\n' % empty
    assert frames_of(event, DONE)[0] == Frame(data=event, usage=PLAIN_USAGE, closing=True, usage_only=True)


def test_usage_that_makes_no_sense_still_ends_the_content() -> None:
    event = b'data: {"choices":[],"usage":{"prompt_tokens":-1}}\n\n'
    assert frames_of(event, DONE)[0] == Frame(data=event, closing=True, usage_only=True)


def test_llamacpp_timings() -> None:
    event = USED.replace(b"}\n\n", b',"timings":{"prompt_ms":1.5,"predicted_ms":2}}\n\n')
    usage = frames_of(event, DONE)[0].usage
    assert usage is not None
    assert usage.engine_ns == 3_500_000


@pytest.mark.parametrize("usage", [b'"usage":null', b'"usage" : null', b'"usage": null'])
def test_null_usage_is_none(usage: bytes) -> None:
    block = WORD.replace(b"}]}", b"}],%s}" % usage)
    assert frames_of(block, DONE) == [Frame(data=block, events=1), Frame(data=DONE, closing=True)]


def test_a_second_done_is_swallowed() -> None:
    assert frames_of(WORD, DONE + DONE, DONE) == [Frame(data=WORD, events=1), Frame(data=DONE, closing=True)]


def test_without_done_a_finish_reason_is_an_end() -> None:
    assert frames_of(WORD, LAST) == [Frame(data=WORD, events=1), Frame(data=LAST, events=1)]
    assert frames_of(WORD, LAST, USED)[-1].usage_only


def test_a_finish_reason_with_spaces_is_an_end() -> None:
    assert len(frames_of(json.dumps({"choices": [{"finish_reason": "stop"}]}).join(["data: ", "\n\n"]).encode())) == 1


@pytest.mark.parametrize(
    "chunks",
    [
        [],
        [WORD],
        [WORD, USED],
        [WORD, b'data: {"choices":[{"delta":{"content":"\\"finish_reason\\":\\"stop\\""},"finish_reason":null}]}\n\n'],
        [WORD, b"data: [DO"],
        [WORD, LAST[:-9]],
        [WORD, LAST[:-4]],
    ],
)
def test_an_end_before_the_end_is_a_cut(chunks: list[bytes]) -> None:
    with pytest.raises(StreamCut):
        frames_of(*chunks)


@pytest.mark.parametrize("tail", [b"data: [DONE]", b"data: [DONE]\n", b"data:[DONE]\r\n"])
def test_a_done_without_its_blank_line_counts(tail: bytes) -> None:
    word, done = frames_of(WORD, tail)
    assert word == Frame(data=WORD, events=1)
    assert done.closing
    assert done.data.rstrip() == tail.rstrip()
    assert done.data.endswith(b"\n\n")


def test_comments_pass_and_count_nothing() -> None:
    assert frames_of(b": ping\n\n", b": ping\n\n" + WORD, b": x\n\n" + DONE) == [
        Frame(data=b": ping\n\n"),
        Frame(data=b": ping\n\n" + WORD, events=1),
        Frame(data=b": x\n\n"),
        Frame(data=DONE, closing=True),
    ]


def test_done_inside_text_is_text() -> None:
    word = WORD.replace(b'"a"', b'"data: [DONE] \\"usage\\" \\"error\\""')
    assert frames_of(word, DONE) == [Frame(data=word, events=1), Frame(data=DONE, closing=True)]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (b'{"message":"died sk-abcdefghijklmn","code":503}', 503, "upstream_failed"),
        (b'{"message":"bad","type":"invalid_request_error","code":400}', 400, "upstream_rejected_request"),
        (b'{"message":"slow down","code":429}', 429, "upstream_rate_limited"),
        (b'{"message":"x","code":"server_error"}', 500, "upstream_failed"),
        (b'{"message":"x","code":200}', 500, "upstream_failed"),
        (b'"broken"', 500, "upstream_failed"),
    ],
)
def test_an_error_inside_the_stream(error: bytes, status: int, code: str) -> None:
    framer = Framer()
    frames = []
    with pytest.raises(UpstreamRefused) as caught:  # noqa: PT012  what came before the error counts
        for frame in framer.feed(WORD + b'data: {"error":%s}\n\n' % error + DONE):
            frames.append(frame)  # noqa: PERF402
    assert frames == [Frame(data=WORD, events=1)]
    assert (caught.value.status, caught.value.code) == (status, code)
    assert "sk-" not in caught.value.message


@pytest.mark.parametrize(
    "event", [b'data: {"error":null,"choices":[1]}\n\n', b'data: "error"\n\n', b'data: {"choices":5}\n\n', b"data:\n\n"]
)
def test_what_is_no_error_passes(event: bytes) -> None:
    assert frames_of(event, DONE)[0] == Frame(data=event, events=1)


def test_tool_call_deltas_arrive_unchanged() -> None:
    stream = stream_events("chat/completions", FIELDS | {"tools": [{}]})
    assert b"".join(frame.data for frame in frames_of(*stream)) == b"".join(stream)


WELL_ENDED = st.sampled_from([Fault.NONE, Fault.CRLF, Fault.COMMENTS, Fault.RUNNING_USAGE, Fault.MISSING_USAGE])


@given(WELL_ENDED, st.lists(st.integers(0, 10_000), max_size=20))
def test_any_chunking_forwards_the_same_bytes_and_counts(fault: Fault, cuts: list[int]) -> None:
    stream = b"".join(stream_events("chat/completions", FIELDS, fault))
    edges = sorted({0, len(stream), *(cut % len(stream) for cut in cuts)})
    frames = frames_of(*(stream[start:end] for start, end in pairwise(edges)))
    assert b"".join(frame.data for frame in frames) == stream
    assert sum(frame.events for frame in frames) == sum(frame.events for frame in frames_of(stream))
    usages = [frame.usage for frame in frames if frame.usage]
    assert usages[-1:] == ([] if fault is Fault.MISSING_USAGE else [USAGE])
    assert [frame.data.strip() for frame in frames if frame.closing and not frame.usage_only] == [b"data: [DONE]"]


@given(st.lists(st.binary(max_size=30) | st.sampled_from([WORD, LAST, USED, DONE, b"\n\n", b'data: {"usage":1}\n\n'])))
def test_hostile_bytes_leave_only_as_frames_or_upstream_errors(chunks: list[bytes]) -> None:
    try:
        frames = frames_of(*chunks)
    except (BadAnswer, StreamCut, UpstreamRefused):
        return
    assert sum(frame.data.strip() == b"data: [DONE]" and frame.closing for frame in frames) <= 1
