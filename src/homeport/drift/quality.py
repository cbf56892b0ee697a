"""Whether the answers of a route are worse than they were: one look a day, at all that is known of it by then.

What is known are *signals*: the judge's scores of a sample, the share of all outputs that automatic metrics pass, each
metric and all together, and the same inputs asked again (`Pairs`). A baseline, the first days after a beginning, is
compared with the last three days, one, two and four weeks. Each comparison is an e-value; so is the mean of all of
them, by weight. What metrics see and what only the judge sees are bet on one after the other, too: the judge's scores
of sound outputs say nothing of how many are sound, so the product of both is an e-value (Grünwald, de Heide and
Koolen, "Safe testing", J. R. Statist. Soc. B 86, 2024), and a fault that is half in one and half in the other adds up.

There is a look every day, and every seventh has as much of the false alarms of a year as all the others together: a
look is an alarm at its `looks` over the rate that is wanted. It is wrong by chance with a probability of 1 over that
at most (Markov), and the looks of a year add up.

Pure: days in, a verdict out.
"""

import math
from collections.abc import Mapping, Sequence

import msgspec

from homeport.drift.weekly import FALL
from homeport.stats.decline import Scale, Scores, decline, merged, scale_of, spread_of
from homeport.stats.sequential import EDGES, EDetector, e_benjamini_hochberg, paired_factors

LOOKS_A_YEAR = 365
_WEEKS_A_YEAR = 52
WINDOWS = (3, 7, 14, 28)
"""Days that are compared with the baseline. One day alone is no change: it may be a bad day."""

WEEK = 7
JUDGE, PAIRS, SOUND = "judge", "pairs", "sound"
"""`SOUND` is the share of outputs in which no automatic metric finds a fault that makes it low."""

JUDGE_OF_SOUND, BOTH = "judge of sound", "both"
"""The judge's scores of sound outputs alone; and these after `SOUND`, together."""

SHARES: Mapping[str, float] = {JUDGE: 0.25, PAIRS: 0.2, SOUND: 0.2, BOTH: 0.25}
"""Of the money; single metrics have the rest, in equal parts. What a route does not have is shared by the others."""

_OF_METRICS = 0.1
_EDGES = tuple(edge for edge in EDGES if edge > 0)
_SCALE_SHARE = 7
_LEAST_LOOKED_AT = 50
"""Before and now, in all days of a window: of less nothing is said."""

_MOST = 1e150
"""Evidence beyond any threshold is enough; infinity would not be JSON."""

_NORMAL = 1.959963984540054


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What an alarm is.

    Attributes:
        baseline_days: the first seventh of them says what to bet, the others are what is compared with.
        alarms_a_year: false ones, of a route, at most.
        false_share: of the routes that are alarmed at one look, so many are so by chance at most (e-BH).
        tolerance: a fall of the mean by so much is no fall.
        fall: of the baseline's mean, over a week: a reason to look, and no alarm.
        hint: evidence that is one as well.
    """

    baseline_days: int = 14
    alarms_a_year: float = 0.01
    false_share: float = 0.1
    tolerance: float = 0.0
    fall: float = FALL
    hint: float = 10.0


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is known of a route's outputs, day by day from the baseline's first, 0 for bad and 1 for good."""

    name: str
    days: tuple[Scores, ...]


class Pairs(msgspec.Struct, frozen=True, kw_only=True):
    """Checks with inputs of the baseline, of which each was asked again once: how many became worse, and better."""

    worse: tuple[int, ...] = ()
    better: tuple[int, ...] = ()


