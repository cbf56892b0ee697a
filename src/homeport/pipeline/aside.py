"""An answer of a lower tier that was looked at and found wanting.

It is paid for and set aside, and given to the caller all the same where no better one comes.
"""

import msgspec

from homeport.core.money import Nano
from homeport.core.ports import Pricing
from homeport.core.types import Attempt, Completion, Usage
from homeport.pipeline.billing import finished, unfinished
from homeport.pipeline.dispatch import Dispatcher
from homeport.pipeline.exchange import Exchange
from homeport.pipeline.opening import Opening

_FREE = Nano(0)

Held = Completion | Opening


class Till(msgspec.Struct, frozen=True):
    """What an answer that is set aside is paid with."""

    dispatcher: Dispatcher
    pricing: Pricing


class Aside:
    """What an exchange knew of an answer, taken off it: the exchange has not been answered yet.

    Args:
        answer: a whole one, or a stream, which stays open until it is dropped.
        code: of the attempt from now on.
        now: monotonic nanoseconds.
        broken: its upstream did not do well.
    """

    def __init__(
        self, exchange: Exchange, answer: Held, code: str, *, till: Till, now: int, broken: bool = False
    ) -> None:
        assert exchange.target is not None
        assert exchange.load is not None
        self.answer = answer
        self._exchange, self._till = exchange, till
        self._code, self._broken = code, broken
        self._target, self._load = exchange.target, exchange.load
        self._dispatched_ns, self._lasted = exchange.dispatched_ns, now - exchange.dispatched_ns
        self._reason = exchange.reason
        self._hold = exchange.tab.answering if exchange.tab is not None else None
        tried = enumerate(exchange.attempts)
        self._place = max(at for at, one in tried if one.target == self._target.name and not one.error)
        self._told = 0
        self._is_open = isinstance(answer, Opening) and not answer.is_whole
        self._charge(now)
        if self._is_open and isinstance(answer, Opening):
            answer.read_on()
        else:
            self._finish()
        exchange.target = exchange.load = exchange.usage = None
        exchange.events = 0
        if exchange.tab is not None:
            exchange.tab.answering = None

    def give(self, now: int) -> Held:
        """Put it back: it is the answer after all."""
        exchange = self._exchange
        surface = self._target.answers(exchange.surface)
        assert surface is not None
        exchange.told -= self._told
        self._note("", _FREE, self._attempt.ended_ns)
        # An engine that does not tell its own time is paid by ours, which went on while others were asked.
        exchange.begin(self._target, surface, self._dispatched_ns if self._is_open else now - self._lasted)
        exchange.reason = self._reason
        exchange.usage, exchange.events = None, 0
        exchange.load = self._load if self._is_open else None
        if exchange.tab is not None:
            exchange.tab.answering = self._hold if self._is_open else None
        return self.answer

    def recode(self, code: str) -> None:
        """It was not good enough for another reason."""
        self._code = code
        self._note(code, self._attempt.cost, self._attempt.ended_ns)

    async def drop(self, now: int) -> None:
        """A better answer is there, or the caller is gone."""
        if self._is_open and isinstance(self.answer, Opening):
            self._is_open = False
            try:
                await self.answer.close()
            finally:
                self._charge(now)
                self._finish()

    @property
    def _attempt(self) -> Attempt:
        return self._exchange.attempts[self._place]

    def _note(self, error: str, cost: Nano, ended: int) -> None:
        changed = msgspec.structs.replace(self._attempt, error=error, cost=cost, ended_ns=ended)
        self._exchange.attempts[self._place] = changed

    def _charge(self, now: int) -> None:
        """Price what it has produced until now."""
        usage = self._usage(now)
        cost = self._till.pricing.cost(self._target, usage, now - self._dispatched_ns)
        tab = self._exchange.tab
        if tab is not None and (ceiling := tab.ceiling(self._target)) is not None:
            cost = ceiling
        self._note(self._code, cost, now)
        told = 0 if usage.estimated else cost
        self._exchange.told += told - self._told
        self._told = told

    def _usage(self, now: int) -> Usage:
        exchange, answer, lasted = self._exchange, self.answer, now - self._dispatched_ns
        if isinstance(answer, Completion):
            return finished(exchange, answer, answer.usage, 0)
        if answer.is_whole:
            return finished(exchange, None, answer.usage, answer.events)
        seen = unfinished(exchange, self._target, self._hold, answer.usage, answer.events, lasted)
        return msgspec.structs.replace(seen, estimated=True)

    def _finish(self) -> None:
        """It is no load any more, and what it held beyond its cost is there for others."""
        self._till.dispatcher.ended(self._exchange, self._target, self._load, self.answer.usage, well=not self._broken)
        tab, answer = self._exchange.tab, self.answer
        if tab is not None and self._hold is not None:
            usage, is_whole = answer.usage, isinstance(answer, Completion) or answer.is_whole
            if is_whole and usage is not None and not usage.estimated:
                tab.learn(self._target, usage)
            tab.lost(self._hold, self._attempt.cost)
