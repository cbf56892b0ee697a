"""Executing a decision: candidates in order until one answers.

Another candidate is tried, or the same one again, only while the caller has seen nothing. An own
engine that is restarting is waited for when nothing else could answer: it is back in seconds.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence

import msgspec

from homeport.core.errors import ConnectFailed, EngineBusy, InternalError, StreamCut, UpstreamError
from homeport.core.money import Nano
from homeport.core.ports import Clock, Health, Pricing, Upstream
from homeport.core.routing import Decision
from homeport.core.types import Attempt, Completion, DataClass, Frame, Outcome, Target, UpstreamCall, Usage
from homeport.ledger.usage import estimate
from homeport.pipeline.attempts import Rounds, Try, give_reason
from homeport.pipeline.balance import Balancer
from homeport.pipeline.calls import Answer, Call, begin, complete, discard, keeping_the_contract
from homeport.pipeline.deployments import NOT_READY, Deployment, Deployments
from homeport.pipeline.exchange import Exchange
from homeport.pipeline.gate import Place
from homeport.pipeline.gates import Gates
from homeport.pipeline.hedge import HedgeBudget, HedgePolicy, race
from homeport.pipeline.load import Load, weight
from homeport.pipeline.refusal import OUT_OF_TIME, no_answer
from homeport.pipeline.retry import RetryBudget, RetryPolicy, may_have_worked, pause_s, worth_repeating
from homeport.pipeline.salting import Salter
from homeport.pipeline.spending import Hold, Tab

HEDGE_LOST = "hedge_lost"
LEFT = "cancelled"
_FREE = Nano(0)
_TICK_S = 0.001


class Resilience(msgspec.Struct, frozen=True, kw_only=True):
    """What is done against failures. `restart_wait`: seconds to wait for an own engine that restarts."""

    retry: RetryPolicy = RetryPolicy()
    hedge: HedgePolicy = HedgePolicy()
    restart_wait: float = 15.0


class Dispatcher:
    """Calls upstreams.

    Args:
        upstreams: by name.
        deployments: shared with the dispatcher of the former configuration, if there was one.
        salter: None where no engine keeps its callers' prompts apart.
        gates: in front of own engines; None where they are asked as often as requests come.
    """

    def __init__(
        self,
        *,
        upstreams: Mapping[str, Upstream],
        health: Health,
        deployments: Deployments,
        pricing: Pricing,
        clock: Clock,
        resilience: Resilience,
        dice: random.Random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        salter: Salter | None = None,
        gates: Gates | None = None,
    ) -> None:
        self._upstreams = upstreams
        self._health = health
        self._deployments = deployments
        self._pricing = pricing
        self._clock = clock
        self._policy = resilience
        self._dice = dice
        self._salter = salter
        self._gates = gates
        self._balancer = Balancer(deployments, dice)
        self._sleep = sleep
        self._retries = RetryBudget(resilience.retry)
        self._hedges = HedgeBudget(resilience.hedge)

    async def complete(self, exchange: Exchange, decision: Decision) -> Completion:
        """A whole answer from the first candidate that gives one."""
        return await self._first_answer(exchange, decision, complete)

    async def stream(self, exchange: Exchange, decision: Decision) -> tuple[Frame, AsyncGenerator[Frame, None]]:
        """The first frame, and the rest, from the first candidate that begins to answer."""
        return await self._first_answer(exchange, decision, begin)

    async def beside(self, exchange: Exchange, target: Target, code: str) -> Completion:
        """A further answer of one target, beside the one there is: noted with a code. Raises UpstreamError."""
        if self._left_s(exchange) <= 0:
            raise UpstreamError("the deadline is over", code=OUT_OF_TIME)
        attempt, usage = Try(target), None
        try:
            answer = await self._call(exchange, attempt, complete, committed=False)
            usage = answer.usage
            return answer
        finally:
            self._lost(exchange, attempt, code, usage)

    def broke(self, exchange: Exchange, error: UpstreamError) -> None:
        """The answer that had begun did not end well."""
        if exchange.load is not None:
            exchange.load.deployment.failed(error, self._clock.monotonic_ns(), exchange.dispatched_ns)

    def release(self, exchange: Exchange) -> None:
        """The request is over: its tokens are no load any more."""
        if exchange.load is not None:
            assert exchange.target is not None
            well = exchange.outcome is Outcome.COMPLETED
            self.ended(exchange, exchange.target, exchange.load, exchange.usage, well=well)

    def ended(self, exchange: Exchange, target: Target, load: Load, usage: Usage | None, *, well: bool) -> None:
        """An answer is over: it is no load any more. `usage` is what the upstream told of it."""
        now = self._clock.monotonic_ns()
        load.end(now, usage if well else None)
        self._balancer.ended(exchange, target, usage)
        if well:
            load.deployment.breaker.succeeded(now)

    def _end(self, exchange: Exchange, attempt: Try, usage: Usage | None = None) -> None:
        """A call is over whose answer nobody gets."""
        if attempt.load is not None:
            attempt.load.end(self._clock.monotonic_ns(), usage)
            self._balancer.ended(exchange, attempt.target, usage)

    async def _first_answer(self, exchange: Exchange, decision: Decision, call: Call[Answer]) -> Answer:
        self._retries.deposit()
        self._hedges.deposit()
        targets = self._balancer.in_order(exchange, decision.candidates)
        rounds = Rounds(exchange, targets)
        for number in range(self._policy.retry.rounds):
            for target in targets:
                if not self._may_ask(rounds, target, number):
                    continue
                try:
                    return await self._ask(exchange, target, targets, call)
                except UpstreamError as error:
                    if not error.retryable:
                        raise
                    self._learn(rounds, target, error)
            last = number + 1 == self._policy.retry.rounds or exchange.spare
            if last or not await self._pause(rounds, number):
                break
        return await self._after_restart(rounds, call)

    def _of(self, target: Target) -> Deployment:
        return self._deployments.of(target)

    def _may_ask(self, rounds: Rounds, target: Target, number: int) -> bool:
        """Whether to call it in this round; where not, the attempts say why."""
        now = self._clock.monotonic_ns()
        ready = self._health.ready(target.upstream)
        closed = self._of(target).closed(now) if ready else NOT_READY
        if rounds.exchange.deadline_ns is not None and now >= rounds.exchange.deadline_ns:
            closed = OUT_OF_TIME  # It would be sent the prompt, and bill it, and could not answer in time.
        if not closed and rounds.repeats(target) and not self._retries.withdraw():
            closed = "retry_budget_spent"
        if not closed:
            rounds.asked.add(target.name)
        elif number == 0:
            self._note(rounds.exchange, target, closed, now)
            if not ready:
                rounds.waiting.append(target)
        return not closed

    def _learn(self, rounds: Rounds, target: Target, error: UpstreamError) -> None:
        if isinstance(error, EngineBusy):
            rounds.turned_away(target, error)
        if isinstance(error, ConnectFailed | StreamCut):
            self._health.report_failure(target.upstream)
            rounds.waiting.append(target)
        rounds.again = rounds.again or (worth_repeating(error) and self._health.ready(target.upstream))

    async def _pause(self, rounds: Rounds, number: int) -> bool:
        """Wait before the next round; False where there is no use in one."""
        now = self._clock.monotonic_ns()
        up = [self._of(target) for target in rounds.targets if self._health.ready(target.upstream)]
        # A Retry-After is waited for; an open circuit is not: what is dead must cost nobody time.
        waits = [deployment.wait_s(now) for deployment in up if not deployment.breaker.is_open]
        if not waits or not rounds.again:
            return False
        rounds.again = False
        pause = pause_s(self._policy.retry, number, min(waits), self._dice.random())
        if pause > self._policy.retry.longest_wait or pause >= self._left_s(rounds.exchange):
            return False
        until = now + round(pause * 1e9)
        await self._sleep(pause)
        # The loop's timers tick in milliseconds of their own: one that is early would find a Retry-After not over.
        if (early := until - self._clock.monotonic_ns()) > 0:
            await self._sleep(early / 1e9 + _TICK_S)
        return True

    async def _after_restart(self, rounds: Rounds, call: Call[Answer]) -> Answer:
        for target in rounds.waiting:
            patience = 0.0 if rounds.exchange.spare else min(self._policy.restart_wait, self._left_s(rounds.exchange))
            if patience > 0 and target.local and await self._health.wait_ready(target.upstream, patience):
                try:
                    return await self._attempt(rounds.exchange, target, call)
                except UpstreamError as error:
                    if not error.retryable:
                        raise
        now = self._clock.monotonic_ns()
        wait = min(self._of(target).wait_s(now) for target in rounds.targets)
        raise no_answer(rounds.exchange, wait, rounds.busy)

    async def _ask(self, exchange: Exchange, target: Target, targets: Sequence[Target], call: Call[Answer]) -> Answer:
        hedge = self._policy.hedge
        late = self._of(target).quantile_s(hedge.quantile) if hedge.quantile else None
        if late is None:
            return await self._attempt(exchange, target, call)
        return await self._hedged(exchange, target, self._spare(target, targets), call, max(late, hedge.shortest_wait))

    def _spare(self, target: Target, targets: Sequence[Target]) -> Target:
        """Another replica if there is one that may be called, else the same."""
        now = self._clock.monotonic_ns()
        replicas = [other for other in targets if other.name == target.name and other is not target]
        return next((other for other in replicas if not self._of(other).closed(now)), target)

    async def _hedged(
        self, exchange: Exchange, target: Target, spare: Target, call: Call[Answer], wait: float
    ) -> Answer:
        """Race two calls. Both are paid: the one that answers by its usage, the other by what it was sent."""
        first, second = Try(target), Try(spare, hedge=True)
        winner: Try | None = None
        try:
            answer, late_one_won = await race(
                lambda: self._call(exchange, first, call),
                lambda: self._call(exchange, second, call, committed=False),
                wait=wait,
                may_hedge=self._hedges.withdraw,
                discard=discard,
            )
            winner = second if late_one_won else first
            if late_one_won:
                self._commit(exchange, second)
                exchange.reason = f"hedge:{target.name}"
            self._won(exchange, winner)
            return answer
        finally:
            # A caller who left is billed for the first call as for any other; the second is always extra.
            if winner is None and first.answered:
                self._end(exchange, first)
            self._lost(exchange, first if winner is second else second)
            if first.lasted >= wait * 1e9:
                self._of(target).outlasted(first.lasted)

    async def _attempt(self, exchange: Exchange, target: Target, call: Call[Answer]) -> Answer:
        attempt = Try(target)
        answer = await self._call(exchange, attempt, call)
        self._won(exchange, attempt)
        return answer

    async def _call(self, exchange: Exchange, attempt: Try, call: Call[Answer], *, committed: bool = True) -> Answer:
        """Call an upstream; a failure is noted. Committed: whoever leaves now pays for this call."""
        try:
            return await self._call_once(exchange, attempt, call, committed=committed)
        except UpstreamError as error:
            tab, hold = exchange.tab, attempt.hold
            if tab is None or hold is None or not tab.shorten(hold, attempt.target, error):
                raise
        # What was refused was our bound, so the caller shall not see it.
        attempt.failed = False
        return await self._call(exchange, attempt, call, committed=committed)

    async def _call_once(self, exchange: Exchange, attempt: Try, call: Call[Answer], *, committed: bool) -> Answer:
        target = attempt.target
        if exchange.data_class is DataClass.PRIVATE and not target.local:
            # Policies may be a third party's; this is the last door before the data is out.
            raise InternalError("a policy chose a remote model for private data, so it was not sent")
        if exchange.tab is not None and not target.local:
            attempt.hold = await self._hold(exchange, exchange.tab, target)
        request = await self._prepared(exchange, attempt)
        attempt.started = self._clock.monotonic_ns()
        if committed:
            self._commit(exchange, attempt)
            give_reason(exchange)
        assert exchange.inference is not None
        deployment = self._of(target)
        attempt.load = Load(deployment, weight(exchange.inference), attempt.place, attempt.started)
        self._balancer.began(exchange, target)
        try:
            answer = await keeping_the_contract(call(self._upstreams[target.upstream], request))
        except UpstreamError as error:
            attempt.lasted = self._clock.monotonic_ns() - attempt.started
            self._end(exchange, attempt)
            deployment.failed(error, self._clock.monotonic_ns(), attempt.started)
            attempt.failed = True
            cost = self._spent(exchange, attempt) if may_have_worked(error, attempt.lasted) else _FREE
            if exchange.tab is not None and attempt.hold is not None:
                exchange.tab.lost(attempt.hold, cost)
            self._note_call(exchange, attempt, error.code, cost)
            if committed:
                exchange.target = None
            raise
        except BaseException:  # a caller who left, or the loser of a race: it says nothing; raised again
            attempt.lasted = self._clock.monotonic_ns() - attempt.started
            self._end(exchange, attempt)
            deployment.breaker.abandoned(attempt.started)
            if exchange.trail is not None:
                exchange.trail.left.append(attempt.noted(LEFT, self._clock.monotonic_ns(), _FREE))
            raise
        now = self._clock.monotonic_ns()
        deployment.began(now - attempt.started, now)
        attempt.answered = True
        return answer

    async def _prepared(self, exchange: Exchange, attempt: Try) -> UpstreamCall:
        """What to ask, once there is a place for it."""
        target = attempt.target
        if self._gates is not None:
            began = self._clock.monotonic_ns()
            attempt.place = await self._place(exchange, target, self._gates)
            attempt.waited = self._clock.monotonic_ns() - began
        try:
            if exchange.trail is not None:
                attempt.span_id, attempt.trace_id = exchange.trail.call(), exchange.trail.context.trace_id
            request = exchange.call_of(target, self._left_s(exchange), attempt.span_id)
            if exchange.tab is not None and attempt.hold is not None:
                request = exchange.tab.bound(request, attempt.hold)
            if target.salted_by:
                if self._salter is None:
                    raise InternalError(
                        "an engine keeps prompts apart by salts, and there is none, so it was not asked"
                    )
                request = self._salter.salted(request, exchange.key)
            return request
        except BaseException:  # nothing is sent, so the place is the next one's; raised again
            if attempt.place is not None:
                attempt.place.leave(self._clock.monotonic_ns())
            raise

    async def _place(self, exchange: Exchange, target: Target, gates: Gates) -> Place | None:
        started = self._clock.monotonic_ns()
        try:
            return await gates.enter(exchange, target)
        except EngineBusy as error:
            self._note(exchange, target, error.code, started)
            raise

    async def _hold(self, exchange: Exchange, tab: Tab, target: Target) -> Hold:
        started = self._clock.monotonic_ns()
        try:
            return await tab.hold(target)
        except UpstreamError as error:
            self._note(exchange, target, error.code, started)
            raise

    def _commit(self, exchange: Exchange, attempt: Try) -> None:
        assert exchange.inference is not None
        surface = attempt.target.answers(exchange.inference.surface)
        assert surface is not None, "eligibility let a target through that cannot answer"
        exchange.begin(attempt.target, surface, attempt.started)

    def _won(self, exchange: Exchange, attempt: Try) -> None:
        exchange.load = attempt.load
        self._balancer.served(exchange, attempt.target)
        if exchange.tab is not None and attempt.hold is not None:
            exchange.tab.answers(attempt.hold)
        self._note_call(exchange, attempt, "", _FREE)

    def _lost(self, exchange: Exchange, attempt: Try, code: str = HEDGE_LOST, told: Usage | None = None) -> None:
        """Note a call that is not the answer, with what it cost; one that failed is noted already."""
        if not attempt.started or attempt.failed:
            return
        if attempt.answered:
            self._end(exchange, attempt, told)
        cost = self._spent(exchange, attempt, told)
        exchange.told += cost if told else 0
        self._note_call(exchange, attempt, code, cost)

    def _spent(self, exchange: Exchange, attempt: Try, told: Usage | None = None) -> Nano:
        """What a call that gave no answer costs: the prompt, where it was sent; the time, at an own engine."""
        lasted = self._clock.monotonic_ns() - attempt.started
        usage = told or (estimate(exchange.inference.input_chars, 0) if exchange.inference else Usage())
        if exchange.tab is not None and attempt.hold is not None:
            usage = exchange.tab.presumed(attempt.hold, attempt.target, None, 0, lasted)
        return self._pricing.cost(attempt.target, usage, lasted)

    def _left_s(self, exchange: Exchange) -> float:
        """Seconds until the caller's deadline."""
        if exchange.deadline_ns is None:
            return float("inf")
        return (exchange.deadline_ns - self._clock.monotonic_ns()) / 1e9

    def _note(self, exchange: Exchange, target: Target, error: str, started: int) -> None:
        """Why a target was not called."""
        ended = self._clock.monotonic_ns()
        exchange.attempts.append(Attempt(target=target.name, error=error, started_ns=started, ended_ns=ended))

    def _note_call(self, exchange: Exchange, attempt: Try, error: str, cost: Nano) -> None:
        exchange.attempts.append(attempt.noted(error, self._clock.monotonic_ns(), cost))
