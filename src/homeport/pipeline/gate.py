"""The gate in front of an engine: who is let in, who waits, and who is told to come back.

An engine that is asked for more than it can do gets slower for everybody. So it is given no more than it does nearly
as fast as less (`limit.py`); what is beyond that waits its turn (`fairness.py`), as long as most answers keep within
the time that is promised of them; and what would wait longer is refused at once, and told when there will be a place
(`appointments.py`).

A queue that stands is no use to anybody, but one that a burst leaves behind is: where there was a free place for as
long as an answer takes, all that come at the moment when there is none any more may wait longer. Source: Maurer: "Fail
at Scale", ACM Queue 2015 (CoDel for servers). And as many as the engine has slots may be there at once, in it or for a
moment in the queue: a gate that has narrowed refuses nobody who would have a place before a refused one comes back.

Everything here is synchronous and is told the time; `waiting.py` lets a caller wait.
"""

import math
from collections import Counter, deque
from collections.abc import Callable, Mapping

import msgspec

from homeport.core.errors import EngineBusy
from homeport.pipeline.appointments import Appointments
from homeport.pipeline.fairness import FairQueue, Ticket
from homeport.pipeline.limit import Bounds, Limit
from homeport.pipeline.pace import Work

FULL = "engine_full"
SHARE_USED = "engine_share_used"
TOO_LATE = "engine_too_late"
TURNED_AWAY = frozenset({FULL, SHARE_USED, TOO_LATE})
"""The codes of EngineBusy."""

_BURST_NS = 100_000_000
_SLACK = 1.5
"""One that was let wait and is overtaken by flows with less may wait so much longer than was thought."""
_REFUSED_NS = 1_000_000_000
"""What it costs at least to be refused, since that is the shortest Retry-After."""
_SECOND = 1e9


class GatePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What a gate keeps to.

    Attributes:
        longest_wait_s: nobody waits longer for a place, whatever is promised.
        queue: no more wait.
    """

    bounds: Bounds = Bounds()
    longest_wait_s: float = 30.0
    queue: int = 256


class Asker(msgspec.Struct, frozen=True, kw_only=True):
    """Who wants a place.

    Attributes:
        key_id: whose places may be reserved.
        flow: with whom its share is counted.
        cost: what it asks for: estimated tokens, divided by the weight of its flow.
        deadline_ns: monotonic; None for none.
        waits: it may wait at all.
        patient: nobody waits for its answer, so it may wait as long as any may.
    """

    key_id: str
    flow: str
    weight: float = 1.0
    cost: float = 1.0
    deadline_ns: int | None = None
    waits: bool = True
    patient: bool = False


class Place:
    """One answer that the engine works on."""

    __slots__ = ("_area", "_gate", "_own", "_since", "asker")

    def __init__(self, gate: "Gate", asker: Asker, *, own: bool, since: int, area: float) -> None:
        self.asker = asker
        self._gate: Gate | None = gate
        self._own, self._since, self._area = own, since, area

    def leave(self, now: int, work: Work | None = None) -> None:
        """Give it back; a second time means nothing. `work`: of an answer that ended well, where it is known."""
        if self._gate is not None:
            gate, self._gate = self._gate, None
            gate.left(self.asker, own=self._own, since=self._since, area=self._area, now=now, work=work)


class Waiter:
    """One that waits for a place.

    Attributes:
        until: monotonic nanoseconds when it gives up.
        granted: told when it has one.
    """

    __slots__ = ("asker", "granted", "place", "since", "ticket", "until")

    def __init__(self, asker: Asker, since: int, until: int) -> None:
        self.asker = asker
        self.since, self.until = since, until
        self.place: Place | None = None
        self.ticket: Ticket[Waiter]
        self.granted: Callable[[], None] = _nobody


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How a gate stands: places, those in use, those that wait, and seconds that the next one would wait."""

    places: int
    in_use: int
    waiting: int
    wait_s: float
    patience_s: float | None


