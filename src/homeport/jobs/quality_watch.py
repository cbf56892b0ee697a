"""Once a day that is complete: whether the answers of each route are worse than in its baseline; if so, an incident.

A baseline is the first days of a route, of a new judge, or after somebody resolved the incident of before: scores of
two judges are never compared, and what was explained is what is usual from then on.
"""

import logging
from collections.abc import Callable, Mapping, Sequence

import msgspec
from sqlalchemy import Engine

from homeport.core.incidents import IncidentKind
from homeport.drift.quality import (
    JUDGE,
    JUDGE_OF_SOUND,
    PAIRS,
    SOUND,
    WEEK,
    Pairs,
    RouteSeen,
    Rules,
    Signal,
    alarmed,
    look,
)
from homeport.jobs.quality_finding import Samples, finding_of
from homeport.jobs.quality_signals import signal_of
from homeport.storage.baselines import Baseline, begin_baseline, checks_of, newest_baselines
from homeport.storage.incidents import report, resolved_at
from homeport.storage.quality_days import (
    RouteName,
    Span,
    failed_outputs,
    judged_days,
    low_outputs,
    metric_days,
    newest_epoch,
    routes_between,
    sound_days,
    worst_outputs,
)
from homeport.storage.rollups import DAY, HOUR

logger = logging.getLogger(__name__)

EVERY_S = 3_600.0
_LONGEST = 28
"""Days after the baseline that are looked at, at most."""

_LOOKED_BACK = 60
"""Days in which a route that nobody has watched yet may have begun."""

_EXAMPLES = 10


class RouteState(msgspec.Struct, frozen=True, kw_only=True):
    """A route at one look."""

    baseline: Baseline
    seen: RouteSeen


class QualityWatch:
    """Of one database.

    Args:
        settle_ns: so long after its end, in nanoseconds, a day is complete: it is scored and judged.
        suggest: is told of routes that fell by a twentieth, so that the same inputs are asked again soon.
    """

    def __init__(
        self,
        engine: Engine,
        rules: Rules,
        *,
        settle_ns: int = 6 * HOUR,
        suggest: Callable[[Sequence[RouteName]], None] | None = None,
    ) -> None:
        self._engine = engine
        self.rules = rules
        self._settle_ns = settle_ns
        self._suggest = suggest
        self._looked_at = 0
        self.states: Mapping[RouteName, RouteState] = {}

    def work(self, now: int) -> int:
        """Look, if a day is complete that was not looked at; how many routes are an alarm. Raises SQLAlchemyError."""
        until = (now - self._settle_ns) // DAY * DAY
        if until <= self._looked_at:
            return 0
        alarms = self._look(until, now)
        self._looked_at = until
        return alarms

    def _look(self, until: int, now: int) -> int:
        states = [self._state(baseline, until) for baseline in self._baselines(until)]
        self.states = {state.baseline.route: state for state in states}
        places = alarmed([state.seen for state in states], self.rules)
        for place in places:
            self._report(states[place], until, now)
        if self._suggest is not None:
            self._suggest([state.baseline.route for state in states if state.seen.suggested])
        return len(places)

    def _baselines(self, until: int) -> Sequence[Baseline]:
        """Of all routes, those that have one to begin included."""
        there = newest_baselines(self._engine)
        epoch, judged_since = newest_epoch(self._engine) or ("", 0)
        lately = Span(until - _LOOKED_BACK * DAY, until)
        found = []
        for route, first in routes_between(self._engine, lately).items():
            resolved = resolved_at(self._engine, IncidentKind.QUALITY, str(route)) or 0
            known = there.get(route)
            if known is None or known.epoch != epoch or known.since < resolved:
                since = max(first // DAY * DAY, judged_since // DAY * DAY, -(-resolved // DAY) * DAY)
                known = self._begun(route, since, epoch)
            found.append(known)
        return found

    def _begun(self, route: RouteName, since: int, epoch: str) -> Baseline:
        until = since + self.rules.baseline_days * DAY
        baseline = Baseline(tier=route.tier, target=route.target, since=since, until=until, epoch=epoch)
        begin_baseline(self._engine, baseline)
        return baseline

    def _state(self, baseline: Baseline, until: int) -> RouteState:
        if until <= baseline.until:
            return RouteState(baseline=baseline, seen=RouteSeen())
        spans = (baseline.span, Span(max(baseline.until, until - _LONGEST * DAY), until))
        checks = checks_of(self._engine, baseline, until + DAY)
        pairs = Pairs(worse=tuple(one.worse for one in checks), better=tuple(one.better for one in checks))
        days = (until - baseline.until) // DAY
        return RouteState(baseline=baseline, seen=look(self._signals(baseline, spans), self.rules, pairs, days))

    def _signals(self, baseline: Baseline, spans: Sequence[Span]) -> Sequence[Signal]:
        route, starts = baseline.route, [day for span in spans for day in span.days]
        found = []
        if baseline.epoch:
            for name, sound in ((JUDGE, False), (JUDGE_OF_SOUND, True)):
                judged = [judged_days(self._engine, route, baseline.epoch, span, sound=sound) for span in spans]
                found.append(signal_of(name, starts, judged))
        found.append(signal_of(SOUND, starts, [sound_days(self._engine, route, span) for span in spans]))
        of_metrics = [metric_days(self._engine, route, span) for span in spans]
        names = sorted({name for days in of_metrics for name in days})
        found += [signal_of(name, starts, [days.get(name, {}) for days in of_metrics]) for name in names]
        return found

    def _report(self, state: RouteState, until: int, now: int) -> None:
        since = _day_of(state, until)
        samples = Samples(
            worst=self._worst(state, since),
            route=state.baseline.route,
            since=since,
            checks=checks_of(self._engine, state.baseline, until + DAY),
        )
        incident = report(self._engine, finding_of(state.seen, samples), now)
        logger.warning("%s: %s", incident.id, incident.finding.sentence)

    def _worst(self, state: RouteState, since: int) -> tuple[str, ...]:
        route, first = state.baseline.route, state.seen.first
        if first is not None and first.name == SOUND:
            return tuple(low_outputs(self._engine, route, since, _EXAMPLES))
        if first is None or first.name in (JUDGE, PAIRS):
            return tuple(worst_outputs(self._engine, route, state.baseline.epoch, since, _EXAMPLES))
        return tuple(failed_outputs(self._engine, route, first.name, since, _EXAMPLES))


def _day_of(state: RouteState, until: int) -> int:
    """The start of the first day of the window that says most; of pairs, which know no day, that of the last week."""
    first = state.seen.first
    if first is None or first.name == PAIRS:
        return max(state.baseline.until, until - WEEK * DAY)
    return until - first.days * DAY
