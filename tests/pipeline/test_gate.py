"""The gate of an engine: places are conserved, shares are fair, what is reserved is there, nobody waits too long."""

import contextlib
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from homeport.core.errors import EngineBusy
from homeport.pipeline.gate import FULL, SHARE_USED, TOO_LATE, Gate, GatePolicy, Place, Waiter
from homeport.pipeline.limit import Bounds
from homeport.pipeline.pace import Work
from tests.fakes.gates import WORK, S, asker, fill, gate, place, refused, waiter, warm


def test_free_places_are_given_at_once_and_the_next_waits() -> None:
    one = gate(2)
    first, _ = fill(one, 5, 2)
    third = waiter(one.ask(asker(), 6))
    told: list[str] = []
    third.granted = lambda: told.append("now")
    assert (one.standing().in_use, one.standing().waiting, third.place) == (2, 1, None)
    first.leave(7)
    assert (one.standing().in_use, one.standing().waiting, told) == (2, 0, ["now"])
    assert third.place is not None


def test_a_place_is_given_back_once() -> None:
    one = gate(1)
    (found,) = fill(one, 0, 1)
    found.leave(1)
    found.leave(2)
    assert one.standing().in_use == 0
    fill(one, 3, 1)
    assert isinstance(one.ask(asker(), 4), Waiter)


def test_who_leaves_while_it_waits_frees_its_place_and_who_has_one_hands_it_on() -> None:
    one = gate(1)
    (found,) = fill(one, 0, 1)
    left, second, third = (waiter(one.ask(asker(), 1)) for _ in range(3))
    one.give_up(left, 2)
    found.leave(3)
    assert (left.place, third.place) == (None, None)
    assert second.place is not None
    one.give_up(second, 4)
    assert third.place is not None, "the place that was granted to somebody who left"
    assert one.standing().waiting == 0


def test_a_queue_that_stands_is_kept_short_and_the_rest_is_told_when_to_come_back() -> None:
    one = gate(1)
    now = warm(one)
    fill(one, now, 1)
    now += S // 2
    for _ in range(2):
        waiter(one.ask(asker(), now))
    error = refused(one, asker(), now)
    assert (error.code, error.retry_after >= 1) == (FULL, True)
    assert 2 <= one.standing().waiting <= 4, "an answer of a second, and at half load somebody waits two"


