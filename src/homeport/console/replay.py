"""Asking a kept request again, of another model, to see both answers side by side.

It is asked in the name of the key that asked it first, so that key's models, budgets and data class hold, and the
ledger has it with the reason `replay`. The cache neither answers it nor keeps it, and nothing is learned from it.
"""

from collections.abc import Callable
from functools import partial

import msgspec

from homeport.api.admin import off_the_loop
from homeport.api.dialects import dialects
from homeport.console.figures.spoken import Spoken, spoken
from homeport.console.works import Works
from homeport.core.captured import Captured
from homeport.core.errors import InvalidRequest, NotFound
from homeport.core.purposes import REPLAY
from homeport.pipeline.again import answered_again, asked_again
from homeport.pipeline.exchange import Exchange
from homeport.protocols.answers.parts import field, value_of
from homeport.traces.said import said

PURPOSE = REPLAY


class ReplayedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it.

    Attributes:
        answer: None where an error was answered.
        error: its code and what it says.
        cost: nano-dollars; None where nothing is known.
        took_ns: from the call to the last byte.
    """

    request_id: str
    model: str
    tier: str
    answer: Spoken | None = None
    error: tuple[str, str] | None = None
    cost: int | None = None
    took_ns: int = 0
    output_tokens: int = 0


async def ask_again(works: Works, captured: Captured, model: str, now_ns: Callable[[], int]) -> ReplayedAnswer:
    """Ask it of another model, whole even where it was a stream.

    Args:
        now_ns: a clock that never steps back.

    Raises:
        InvalidRequest: no such model is known.
        NotFound: replay_key_gone; the key that asked is no more.
    """
    if model not in works.models():
        raise InvalidRequest(f"there is no model {model[:80]!r}", hint="choose one of the list", param="model")
    token = works.lend(captured.key_id)
    if token is None:
        raise NotFound(
            "the key that asked this is revoked or expired, so nobody can ask it again",
            code="replay_key_gone",
            hint="send the prompt with a key of your own: homeport chat",
        )
    began = now_ns()
    exchange = asked_again(captured, model, token, dialects()[captured.surface], PURPOSE)
    await works.ask(exchange)
    return await off_the_loop(partial(_told, exchange, captured, now_ns() - began))


def _told(exchange: Exchange, captured: Captured, took_ns: int) -> ReplayedAnswer:
    target = exchange.target
    again = answered_again(captured, exchange)
    error = exchange.error
    return ReplayedAnswer(
        request_id=exchange.request_id,
        model=target.name if target else "",
        tier=target.tier if target else "",
        answer=spoken(said(again)) if error is None else None,
        error=None if error is None else (error.code, _message(again.answer) or error.message),
        cost=exchange.cost,
        took_ns=took_ns,
        output_tokens=exchange.billed.output_tokens if exchange.billed else 0,
    )


def _message(body: bytes) -> str:
    said = field(field(value_of(body), "error"), "message")
    return said[:2_000] if isinstance(said, str) else ""
