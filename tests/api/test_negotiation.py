"""Prometheus gets the form that it asks for, and nobody else gets one that they cannot read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.api.negotiation import prefers
from homeport.telemetry.metrics import OPENMETRICS, TEXT
from tests.fakes.house import House
from tests.fakes.wire import Caller

PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)


@pytest.mark.parametrize(
    "accept",
    [PROMETHEUS, "application/openmetrics-text", "text/plain; q=0.5, Application/OpenMetrics-Text ; Q=0.9"],
)
def test_it_is_asked_for(accept: str) -> None:
    assert prefers(accept, OPENMETRICS, TEXT)


@pytest.mark.parametrize(
    "accept",
    [
        None,
        "",
        "*/*",
        "text/html,application/xhtml+xml,*/*;q=0.8",
        "text/plain;version=0.0.4;q=0.5, */*;q=0.1",
        "text/plain, application/openmetrics-text;q=0.5",
        "application/openmetrics-text;q=0",
        "application/openmetrics-text;q=high",
        "application/openmetrics-text;q=nan",
        "application/openmetrics-text;q=2",
        "application/openmetrics-text-of-mine",
    ],
)
def test_it_is_not(accept: str | None) -> None:
    assert not prefers(accept, OPENMETRICS, TEXT)


@given(st.text())
def test_any_text_is_an_answer(accept: str) -> None:
    assert prefers(accept, OPENMETRICS, TEXT) in (True, False)


@pytest.mark.parametrize(("accept", "media", "end"), [(PROMETHEUS, OPENMETRICS, "# EOF\n"), ("text/plain", TEXT, "\n")])
async def test_the_page(accept: str, media: str, end: str) -> None:
    house = House()
    caller = await Caller("/metrics", method="GET", headers=[("accept", accept)]).call(house.app)
    assert (caller.status, caller.headers["content-type"], caller.headers["vary"]) == (200, media, "accept")
    assert b"".join(caller.pieces).decode().endswith(end)
