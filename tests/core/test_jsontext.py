"""JSON is the same to a program, and hides nothing from a person."""

import json
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from homeport.core.jsontext import readable

_HIDDEN = {"\u202a", "\u202e", "\u2066", "\u2069", "\u200b", "\u200d", "\u200f", "\ufeff", "\u00ad", "\u061c"}


@given(
    st.text(
        st.characters(exclude_categories=["Cs"])
        | st.sampled_from(sorted(_HIDDEN))
        | st.characters(categories=["Cc", "Zl", "Zp"])
    )
)
def test_it_is_the_same_text_and_nothing_in_it_is_hidden(text: str) -> None:
    told = readable(json.dumps({text: [text]}, ensure_ascii=False))
    assert json.loads(told) == {text: [text]}
    assert not _HIDDEN & {*told}
    assert {unicodedata.category(letter) for letter in told} & {"Cc", "Zl", "Zp"} == set()


def test_what_needs_two_units_is_escaped_with_both() -> None:
    assert readable('"\U000e0001"') == '"\\udb40\\udc01"'
