"""What is unusual in the traffic: one series for each measure of each model, of each key and of all requests."""

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Mapping
from math import log
from statistics import median

import msgspec

from homeport.core.caching import Kind
from homeport.core.told import Severity
from homeport.core.types import Outcome
from homeport.core.unusual import SHARES, Level, Measure, Unusual
from homeport.ledger.samples import LEAST_SAMPLES, TOLERANCE, Costs, Samples, Shares, Sizes, Stretch
from homeport.ledger.usual import Usual
from homeport.stats.change import ChangeDetector, Turn
from homeport.storage.arrivals import Arrival

FALSE_ALARMS: Mapping[Level, float] = {Level.MODEL: 1e-7, Level.ALL: 1e-8, Level.KEY: 1e-9}
"""A share of the stretches of a series, at most. Of keys there are many, and what is the model's fault shows first
at the model."""

_MOST_SERIES = 2_000
_SILENT = 60
"""After so many stretches of time without a request an alarm ends: nobody knows whether it lasts."""

_LATELY = 6
"""So many stretches say how bad it is now."""

_APART = 12
"""After so many unusual stretches without its cause something is told by itself."""

_LEAST_KNOWN = 30
_NOTHING_FAILS = (0.0,) * _LEAST_KNOWN
"""What fails from its first request on is not usual by that, nor does it become so."""

_EVIDENCE = 1_000.0
"""A model with so much against it explains what its callers see, though it is not told of yet."""

_FAULTS = ("upstream_", "circuit_open", "not_ready", "cooling_down")
_NO_FAULT = "upstream_rejected_request"

_KIND: Mapping[Measure, type[Shares] | type[Sizes] | type[Costs]] = {
    Measure.ERRORS: Shares,
    Measure.EMPTY: Shares,
    Measure.LATENCY: Sizes,
    Measure.TTFT: Sizes,
    Measure.INPUT_TOKENS: Sizes,
    Measure.OUTPUT_TOKENS: Sizes,
    Measure.SPEND: Costs,
}
_CAUSES: Mapping[Measure, tuple[Measure, ...]] = {
    Measure.LATENCY: (Measure.ERRORS, Measure.OUTPUT_TOKENS),
    Measure.TTFT: (Measure.ERRORS,),
}
"""What makes answers slow by itself."""

_ABOVE: Mapping[Level, tuple[Level, ...]] = {
    Level.MODEL: (),
    Level.ALL: (Level.MODEL,),
    Level.KEY: (Level.MODEL, Level.ALL),
}
_ORDER = {(level, measure): place for place, (level, measure) in enumerate((x, y) for x in Level for y in Measure)}

Name = tuple[Level, str, Measure]


class _Series:
    """One series: what is gathered now, what the last stretches showed, and whether it is as usual."""

    def __init__(self, name: Name, since: int) -> None:
        self.name = name
        self.detector = _detector(name)
        self.samples: Samples = _KIND[name[2]]()
        self.since = since
        self.closed = self.silent = self.waiting = 0
        self.lately: deque[Stretch] = deque(maxlen=64)
        self.unusual: Unusual | None = None
        self.caused: Unusual | None = None
        self.apart = 0
        self.spent = 0

    def close(self, until: int) -> Turn | None:
        """A stretch of time is over; what it showed counts once there are enough requests."""
        if self.samples.count < LEAST_SAMPLES:
            return self._wait()
        measure, middle = self.name[2], self.detector.median
        stretch = self.samples.stretch(self.since, until)
        self.samples, self.since = _KIND[measure](), until
        self.closed, self.silent, self.waiting = self.closed + 1, 0, 0
        self.lately.append(stretch)
        turn = self.detector.add(stretch.judged(measure, middle))
        self.spent = sum(one.cost for one in self.run) if turn is Turn.BEGAN else self.spent + stretch.cost
        return turn

    @property
    def run(self) -> list[Stretch]:
        """The stretches since the change, the newest of them at most."""
        return list(self.lately)[-self.detector.run :]

    @property
    def is_silent(self) -> bool:
        return self.silent > _SILENT

    @property
    def is_known(self) -> bool:
        """What is usual has been seen, and not only presumed."""
        return self.detector.learned and self.closed >= _LEAST_KNOWN

    def _wait(self) -> Turn | None:
        self.silent = self.silent + 1 if self.samples.count == self.waiting else 0
        self.waiting = self.samples.count
        if self.detector.alarmed and self.is_silent:
            self.detector.end()
            return Turn.OVER
        return None

    def finding(self) -> Unusual:
        """What the stretches since the change show."""
        level, subject, measure = self.name
        run = self.run
        middle = self.detector.median
        return Unusual(
            level=level,
            subject=subject,
            measure=measure,
            since=run[0].since,
            usual=median(stretch.usual_beside(measure, middle) for stretch in run),
            found=median(stretch.found for stretch in run),
            samples=sum(stretch.samples for stretch in run),
        )

    def outlasts(self, *, explained: bool) -> bool:
        """What had a cause lasts without it; asked after each of its stretches."""
        self.apart = 0 if explained or self.detector.calm else self.apart + 1
        return self.apart >= _APART

    def worse(self) -> Unusual | None:
        """What is critical by now, and was not when it was found; None where that is not so."""
        was = self.unusual
        if was is None or self.name[2] not in SHARES or was.severity is Severity.CRITICAL:
            return None
        lately = list(self.lately)[-_LATELY:]
        samples = sum(stretch.samples for stretch in lately)
        now = msgspec.structs.replace(was, found=median(stretch.found for stretch in lately), samples=samples)
        return now if now.severity is Severity.CRITICAL else None