class Gate:
    """The gate of one engine, in this process. Times are monotonic nanoseconds."""

    def __init__(self, policy: GatePolicy) -> None:
        self._policy = policy
        self._limit = Limit(policy.bounds)
        self._queue: FairQueue[Waiter] = FairQueue()
        self._appointments = Appointments()
        self._percents: Mapping[str, int] = {}
        self._reserved: dict[str, int] = {}
        self._preferred: dict[str, deque[Waiter]] = {}
        self._promised: deque[Waiter] = deque()
        self._own: Counter[str] = Counter()
        self._held: Counter[str] = Counter()
        self._weights: dict[str, float] = {}
        self._in_use = self._sharing = 0
        self._places = self._shared = 0
        self._free_since: int | None = 0
        self._burst_until = self._clock = 0
        self._area = 0.0
        self._share_out()

    def standing(self) -> Standing:
        """How it stands now."""
        patience = self._limit.patience
        return Standing(
            places=self._places,
            in_use=self._in_use,
            waiting=len(self._queue),
            wait_s=self._limit.mean / self._places * len(self._queue) / _SECOND,
            patience_s=None if patience is None else patience / _SECOND,
        )

    @property
    def is_empty(self) -> bool:
        return not self._in_use and not self._queue

    def adopt(self, policy: GatePolicy, now: int) -> None:
        """Keep to another policy; who is in stays in, and what was learned stays."""
        self._policy = policy
        self._limit.adopt(policy.bounds)
        self._share_out()
        self._let_in(now)

    def reserve(self, percents: Mapping[str, int], now: int) -> None:
        """Keep so many per cent of the places for each key id from now on."""
        if percents != self._percents:
            self._percents = dict(percents)
            self._preferred = {}
            for waiter in self._queue:
                self._prefer(waiter)
            self._share_out()
            self._let_in(now)

    def ask(self, asker: Asker, now: int) -> Place | Waiter:
        """A place, or one in the queue.

        Raises:
            EngineBusy: neither.
        """
        own = self._own_is_free(asker.key_id)
        kept = self._appointments.keep(asker.flow, now)
        if own or (self._may_share() and (kept or not self._queue)):
            if not own:  # a place of its own is no part of what is shared, so nobody falls back by it
                self._queue.pass_by(asker.flow, asker.cost)
            place = self._take(asker, own=own, now=now)
            self._look(now)
            return place
        wait, brief = self._wait(asker, now, kept=kept), self._is_brief()
        self._refuse(asker, now, wait, kept=kept, brief=brief)
        return self._wait_for(asker, now, max(wait, _REFUSED_NS / _SLACK) if brief else wait, kept=kept)

    def give_up(self, waiter: Waiter, now: int) -> None:
        """A waiter leaves, with its place if it has one."""
        if waiter.place is not None:
            waiter.place.leave(now)
        else:
            self._queue.remove(waiter.ticket)
            self._let_go(waiter.asker.flow)

    def too_late(self, waiter: Waiter, now: int) -> EngineBusy:
        """What a waiter is told that has waited as long as it may."""
        waited = (now - waiter.since) / _SECOND
        return self._busy(waiter.asker, now, f"no place came free within {waited:.1f} seconds", 0.0, code=TOO_LATE)

    def left(self, asker: Asker, *, own: bool, since: int, area: float, now: int, work: Work | None) -> None:
        """A place was given back; see `Place.leave`."""
        self._pass_time(now)
        lasted = max(now - since, 1)
        if work is not None:
            self._limit.answered(work, lasted, (self._area - area) / lasted)
        self._in_use -= 1
        if own:
            self._own[asker.key_id] -= 1
        else:
            self._sharing -= 1
        self._held[asker.flow] -= 1
        self._let_go(asker.flow)
        if self._limit.places != self._places:
            self._share_out()
        self._let_in(now)

    def _take(self, asker: Asker, *, own: bool, now: int) -> Place:
        self._pass_time(now)
        self._in_use += 1
        if own:
            self._own[asker.key_id] += 1
        else:
            self._sharing += 1
        self._held[asker.flow] += 1
        self._weights[asker.flow] = asker.weight
        return Place(self, asker, own=own, since=now, area=self._area)

    def _wait_for(self, asker: Asker, now: int, wait: float, *, kept: bool) -> Waiter:
        most = math.inf if kept else _SLACK * max(wait, self._patience(asker, now))
        until = now + round(min(most, self._policy.longest_wait_s * _SECOND))
        waiter = Waiter(asker, now, until if asker.deadline_ns is None else min(until, asker.deadline_ns))
        waiter.ticket = self._queue.add(asker.flow, asker.cost, waiter)
        self._weights[asker.flow] = asker.weight
        self._prefer(waiter)
        if kept:
            self._promised.append(waiter)
        return waiter

    def _prefer(self, waiter: Waiter) -> None:
        """Let it wait for a place of its own too, where its key has some."""
        if waiter.asker.key_id in self._percents:
            self._preferred.setdefault(waiter.asker.key_id, deque()).append(waiter)

    def _let_in(self, now: int) -> None:
        """Give places to those that wait, as long as there are any."""
        while (chosen := self._next()) is not None:
            waiter, own = chosen
            if own:
                self._queue.remove(waiter.ticket)
            else:
                self._queue.serve(waiter.ticket)
            waiter.place = self._take(waiter.asker, own=own, now=now)
            waiter.granted()
        self._look(now)

    def _look(self, now: int) -> None:
        """Whether there is a free place, and if there was one for long until now: what comes now is a burst."""
        if self._may_share():
            self._free_since = now if self._free_since is None else self._free_since
        elif self._free_since is not None:
            if now - self._free_since >= self._limit.mean:
                self._burst_until = now + _BURST_NS
            self._free_since = None

    def _next(self) -> tuple[Waiter, bool] | None:
        """Who gets a place now, and whether it is one of its own."""
        for key_id, line in list(self._preferred.items()):
            while line and line[0].ticket.gone:
                line.popleft()
            if not line:
                del self._preferred[key_id]
            elif self._own_is_free(key_id):
                return line[0], True
            elif not self._reserved and self._may_share():  # with one place none can be kept, so it goes first
                return line[0], False
        while self._promised and self._promised[0].ticket.gone:
            self._promised.popleft()
        if self._promised and self._may_share():
            return self._promised[0], False
        first = self._queue.next()
        return (first.item, False) if first is not None and self._may_share() else None

    def _own_is_free(self, key_id: str) -> bool:
        return self._own[key_id] < self._reserved.get(key_id, 0) and self._in_use < self._places

    def _may_share(self) -> bool:
        return self._in_use < self._places and self._sharing < self._shared

    def _share_out(self) -> None:
        """Which of the places are whose: at least one is for everybody."""
        self._places = left = self._limit.places
        self._reserved = {}
        for key_id, percent in sorted(self._percents.items(), key=lambda one: -one[1]):
            kept = min(-(-self._places * percent // 100), left - 1)
            if kept > 0:
                self._reserved[key_id] = kept
                left -= kept
        self._shared = left

    def _wait(self, asker: Asker, now: int, *, kept: bool) -> float:
        """How long it would wait for a place."""
        line = [one for one in self._preferred.get(asker.key_id, ()) if not one.ticket.gone]
        own = self._reserved.get(asker.key_id, 0)
        if asker.key_id in self._percents and not self._reserved:
            return self._limit.mean / self._places * (1 + len(line))
        every = self._limit.mean / max(1, self._shared)
        wait = every * (1 + self._queue.ahead(asker.flow))
        if own:
            return min(wait, self._limit.mean / own * (1 + len(line)))
        if kept:
            return every * (1 + len(self._promised))
        turn = every * self._turns(asker)
        return wait + turn * self._appointments.expected(asker.flow, now, now + wait)

    def _is_brief(self) -> bool:
        """One more is no more than the engine has slots, and has a place long before a refused one comes back."""
        every = self._limit.mean / max(1, self._shared)
        there = self._in_use + len(self._queue)
        return there < self._policy.bounds.most and every * (1 + len(self._queue)) <= _REFUSED_NS / 4

    def _patience(self, asker: Asker, now: int) -> float:
        longest = self._policy.longest_wait_s * _SECOND
        burst = now <= self._burst_until
        if asker.patient or burst or self._limit.patience is None:
            return longest
        return min(self._limit.patience, longest)

    def _refuse(self, asker: Asker, now: int, wait: float, *, kept: bool, brief: bool) -> None:
        """Raise EngineBusy where it may not wait."""
        patience = self._policy.longest_wait_s * _SECOND if kept else self._patience(asker, now)
        if asker.deadline_ns is not None and now + wait + self._limit.mean > asker.deadline_ns:
            raise self._busy(asker, now, "an answer would come too late", wait, code=TOO_LATE)
        if asker.waits and (brief or wait <= patience) and len(self._queue) < self._policy.queue:
            return
        beyond = max(0.0, wait - patience)
        if self._has_more_than_its_share(asker):
            raise self._busy(asker, now, "its key has its share of the engine already", beyond, code=SHARE_USED)
        raise self._busy(asker, now, f"{self._in_use} requests are in, and {len(self._queue)} wait", beyond, code=FULL)

    def _has_more_than_its_share(self, asker: Asker) -> bool:
        """Whether others are there, and it has at least its part of what all have."""
        others = sum(weight for flow, weight in self._weights.items() if flow != asker.flow)
        mine = self._held[asker.flow] + self._queue.waiting(asker.flow)
        everyone = self._in_use + len(self._queue)
        return others > 0 and mine * (others + asker.weight) > everyone * asker.weight

    def _busy(self, asker: Asker, now: int, why: str, wait: float, *, code: str) -> EngineBusy:
        turn = self._limit.mean / max(1, self._shared) * self._turns(asker)
        seconds = self._appointments.give(asker.flow, now, wait, turn, weight=asker.weight)
        return EngineBusy(f"the engine is full: {why}", code=code, retry_after=seconds)

    def _turns(self, asker: Asker) -> float:
        """How many are served, by their shares, until its flow is once."""
        flows = {**self._appointments.weights, **self._weights}
        others = sum(weight for flow, weight in flows.items() if flow != asker.flow)
        return 1 + others / asker.weight

    def _let_go(self, flow: str) -> None:
        """Forget a flow that has nothing here."""
        if not self._held[flow] and not self._queue.waiting(flow):
            del self._held[flow]
            self._weights.pop(flow, None)

    def _pass_time(self, now: int) -> None:
        self._area += self._in_use * (now - self._clock)
        self._clock = now


def _nobody() -> None:
    """Told before anybody listens."""
