"""The query of a URL, read or refused; what a path allows."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.api.connection import Connection, Message
from homeport.api.routes import allowed, query_of
from homeport.core.errors import InvalidRequest


async def nothing(*_: object) -> None:
    return None


async def no_message() -> Message:
    return {"type": "http.disconnect"}


def asked(query: bytes) -> dict[str, str]:
    return query_of(Connection({"headers": [], "query_string": query}, no_message, nothing, 100))


def test_a_query() -> None:
    assert asked(b"after=file-1&limit=2&purpose=a+b%20c&x=") == {
        "after": "file-1",
        "limit": "2",
        "purpose": "a b c",
        "x": "",
    }
    assert asked(b"") == {}
    assert asked(b"limit=1&limit=2") == {"limit": "2"}


@pytest.mark.parametrize("query", [b"a=%ff", b"a=\xff", b"&".join(b"a=1" for _ in range(40))])
def test_a_query_that_cannot_be_read(query: bytes) -> None:
    with pytest.raises(InvalidRequest):
        asked(query)


@given(query=st.binary(max_size=60))
def test_any_query_is_read_or_refused(query: bytes) -> None:
    with contextlib.suppress(InvalidRequest):
        assert all(isinstance(value, str) for value in asked(query).values())


def test_what_is_allowed() -> None:
    assert allowed({"GET": nothing, "DELETE": nothing}) == "GET, HEAD, DELETE"
