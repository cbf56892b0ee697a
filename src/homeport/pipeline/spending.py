"""The money of a request: held before a call is made, extended where it must be, settled with the truth.

Only calls of remote models are held for: an own engine costs by the hour, whoever it answers.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import msgspec

from homeport.core.budgets import OF_BUDGET, Action, Budget
from homeport.core.errors import BudgetExceeded, NotPermitted, StorageError, UpstreamError, UpstreamRefused
from homeport.core.money import Nano, format_usd
from homeport.core.ports import Clock
from homeport.core.routing import Decision
from homeport.core.types import Inference, Key, MachinePrice, Target, UpstreamCall, Usage
from homeport.ledger.budgets import BudgetBook
from homeport.ledger.history import Asked, OutputHistory, OutputLimits, PromptHistory, Route
from homeport.ledger.holds import SLACK_TOKENS, Quote, ask_of, bounded, flat, quote, quote_time, shortened
from homeport.ledger.output_limits import stated_limit
from homeport.ledger.purse import Purse
from homeport.ledger.usage import estimate
from homeport.ledger.wallet import Wallet

logger = logging.getLogger(__name__)

NOT_PAID = "budget_exceeded"
"""The code of a further call that was not made, because there was no money for it."""

UNKNOWN_PRICE = "budgets.unknown_price_usd"
"""Where the cost of a call comes from that has no price."""

_EXTENSION_TOKENS = 512
_ORDINARY_TOKENS = 1_024
_UNSEEN_TOKENS = 32
_NS_PER_TOKEN = 500_000
_QUEUE_LOOK_S = 1.0
_QUEUE_LEAST_S = 0.05
_HEADER = "x-homeport-budget-remaining"


class SpendingRules(msgspec.Struct, frozen=True, kw_only=True):
    """How calls are held for.

    Attributes:
        default_output: tokens of an answer whose caller sets no bound.
        media_tokens: of an image in a prompt.
        patience: seconds to wait for money that may come back.
        unknown_price: what a call without a price counts as; None where it is refused.
    """

    default_output: int = 16_384
    media_tokens: int = 8_192
    patience: float = 5.0
    unknown_price: Nano | None = None


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a tab that one call may cost; `tokens` is how long each choice of its answer may get."""

    amount: int
    tokens: int
    quote: Quote


class Histories:
    """What is learned of answers and prompts; it stays over changes of the configuration."""

    def __init__(self) -> None:
        self.outputs = OutputHistory()
        self.prompts = PromptHistory()
        self.limits = OutputLimits()