class Mean(msgspec.Struct, frozen=True):
    """With its 95 % interval; of so many outputs that were looked at."""

    value: float
    low: float
    high: float
    looked_at: float


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What one signal says.

    Attributes:
        e_value: 1 for nothing.
        before, now: the baseline, and the window that says most; None where it says nothing, and of pairs.
        days: of that window.
        week: the last week's mean; None where too little is known.
    """

    name: str
    e_value: float = 1.0
    before: Mean | None = None
    now: Mean | None = None
    days: int = 1
    week: Mean | None = None


class RouteSeen(msgspec.Struct, frozen=True, kw_only=True):
    """What all signals of a route say together.

    Attributes:
        e_value: of the route.
        suggested: the judge's mean fell by a twentieth in the last week, or there is some evidence: not an alarm, for
            that is mostly chance, and a reason to ask the same inputs again.
        ready: the baseline is complete; before, nothing is said.
        days: since it was complete.
    """

    e_value: float = 1.0
    signals: tuple[Seen, ...] = ()
    suggested: bool = False
    ready: bool = False
    days: int = 0

    @property
    def first(self) -> Seen | None:
        """The single signal that says most."""
        return max((one for one in self.signals if one.name != BOTH), key=lambda seen: seen.e_value, default=None)

    @property
    def looks(self) -> int:
        """How many looks like this one share the false alarms of a year, each half of them: those of weeks, of days."""
        return 2 * (LOOKS_A_YEAR if self.days % WEEK else _WEEKS_A_YEAR)

    def is_alarm(self, rules: Rules) -> bool:
        """By itself; `alarmed` says whether it is one among others."""
        return self.e_value * rules.alarms_a_year >= self.looks


def look(signals: Sequence[Signal], rules: Rules, pairs: Pairs | None = None, days: int | None = None) -> RouteSeen:
    """What is to be said of a route today: the last day is the newest that is complete.

    Args:
        days: since the baseline was complete, where `signals` have only the last of them.
    """
    there = max((len(signal.days) for signal in signals), default=0) - rules.baseline_days
    if there < 1:
        return RouteSeen()
    seen = [_look(signal, rules) for signal in signals if signal.name != JUDGE_OF_SOUND]
    if pairs is not None and pairs.worse:
        seen.append(_look_at_pairs(pairs))
    named = {signal.name: signal for signal in signals}
    if SOUND in named and JUDGE_OF_SOUND in named:
        seen.append(_look_at_both(named[SOUND], named[JUDGE_OF_SOUND], rules))
    e_value = math.fsum(share * one.e_value for share, one in zip(_shares(seen), seen, strict=True))
    suggested = e_value >= rules.hint or any(one.name == JUDGE and _has_fallen(one, rules) for one in seen)
    return RouteSeen(e_value=e_value, signals=tuple(seen), suggested=suggested, ready=True, days=days or there)


def alarmed(seen: Sequence[RouteSeen], rules: Rules) -> tuple[int, ...]:
    """Which routes are an alarm: enough is known against each alone, and against all of them together (e-BH).

    A look's e-value over the looks of a year is what may be told of a route in a year.
    """
    together = e_benjamini_hochberg([one.e_value / one.looks for one in seen], rules.false_share)
    return tuple(place for place in together if seen[place].is_alarm(rules))


def _look(signal: Signal, rules: Rules) -> Seen:
    found = _evidence(signal, rules)
    if not found:
        return Seen(name=signal.name)
    reference, after = _reference(signal, rules), signal.days[rules.baseline_days :]
    most, days = max(zip(found, WINDOWS, strict=True))
    window = merged(after[-days:])
    return Seen(
        name=signal.name,
        e_value=math.fsum(found) / len(found),
        before=mean_of(merged(reference)),
        now=mean_of(window) if window.looked_at else None,
        days=min(days, len(after)) if most > 1 else 1,
        week=_week(after),
    )


def _look_at_both(sound: Signal, judge: Signal, rules: Rules) -> Seen:
    """How many are sound, and then what the judge says of these."""
    first, second = _evidence(sound, rules), _evidence(judge, rules)
    if not first or not second:
        return Seen(name=BOTH)
    found = [min(one * other, _MOST) for one, other in zip(first, second, strict=True)]
    return Seen(name=BOTH, e_value=math.fsum(found) / len(found))


def _evidence(signal: Signal, rules: Rules) -> Sequence[float]:
    """The e-value of each window against the baseline; nothing where too little is known."""
    reference, after = _reference(signal, rules), signal.days[rules.baseline_days :]
    if merged(reference).looked_at < _LEAST_LOOKED_AT or len(after) < WINDOWS[0]:
        return ()
    scale = scale_of(merged(signal.days[: _scale_days(rules)]))
    return [_compare(reference, after[-days:], scale, rules) for days in WINDOWS]


def _reference(signal: Signal, rules: Rules) -> Sequence[Scores]:
    return signal.days[_scale_days(rules) : rules.baseline_days]


def _scale_days(rules: Rules) -> int:
    return max(1, rules.baseline_days // _SCALE_SHARE)


def _compare(reference: Sequence[Scores], days: Sequence[Scores], scale: Scale, rules: Rules) -> float:
    now = merged(days)
    if now.looked_at < _LEAST_LOOKED_AT:
        return 1.0
    return decline(merged(reference), now, scale, tolerance=rules.tolerance, spread=spread_of(reference, days))


def _look_at_pairs(pairs: Pairs) -> Seen:
    """The mean of the e-processes that began with each check; nothing is bet on answers that become better."""
    detector = EDetector([1 / len(_EDGES)] * len(_EDGES))
    for worse, better in zip(pairs.worse, pairs.better, strict=True):
        detector.add(paired_factors(worse, better, _EDGES))
    return Seen(name=PAIRS, e_value=detector.evidence / len(pairs.worse))


def _shares(seen: Sequence[Seen]) -> list[float]:
    metrics = sum(one.name not in SHARES for one in seen)
    shares = [SHARES.get(one.name, _OF_METRICS / max(1, metrics)) for one in seen]
    return [share / math.fsum(shares) for share in shares]


def _week(after: Sequence[Scores]) -> Mean | None:
    week = merged(after[-WEEK:])
    return mean_of(week) if len(after) >= WEEK and week.looked_at >= _LEAST_LOOKED_AT else None


def _has_fallen(seen: Seen, rules: Rules) -> bool:
    return seen.before is not None and seen.week is not None and seen.week.value <= seen.before.value * (1 - rules.fall)


def mean_of(scores: Scores) -> Mean:
    """The weighted mean with its 95 % interval, by its own variance (Hájek's estimator); nothing is not looked at."""
    weights = scores.counts * scores.weights
    total = float(weights.sum())
    mean = scores.mean
    variance = float((scores.counts * (scores.weights * (scores.values - mean)) ** 2).sum()) / total**2
    reach = _NORMAL * math.sqrt(variance)
    return Mean(mean, max(0.0, mean - reach), min(1.0, mean + reach), scores.looked_at)
