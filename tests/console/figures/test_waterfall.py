"""Calls as bars: in order, in proportion, and inside the picture."""

from hypothesis import given
from hypothesis import strategies as some

from homeport.console.figures.waterfall import WIDTH, bars
from homeport.traces.detail import Step

MS = 1_000_000


def step(began: int, ended: int, error: str = "") -> Step:
    return Step(target="own", error=error, began_ns=began, ended_ns=ended, cost=0)


def test_two_calls_one_after_the_other() -> None:
    one, other = bars((step(0, 25 * MS, "upstream_timeout"), step(25 * MS, 100 * MS)), 100 * MS)
    assert (one.x, one.width, one.start_ms, one.took_ms, one.error) == (0, 250, 0.0, 25.0, "upstream_timeout")
    assert (other.x, other.width, other.start_ms, other.took_ms, other.error) == (250, 750, 25.0, 75.0, "")


def test_a_request_that_called_nobody_has_no_bars() -> None:
    assert bars((), 5) == ()


_TIME = some.integers(0, 10**15)


@given(some.lists(some.builds(step, _TIME, _TIME), max_size=8), _TIME)
def test_every_bar_is_inside(steps: list[Step], latency: int) -> None:
    for bar in bars(steps, latency):
        assert 0 <= bar.x <= bar.x + bar.width <= WIDTH
        assert bar.width > 0
