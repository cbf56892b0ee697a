"""What is said of a route whose answers became worse: the sentence, its figures, and what can be done."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from homeport.core.incidents import Action, Evidence, Finding, IncidentKind
from homeport.drift.quality import BOTH, JUDGE, PAIRS, SOUND, Mean, RouteSeen, Seen
from homeport.storage.baselines import Check
from homeport.storage.quality_days import RouteName

_NS_PER_SECOND = 1_000_000_000
_MOST_EVIDENCE = 8


class Samples(msgspec.Struct, frozen=True, kw_only=True):
    """What goes with the figures.

    Attributes:
        worst: ids of requests that show it.
        since: when it began, as far as is known; nanoseconds since the epoch.
        checks: inputs that were asked again.
    """

    route: RouteName
    since: int
    worst: tuple[str, ...]
    checks: Sequence[Check]


def finding_of(seen: RouteSeen, samples: Samples) -> Finding:
    """The finding of a route that is an alarm."""
    route = str(samples.route)
    return Finding(
        kind=IncidentKind.QUALITY,
        subject=route,
        since=samples.since,
        sentence=_sentence(seen, samples),
        e_value=seen.e_value,
        evidence=tuple(_evidence(one, samples) for one in _told(seen)),
        routes=(route,),
        examples=samples.worst,
        actions=_actions(samples.route),
    )


def _told(seen: RouteSeen) -> Sequence[Seen]:
    """The judge and the pairs first, then metrics, those that say most before others."""
    known = [one for one in seen.signals if one.now is not None or one.name in (PAIRS, BOTH)]
    return sorted(known, key=lambda one: (one.name not in (JUDGE, PAIRS), -one.e_value))[:_MOST_EVIDENCE]


def _sentence(seen: RouteSeen, samples: Samples) -> str:
    said = f"Answers of {samples.route} are worse since {_date(samples.since)}: "
    first = seen.first
    if first is None or first.before is None or first.now is None:
        worse, better = _pairs(samples.checks)
        return f"{said}of inputs asked again, {worse} are answered worse than before and {better} better"
    if first.name == JUDGE:
        return f"{said}the judge gives {first.now.value:.3f} on average, {first.before.value:.3f} before"
    return f"{said}{_failed(first.now)} of them {_fails(first.name)}, {_failed(first.before)} before"


def _evidence(one: Seen, samples: Samples) -> Evidence:
    if one.name == BOTH:
        return Evidence(name=f"metrics, and the judge where these find nothing, together (e = {one.e_value:.3g})")
    if one.name == PAIRS or one.before is None or one.now is None:
        worse, better = _pairs(samples.checks)
        asked = sum(check.graded for check in samples.checks)
        return Evidence(
            name=f"same inputs asked again (e = {one.e_value:.3g})",
            before=f"{asked} inputs",
            now=f"{worse} worse, {better} better",
        )
    if one.name == JUDGE:
        return Evidence(
            name=f"judge's mean score (e = {one.e_value:.3g})", before=_score(one.before), now=_score(one.now)
        )
    return Evidence(
        name=f"outputs that {_fails(one.name)} (e = {one.e_value:.3g})", before=_share(one.before), now=_share(one.now)
    )


def _actions(route: RouteName) -> tuple[Action, ...]:
    return (
        Action(text="Look at the examples: is it what you would call worse?", page="/console/requests"),
        Action(
            text=f"Compare {route.target} with another model on your own cases, and let the gate decide.",
            command="homeport eval gate BASELINE CANDIDATE",
        ),
        Action(
            text=f"Send the requests of {route.tier} to another model: put one before {route.target} in the "
            "configuration, or take it out.",
            page="/console/routing",
        ),
        Action(
            text="If the model is yours, go back to the version of before.", command="homeport package rollback NAME"
        ),
        Action(text="Resolve the incident when it is explained: what comes after is the new baseline."),
    )


def _pairs(checks: Sequence[Check]) -> tuple[int, int]:
    return sum(check.worse for check in checks), sum(check.better for check in checks)


def _score(mean: Mean) -> str:
    return f"{mean.value:.3f} ({mean.low:.3f} to {mean.high:.3f}), of {mean.looked_at:,.0f} judged"


def _share(mean: Mean) -> str:
    return (
        f"{100 * (1 - mean.value):.2f} % ({100 * (1 - mean.high):.2f} to {100 * (1 - mean.low):.2f}), "
        f"of {mean.looked_at:,.0f}"
    )


def _fails(name: str) -> str:
    return "fail an automatic metric" if name == SOUND else f"fail the metric {name}"


def _failed(mean: Mean) -> str:
    return f"{100 * (1 - mean.value):.1f} %"


def _date(at: int) -> str:
    return datetime.fromtimestamp(at // _NS_PER_SECOND, UTC).strftime("%Y-%m-%d")
