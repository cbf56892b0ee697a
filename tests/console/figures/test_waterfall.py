"""Calls as bars: in order, in proportion, and inside the picture."""

from hypothesis import given
from hypothesis import strategies as some

from homeport.console.figures.waterfall import WIDTH, waterfall
from homeport.traces.detail import Step

MS = 1_000_000


def step(began: int, ended: int, error: str = "") -> Step:
    return Step(target="own", error=error, began_ns=began, ended_ns=ended, cost=0)


def test_two_calls_one_after_the_other() -> None:
    found = waterfall((step(0, 25 * MS, "upstream_timeout"), step(25 * MS, 80 * MS)), 100 * MS, 50 * MS)
    one, other = found.bars
    assert (one.x, one.width, one.start_ns, one.took_ns, one.error) == (0, 250, 0, 25 * MS, "upstream_timeout")
    assert (other.x, other.width, other.start_ns, other.took_ns, other.error) == (250, 550, 25 * MS, 55 * MS, "")
    assert (found.whole_ns, found.request, found.first) == (100 * MS, WIDTH, 500)


def test_a_request_that_called_nobody_has_no_bars() -> None:
    found = waterfall((), 5)
    assert (found.bars, found.first) == ((), None)


_TIME = some.integers(0, 10**15)


@given(some.lists(some.builds(step, _TIME, _TIME), max_size=8), _TIME, _TIME)
def test_every_bar_is_inside(steps: list[Step], latency: int, ttft: int) -> None:
    found = waterfall(steps, latency, ttft)
    for bar in found.bars:
        assert 0 <= bar.x <= bar.x + bar.width <= WIDTH
        assert bar.width > 0
    assert 0 < found.request <= WIDTH
    assert found.first is None or 0 <= found.first < WIDTH
