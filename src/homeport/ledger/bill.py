"""What a request cost, line by line, worked out again from its row and a price."""

from collections.abc import Iterator

import msgspec

from homeport.core.money import Nano, PicoRate, charge, charge_time
from homeport.core.types import Attempt, MachinePrice, Price, TokenPrice, Usage
from homeport.ledger.pricing import applied


class BillLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a bill.

    Attributes:
        units: tokens, calls, or nanoseconds of an engine's time (`unit` says which).
        rate: pico-dollars of one unit; nano-dollars of an hour of an engine's time; 0 where the line has no rate.
        cost: nano-dollars, rounded for itself.
    """

    what: str
    units: int
    unit: str
    rate: int
    cost: int


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """A bill.

    Attributes:
        total: nano-dollars, as the ledger has it.
        exact: the lines add up to the total. Where they do not the price has changed since, or the answer had parts
            that the ledger does not tell apart, such as audio, images and searches.
    """

    lines: tuple[BillLine, ...]
    total: int
    exact: bool


def bill(
    usage: Usage, price: Price | None, total: int, *, elapsed_ns: int = 0, attempts: tuple[Attempt, ...] = ()
) -> Bill:
    """The bill of an answer.

    Args:
        price: of what answered, at that time; None where it is not known, or nothing answered.
        elapsed_ns: what is billed of an engine that does not say how long it worked.
        attempts: of these, calls that gave no answer and cost something have lines of their own.
    """
    lost = tuple(_lost(one) for one in attempts if one.cost)
    lines, cost = _answered(usage, price, elapsed_ns)
    return Bill(lines=(*lines, *lost), total=total, exact=cost + sum(line.cost for line in lost) == total)


def _answered(usage: Usage, price: Price | None, elapsed_ns: int) -> tuple[tuple[BillLine, ...], int]:
    match price:
        case TokenPrice():
            parts = [part for part in _parts(applied(price, usage), usage) if part[1] and part[3]]
            return tuple(_line(*part) for part in parts), charge([(units, rate) for _, units, _, rate in parts])
        case MachinePrice():
            worked = (usage.engine_ns or elapsed_ns) // price.slots
            cost = charge_time(price.hourly, worked)
            return (BillLine(what="time of the engine", units=worked, unit="ns", rate=price.hourly, cost=cost),), cost
    return (), 0


def _parts(price: TokenPrice, usage: Usage) -> Iterator[tuple[str, int, str, PicoRate]]:
    cached = min(usage.cached_input_tokens, usage.input_tokens)
    written = min(usage.cache_write_tokens, usage.input_tokens - cached)
    thoughts = min(usage.reasoning_tokens, usage.output_tokens)
    yield "input", usage.input_tokens - cached - written, "tokens", price.input
    yield "input read from a cache", cached, "tokens", price.cached_input
    write = price.input if price.cache_write is None else price.cache_write
    yield "input written to a cache", written, "tokens", write
    yield "output", usage.output_tokens - thoughts, "tokens", price.output
    yield "thoughts", thoughts, "tokens", price.output if price.reasoning is None else price.reasoning
    yield "the call itself", 1, "calls", price.request


def _line(what: str, units: int, unit: str, rate: PicoRate) -> BillLine:
    return BillLine(what=what, units=units, unit=unit, rate=rate, cost=charge([(units, rate)]))


def _lost(attempt: Attempt) -> BillLine:
    what = f"a call of {attempt.target} that gave no answer"
    return BillLine(what=what, units=1, unit="calls", rate=0, cost=Nano(attempt.cost))
