"""What is kept of a prompt is what a fit reads of it, and no text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.routing import Prompt, Turn
from homeport.routing.features import FEATURES, Text, measure
from homeport.routing.fit import DIMENSION
from homeport.routing.grams import grams
from homeport.routing.traces import read_trace, trace

TEXT = "If a train leaves at 9 and travels 60 miles per hour, how far is it by noon? $5 says 180."


def said(*texts: str) -> Prompt:
    return Prompt(turns=tuple(Turn("user", text) for text in texts))


def test_a_trace_is_what_a_fit_reads() -> None:
    kept = read_trace(trace(said(TEXT)))
    assert kept is not None
    text = Text(TEXT)
    assert kept.features == pytest.approx(measure(text, tuple(FEATURES)), rel=1e-6)
    places, values = grams(text.lower, DIMENSION)
    assert kept.places == tuple(places)
    assert kept.values == pytest.approx(values, rel=1e-3)


def test_the_longest_of_the_first_and_the_latest_turns_is_kept() -> None:
    for turns in ((TEXT, "ok", "commit it"), ("hello", "x", TEXT), ("hello", TEXT, "commit it")):
        assert trace(said(*turns)) == trace(said(TEXT))
    assert trace(said("hello", TEXT, "b", "c")) == trace(said("hello"))


def test_nothing_said_leaves_nothing() -> None:
    assert trace(Prompt()) == b""
    assert trace(Prompt(turns=(Turn("system", TEXT),))) == b""


def test_no_word_is_in_it() -> None:
    kept = trace(said(TEXT))
    assert not [word for word in TEXT.split() if len(word) > 3 and word.encode() in kept]


def test_a_trace_is_small_whatever_was_said() -> None:
    for text in (TEXT * 1_000, "\N{SNOWMAN}" * 100_000, "a" * 100_000, " ".join(map(str, range(30_000)))):
        assert len(trace(said(text))) < 6_000


@given(st.text())
def test_whatever_is_said_can_be_kept(text: str) -> None:
    kept = trace(said(text))
    assert read_trace(kept) is not None


@given(st.binary(max_size=200))
def test_what_is_no_trace_is_passed_over(data: bytes) -> None:
    assert read_trace(data) is None


@pytest.mark.parametrize("cut", [1, 6, 50, -1])
def test_a_cut_or_changed_trace_is_passed_over(cut: int) -> None:
    kept = trace(said(TEXT))
    assert read_trace(kept[:cut]) is None
    assert read_trace(b"\x02" + kept[1:]) is None
    assert read_trace(kept[:1] + b"\0\0\0\0" + kept[5:]) is None
    assert read_trace(kept + b"\0" * 6) is None
    feature = 7
    assert read_trace(kept[:feature] + b"\0\0\xc0\x7f" + kept[feature + 4 :]) is None
