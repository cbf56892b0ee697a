"""The loop guard on the request path: after the body is read, before it is decided where it goes.

Only requests that can be part of a loop are looked at: those with a trace, with tools, or with an answer in
their history. Lines of batches are not: nobody waits between them; nor is what we ask in the background.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from homeport.core import alerts
from homeport.core.errors import LoopStopped
from homeport.core.money import Nano
from homeport.core.ports import Clock
from homeport.core.privacy import Action
from homeport.core.types import DataClass, Inference, Outcome, Surface, Usage
from homeport.ledger.loops.guard import Level, LoopGuard, Verdict, split
from homeport.ledger.loops.history import Signal
from homeport.ledger.loops.messages import fact
from homeport.ledger.loops.override import issue, valid
from homeport.ledger.loops.wording import explanation, header, root, short
from homeport.pipeline.attribution import OVERRIDE_HEADER
from homeport.pipeline.exchange import Exchange
from homeport.telemetry.logs import FIELDS

logger = logging.getLogger(__name__)

_MESSAGES = {Surface.CHAT: "messages", Surface.MESSAGES: "messages", Surface.RESPONSES: "input"}
_LEAST_MESSAGES = 3
_LONGEST_NAME = 256

Sleep = Callable[[float], Awaitable[None]]
Count = Callable[[Signal, Level], None]
Page = Callable[[alerts.LoopStopped], None]


class LoopStage:
    """Warns, delays or stops.

    Args:
        sleep: waits so many seconds.
        count: told each signal and what was done about it.
        page: told each stop; returns at once.
    """

    def __init__(self, guard: LoopGuard, clock: Clock, sleep: Sleep, count: Count, page: Page) -> None:
        self._guard = guard
        self._clock = clock
        self._sleep = sleep
        self._count = count
        self._page = page

    async def check(self, exchange: Exchange) -> None:
        """Look at a request that was decoded.

        Raises:
            LoopStopped: it repeats what did not help before.
        """
        if exchange.batch or exchange.purpose or self._guard.settings.action == "off" or exchange.inference is None:
            return
        name = exchange.trace_id or _conversation(exchange.inference.fields)
        messages = _messages(exchange.inference)
        if not name and len(messages) < _LEAST_MESSAGES and "tools" not in exchange.inference.fields:
            return
        key = exchange.key.id if exchange.key else ""
        try:
            exchange.watched = watched = self._guard.check(key, name, messages, exchange.started_ns)
        except Exception:  # whatever the guard cannot read: it must never be why a request fails
            logger.exception("the loop guard could not look at request %s", exchange.request_id)
            return
        if watched.verdict.level is not Level.NONE:
            await self._act(exchange, watched.verdict, name, messages)

    async def _act(self, exchange: Exchange, verdict: Verdict, name: str, messages: Sequence[Raw]) -> None:
        finding = verdict.finding
        assert finding is not None
        if verdict.level > Level.WARNING and self._overridden(exchange, name, messages):
            verdict = msgspec.structs.replace(verdict, level=Level.WARNING)
        self._count(finding.signal, verdict.level)
        exchange.loop = header(verdict)
        if verdict.level is Level.STOP:
            exchange.watched = None
            hidden = _is_private(exchange) or not name
            self._tell(exchange, verdict, short(_root(exchange, name, messages)) if hidden else name)
            raise self._stopped(exchange, verdict, name, messages)
        if verdict.level is Level.THROTTLE:
            await self._sleep(verdict.delay_s)

    def finished(self, exchange: Exchange) -> None:
        """A request that was let through has ended and has its price."""
        if exchange.watched is not None:
            answer = _answer(exchange) if exchange.outcome is Outcome.COMPLETED else 0
            self._guard.finish(exchange.watched, exchange.cost or Nano(0), answer)

    def _overridden(self, exchange: Exchange, name: str, messages: Sequence[Raw]) -> bool:
        token = exchange.attribution.loop_override
        return token is not None and valid(token, exchange.token or "", _root(exchange, name, messages), self._now_s())

    def _now_s(self) -> int:
        return self._clock.wall_ns() // 1_000_000_000

    def _stopped(self, exchange: Exchange, verdict: Verdict, name: str, messages: Sequence[Raw]) -> LoopStopped:
        seconds = self._guard.settings.override_seconds
        token = issue(exchange.token or "", _root(exchange, name, messages), self._now_s() + seconds)
        # It goes back to whom it came from, and from there into logs.
        shown = () if _is_private(exchange) else messages
        return LoopStopped(
            f"stopped as a loop: {explanation(verdict, shown)}",
            hint="do something else with what came back, or ask a person; to let this trace go on for "
            f"{seconds} seconds, send the header {OVERRIDE_HEADER}: {token}",
        )

    def _tell(self, exchange: Exchange, verdict: Verdict, trace: str) -> None:
        """Tell who runs this gateway; without content, but with the tool's name."""
        finding, key = verdict.finding, exchange.key
        assert finding is not None
        assert key is not None
        # A page leaves this machine, and a tool may be called as its patient is.
        what = finding.signal if _is_private(exchange) else f"{finding.signal} {finding.name}".strip()
        told = {"key": key.id, "request": exchange.request_id, "what": what, "repeats": finding.repeats}
        cost = {"calls": verdict.calls, "cost_nanodollars": verdict.cost}
        logger.warning("a loop was stopped", extra={FIELDS: {**told, **cost}})
        self._page(
            alerts.LoopStopped(
                at=self._clock.wall_ns(),
                key_id=key.id,
                project=key.project,
                trace_id=trace,
                what=what,
                repeats=finding.repeats,
                calls=verdict.calls,
                cost=verdict.cost,
            )
        )


def _is_private(exchange: Exchange) -> bool:
    """Whether anything of it may be told where it does not stay at home: what is redacted may not, either."""
    assessment = exchange.assessment
    return exchange.data_class is DataClass.PRIVATE or (
        assessment is not None and assessment.action is not Action.ALLOW
    )


def _root(exchange: Exchange, name: str, messages: Sequence[Raw]) -> str:
    return root(exchange.key.id if exchange.key else "", name, messages)


def _messages(inference: Inference) -> Sequence[Raw]:
    raw = inference.fields.get(_MESSAGES.get(inference.surface, ""))
    return split(raw) if raw is not None else ()


def _conversation(fields: Mapping[str, Raw]) -> str:
    """The conversation that a request says it belongs to, by name or as an object with an id; "" for none."""
    raw = fields.get("conversation")
    if raw is None or len(bytes(raw)) > _LONGEST_NAME:
        return ""
    try:
        said = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeError):
        return ""
    named = said.get("id") if isinstance(said, dict) else said
    return f"conversation:{named}" if isinstance(named, str) and named else ""


class _Choice(msgspec.Struct):
    message: Any = None


class _Body(msgspec.Struct):
    """Where the surfaces put what was answered."""

    choices: tuple[_Choice, ...] = ()
    content: Any = None
    output: tuple[Any, ...] = ()

    def key(self) -> int:
        said = [choice.message for choice in self.choices] or self.output
        said = said or [{"role": "assistant", "content": self.content}]
        return hash(tuple([fact(message).key for message in said]))


def _answer(exchange: Exchange) -> int:
    """A digest of the answer without its ids; of a stream, which is not kept, how long it was."""
    if exchange.completion is None:
        usage = exchange.billed or Usage()
        return hash((usage.output_tokens, exchange.events))
    try:
        return msgspec.json.decode(exchange.completion.body, type=_Body).key()
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return 0
