"""What is reported of an audited model that changed: evidence, routes, and what somebody can do."""

from collections.abc import Sequence

from homeport.core.incidents import Action, Evidence, Finding, IncidentKind
from homeport.core.told import Severity
from homeport.drift.severity import Replayed, Turn, turn_of
from homeport.drift.standing import Known
from homeport.storage.quality_days import RouteName

_MOST = 10


def finding(known: Known, routes: Sequence[RouteName], together: Sequence[str]) -> Finding | None:
    """The finding of a change that nobody looked into; None where there is none.

    Args:
        routes: that lead to the model.
        together: all models that changed, judged together.
    """
    if not known.changed:
        return None
    name = known.baseline.name
    return Finding(
        kind=IncidentKind.MODEL,
        subject=name,
        since=known.since,
        sentence=f"The model behind {name} answers unlike itself{_when(known)}{_turn(known)}.",
        severity=Severity.CRITICAL if turn_of(known.replays) is Turn.WORSE else Severity.WARNING,
        e_value=known.e_value,
        evidence=tuple(_evidence(known, together)),
        actions=_actions(name),
        routes=tuple(map(str, routes)),
        examples=known.examples,
    )


def _when(known: Known) -> str:
    return f" since {known.alarms[0]['since']}" if known.alarms else ": a burst of ten differs from all looks before it"


def _turn(known: Known) -> str:
    """Whether it is worse, or only changed: without counts, for those of tomorrow are others."""
    match turn_of(known.replays):
        case Turn.WORSE:
            return ", and its answers are worse"
        case Turn.BETTER:
            return ", and its answers are better"
        case Turn.SAME:
            return "; its answers are changed, and not worse"
        case Turn.UNKNOWN:
            return "; whether its answers are worse is not known yet"
        case None:
            return ""


def _evidence(known: Known, together: Sequence[str]) -> list[Evidence]:
    found = []
    for alarm in known.alarms[:_MOST]:
        found.append(Evidence(name="noticed at", now=alarm["batch"]))
        found.append(Evidence(name="evidence (1,000 is an alarm)", now=f"{alarm['e_value']:,.0f}"))
        moved = f"{len(alarm['probes'])} of {len(known.baseline.probes)}"
        found.append(Evidence(name="probes that moved", before="0", now=moved))
    for jump in known.jumps[:_MOST]:
        differ = f"{sum(jump.mismatches)} of {len(jump.mismatches)}"
        found.append(Evidence(name="looks of a burst that differ", before="0", now=differ))
    found += [_asked_again(one) for one in known.replays[:_MOST]]
    found += [Evidence(name=one.name, before=one.before, now=one.now) for one in known.signals[:_MOST]]
    if len(together) > 1:
        found.append(Evidence(name="changed, by all models judged together", now=", ".join(together[:_MOST])))
    return found


def _asked_again(one: Replayed) -> Evidence:
    by = one.difference
    points = f"by {100 * by.value:+.1f} points ({100 * by.low:+.1f} to {100 * by.high:+.1f})"
    return Evidence(
        name=f"same inputs asked again, {one.route}",
        before=f"{one.graded} inputs",
        now=f"{one.worse} worse, {one.better} better, {points}: {one.turn.value}",
    )


def _actions(name: str) -> tuple[Action, ...]:
    return (
        Action(
            text="Ask the same cases of it as before: changed is not worse. Compare with the run you keep.",
            command=f"homeport eval run cases.jsonl --model {name} --out now.jsonl",
        ),
        Action(text="Pin: name a dated version of the model in its target, if the provider has one."),
        Action(text="Reroute: put another target before it in its tier, or lower its share.", command="homeport route"),
        Action(text="Roll back, if the model is your own.", command="homeport engine rollback"),
        Action(text="It is meant to be so: learn the new model.", command=f"homeport drift baseline {name}"),
    )
