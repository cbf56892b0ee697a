"""The query of a URL, read or refused; what a path allows."""

import contextlib
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from homeport.api.connection import Connection, Message
from homeport.api.routes import allowed, listing, read_query
from homeport.core.errors import InvalidRequest


async def nothing(*_: object) -> None:
    return None


async def no_message() -> Message:
    return {"type": "http.disconnect"}


class Wanted(Struct, frozen=True):
    after: str | None = None
    limit: Annotated[int, Meta(ge=1, le=10)] = 5


def asked(query: bytes) -> Wanted:
    return read_query(Connection({"headers": [], "query_string": query}, no_message, nothing, 100), Wanted)


def test_a_query() -> None:
    assert asked(b"after=a+b%20c&limit=2&unknown=x") == Wanted("a b c", 2)
    assert asked(b"") == Wanted(None, 5)
    assert asked(b"after=") == Wanted("", 5)
    assert asked(b"limit=1&limit=2") == Wanted(None, 2)


@pytest.mark.parametrize("query", [b"after=%ff", b"after=\xff", b"&".join(b"a=1" for _ in range(40))])
def test_a_query_that_cannot_be_read(query: bytes) -> None:
    with pytest.raises(InvalidRequest):
        asked(query)


@pytest.mark.parametrize("value", [b"0", b"11", b"-1", b"x", b"1.5", b"", b"NaN", b"9" * 400])
def test_a_parameter_that_is_out_of_range(value: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        asked(b"limit=" + value)
    assert caught.value.param == "limit"


def test_a_page_says_where_it_begins_and_ends() -> None:
    assert listing([], False) == {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}
    page = listing([{"id": "a"}, {"id": "b"}], True)
    assert (page["first_id"], page["last_id"], page["has_more"]) == ("a", "b", True)


@given(query=st.binary(max_size=60))
def test_any_query_is_read_or_refused(query: bytes) -> None:
    with contextlib.suppress(InvalidRequest):
        assert 1 <= asked(query).limit <= 10


def test_what_is_allowed() -> None:
    assert allowed({"GET": nothing, "DELETE": nothing}) == "GET, HEAD, DELETE"