class Spending:
    """Opens a tab for each request that a budget applies to.

    Args:
        book: gives the budgets that are in force now.
    """

    def __init__(
        self,
        *,
        book: Callable[[], BudgetBook],
        wallet: Wallet,
        histories: Histories,
        clock: Clock,
        rules: SpendingRules | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.book = book
        self.wallet = wallet
        self.histories = histories
        self.clock = clock
        self.rules = rules or SpendingRules()
        self.sleep = sleep

    @property
    def holder(self) -> str:
        """The name under which this process leases."""
        return self.wallet.holder

    def open(
        self, key: Key, inference: Inference, decision: Decision, *, end_user: str, trace_id: str, deadline_ns: int
    ) -> "Tab | None":
        """The tab of a request; None where no budget applies, or all of it stays at home.

        Raises:
            StorageError: what will be reserved cannot be noted down.
        """
        book = self.book()
        if not book or all(target.local for target in decision.candidates):
            return None
        accounts = book.accounts(key, end_user, trace_id)
        return Tab(self, self.wallet.purses(accounts), inference, key.project, deadline_ns) if accounts else None


def reason_of(budget: Budget) -> str:
    """Why a budget's requests are refused or sent home, fit for a header."""
    return OF_BUDGET + budget.name.encode("ascii", "replace").decode()[:128]


class Tab:
    """What one request holds of every account that it is spent from.

    Attributes:
        held: of each account, in nano-dollars; all of it is settled at the end.
        needed: the part of it that calls may cost: those in progress, and those that were lost.
        remote: names of the targets that were held for.
        answering: the hold of the call whose answer the caller gets.
    """

    def __init__(
        self, spending: Spending, purses: tuple[Purse, ...], inference: Inference, project: str, deadline_ns: int
    ) -> None:
        rules = spending.rules
        self._spending = spending
        self._purses = purses
        self._inference = inference
        self._project = project
        self._deadline_ns = deadline_ns
        self._ask = ask_of(inference, default_output=rules.default_output, media_tokens=rules.media_tokens)
        self._shorter: dict[Asked, int] = {}
        self._paid_tokens = 0
        self._holds = 0
        self.answering: Hold | None = None
        self._latest: Hold | None = None
        self._last: tuple[Target, Quote] | None = None
        self.held = 0
        self.needed = 0
        self.remote: set[str] = set()

    async def admit(self, decision: Decision) -> Decision:
        """Hold for the first call. Where a budget has too little left, do what it says.

        Raises:
            BudgetExceeded, StorageError: as `Wallet.reserve`.
            NotPermitted: price_unknown_for_budget.
        """
        first = decision.candidates[0]
        if first.local:
            return decision
        try:
            await self._queue(first)
        except BudgetExceeded as error:
            local = tuple(target for target in decision.candidates if target.local)
            if error.budget.action is not Action.DEGRADE or not local:
                raise
            return Decision(candidates=local, reason=reason_of(error.budget))
        return decision

    def least(self, target: Target) -> int:
        """Nano-dollars without which a call of the target is not made. Raises NotPermitted."""
        return self._quoted(target).least

    async def hold(self, target: Target) -> Hold:
        """Hold for a call that is about to be made.

        Raises:
            UpstreamError: code `budget_exceeded`; the call is not made for want of money.
            StorageError: the bank cannot be asked.
        """
        try:
            # A call after others does not wait: what it waits for might be its own.
            quoted = await self._reserve(target, patient=not self.remote)
        except (BudgetExceeded, NotPermitted) as error:
            raise UpstreamError(error.message, code=NOT_PAID) from error
        self.remote.add(target.name)
        amount = min(self.held - self.needed, quoted.worst)
        self.needed += amount
        self._latest = Hold(amount=amount, tokens=min(quoted.tokens(amount), self._output(target)), quote=quoted)
        return self._latest

    def bound(self, call: UpstreamCall, hold: Hold) -> UpstreamCall:
        """The call with the bound on its answer that keeps it inside the hold."""
        if hold.quote.token:
            return bounded(call, max(1, hold.tokens))
        return shortened(call, hold.quote, hold.amount)

    def shorten(self, hold: Hold, target: Target, error: UpstreamError) -> bool:
        """Whether to ask again for a shorter answer: the target refused a bound that was ours, not the caller's."""
        if self._ask.bounded or not hold.quote.token or not isinstance(error, UpstreamRefused) or error.retryable:
            return False
        asked, sent = self._asked(target), max(1, hold.tokens)
        if asked in self._shorter:
            return sent > self._shorter[asked]  # A hedge's call, which was sent before that was known.
        limit = stated_limit(error.message, sent=sent, prompt=self._ask.prompt)
        if limit is None:
            return False
        self._shorter[asked] = limit.tokens
        self._last = None
        if limit.lasting and self._spending.histories.limits.note(asked, limit.tokens):
            told = "%s answers with at most %d tokens: set max_output_tokens of that target, and it is asked once"
            logger.warning(told, target.name, limit.tokens)
        return True

    def lost(self, hold: Hold, cost: int) -> None:
        """A call gave no answer; what it held beyond its cost is there for the next one."""
        self.needed += cost - hold.amount

    def answers(self, hold: Hold) -> None:
        """This call is the one whose answer the caller gets."""
        self.answering = hold
        self._paid_tokens = (hold.tokens + SLACK_TOKENS) * self._ask.choices

    async def pays_for(self, events: int, usage: Usage | None) -> bool:
        """Whether a stream may go on: an upstream that ignores its bound is paid as long as there is money."""
        if self.answering is None or not self.answering.quote.token:
            return True
        produced = max(events, usage.output_tokens if usage else 0)
        while produced > self._paid_tokens:
            more = -(-self.answering.quote.token * _EXTENSION_TOKENS // 1_000)
            try:
                self.held += await self._spending.wallet.reserve(
                    self._purses, need=more, good=more, want=more, patience_s=0
                )
            except (BudgetExceeded, StorageError):
                return False
            self._holds += 1
            self._paid_tokens += _EXTENSION_TOKENS * self._ask.choices
        return True

    def paid(self, usage: Usage) -> Usage:
        """The usage of a stream that is cut, as far as it is paid for: many tokens may come at once."""
        output = min(usage.output_tokens, self._paid_tokens)
        return msgspec.structs.replace(usage, output_tokens=output, estimated=True)

    def settle(self, cost: int) -> None:
        """The request is over and its remote calls cost so much. Called once."""
        self._spending.wallet.settle(self._purses, held=self.held, cost=cost, holds=self._holds)

    def learn(self, target: Target, usage: Usage) -> None:
        """An answer came to its end, and its upstream said how long it was."""
        histories = self._spending.histories
        guess = estimate(self._inference.input_chars, 0).input_tokens
        histories.prompts.note(target.name, bound=self._ask.prompt, estimate=guess, tokens=usage.input_tokens)
        if self._ask.output:
            tokens = usage.output_tokens // self._ask.choices
            output = self._output(target)
            if self.answering is not None and self.answering.tokens <= tokens < output:
                tokens = min(2 * tokens, output)  # Cut by our bound: it would have been longer.
            histories.outputs.note(self._route(target), tokens)

    def presumed(self, hold: Hold | None, target: Target, told: Usage | None, events: int, elapsed_ns: int) -> Usage:
        """The usage of a call whose end nobody saw: rather more than there was, but never more than it held.

        Its upstream goes on until it notices that nobody listens, and bills what it made.

        Args:
            hold: of the call; None for the last one.
            told: what the upstream said on the way.
            events: that came of a stream.
        """
        hold = hold or self._latest
        guess = estimate(self._inference.input_chars, events)
        seen = max(events, told.output_tokens if told else 0)
        usage = told or msgspec.structs.replace(
            guess, input_tokens=self._spending.histories.prompts.presumed(target.name, guess.input_tokens)
        )
        if not self._ask.output or hold is None:
            return msgspec.structs.replace(usage, output_tokens=seen, estimated=True)
        usual = self._spending.histories.outputs.q90(self._route(target)) or _ORDINARY_TOKENS
        unseen = min(_UNSEEN_TOKENS if seen else usual, elapsed_ns // _NS_PER_TOKEN + 1) * self._ask.choices
        output = max(seen, min(seen + unseen, hold.tokens * self._ask.choices))
        return msgspec.structs.replace(usage, output_tokens=output, estimated=True)

    def ceiling(self, target: Target) -> Nano | None:
        """What a call of a model without a price costs; None where it has one."""
        return self._spending.rules.unknown_price if target.price is None and not target.local else None

    def headers(self) -> dict[str, str]:
        """How much is left of the tightest account, as far as this process knows."""
        left = min(purse.room for purse in self._purses)
        return {_HEADER: format_usd(left)}

    async def _queue(self, target: Target) -> None:
        """Hold for a call; where the budget says so, wait until time has passed and more is free."""
        while True:
            try:
                await self._reserve(target, patient=True)
                return
            except BudgetExceeded as error:
                wait = None if error.retry_after_ns is None else error.retry_after_ns / 1e9
                if error.budget.action is not Action.QUEUE or wait is None or wait >= self._left_s():
                    raise
            # Looked at more often than that: the budget may be raised.
            await self._spending.sleep(min(max(wait, _QUEUE_LEAST_S), _QUEUE_LOOK_S))

    async def _reserve(self, target: Target, *, patient: bool) -> Quote:
        """Have at least as much as a call of the target needs; its quote."""
        if self._last is None or self._last[0] is not target:
            self._last = target, self._quoted(target)
        quoted = self._last[1]
        while (have := self.held - self.needed) < quoted.least:
            try:
                self.held += await self._spending.wallet.reserve(
                    self._purses,
                    need=quoted.least - have,
                    good=quoted.good - have,
                    want=quoted.worst - have,
                    patience_s=self._patience_s() if patient else 0.0,
                )
                self._holds += 1
            except BudgetExceeded:
                before, quoted, patient = quoted, self._quoted(target), False
                self._last = target, quoted
                if quoted.least >= before.least:
                    raise  # Nothing was learned while it waited that would make it content with less.
        return quoted

    def _quoted(self, target: Target) -> Quote:
        ceiling = self._spending.rules.unknown_price
        if target.price is None:
            if ceiling is None:
                raise NotPermitted(
                    f"a budget applies to this request and {target.name!r} has no known price, so it was not sent",
                    code="price_unknown_for_budget",
                    hint="give the model a price, or set budgets.unknown_price_usd",
                )
            return flat(ceiling)
        if isinstance(target.price, MachinePrice):
            return quote_time(target.price, min(target.timeouts.total, self._left_s()))
        histories = self._spending.histories
        prompt = histories.prompts.bound(target.name, self._ask.prompt)
        ask, output = self._ask, self._output(target)
        if output < ask.output:
            ask = msgspec.structs.replace(ask, output=output)
        return quote(target.price, ask, prompt=prompt, usual=histories.outputs.q90(self._route(target)))

    def _output(self, target: Target) -> int:
        """The longest answer to ask a target for: the caller's own bound, or ours, which its model must take."""
        if self._ask.bounded:
            return self._ask.output
        asked = self._asked(target)
        known = (target.max_output_tokens, self._spending.histories.limits.of(asked), self._shorter.get(asked))
        return min((self._ask.output, *(limit for limit in known if limit is not None)))

    def _asked(self, target: Target) -> Asked:
        return target.origin, target.model, self._inference.stream

    def _route(self, target: Target) -> Route:
        return self._project, target.name, self._inference.surface

    def _patience_s(self) -> float:
        return min(self._spending.rules.patience, self._left_s())

    def _left_s(self) -> float:
        return max(0.0, (self._deadline_ns - self._spending.clock.monotonic_ns()) / 1e9)
