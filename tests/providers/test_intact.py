"""An event that is not whole must not pass for one, however it lies among others."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import BadAnswer
from homeport.core.types import Frame
from homeport.providers.frames import Framer
from homeport.providers.intact import check_event, count_named_objects, count_objects
from homeport.providers.response_frames import ResponseFramer

WORD = b'data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}\n\n'
NAMED = b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"a"}\n\n'
BROKEN = {
    "garbage": b'{"this": is not JSON]',
    "half": b'{"choices":[{"index":0,"delta":{"con',
    "UTF-8 in a field that is read": b'{"choices":[{"delta":{"content":"\xff\xc0\xfe"}}]}',
    "UTF-8 in a field that is not": b'{"choices":[],"x":"\xff"}',
    "two values": b'{"choices":[]}{"choices":[]}',
    "two values with a comma": b'{"choices":[]},{"choices":[]}',
    "text": b"upstream connect error",
    "a deep one": b'{"x":' * 20_000 + b"1" + b"}" * 20_000,
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize(("framer", "word"), [(Framer, WORD), (ResponseFramer, NAMED)])
@pytest.mark.parametrize("together", [True, False])
def test_a_broken_event_ends_the_stream_and_what_came_before_is_forwarded(
    framer: type[Framer] | type[ResponseFramer], word: bytes, name: str, together: bool
) -> None:
    """A caller who was sent the rest would take the answer for whole."""
    cut, seen = framer(), b""
    broken = b"data: " + BROKEN[name] + b"\n\n"
    with pytest.raises(BadAnswer) as caught:  # noqa: PT012  what came before the error counts
        for chunk in [word + broken + word] if together else [word, broken, word]:
            for frame in cut.feed(chunk):
                seen += frame.data
    assert seen == word
    assert caught.value.code == "upstream_bad_answer"


@pytest.mark.parametrize("tail", [b": ping\n\n", b"data:\n\n", b"data: [1]\n\n", b"data: null\n\n", b"retry: 5\n\n"])
def test_what_is_whole_passes(tail: bytes) -> None:
    assert [frame.data for frame in Framer().feed(WORD + tail)] == [WORD + tail]
    assert [frame.data for frame in ResponseFramer().feed(NAMED + tail)] == [NAMED + tail]


def test_two_halves_are_not_a_whole() -> None:
    halves = b'data: {"choices":[{"index":1\n\n' + b'data: {"index":2}]}\n\n'
    assert count_objects(halves) == 0
    with pytest.raises(BadAnswer):
        list(Framer().feed(halves))


OBJECTS = st.lists(st.dictionaries(st.text(max_size=5), st.integers() | st.text() | st.none(), max_size=3), min_size=1)


@given(OBJECTS)
def test_the_quick_look_counts_what_is_there(objects: list[dict[str, object]]) -> None:
    texts = [json.dumps(found, ensure_ascii=False).encode() for found in objects]
    plain = b"".join(b"data: %b\n\n" % text for text in texts)
    named = b"".join(b"event: a.b\ndata: %b\n\n" % text for text in texts)
    assert count_objects(plain) == count_named_objects(named) == len(objects)


@given(st.lists(st.binary(max_size=12).filter(lambda data: not {10, 13} & set(data)), min_size=1, max_size=5))
def test_the_quick_look_passes_nothing_that_the_closer_one_refuses(pieces: list[bytes]) -> None:
    events = [b"data: {" + piece + b"}\n\n" for piece in pieces]
    if count_objects(b"".join(events)) == len(events):
        for event in events:
            check_event(event)


def test_a_comment_beside_words_is_looked_at_closely_and_counts_nothing() -> None:
    assert list(Framer().feed(b": ping\n\n" + WORD)) == [Frame(data=b": ping\n\n" + WORD, events=1)]
