"""A gate that has narrowed: who may still be there, since to be refused would cost more than to wait."""

import pytest

from homeport.core.errors import EngineBusy
from homeport.pipeline.gate import FULL, TOO_LATE, Gate, GatePolicy
from homeport.pipeline.limit import Bounds
from tests.fakes.gates import WORK, S, asker, fill, refused, waiter


def narrowed(milliseconds: int) -> tuple[Gate, int]:
    """One of four slots that gives two places, since answers beside three others take four times as long; and when."""
    one, now = Gate(GatePolicy(bounds=Bounds(least=2, most=4, first=4), queue=3)), 0
    for lasts, beside in [(milliseconds // 4, 1)] * 40 + [(milliseconds, 4)] * 20:
        places = fill(one, now, min(beside, one.standing().places))
        now += lasts * 1_000_000
        for each in places:
            each.leave(now, WORK)
    fill(one, now, one.standing().places)
    return one, now


def test_a_narrow_gate_lets_as_many_be_there_as_the_engine_has_slots_for_a_moment() -> None:
    one, now = narrowed(80)
    while one.standing().in_use + one.standing().waiting < 4:
        assert waiter(one.ask(asker(), now)).until >= now + S, "to be refused would cost as much"
    patience = one.standing().patience_s
    assert patience is not None
    assert patience < 0.04, "without that the second would be refused"
    assert refused(one, asker(), now).code == FULL
    assert one.standing().waiting == 4 - one.standing().in_use


def test_but_not_where_that_takes_long_nor_where_nobody_may_wait() -> None:
    slow, now = narrowed(2000)
    refused(slow, asker(), now)
    assert slow.standing().in_use + slow.standing().waiting < 4
    quick, now = narrowed(80)
    with pytest.raises(EngineBusy):
        quick.ask(asker(waits=False), now)
    with pytest.raises(EngineBusy) as told:
        quick.ask(asker(deadline_ns=now + 1), now)
    assert told.value.code == TOO_LATE
