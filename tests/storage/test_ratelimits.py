"""Rate limits: never more than the limit and one bucket, over any number of processes, and nobody is locked out."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homeport.core.errors import RateLimited
from homeport.core.types import Key, RateLimits
from homeport.storage.ratelimits import FARTHEST_NS, MINUTE_NS, CountedRequest, SharedLimiter
from tests.fakes.clock import ManualClock

SECOND = 1_000_000_000
quick = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def key(requests: int | None = None, tokens: int | None = None, concurrent: int | None = None, name: str = "k") -> Key:
    limits = RateLimits(requests_per_minute=requests, tokens_per_minute=tokens, concurrent_requests=concurrent)
    return Key(id=f"key_{name}", name=name, limits=limits)


class Processes:
    """Limiters over one table, as gateway processes have them, at a time that a test sets."""

    def __init__(self, folder: Path, count: int = 2) -> None:
        self.clock = ManualClock(monotonic=10 * MINUTE_NS)
        self.limiters = [SharedLimiter(folder, self.clock.monotonic_ns) for _ in range(count)]

    def enter(self, key: Key, at: int = 0) -> CountedRequest:
        return self.limiters[at].enter(key)

    def refused(self, key: Key, at: int = 0) -> RateLimited:
        with pytest.raises(RateLimited) as caught:
            self.limiters[at].enter(key)
        return caught.value

    def close(self) -> None:
        for limiter in self.limiters:
            limiter.close()


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    processes = Processes(tmp_path)
    yield processes
    processes.close()


@pytest.fixture
def afresh(tmp_path: Path) -> Callable[[], Processes]:
    """A new table for each example of a property."""
    made: list[int] = []

    def make() -> Processes:
        made.append(1)
        return Processes(tmp_path / str(len(made)))

    return make


def test_a_minute_s_worth_at_once_and_then_evenly(processes: Processes) -> None:
    for number in range(60):
        processes.enter(key(60), number % 2)
    error = processes.refused(key(60), 1)
    assert error.retry_after_ns == SECOND
    processes.clock.advance(SECOND - 1)
    processes.refused(key(60))
    processes.clock.advance(1)
    processes.enter(key(60))
    processes.refused(key(60), 1)


def test_what_a_refusal_says(processes: Processes) -> None:
    for _ in range(3):
        processes.enter(key(3))
    error = processes.refused(key(3))
    assert error.code == "rate_limit_exceeded"
    assert "3 requests a minute" in error.message
    [allowance] = error.allowances
    assert (allowance.kind, allowance.limit, allowance.remaining) == ("requests", 3, 0)
    assert allowance.reset_ns == MINUTE_NS


def test_what_is_left(processes: Processes) -> None:
    ticket = processes.enter(key(60, 600))
    ticket.charge(5, 10)
    requests, tokens = ticket.allowances
    assert (requests.remaining, requests.reset_ns) == (59, SECOND)
    assert (tokens.remaining, tokens.reset_ns) == (590, SECOND)


def test_a_refusal_uses_nothing_up(processes: Processes) -> None:
    processes.enter(key(1))
    for _ in range(100):
        processes.refused(key(1))
    processes.clock.advance(MINUTE_NS)
    processes.enter(key(1))


def test_keys_do_not_share(processes: Processes) -> None:
    processes.enter(key(1))
    processes.refused(key(1))
    processes.enter(key(1, name="other"))


@quick
@given(
    limit=st.integers(1, 50),
    steps=st.lists(st.tuples(st.integers(0, 40 * SECOND), st.integers(1, 30), st.integers(0, 1)), max_size=30),
)
def test_never_more_than_the_limit_and_one_bucket(
    afresh: Callable[[], Processes], limit: int, steps: list[tuple[int, int, int]]
) -> None:
    processes = afresh()
    admitted: list[int] = []
    for wait, tries, at in steps:
        processes.clock.advance(wait)
        for _ in range(tries):
            try:
                processes.enter(key(limit), at)
            except RateLimited:
                break
            admitted.append(processes.clock.monotonic)
    for first, start in enumerate(admitted):
        for last in range(first, len(admitted)):
            earned = limit + (admitted[last] - start) * limit / MINUTE_NS
            assert last - first + 1 <= earned + 1e-6
    processes.close()


@quick
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from([0, 1, 15 * SECOND, 30 * SECOND, 60 * SECOND]),
            st.sampled_from([1, 250, 500, 1000]),
            st.sampled_from([0, 0, 1, 250, 1000]),
            st.integers(0, 3),
        ),
        max_size=12,
    )
)
def test_tokens_that_were_used_never_exceed_the_limit_and_one_bucket(
    afresh: Callable[[], Processes], steps: list[tuple[int, int, int, int]]
) -> None:
    """Whatever was expected, given back, and in which order: what counts is what was used."""
    processes, limit = afresh(), 1000
    admitted: list[tuple[int, int]] = []
    running: list[tuple[int, CountedRequest]] = []
    for wait, expected, used, ends in steps:
        processes.clock.advance(wait)
        for _ in range(min(ends, len(running))):
            spent, ended = running.pop(ends % len(running))
            ended.leave(spent)
        try:
            ticket = processes.enter(key(tokens=limit), ends % 2)
            ticket.charge(1, expected)
        except RateLimited:
            continue
        running.append((min(used, expected), ticket))
        admitted.append((processes.clock.monotonic, min(used, expected)))
    for first, (start, _) in enumerate(admitted):
        for last in range(first, len(admitted)):
            used = sum(spent for _, spent in admitted[first : last + 1])
            assert used <= limit + (admitted[last][0] - start) * limit / MINUTE_NS + 1e-6
    processes.close()


def test_tokens_that_were_not_used_are_given_back(processes: Processes) -> None:
    ticket = processes.enter(key(tokens=100))
    ticket.charge(1, 100)
    assert "tokens" in processes.refused(key(tokens=100), 1).message
    ticket.leave(10)
    again = processes.enter(key(tokens=100), 1)
    again.charge(1, 90)
    processes.refused(key(tokens=100))


def test_tokens_that_time_gave_back_are_not_given_back_again(processes: Processes) -> None:
    limited = key(tokens=100)
    first = processes.enter(limited)
    first.charge(1, 100)
    processes.clock.advance(MINUTE_NS)
    second = processes.enter(limited)
    second.charge(1, 50)
    first.leave(0)
    with pytest.raises(RateLimited):
        processes.enter(limited).charge(1, 51)
    processes.enter(limited).charge(1, 50)


def test_what_one_request_gives_back_moves_those_behind_it(processes: Processes) -> None:
    limited = key(tokens=120)
    first, second = processes.enter(limited), processes.enter(limited, 1)
    first.charge(1, 60)
    second.charge(1, 60)
    first.leave(0)
    processes.clock.advance(MINUTE_NS // 2)
    third = processes.enter(limited)
    third.charge(1, 60)
    second.leave(0)
    with pytest.raises(RateLimited):
        processes.enter(limited).charge(1, 61)
    processes.enter(limited).charge(1, 60)


def test_tokens_that_were_not_expected_are_paid_back(processes: Processes) -> None:
    ticket = processes.enter(key(tokens=60))
    ticket.charge(1, 1)
    ticket.leave(120)
    error = processes.refused(key(tokens=60))
    assert error.retry_after_ns == 61 * SECOND
    processes.clock.advance(61 * SECOND)
    processes.enter(key(tokens=60))


def test_nobody_waits_longer_than_an_hour(processes: Processes) -> None:
    ticket = processes.enter(key(tokens=1))
    ticket.leave(10**9)
    processes.refused(key(tokens=1))
    processes.clock.advance(FARTHEST_NS)
    processes.enter(key(tokens=1))


def test_a_prompt_above_the_limit_is_not_to_be_tried_again(processes: Processes) -> None:
    ticket = processes.enter(key(tokens=10))
    with pytest.raises(RateLimited) as caught:
        ticket.charge(11, 20)
    assert caught.value.retry_after_ns is None
    ticket.leave(0)
    processes.enter(key(tokens=10)).charge(10, 10_000)


def test_requests_at_once(processes: Processes) -> None:
    limited = key(concurrent=2)
    one, two = processes.enter(limited, 0), processes.enter(limited, 1)
    for at in (0, 1):
        assert processes.refused(limited, at).allowances[0].kind == "concurrent"
    one.leave(0)
    processes.enter(limited, 1)
    processes.refused(limited)
    two.leave(0)
    processes.enter(limited)


@quick
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 1)), max_size=60))
def test_never_more_at_once_than_allowed(afresh: Callable[[], Processes], steps: list[tuple[bool, int]]) -> None:
    processes = afresh()
    running: list[CountedRequest] = []
    for enters, at in steps:
        if not enters and running:
            running.pop(at % len(running)).leave(0)
        elif len(running) < 3:
            running.append(processes.enter(key(concurrent=3), at))
        else:
            processes.refused(key(concurrent=3), at)
    processes.close()


def test_limits_that_change_hold_at_once(processes: Processes) -> None:
    for _ in range(10):
        processes.enter(key(10))
    processes.refused(key(10))
    processes.clock.advance(30 * SECOND)
    processes.enter(key(2))
    processes.refused(key(2))
    processes.enter(key(None, 5))


def test_times_of_another_start_of_the_machine_lock_nobody_out(processes: Processes) -> None:
    processes.enter(key(1))
    processes.clock.monotonic -= 5 * MINUTE_NS
    processes.refused(key(1))
    processes.clock.monotonic += 5 * MINUTE_NS + 10 * FARTHEST_NS
    processes.enter(key(1))
    processes.clock.monotonic -= 10 * FARTHEST_NS
    processes.enter(key(1))
