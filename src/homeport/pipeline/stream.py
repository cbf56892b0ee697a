"""Relaying a stream: everything but its end, which waits until the request is settled."""

from collections.abc import AsyncGenerator, Callable

from homeport.core.errors import HomeportError
from homeport.core.types import Frame
from homeport.pipeline.exchange import Exchange
from homeport.pipeline.redaction import held_frames, restored_frames


async def relay(
    exchange: Exchange, first: Frame, rest: AsyncGenerator[Frame, None], monotonic_ns: Callable[[], int]
) -> None:
    """Forward frames as they come; note usage; hold back closing frames.

    One frame is in memory at a time: a slow reader holds the upstream back. An answer that outgrows what
    its budgets can pay for ends here, as one that got as long as it was allowed to.
    """
    wants_usage = exchange.inference is not None and exchange.inference.wants_usage
    try:
        await exchange.start_stream()
        frame: Frame | None = first
        while frame is not None:
            for told in restored_frames(exchange.restoration, frame):
                await _pass_on(exchange, told, wants_usage, monotonic_ns)
            is_paid = exchange.tab is None or await exchange.tab.pays_for(exchange.events, exchange.usage)
            if not (is_paid or frame.closing):  # What has come to its end by itself has told its true usage.
                for end in (*held_frames(exchange.restoration), *exchange.cut(first)):
                    await _pass_on(exchange, end, wants_usage, monotonic_ns)
                return
            frame = await anext(rest, None)
        await _tell_rest(exchange, monotonic_ns)
    except HomeportError:
        await _tell_rest(exchange, monotonic_ns)
        raise
    finally:
        await rest.aclose()


async def _tell_rest(exchange: Exchange, monotonic_ns: Callable[[], int]) -> None:
    """What was held back of a stream that has ended, well or not."""
    for frame in held_frames(exchange.restoration):
        await _pass_on(exchange, frame, False, monotonic_ns)


async def _pass_on(exchange: Exchange, frame: Frame, wants_usage: bool, monotonic_ns: Callable[[], int]) -> None:
    exchange.events += frame.events
    exchange.usage = frame.usage or exchange.usage
    if exchange.hearing is not None:
        exchange.hearing.hear(frame.data)
    if exchange.visit is not None and exchange.visit.tape is not None:
        exchange.visit.tape.note(frame)
    if exchange.tape is not None:
        exchange.tape.note(frame)
    if exchange.trail is not None:
        exchange.trail.hear(frame)
    if frame.closing:
        if wants_usage or not frame.usage_only:
            exchange.held.append(frame)
        return
    data = exchange.writer.frame(frame)
    if data:
        if exchange.sequel is not None:
            exchange.sequel.tell(data)
        if frame.events and not exchange.first_byte_ns:  # a comment that keeps the connection awake is no answer
            exchange.first_byte_ns = monotonic_ns()
        await exchange.wire.send(data)
