"""Executing a decision that looks at answers: a lower tier's is given, or the next tier is asked.

The candidates are gone through as ever, tier after tier. An answer of any tier but the last is read and judged
before the caller has seen a byte of it. One that is not good enough is set aside while better targets are asked,
and is given all the same where none of them answers: that a better answer was wanted never costs the one there was.
"""

import logging
from collections.abc import AsyncGenerator, Mapping, Sequence, Set

import msgspec
from msgspec import Raw

from homeport.core.errors import HomeportError, UpstreamError, UpstreamRefused
from homeport.core.ports import AnswerReading, Clock, Judge
from homeport.core.routing import Answer, Decision, Verdict
from homeport.core.types import Capability, Completion, DataClass, Frame, Surface, Target
from homeport.pipeline.aside import Aside, Held, Till
from homeport.pipeline.attempts import ESCALATED
from homeport.pipeline.exchange import Exchange
from homeport.pipeline.opening import Opening
from homeport.pipeline.routing import Route
from homeport.pipeline.sampling import SamplingPolicy, is_agreed

logger = logging.getLogger(__name__)

AGREEMENT = "agreement"
NO_AGREEMENT = "no_agreement"

_KEPT = "kept:"


class CascadePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How answers are looked at.

    Attributes:
        commit_tokens: of a stream, that are held back; then the caller gets it, or the next tier is asked.
        commit_seconds: that it may take; then what is there is judged.
        sampling: how an own model is asked again where its answer is doubtful.
    """

    commit_tokens: int = 32
    commit_seconds: float = 4.0
    sampling: SamplingPolicy = SamplingPolicy()


class Cascade:
    """Answers requests from the lowest tier whose answer is good enough.

    Args:
        readings: of the surfaces whose answers can be looked at.
    """

    def __init__(
        self,
        *,
        till: Till,
        judge: Judge,
        readings: Mapping[Surface, AnswerReading],
        clock: Clock,
        policy: CascadePolicy | None = None,
    ) -> None:
        self._till = till
        self._judge = judge
        self._readings = readings
        self._clock = clock
        self._policy = policy or CascadePolicy()
        self._silent: set[str] = set()

    async def complete(self, exchange: Exchange, decision: Decision) -> Completion:
        """A whole answer. Raises as `Dispatcher.complete`."""
        answer = await self._climb(exchange, decision)
        assert isinstance(answer, Completion)
        reading = self._reading(exchange)
        if reading is None or not _was_asked(exchange):
            return answer
        return msgspec.structs.replace(answer, body=reading.bare(answer.body))

    async def stream(self, exchange: Exchange, decision: Decision) -> tuple[Frame, AsyncGenerator[Frame, None]]:
        """The first frame, and the rest, of the stream that the caller gets. Raises as `Dispatcher.stream`."""
        answer = await self._climb(exchange, decision)
        assert isinstance(answer, Opening)
        reading = self._reading(exchange)
        frames = answer.flow(reading.bare_events if reading is not None and _was_asked(exchange) else _same)
        return await anext(frames), frames

    def answered(self, route: Route, target: Target) -> None:
        """The caller got an answer of `target`."""
        if route.pinned:
            return
        try:
            self._judge.answered(route.question, route.offered, target)
        except Exception:  # a judge may be anybody's code; the answer is given already
            logger.exception("the judge could not learn that %s answered", target.name)

    async def _climb(self, exchange: Exchange, decision: Decision) -> Held:
        """The answer that the caller gets."""
        candidates, spare = _allowed(exchange, decision.candidates), None
        exchange.asking = Wishes(self._readings, _judged(candidates) - self._silent)
        try:
            while True:
                try:
                    answer = await self._ask(exchange, decision, candidates)
                except HomeportError:
                    if spare is None:
                        raise
                    answer, spare = self._give(exchange, spare), None
                    return answer
                if spare is not None:
                    await self._drop(exchange, spare)
                    spare = None
                target = _target(exchange)
                higher = _above(target, candidates)
                verdict = self._look(exchange, target, answer) if higher else None
                if verdict is not None and self._may_ask_again(exchange, target, answer, verdict):
                    spare = self._set_aside(exchange, answer, ESCALATED + NO_AGREEMENT)
                    verdict = await self._ask_again(exchange, target, spare, verdict)
                    if verdict.accept:
                        answer, spare = spare.give(self._clock.monotonic_ns()), None
                if verdict is None or verdict.accept:
                    return answer
                _tell(exchange, target, verdict)
                code = ESCALATED + verdict.reason
                if spare is None:
                    spare = self._set_aside(exchange, answer, code)
                else:
                    spare.recode(code)
                candidates = higher
                exchange.spare = True
        finally:
            if spare is not None:
                await self._drop(exchange, spare)

    async def _ask(self, exchange: Exchange, decision: Decision, candidates: Sequence[Target]) -> Held:
        """An answer, or the beginning of a stream, from the first candidate that gives one."""
        while True:
            answer = await self._dispatch(exchange, decision, candidates)
            target = _target(exchange)
            if not isinstance(answer, Opening) or not _above(target, candidates):
                return answer
            try:
                await self._fill(exchange, answer)
                return answer
            except UpstreamError as error:
                self._till.dispatcher.broke(exchange, error)
                broken = self._set_aside(exchange, answer, error.code, broken=True)
                await broken.drop(self._clock.monotonic_ns())
                # The caller has seen nothing of it, so who is left may be asked.
                candidates = candidates[candidates.index(target) + 1 :]
                if not (error.retryable and candidates):
                    raise

    async def _fill(self, exchange: Exchange, opening: Opening) -> None:
        """Read the beginning; who leaves meanwhile pays for what came."""
        policy, now = self._policy, self._clock.monotonic_ns
        try:
            await opening.fill(tokens=policy.commit_tokens, seconds=policy.commit_seconds, now=now)
        except UpstreamError:
            raise
        except BaseException:  # a caller who left: whatever ends the wait closes the upstream; raised again
            exchange.events, exchange.usage = opening.events, opening.usage
            await opening.close()
            raise

    async def _dispatch(self, exchange: Exchange, decision: Decision, candidates: Sequence[Target]) -> Held:
        """Ask; once more without the wish to see probabilities, where an upstream refuses that."""
        decision = msgspec.structs.replace(decision, candidates=tuple(candidates), cascade=False)
        try:
            return await self._call(exchange, decision)
        except UpstreamRefused as error:
            refuser = exchange.attempts[-1].target
            wishes = exchange.asking
            if error.retryable or not isinstance(wishes, Wishes) or not wishes.withdraw(refuser):
                raise
        answer = await self._call(exchange, decision)
        self._silent.add(refuser)
        return answer

    async def _call(self, exchange: Exchange, decision: Decision) -> Held:
        assert exchange.inference is not None
        if exchange.inference.stream:
            return Opening(*await self._till.dispatcher.stream(exchange, decision))
        return await self._till.dispatcher.complete(exchange, decision)

    def _look(self, exchange: Exchange, target: Target, answer: Held) -> Verdict | None:
        """What the judge says of an answer; None where it cannot be judged."""
        reading = self._reading(exchange)
        if reading is None:
            return None
        assert exchange.route is not None
        try:
            return self._judge.judge(exchange.route.question, target, _said(reading, answer))
        except Exception:  # a judge may be anybody's code; that it fails must not cost the caller the answer
            logger.exception("the answer of %s could not be judged, so it is given", target.name)
            return None

    def _may_ask_again(self, exchange: Exchange, target: Target, answer: Held, verdict: Verdict) -> bool:
        """Whether further answers may decide: of an own model alone, and where time is left to ask the next tier."""
        if not (verdict.doubtful and target.local and isinstance(answer, Completion)):
            return False
        now = self._clock.monotonic_ns()
        needed = self._policy.sampling.samples * (now - exchange.dispatched_ns)
        return exchange.deadline_ns is None or now + needed < exchange.deadline_ns

    async def _ask_again(self, exchange: Exchange, target: Target, spare: Aside, verdict: Verdict) -> Verdict:
        """What further answers say of one that is set aside; the first verdict where none comes."""
        surface, first = target.answers(exchange.surface), spare.answer
        assert surface is not None
        assert isinstance(first, Completion)
        agreed = await is_agreed(
            exchange,
            target,
            first,
            reading=self._readings[surface],
            dispatcher=self._till.dispatcher,
            policy=self._policy.sampling,
        )
        if agreed is None:
            return verdict
        return Verdict(accept=agreed, reason=AGREEMENT if agreed else NO_AGREEMENT)

    def _set_aside(self, exchange: Exchange, answer: Held, code: str, *, broken: bool = False) -> Aside:
        now = self._clock.monotonic_ns()
        return Aside(exchange, answer, code, till=self._till, now=now, broken=broken)

    def _give(self, exchange: Exchange, spare: Aside) -> Held:
        *others, last = exchange.escalation.split(",")
        exchange.escalation = ",".join([*others, _KEPT + last])
        return spare.give(self._clock.monotonic_ns())

    async def _drop(self, exchange: Exchange, spare: Aside) -> None:
        exchange.spare = False
        await spare.drop(self._clock.monotonic_ns())

    def _reading(self, exchange: Exchange) -> AnswerReading | None:
        surface = _target(exchange).answers(exchange.surface)
        return self._readings.get(surface) if surface is not None else None


class Wishes:
    """Asks the targets whose answers are looked at for log-probabilities, where the caller does not.

    Args:
        names: of those targets, as far as they tell any.

    Attributes:
        asked: of whom it was wished.
    """

    def __init__(self, readings: Mapping[Surface, AnswerReading], names: Set[str]) -> None:
        self._readings = readings
        self._names = set(names)
        self.asked: set[str] = set()

    def __call__(self, target: Target, surface: Surface, fields: Mapping[str, Raw]) -> Mapping[str, Raw]:
        """The fields of a call of the target."""
        reading = self._readings.get(surface) if target.name in self._names else None
        wider = reading.asking(fields) if reading is not None else None
        if wider is None:
            return fields
        self.asked.add(target.name)
        return wider

    def withdraw(self, name: str) -> bool:
        """Wish it no more of a target; whether it was."""
        was_asked = name in self.asked
        self._names.discard(name)
        self.asked.discard(name)
        return was_asked


def _target(exchange: Exchange) -> Target:
    assert exchange.target is not None, "an answer without a target"
    return exchange.target


def _allowed(exchange: Exchange, candidates: Sequence[Target]) -> Sequence[Target]:
    """Where the request may go: the mask has seen to it, and a policy may be a third party's."""
    if exchange.data_class is DataClass.PRIVATE:
        return [target for target in candidates if target.local] or candidates
    return candidates