def _detector(name: Name) -> ChangeDetector:
    level, _, measure = name
    tolerance, rate = TOLERANCE[measure], FALSE_ALARMS[level]
    if measure in SHARES:
        return ChangeDetector(tolerance, least=_LEAST_KNOWN, false_alarms=rate, settles=None, presumed=_NOTHING_FAILS)
    return ChangeDetector(tolerance, least=_LEAST_KNOWN, false_alarms=rate)


class Change(msgspec.Struct, frozen=True):
    """Something began to be unusual, became critical, or is unusual no longer: then `now.until` says since when."""

    now: Unusual


class Observatory:
    """Looks at all requests. `see` them as they come, and `close` each stretch of time.

    Args:
        began: nanoseconds since the epoch.
    """

    def __init__(self, began: int) -> None:
        self._series: OrderedDict[Name, _Series] = OrderedDict()
        self._usual = Usual()
        self._met: dict[tuple[str, ...], list[float]] = {}
        self._speaking: OrderedDict[str, None] = OrderedDict()
        self._opened = began

    @property
    def unusual(self) -> tuple[Unusual, ...]:
        """What is unusual now, but for what something else here explains."""
        return tuple(series.unusual for series in self._series.values() if series.unusual is not None)

    @property
    def judged(self) -> int:
        """How many series are known well enough to be judged."""
        return sum(series.is_known for series in self._series.values())

    def spent(self, unusual: Unusual) -> int:
        """Nano-dollars that went since a change of spending that lasts; 0 of one that is forgotten."""
        series = self._series.get((unusual.level, unusual.subject, unusual.measure))
        return series.spent if series is not None else 0

    def see(self, arrivals: Iterable[Arrival]) -> None:
        """Take note of some requests."""
        for one in arrivals:
            self._see_errors(one)
            if one.cache in ("", Kind.MISS.value):
                for level, subject in ((Level.ALL, ""), (Level.KEY, one.key_id)):
                    self._costs(level, subject).add(one.cost)
            answered = one.outcome == Outcome.COMPLETED.value and one.target
            if not answered or one.cache not in ("", Kind.MISS.value):
                continue
            self._see_empty(one)
            if len(one.attempts) == 1:
                for measure, value in _sizes(one):
                    self._see_size(one, measure, log(value))

    def close(self, until: int) -> list[Change]:
        """A stretch of time ends, in nanoseconds since the epoch; what changed by it."""
        self._opened = until
        changes = list(self._judge(until))
        for caller, values in self._met.items():
            measure, key, model = caller
            if not self._alarmed(Level.MODEL, model, measure) and not self._alarmed(Level.KEY, key, measure):
                self._usual.learn(caller, values)
        self._met = {}
        return changes + list(self._drop(until))

    def _judge(self, until: int) -> Iterator[Change]:
        for series in sorted(self._series.values(), key=lambda one: _ORDER[one.name[0], one.name[2]]):
            if series.samples.count:
                self._series.move_to_end(series.name)
            closed = series.closed
            turn = series.close(until)
            if turn is not None:
                self._forget(series.name, turn)
            if turn is Turn.BEGAN:
                yield from self._begun(series)
            elif turn in (Turn.OVER, Turn.SETTLED):
                yield from _ended(series, until, settled=turn is Turn.SETTLED)
            elif series.closed > closed:
                yield from self._going_on(series)

    def _begun(self, series: _Series) -> Iterator[Change]:
        found = series.finding()
        if self._explained(series.name):
            series.caused, series.apart = found, 0
        else:
            series.unusual = found
            yield Change(found)

    def _going_on(self, series: _Series) -> Iterator[Change]:
        if series.caused is not None and series.outlasts(explained=self._explained(series.name)):
            series.unusual, series.caused = series.caused, None
            yield Change(series.unusual)
        elif (worse := series.worse()) is not None:
            series.unusual = worse
            yield Change(worse)

    def _drop(self, until: int) -> Iterator[Change]:
        """Forget the series that had no requests for the longest, where there are too many."""
        while len(self._series) > _MOST_SERIES:
            _, series = self._series.popitem(last=False)
            if series.unusual is not None:
                yield Change(msgspec.structs.replace(series.unusual, until=until))

    def _forget(self, name: Name, turn: Turn) -> None:
        level, subject, measure = name
        if level is Level.ALL:
            return
        forget = self._usual.forget_lately if turn is Turn.BEGAN else self._usual.forget
        if turn is not Turn.OVER:
            for caller in self._usual.callers(2 if level is Level.MODEL else 1, subject):
                if caller[0] == measure:
                    forget(caller)

    def _explained(self, name: Name) -> bool:
        level, subject, measure = name
        for other in self._series.values():
            above, whose, what = other.name
            if not (other.detector.alarmed or other.detector.wealth >= _EVIDENCE):
                continue
            if what is measure and above in _ABOVE[level]:
                return True
            if what in _CAUSES.get(measure, ()) and (above, whose) == (level, subject):
                return True
        return False

    def _alarmed(self, level: Level, subject: str, measure: str) -> bool:
        series = self._series.get((level, subject, Measure(measure)))
        return series is not None and series.detector.alarmed

    def _see_errors(self, one: Arrival) -> None:
        failed = one.outcome == Outcome.FAILED.value
        if failed or one.outcome == Outcome.COMPLETED.value:
            self._shares(Level.ALL, "").add(failed)
            self._shares(Level.KEY, one.key_id).add(failed)
        for attempt in one.attempts:
            if not attempt.error:
                self._shares(Level.MODEL, attempt.target).add(failed)
            elif attempt.error.startswith(_FAULTS) and attempt.error != _NO_FAULT:
                self._shares(Level.MODEL, attempt.target).add(True)

    def _see_empty(self, one: Arrival) -> None:
        """Models that never say a word, such as those of embeddings, have nothing to be empty."""
        if one.output_tokens:
            self._speaking[one.target] = None
            self._speaking.move_to_end(one.target)
            if len(self._speaking) > _MOST_SERIES:
                self._speaking.popitem(last=False)
        if one.target in self._speaking:
            self._shares(Level.MODEL, one.target, Measure.EMPTY).add(not one.output_tokens)

    def _see_size(self, one: Arrival, measure: Measure, value: float) -> None:
        caller = (measure, one.key_id, one.target)
        self._met.setdefault(caller, []).append(value)
        usual = self._usual.of(caller)
        if usual is None:
            return
        self._sizes(Level.MODEL, one.target, measure).add(value, usual)
        if measure in (Measure.INPUT_TOKENS, Measure.OUTPUT_TOKENS):
            self._sizes(Level.KEY, one.key_id, measure).add(value, usual)

    def _of(self, name: Name) -> Samples:
        series = self._series.get(name)
        if series is None:
            series = self._series[name] = _Series(name, self._opened)
        return series.samples

    def _shares(self, level: Level, subject: str, measure: Measure = Measure.ERRORS) -> Shares:
        found = self._of((level, subject, measure))
        assert isinstance(found, Shares)
        return found

    def _costs(self, level: Level, subject: str) -> Costs:
        found = self._of((level, subject, Measure.SPEND))
        assert isinstance(found, Costs)
        return found

    def _sizes(self, level: Level, subject: str, measure: Measure) -> Sizes:
        found = self._of((level, subject, measure))
        assert isinstance(found, Sizes)
        return found


def _ended(series: _Series, until: int, *, settled: bool) -> Iterator[Change]:
    was, series.unusual, series.caused = series.unusual, None, None
    if was is not None:
        yield Change(msgspec.structs.replace(was, until=until, settled=settled, unasked=series.is_silent))


def _sizes(one: Arrival) -> Iterator[tuple[Measure, float]]:
    """What there is to measure of a whole answer or a stream."""
    if one.stream:
        if one.ttft_ns > 0:
            yield Measure.TTFT, one.ttft_ns / 1e9
    elif one.latency_ns > 0:
        yield Measure.LATENCY, one.latency_ns / 1e9
    if one.input_tokens > 0:
        yield Measure.INPUT_TOKENS, one.input_tokens
    if one.output_tokens > 0:
        yield Measure.OUTPUT_TOKENS, one.output_tokens