def test_a_burst_that_finds_an_engine_free_for_long_may_wait() -> None:
    one = gate(1)
    now = warm(one) + 2 * S
    fill(one, now, 1)
    waiting = [waiter(one.ask(asker(), now + number)) for number in range(20)]
    assert {one.until for one in waiting} == {waiting[0].until + number for number in range(20)}
    with pytest.raises(EngineBusy):
        one.ask(asker(), now + S // 2)


def test_a_crowd_is_no_burst_because_a_place_is_free_for_a_moment() -> None:
    one = gate(1)
    now = warm(one)
    fill(one, now, 1)
    refused(one, asker(), now + 1)
    assert one.standing().waiting < 5


def test_a_place_of_its_own_is_no_free_place_for_all() -> None:
    one = gate(2)
    one.reserve({"key_vip": 50}, 0)
    now = warm(one)
    fill(one, now, 1)
    assert isinstance(one.ask(asker("key_vip"), now + 9 * S), Place)
    refused(one, asker(), now + 9 * S)
    assert one.standing().waiting < 5


def test_a_queue_is_bounded_whoever_waits() -> None:
    one = gate(1, queue=3)
    fill(one, 0, 1)
    for _ in range(3):
        waiter(one.ask(asker(patient=True), 1))
    with pytest.raises(EngineBusy):
        one.ask(asker(patient=True), 1)


def test_what_cannot_be_answered_in_time_is_refused_at_once() -> None:
    one = gate(1)
    now = warm(one)
    fill(one, now, 1)
    with pytest.raises(EngineBusy) as caught:
        one.ask(asker(deadline_ns=now + 3 * S // 2), now)
    assert caught.value.code == TOO_LATE
    assert waiter(one.ask(asker(deadline_ns=now + 3 * S), now)).until <= now + 3 * S


def test_who_may_not_wait_gets_a_free_place_or_none() -> None:
    one = gate(1)
    (found,) = fill(one, 0, 1)
    with pytest.raises(EngineBusy):
        one.ask(asker(waits=False), 1)
    found.leave(2)
    place(one.ask(asker(waits=False), 3))


def test_a_key_that_has_its_share_is_told_so_and_another_gets_in() -> None:
    one = gate(2)
    now = warm(one)
    fill(one, now, 2, "key_crowd")
    now += S // 2
    assert refused(one, asker("key_crowd"), now).code == FULL, "nobody else is there, so it takes nothing from anybody"
    quiet = waiter(one.ask(asker("key_quiet"), now))
    with pytest.raises(EngineBusy) as caught:
        one.ask(asker("key_crowd"), now)
    assert caught.value.code == SHARE_USED
    assert one._queue.next() is not None
    assert one._queue.ahead("key_quiet") <= 3
    one.give_up(quiet, now)


def test_who_comes_back_when_told_goes_before_those_that_come_for_the_first_time() -> None:
    one = gate(1)
    now = warm(one)
    held = fill(one, now, 1)
    now += S // 2

    told = refused(one, asker("key_crowd"), now).retry_after
    for second in range(told):
        now = now + S
        waiting = one._queue.next()
        assert waiting is not None
        held.pop().leave(now, WORK)
        assert waiting.item.place is not None
        held.append(waiting.item.place)
        if second < told - 1:
            refused(one, asker("key_crowd"), now)
    assert isinstance(one.ask(asker("key_crowd"), now), Waiter)


def test_reserved_places_stay_free_and_are_there_the_moment_they_are_asked_for() -> None:
    one = gate(4)
    one.reserve({"key_vip": 25}, 0)
    fill(one, 1, 3)
    assert isinstance(one.ask(asker(), 1), Waiter)
    vip = place(one.ask(asker("key_vip"), 2))
    second = waiter(one.ask(asker("key_vip"), 3))
    vip.leave(4)
    assert second.place is not None, "its own place is nobody else's, whoever waits longer"


def test_places_of_a_key_of_its_own_put_nobody_else_back() -> None:
    one = gate(3)
    one.reserve({"key_vip": 33}, 0)
    fill(one, 0, 2, "key_crowd")[0].leave(1)
    (last,) = fill(one, 1, 1, "key_crowd")
    crowd = [waiter(one.ask(asker("key_crowd"), 1)) for _ in range(6)]
    for _ in range(10):
        vip = place(one.ask(asker("key_vip"), 2))
        second = waiter(one.ask(asker("key_vip"), 2))
        vip.leave(2)
        one.give_up(second, 2)
    quiet = waiter(one.ask(asker("key_quiet"), 3))
    last.leave(4)
    assert quiet.place is not None, "it has had less than the crowd"
    assert [one.place for one in crowd] == [None] * 6


def test_who_waits_already_gets_a_place_that_is_kept_for_its_key_from_now_on() -> None:
    one = gate(3)
    first, *_ = fill(one, 0, 3)
    other, vip = waiter(one.ask(asker("key_b"), 1)), waiter(one.ask(asker("key_vip"), 1))
    one.reserve({"key_vip": 20}, 2)
    first.leave(3)
    assert (vip.place is not None, other.place) == (True, None)


def test_who_waits_has_no_place_kept_for_it_where_its_key_has_none_any_more() -> None:
    one = gate(1)
    (first,) = fill(one, 0, 1)
    other, formerly = waiter(one.ask(asker("key_b"), 1)), waiter(one.ask(asker("key_vip"), 1))
    one.reserve({"key_vip": 20}, 2)
    one.reserve({}, 2)
    first.leave(3)
    assert (other.place is not None, formerly.place) == (True, None)


def test_who_left_the_line_of_a_key_with_places_of_its_own_is_not_waited_for() -> None:
    one = gate(1)
    now = warm(one)
    one.reserve({"key_vip": 50}, now)
    fill(one, now, 1)
    now += S // 2

    def line() -> list[Waiter]:
        found: list[Waiter] = []
        with contextlib.suppress(EngineBusy):
            while len(found) < 99:
                found.append(waiter(one.ask(asker("key_vip", patient=True), now)))
        return found

    first, *others = line()
    for gone in others:
        one.give_up(gone, now)
    assert 99 > len(line()) == len(others) > 0
    assert first.place is None


def test_with_one_place_none_can_be_kept_so_it_goes_first() -> None:
    one = gate(1)
    one.reserve({"key_vip": 50}, 0)
    (found,) = fill(one, 0, 1)
    other, vip = waiter(one.ask(asker(), 1)), waiter(one.ask(asker("key_vip"), 2))
    found.leave(3)
    assert vip.place is not None
    assert other.place is None


def test_a_reservation_that_ends_and_more_places_let_in_who_waits() -> None:
    one = gate(2)
    one.reserve({"key_vip": 50}, 0)
    fill(one, 0, 1)
    other = waiter(one.ask(asker(), 1))
    one.reserve({}, 2)
    assert other.place is not None
    third = waiter(one.ask(asker(), 3))
    one.adopt(GatePolicy(bounds=Bounds(least=3, most=3, first=3)), 4)
    assert third.place is not None


def test_who_was_overtaken_is_told_when_to_come_back() -> None:
    one = gate(1)
    fill(one, 0, 1)
    late = waiter(one.ask(asker(), 1))
    one.give_up(late, late.until)
    error = one.too_late(late, late.until)
    assert (error.code, error.retryable) == (TOO_LATE, True)
    assert error.retry_after >= 1


KEYS = ("key_a", "key_b", "key_vip")


class Traffic(RuleBasedStateMachine):
    """Anybody comes and goes at any time; the number of places moves by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000
        self.one = Gate(GatePolicy(bounds=Bounds(least=1, most=5, first=3), queue=12, longest_wait_s=20))
        self.percents: dict[str, int] = {}
        self.inside: list[tuple[str, Place]] = []
        self.waiting: list[tuple[str, Waiter]] = []

    def settle(self) -> None:
        """Those that were granted are in."""
        for key, one in [pair for pair in self.waiting if pair[1].place is not None]:
            assert one.place is not None
            self.waiting.remove((key, one))
            self.inside.append((key, one.place))

    @rule(
        key=st.sampled_from(KEYS), patient=st.booleans(), waits=st.booleans(), left=st.integers(0, 40 * S) | st.none()
    )
    def come(self, key: str, patient: bool, waits: bool, left: int | None) -> None:
        deadline = None if left is None else self.now + left
        was_free = not self.one.standing().waiting and self.one.standing().in_use < self.one._shared
        found: Place | Waiter | None
        told = 0
        try:
            found = self.one.ask(asker(key, patient=patient, waits=waits, deadline_ns=deadline), self.now)
        except EngineBusy as error:
            told = error.retry_after
            found = None
        if found is None:
            assert 1 <= told <= 60
            assert not was_free, "refused beside a free place"
            return
        if isinstance(found, Place):
            self.inside.append((key, found))
            return
        assert waits
        assert self.now < found.until or deadline is not None
        assert found.until <= min(self.now + 20 * S, deadline or self.now + 20 * S)
        self.waiting.append((key, found))

    @precondition(lambda self: self.inside)
    @rule(number=st.integers(0, 99), passed=st.integers(1, 5 * S), wrote=st.integers(0, 100) | st.none())
    def leave(self, number: int, passed: int, wrote: int | None) -> None:
        self.now += passed
        _, found = self.inside.pop(number % len(self.inside))
        found.leave(self.now, None if wrote is None else Work(50, wrote))
        self.settle()

    @precondition(lambda self: self.waiting)
    @rule(number=st.integers(0, 99))
    def give_up(self, number: int) -> None:
        _, one = self.waiting.pop(number % len(self.waiting))
        self.one.give_up(one, self.now)
        self.settle()

    @rule(percent=st.sampled_from([0, 20, 50, 90]))
    def reserve(self, percent: int) -> None:
        self.percents = {"key_vip": percent} if percent else {}
        self.one.reserve(self.percents, self.now)
        self.settle()

    @rule(most=st.integers(1, 6))
    def adopt(self, most: int) -> None:
        """Another configuration: more places, or fewer than are taken."""
        bounds = Bounds(least=1, most=most, first=1)
        self.one.adopt(GatePolicy(bounds=bounds, queue=12, longest_wait_s=20), self.now)
        assert 1 <= self.one.standing().places <= most
        self.settle()

    @rule(passed=st.integers(0, 30 * S))
    def wait(self, passed: int) -> None:
        """As the callers' own timers do: whoever has waited long enough leaves."""
        self.now += passed
        for key, one in [pair for pair in self.waiting if pair[1].until <= self.now]:
            self.waiting.remove((key, one))
            self.one.give_up(one, self.now)
        self.settle()

    @invariant()
    def places_are_conserved(self) -> None:
        standing = self.one.standing()
        assert (standing.in_use, standing.waiting) == (len(self.inside), len(self.waiting))
        assert self.one._in_use == self.one._sharing + sum(self.one._own.values())
        assert Counter(key for key, _ in self.inside) == +self.one._held

    @invariant()
    def nobody_waits_beside_a_place_that_is_free_for_it(self) -> None:
        if self.waiting:
            assert not self.one._may_share()
            assert not any(self.one._own_is_free(key) for key, _ in self.waiting)

    @invariant()
    def what_is_reserved_is_there(self) -> None:
        assert sum(self.one._reserved.values()) + self.one._shared == self.one.standing().places
        assert self.one._shared >= 1

    def teardown(self) -> None:
        while self.inside:
            self.leave(0, 1, None)
        assert not self.waiting
        assert self.one.is_empty
        assert not self.one._weights


TestTraffic = Traffic.TestCase
TestTraffic.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