def _judged(candidates: Sequence[Target]) -> Set[str]:
    """Names of the targets that tell probabilities and whose answers are looked at."""
    return {target.name for target in candidates if _tells(target) and _above(target, candidates)}


def _tells(target: Target) -> bool:
    """Where nothing is known, own engines mostly do; an API that does not might refuse the request."""
    return target.local if target.capabilities is None else Capability.LOGPROBS in target.capabilities


def _above(target: Target, candidates: Sequence[Target]) -> Sequence[Target]:
    """The candidates of the tiers after the target's."""
    tiers = list(dict.fromkeys(candidate.tier for candidate in candidates))
    after = set(tiers[tiers.index(target.tier) + 1 :])
    return [candidate for candidate in candidates if candidate.tier in after]


def _said(reading: AnswerReading, answer: Held) -> Answer:
    if isinstance(answer, Completion):
        return reading.whole(answer.body)
    growing = reading.growing()
    for frame in answer.frames:
        growing.feed(frame.data)
    return growing.answer(whole=answer.is_whole)


def _tell(exchange: Exchange, target: Target, verdict: Verdict) -> None:
    compared = ""
    if verdict.confidence is not None and verdict.threshold is not None:
        compared = f":{verdict.confidence:.2f}<{verdict.threshold:.2f}"
    told = f"{target.name}:{verdict.reason}{compared}"
    exchange.escalation = f"{exchange.escalation},{told}" if exchange.escalation else told


def _was_asked(exchange: Exchange) -> bool:
    return isinstance(exchange.asking, Wishes) and _target(exchange).name in exchange.asking.asked


def _same(data: bytes) -> bytes:
    return data
