"""Whom a request is for, and which trace it belongs to, however it is said."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from homeport.pipeline.attribution import Attribution, end_user, trace_id
from tests.fakes.house import CHAT, MID, House
from tests.fakes.upstream import whole

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def fields(body: dict[str, Any]) -> dict[str, Raw]:
    return msgspec.json.decode(msgspec.json.encode(body), type=dict[str, Raw])


@pytest.mark.parametrize(
    ("header", "body", "user"),
    [
        (None, {}, ""),
        ("ada", {"user": "bob"}, "ada"),
        (" ada ", {}, "ada"),
        ("", {"user": "bob"}, "bob"),
        (None, {"user": "bob"}, "bob"),
        (None, {"user": "bob", "safety_identifier": "carl"}, "carl"),
        (None, {"metadata": {"user_id": "dora"}}, "dora"),
        (None, {"metadata": {"topic": "x"}}, ""),
        (None, {"metadata": {"user_id": 7}}, ""),
        (None, {"metadata": None}, ""),
        (None, {"user": 7}, ""),
        (None, {"user": ["x"]}, ""),
        (None, {"user": None, "metadata": {"user_id": "dora"}}, "dora"),
        ("é", {}, "é"),
    ],
)
def test_whom_it_is_for(header: str | None, body: dict[str, Any], user: str) -> None:
    assert end_user(Attribution(user=header), fields(body)) == user


@pytest.mark.parametrize(
    ("trace", "traceparent", "found"),
    [
        (None, None, ""),
        ("run-7", f"00-{TRACE}-00f067aa0ba902b7-01", "run-7"),
        (None, f"00-{TRACE}-00f067aa0ba902b7-01", TRACE),
        (None, f"cc-{TRACE}-00f067aa0ba902b7-01-what-the-future-brings", TRACE),
        (None, f"00-{'0' * 32}-00f067aa0ba902b7-01", ""),
        (None, f"00-{TRACE.upper()}-00f067aa0ba902b7-01", ""),
        (None, f"00-{TRACE}-01", ""),
        (None, "\x00", ""),
    ],
)
def test_which_trace(trace: str | None, traceparent: str | None, found: str) -> None:
    assert trace_id(Attribution(trace=trace, traceparent=traceparent)) == found


@given(st.text(max_size=400))
def test_a_name_is_short_and_can_be_shown(text: str) -> None:
    for name in (end_user(Attribution(user=text), {}), trace_id(Attribution(trace=text))):
        assert len(name) <= 128
        assert name.isprintable()


def test_two_long_names_stay_two() -> None:
    first, second = (end_user(Attribution(user="x" * 200 + last), {}) for last in "ab")
    assert first != second
    assert first.startswith("sha256:")


async def test_the_record_says_both() -> None:
    house = House(MID)
    house.upstreams["mid"].script(whole())
    await house.ask({**CHAT, "user": "ada"}, headers=[("traceparent", f"00-{TRACE}-00f067aa0ba902b7-01")])
    assert (house.event.end_user, house.event.trace_id, house.event.project) == ("ada", TRACE, "default")
    assert not house.event.batch
