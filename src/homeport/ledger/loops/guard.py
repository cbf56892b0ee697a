"""The loop guard: what to do about a request, by what repeats in its history and what its trace has done.

Most of it is read from the request's own messages, so it is the same in every gateway process. Only what a
request cannot tell (calls, money and time of its trace, repeated requests) is remembered, by each process for itself.
"""

import re
from collections.abc import Sequence
from enum import IntEnum

import msgspec
from msgspec import Raw

from homeport.config.loops import LoopSettings
from homeport.core.money import Nano
from homeport.ledger.loops.history import Finding, Signal, Walk
from homeport.ledger.loops.memory import Rate, Recent, Trace
from homeport.ledger.loops.messages import Fact, Kind, fact

WINDOW = 120
"""Messages at the end of a conversation that are looked at."""

_WALKS = 2_000
_TRACES = 20_000
_KEYS = 2_000
_LOOK_BACK = 24
_FEW = 2
_SHORT = 2_000
_CYCLE_REPEATS = 3
_RESULT_IDS = (b'"tool_call_id"', b'"tool_use_id"', b'"call_id"')
_MOVING = b'"cache_control"'
_MARK = re.compile(rb',\s*"cache_control"\s*:\s*\{[^{}]*\}|"cache_control"\s*:\s*\{[^{}]*\}\s*,\s*')
_NS_PER_MINUTE = 60_000_000_000

_decode_list = msgspec.json.Decoder(list[Raw]).decode


class Level(IntEnum):
    """What is done, in the order of severity."""

    NONE = 0
    WARNING = 1
    THROTTLE = 2
    STOP = 3


