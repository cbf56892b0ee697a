"""Tokens into text: whatever the tokens are, their pieces are the text, and nothing of a stop string is in it."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from homeport.engines.children.text import Spelling, Stops


def decode(tokens: Sequence[int]) -> str:
    return bytes(tokens).decode(errors="replace")


@given(st.text())
def test_pieces_are_the_text(text: str) -> None:
    spelling = Spelling(decode)
    pieces = [spelling.push(token) for token in text.encode()]
    assert "".join(pieces) + spelling.rest() == text


def test_a_half_character_waits_and_is_told_at_the_end() -> None:
    spelling = Spelling(decode)
    smile = "😀".encode()
    assert [spelling.push(token) for token in smile] == ["", "", "", "😀"]
    assert spelling.push(smile[0]) == ""
    assert spelling.rest() == "\N{REPLACEMENT CHARACTER}"


@given(st.lists(st.text("abc", max_size=4)), st.lists(st.text("abc", min_size=1, max_size=3), max_size=3))
def test_a_text_ends_before_the_first_stop(pieces: list[str], stops: list[str]) -> None:
    whole = "".join(pieces)
    ends = [place for stop in stops if (place := whole.find(stop)) >= 0]
    watched, told = Stops(stops), ""
    for piece in pieces:
        told += watched.push(piece)
        if watched.met:
            break
    told += watched.rest()
    assert watched.met == bool(ends)
    # Where one stop is inside another, the one that is whole first ends the text.
    assert whole.startswith(told)
    assert not any(stop in told for stop in stops)
    if not ends:
        assert told == whole
