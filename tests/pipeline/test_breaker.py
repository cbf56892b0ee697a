from hypothesis import given
from hypothesis import strategies as st

from homeport.pipeline.breaker import Breaker, BreakerPolicy

SECOND = 1_000_000_000
POLICY = BreakerPolicy(failures=3, window=8, pause=5.0)


def fail(breaker: Breaker, times: int, now: int = 0) -> None:
    for _ in range(times):
        breaker.begin(now)
        breaker.failed(now, now)


def test_it_opens_after_failures_in_a_row_and_says_for_how_long() -> None:
    breaker = Breaker(POLICY)
    fail(breaker, 2)
    assert breaker.allows(0)
    fail(breaker, 1)
    assert not breaker.allows(0)
    assert breaker.wait_s(2 * SECOND) == 3.0
    assert not breaker.allows(5 * SECOND - 1)


def test_a_success_between_starts_the_count_anew() -> None:
    breaker = Breaker(POLICY)
    for _ in range(2):
        fail(breaker, 2)
        breaker.begin(0)
        breaker.succeeded(0)
    assert not breaker.is_open


def test_calls_made_before_the_last_success_prove_no_outage() -> None:
    """Stalled calls of a burst time out last, and together."""
    breaker = Breaker(POLICY)
    breaker.begin(0)
    breaker.succeeded(2 * SECOND)
    for _ in range(6):
        breaker.failed(9 * SECOND, 1 * SECOND)
    assert not breaker.is_open
    for _ in range(3):
        breaker.failed(9 * SECOND, 3 * SECOND)
    assert breaker.is_open


def test_half_of_the_window_is_too_much() -> None:
    breaker = Breaker(POLICY)
    for _ in range(4):
        breaker.begin(0)
        breaker.succeeded(0)
        assert not breaker.is_open
        fail(breaker, 1)
    assert breaker.is_open


def test_one_request_tries_again_and_closes_it() -> None:
    breaker = Breaker(POLICY)
    fail(breaker, 3)
    assert breaker.allows(5 * SECOND)
    breaker.begin(5 * SECOND)
    assert not breaker.allows(5 * SECOND), "one at a time"
    breaker.succeeded(0)
    assert breaker.allows(5 * SECOND)
    assert not breaker.is_open


def test_a_failed_try_doubles_the_pause_up_to_a_minute() -> None:
    breaker = Breaker(POLICY)
    fail(breaker, 3)
    now, waits = 0, []
    for _ in range(6):
        now += round(breaker.wait_s(now) * SECOND)
        fail(breaker, 1, now)
        waits.append(breaker.wait_s(now))
    assert waits == [10.0, 20.0, 40.0, 60.0, 60.0, 60.0]


def test_an_abandoned_try_leaves_room_for_another() -> None:
    breaker = Breaker(POLICY)
    fail(breaker, 3)
    breaker.begin(5 * SECOND)
    breaker.abandoned(5 * SECOND)
    assert breaker.allows(5 * SECOND)


def test_late_failures_of_calls_made_before_do_not_lengthen_the_pause() -> None:
    breaker = Breaker(POLICY)
    for _ in range(10):
        breaker.begin(0)
    for _ in range(10):
        breaker.failed(0, 0)
    assert breaker.wait_s(0) == 5.0


def test_calls_made_before_it_opened_say_nothing_of_the_try() -> None:
    """A long call may fail, or its caller leave, while one request tries again."""
    breaker = Breaker(POLICY)
    breaker.begin(0)
    breaker.begin(1)
    fail(breaker, 3, 2)
    breaker.begin(6 * SECOND)
    breaker.failed(7 * SECOND, 0)
    breaker.abandoned(1)
    assert not breaker.allows(7 * SECOND), "the one that tries is not back"
    breaker.failed(8 * SECOND, 6 * SECOND)
    assert breaker.wait_s(8 * SECOND) == 10.0, "doubled once"


@given(st.lists(st.tuples(st.sampled_from(["ok", "fail", "leave"]), st.integers(0, 20 * SECOND)), max_size=60))
def test_it_always_lets_somebody_try_in_the_end(steps: list[tuple[str, int]]) -> None:
    breaker, now = Breaker(POLICY), 0
    for what, later in steps:
        now += later
        if breaker.allows(now):
            breaker.begin(now)
            if what == "ok":
                breaker.succeeded(now)
            elif what == "fail":
                breaker.failed(now, now)
            else:
                breaker.abandoned(now)
        assert breaker.wait_s(now) <= 60.0
    assert breaker.allows(now + 60 * SECOND)
