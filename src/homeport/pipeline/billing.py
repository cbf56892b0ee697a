"""What a call that answered is billed for, at any moment: what its upstream said, else what we saw of it."""

from homeport.core.types import CONVERSATIONS, Completion, Surface, Target, Usage
from homeport.ledger.usage import estimate, generated_chars
from homeport.pipeline.exchange import Exchange
from homeport.pipeline.spending import Hold

_GENERATING = CONVERSATIONS | {Surface.COMPLETION}


def billable(exchange: Exchange, now: int) -> Usage:
    """The usage of the call that the exchange is at; none where it was answered from the cache."""
    if exchange.target is None or exchange.is_hit:
        return Usage()
    lasted = now - exchange.dispatched_ns
    if not exchange.saw_the_end:
        return unfinished(exchange, exchange.target, None, exchange.usage, exchange.events, lasted)
    return finished(exchange, exchange.completion, exchange.usage, exchange.events)


def unfinished(
    exchange: Exchange, target: Target, hold: Hold | None, told: Usage | None, events: int, lasted_ns: int
) -> Usage:
    """Of a call whose end nobody saw.

    Args:
        hold: of the call; None for the last one.
        told: what its upstream said on the way.
        events: that came of a stream.
    """
    if exchange.tab is not None and not target.local:
        return exchange.tab.presumed(hold, target, told, events, lasted_ns)
    return finished(exchange, None, told, events)


def finished(exchange: Exchange, whole: Completion | None, told: Usage | None, events: int) -> Usage:
    """Of a call that said all that it had to say."""
    if told is not None or exchange.inference is None:
        return told or Usage()
    # A vector is long, but nobody generated its digits.
    chars = generated_chars(whole.body) if whole and exchange.surface in _GENERATING else 0
    return estimate(exchange.inference.input_chars, events, chars)
