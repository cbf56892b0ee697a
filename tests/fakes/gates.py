"""A gate whose number of places does not move, and those who ask it."""

from typing import Any

from homeport.core.errors import EngineBusy
from homeport.pipeline.gate import Asker, Gate, GatePolicy, Place, Waiter
from homeport.pipeline.limit import Bounds
from homeport.pipeline.pace import Work

S = 1_000_000_000
WORK = Work(read=100, wrote=40)


def gate(places: int = 2, *, queue: int = 256, longest: float = 30.0) -> Gate:
    """One whose number of places does not move."""
    bounds = Bounds(least=places, most=places, first=places)
    return Gate(GatePolicy(bounds=bounds, queue=queue, longest_wait_s=longest))


def asker(key: str = "key_a", **more: Any) -> Asker:
    return Asker(key_id=key, flow=key, cost=100.0, **more)


def place(found: Place | Waiter) -> Place:
    assert isinstance(found, Place)
    return found


def waiter(found: Place | Waiter) -> Waiter:
    assert isinstance(found, Waiter)
    return found


def warm(one: Gate, *, until: int = 100 * S, answers: int = 20) -> int:
    """It has given answers of a second each; the moment after the last."""
    now = until - answers * S
    for _ in range(answers):
        found = place(one.ask(asker("key_warm"), now))
        now += S
        found.leave(now, WORK)
    return now


def fill(one: Gate, now: int, number: int, key: str = "key_a") -> list[Place]:
    return [place(one.ask(asker(key), now)) for _ in range(number)]


def refused(one: Gate, who: Asker, now: int) -> EngineBusy:
    """What a crowd is told, as soon as one of it is."""
    for _ in range(99):
        try:
            one.ask(who, now)
        except EngineBusy as error:
            return error
    raise AssertionError("nobody was refused")
