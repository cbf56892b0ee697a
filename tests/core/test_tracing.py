"""W3C Trace Context, as its specification has it: what is not right is not there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.tracing import TraceContext, read_context

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
RIGHT = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(
    ("traceparent", "sampled"),
    [
        (RIGHT, True),
        (f" {RIGHT} ", True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-02", False),
        (f"00-{TRACE}-{SPAN}-ff", True),
        (f"cc-{TRACE}-{SPAN}-01", True),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-brings", True),
    ],
)
def test_a_span_is_named(traceparent: str, sampled: bool) -> None:
    assert read_context(traceparent) == TraceContext(TRACE, SPAN, sampled)


@pytest.mark.parametrize(
    "traceparent",
    [
        None,
        "",
        "00",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01.",
        f"cc-{TRACE}-{SPAN}-01.",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"{RIGHT}, {RIGHT}",
        f"00-{TRACE}-{SPAN}-0\u0661",
        f"cc-{TRACE}-{SPAN}-01-\r\nx: y",
    ],
)
def test_what_is_not_right_names_none(traceparent: str | None) -> None:
    assert read_context(traceparent) is None


@pytest.mark.parametrize(
    ("said", "read"),
    [
        (None, ""),
        ("congo=t61rcWkgMzE", "congo=t61rcWkgMzE"),
        (" rojo=00f067 , congo=t61 ,, tenant@vendor=1", "rojo=00f067,congo=t61,tenant@vendor=1"),
        ("a=1,a=2", ""),
        ("A=1", ""),
        ("a=b=c", ""),
        ("a", ""),
        ("a=\x7f", ""),
        ("a=1\r\nx-key: 2", ""),
        (",".join(f"k{number}=1" for number in range(33)), ""),
        (",".join(f"k{number}=1" for number in range(32)), ",".join(f"k{number}=1" for number in range(32))),
        ("a=" + "x" * 257, ""),
        (",".join(f"k{number}=" + "x" * 100 for number in range(6)), ""),
    ],
)
def test_the_state_is_kept_whole_or_not_at_all(said: str | None, read: str) -> None:
    found = read_context(RIGHT, said)
    assert found is not None
    assert found.state == read


@given(st.text(max_size=80), st.text(max_size=600))
def test_it_never_fails_and_tells_nothing_that_could_break_a_header(traceparent: str, tracestate: str) -> None:
    for found in (read_context(traceparent, tracestate), read_context(RIGHT, tracestate)):
        if found is not None:
            told = found.traceparent() + found.state
            assert told.isascii()
            assert told.isprintable()
            assert read_context(found.traceparent(), found.state) == found
