from collections import deque
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import BadAnswer
from homeport.transport.sse import EventSplitter, data_of, events

LINE_ENDS = [b"\n", b"\r", b"\r\n", b"\n\n", b"\r\n\r\n", b"\r\r", b"\n\n\n"]
LINES = [
    b"data: x",
    b"data:",
    b"data",
    b": ping",
    b"event: e",
    "é€😀".encode(),
    b"\xff",
    b"\x00",
    b" ",
    b"data: [DONE]",
]
PIECES = st.sampled_from(LINE_ENDS + LINES)
STREAMS = st.lists(PIECES, max_size=30).map(b"".join)


def split(stream: bytes, cuts: list[int]) -> tuple[list[bytes], bytes]:
    splitter = EventSplitter()
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    blocks = [splitter.feed(stream[start:end]) for start, end in pairwise(edges)]
    return blocks, splitter.close()


@given(STREAMS, st.lists(st.integers(0, 10_000), max_size=12))
def test_any_chunking_gives_the_same_bytes_and_events(stream: bytes, cuts: list[int]) -> None:
    blocks, rest = split(stream, cuts)
    whole, whole_rest = split(stream, [])
    assert b"".join(blocks) + rest == stream
    assert rest == whole_rest
    assert [event for block in blocks for event in events(block)] == list(events(whole[0]))


@given(STREAMS)
def test_byte_by_byte_is_one_event_at_a_time(stream: bytes) -> None:
    blocks, _ = split(stream, list(range(len(stream))))
    assert all(len(list(events(block))) == 1 for block in blocks if block)


@given(STREAMS)
def test_events_join_to_their_block(block: bytes) -> None:
    assert b"".join(events(block)) == block


@given(st.lists(st.text(alphabet=st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])), min_size=1))
def test_data_lines_survive(lines: list[str]) -> None:
    event = "".join(f"data: {line}\n" for line in lines) + "\n"
    assert data_of(event.encode()) == "\n".join(lines).encode()


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_line_ends(end: bytes) -> None:
    first, second = b"event: a" + end + b"data: 1" + end + end, b"data: 2" + end + end
    splitter = EventSplitter()
    block = splitter.feed(first + second) + splitter.close()
    assert list(events(block)) == [first, second]
    assert [data_of(event) for event in events(block)] == [b"1", b"2"]


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (b": ping\n\n", None),
        (b"\n\n", None),
        (b"event: x\nid: 1\n\n", None),
        (b"data\n\n", b""),
        (b"data:\n\n", b""),
        (b"data:  two spaces\n\n", b" two spaces"),
        (b"data:a\ndata: b\n\n", b"a\nb"),
        (b"\xef\xbb\xbfdata: x\n\n", b"x"),
        (b"datax: y\n\n", None),
        (b" data: y\n\n", None),
    ],
)
def test_data_of(event: bytes, data: bytes | None) -> None:
    assert data_of(event) == data


def test_a_half_event_is_kept() -> None:
    splitter = EventSplitter()
    assert splitter.feed(b"data: 1\n\ndata: ") == b"data: 1\n\n"
    assert splitter.pending == b"data: "
    assert splitter.feed(b"2\n") == b""
    assert splitter.feed(b"\ndata: 3") == b"data: 2\n\n"
    assert splitter.close() == b"data: 3"
    assert splitter.pending == b""


def test_the_end_of_a_crlf_is_waited_for() -> None:
    splitter = EventSplitter()
    assert splitter.feed(b"data: 1\r\n\r") == b""
    assert splitter.feed(b"\n") == b"data: 1\r\n\r\n"


@pytest.mark.parametrize("chunks", [[b"data: " + b"x" * 100 + b"\n\n"], [b"x"] * 101, [b"data: 1\n\n" + b"y" * 101]])
def test_an_event_beyond_the_bound_is_refused(chunks: list[bytes]) -> None:
    splitter = EventSplitter(max_event=100)
    with pytest.raises(BadAnswer) as caught:
        deque((splitter.feed(chunk) for chunk in chunks), maxlen=0)
    assert caught.value.code == "upstream_event_too_large"


def test_many_events_may_exceed_the_bound_together() -> None:
    block = b"data: x\n\n" * 100
    assert EventSplitter(max_event=20).feed(block) == block


def test_a_long_event_in_small_pieces_is_searched_once() -> None:
    # Searching again from the start at each piece would read 30 GB here, and run into the test's limit.
    splitter = EventSplitter()
    for _ in range(60_000):
        assert splitter.feed(b"sixteen bytes...") == b""
    assert len(splitter.feed(b"\n\n")) == 60_000 * 16 + 2


@given(st.lists(st.integers(1, 4), max_size=4))
def test_a_byte_order_mark_is_left_out_however_it_is_cut(sizes: list[int]) -> None:
    stream, splitter, seen, at = b"\xef\xbb\xbfdata: 1\n\n", EventSplitter(), b"", 0
    for size in [*sizes, len(stream)]:
        seen += splitter.feed(stream[at : at + size])
        at += size
    assert seen == b"data: 1\n\n"


def test_half_a_byte_order_mark_is_none() -> None:
    splitter = EventSplitter()
    assert splitter.feed(b"\xef") + splitter.feed(b"\xbbx\n\n") == b"\xef\xbbx\n\n"
