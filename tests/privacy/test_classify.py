"""The strictest word counts, and a word that is not understood stops the request."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import InvalidRequest
from homeport.core.types import DataClass
from homeport.privacy.classify import HEADER, classify

OPEN, PRIVATE = DataClass.OPEN, DataClass.PRIVATE


@pytest.mark.parametrize(
    ("key", "header", "result"),
    [
        (OPEN, None, OPEN),
        (OPEN, "open", OPEN),
        (OPEN, "private", PRIVATE),
        (OPEN, " PRIVATE\t", PRIVATE),
        (PRIVATE, None, PRIVATE),
        (PRIVATE, "private", PRIVATE),
        (PRIVATE, "open", PRIVATE),
    ],
)
def test_the_strictest_counts(key: DataClass, header: str | None, result: DataClass) -> None:
    assert classify(key, header) is result


@pytest.mark.parametrize("header", ["", " ", "secret", "privat", "private, open", "open;q=1", "private\x00", "\xa0é"])
@pytest.mark.parametrize("key", [OPEN, PRIVATE])
def test_a_word_that_is_not_understood(key: DataClass, header: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        classify(key, header)
    assert (caught.value.code, caught.value.param) == ("invalid_data_class", HEADER)
    assert caught.value.message == "the header x-homeport-data-class must be one of: open, private"


@given(st.sampled_from(DataClass), st.none() | st.text(max_size=20))
def test_it_never_becomes_more_open(key: DataClass, header: str | None) -> None:
    try:
        result = classify(key, header)
    except InvalidRequest:
        return
    assert result is PRIVATE or key is OPEN