_MOST = {"off": Level.NONE, "warn": Level.WARNING, "throttle": Level.THROTTLE, "stop": Level.STOP}


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What to do about a request, and why.

    Attributes:
        finding: None where nothing repeats.
        delay_s: how long to hold it, in seconds, at level THROTTLE.
        calls, cost: of its trace so far, in nano-dollars, as far as this process saw.
    """

    level: Level = Level.NONE
    finding: Finding | None = None
    delay_s: float = 0.0
    calls: int = 0
    cost: Nano = Nano(0)


class Watched(msgspec.Struct, frozen=True):
    """A request that the guard looked at; `request` is a digest of its messages."""

    trace: Trace
    request: int
    verdict: Verdict


def split(raw: Raw) -> Sequence[Raw]:
    """The messages of a body's `messages` or `input`; none where it is a single text, or no list."""
    try:
        return _decode_list(raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return ()


class LoopGuard:
    """One for each process."""

    def __init__(self, settings: LoopSettings) -> None:
        self.settings = settings
        self._walks: Recent[Walk] = Recent(_WALKS)
        self._traces: Recent[Trace] = Recent(_TRACES)
        self._rates: Recent[Rate] = Recent(_KEYS)

    def check(self, key: str, trace_name: str, messages: Sequence[Raw], now_ns: int) -> Watched:
        """Look at a request before it is sent.

        Args:
            key: id of the caller's key; traces of different keys have nothing to do with each other.
            trace_name: what the caller says it belongs to, or ""; then it is known by its messages, which
                extend those of an earlier request.
            now_ns: monotonic nanoseconds.
        """
        data = [bytes(message) for message in messages]
        chain = _chain(hash((key, trace_name)), data)
        trace = self._trace(key, trace_name, chain, data, now_ns)
        last = _asked(data, chain)
        found = self._walked(chain, data).findings() if len(data) > 1 else []
        found += self._of_trace(trace, last, data, now_ns, named=bool(trace_name))
        found += self._of_rate(key, now_ns)
        return Watched(trace, last, self._verdict(trace, found))

    def finish(self, watched: Watched, cost: Nano, answer: int) -> None:
        """A request that was let through has ended; `answer` is a digest of what it was answered, 0 for nothing."""
        trace = watched.trace
        trace.calls += 1
        trace.cost = Nano(trace.cost + cost)
        if answer:
            told = (watched.request, answer)
            trace.again = trace.again + 1 if told in trace.answers else 0
            trace.answers.append(told)

    def _walked(self, chain: Sequence[int], data: Sequence[bytes]) -> Walk:
        """The walk of an earlier request, gone on to the end of this one; else one over the last messages."""
        for taken in range(len(chain), max(0, len(chain) - _LOOK_BACK), -1):
            walk = self._walks.take(chain[taken - 1])
            if walk is not None:
                break
        else:
            walk = Walk(max(0, len(data) - WINDOW))
        for message in data[walk.messages :]:
            walk.take(_read(message))
        walk.close()
        self._walks.put(chain[-1], walk)
        return walk

    def _trace(self, key: str, name: str, chain: Sequence[int], data: Sequence[bytes], now_ns: int) -> Trace:
        if name:
            named = hash((key, name))
            trace = self._traces.get(named) or Trace(now_ns)
            self._traces.put(named, trace)
            return trace
        found = None
        # The same first message from many people begins many traces; only what grows, or repeats later, is one.
        earliest = 0 if len(chain) > 2 else len(chain)
        for link in reversed(chain[max(earliest, len(chain) - _LOOK_BACK) :]):
            found = self._traces.get(link)
            if found is not None:
                break
        trace = found or self._by_result(key, data) or Trace(now_ns)
        if chain:
            self._traces.put(chain[-1], trace)
            if any(mark in data[-1] for mark in _RESULT_IDS):
                self._traces.put(hash((key, data[-1])), trace)
        return trace

    def _by_result(self, key: str, data: Sequence[bytes]) -> Trace | None:
        """The trace of an agent that forgets its oldest messages: by a result that an earlier request ended with."""
        for message in reversed(data[-_LOOK_BACK:-1]):
            if any(mark in message for mark in _RESULT_IDS):
                found = self._traces.get(hash((key, message)))
                if found is not None:
                    return found
        return None

    def _of_trace(
        self, trace: Trace, request: int, data: Sequence[bytes], now_ns: int, *, named: bool
    ) -> list[Finding]:
        """What the trace did, as far as this process knows: the same request with the same answer, and its limits."""
        found = []
        answers = [answer for asked, answer in trace.answers if asked == request]
        same = max(map(answers.count, answers)) if answers else 0
        if same > 1:
            # Half as sure as a repeat inside a conversation: somebody may ask for samples.
            score = max(same, trace.again + 1) / 2 if named else min(same / 2, float(self.settings.warn_after))
            found.append(Finding(signal=Signal.REQUEST, score=score, repeats=same))
        settings = self.settings
        spent, minutes = trace.cost, (now_ns - trace.started_ns) / _NS_PER_MINUTE
        over = (
            ("calls", settings.max_calls is not None and trace.calls >= settings.max_calls),
            ("cost", settings.max_cost is not None and spent >= settings.max_cost),
            ("minutes", settings.max_minutes is not None and minutes > settings.max_minutes),
            ("turns", settings.max_turns is not None and _turns(data) >= settings.max_turns),
        )
        for what, reached in over:
            if reached:
                score = float(settings.stop_after)
                found.append(Finding(signal=Signal.LIMIT, score=score, repeats=settings.stop_after, name=what))
        return found

    def _of_rate(self, key: str, now_ns: int) -> list[Finding]:
        name = hash(key)
        rate = self._rates.get(name)
        if rate is None:
            rate = Rate()
            self._rates.put(name, rate)
        times = rate.excess(now_ns)
        # A busy day is no loop: this alone never does more than warn.
        return [Finding(signal=Signal.RATE, score=self.settings.warn_after, repeats=times)] if times else []

    def _verdict(self, trace: Trace, found: Sequence[Finding]) -> Verdict:
        level, finding = Level.NONE, None
        for one in found:
            reached = self._level(trace, one)
            if reached > level:
                level, finding = reached, one
        level = min(level, _MOST[self.settings.action])
        if finding is None or level is Level.NONE:
            trace.throttled = 0
            trace.warned_cost = None
            return Verdict(calls=trace.calls, cost=trace.cost)
        if trace.warned_cost is None:
            trace.warned_cost = trace.cost
        delay = self._delay(trace) if level is Level.THROTTLE else 0.0
        return Verdict(level=level, finding=finding, delay_s=delay, calls=trace.calls, cost=trace.cost)

    def _level(self, trace: Trace, found: Finding) -> Level:
        settings = self.settings
        if found.signal is Signal.LIMIT:
            return Level.STOP
        score = found.score
        stop = settings.stop_after + _EXTRA.get(found.signal, 0)
        level = Level.NONE
        if score >= settings.warn_after:
            level = Level.WARNING
        if score >= settings.throttle_after and found.signal is not Signal.RATE:
            level = Level.THROTTLE
        cycle = found.cycle and found.repeats >= _CYCLE_REPEATS
        # Many things that were each there before are a review; one of them again and again is a loop.
        sure = found.same if found.signal in _OF_RUNS else found.repeats
        if score >= stop and (sure >= stop or cycle):
            level = Level.STOP
        if level and found.signal is not Signal.RATE and sure >= settings.warn_after and self._costs(trace):
            level = Level.STOP
        # A history that came from elsewhere, as a transcript to be judged, has no earlier call here.
        unseen = trace.calls == 0 and score < 2 * stop
        return Level.THROTTLE if level is Level.STOP and unseen else level

    def _costs(self, trace: Trace) -> bool:
        return trace.warned_cost is not None and trace.cost - trace.warned_cost >= self.settings.stop_cost

    def _delay(self, trace: Trace) -> float:
        longest = self.settings.throttle_seconds
        delay = min(longest, longest / 8 * (1 << min(trace.throttled, 10)))
        trace.throttled += 1
        return delay


_OF_RUNS = frozenset({Signal.RESULT, Signal.ERROR, Signal.EXCHANGE})
# A person who asks in other words each time reads the answers: so that is given more room.
_EXTRA = {Signal.ANSWER: 9, Signal.CONTEXT: 2}


def _read(data: bytes) -> Fact:
    try:
        return fact(msgspec.json.decode(data))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return Fact(hash(data))


def _asked(data: Sequence[bytes], chain: Sequence[int]) -> int:
    """A digest of a request; of few and short messages, as of agents that keep no history, without what is volatile."""
    if not 0 < len(data) <= _FEW or sum(map(len, data)) > _SHORT:
        return chain[-1] if chain else 0
    return hash(tuple([_read(message).key for message in data]))


def _chain(link: int, data: Sequence[bytes]) -> list[int]:
    """A digest of each beginning of the messages."""
    chain = []
    for message in data:
        # Clients of Anthropic move their cache marks from message to message: the words stay.
        link = hash((link, _MARK.sub(b"", message) if _MOVING in message else message))
        chain.append(link)
    return chain


def _turns(data: Sequence[bytes]) -> int:
    """Answers since a person last wrote."""
    turns = 0
    for message in reversed(data[-WINDOW:]):
        kinds = {item.kind for item in _read(message).items}
        if Kind.USER in kinds:
            break
        turns += bool(kinds & {Kind.SAID, Kind.CALL})
    return turns
