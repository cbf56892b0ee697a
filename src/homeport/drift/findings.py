"""What is reported of an audited model that changed: evidence, routes, and what somebody can do."""

from collections.abc import Sequence

from homeport.core.incidents import Action, Evidence, Finding, IncidentKind
from homeport.drift.baselines import nanoseconds
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
        since=_since(known),
        sentence=f"The model behind {name} answers unlike itself{_when(known)}.",
        e_value=known.e_value,
        evidence=tuple(_evidence(known, together)),
        actions=_actions(name),
        routes=tuple(map(str, routes)),
        examples=known.examples,
    )


def _since(known: Known) -> int:
    """Nanoseconds since the epoch: of the first alarm, or the first burst."""
    return min([*(nanoseconds(one["since"]) for one in known.alarms), *(one.at for one in known.jumps)])


def _when(known: Known) -> str:
    return f" since {known.alarms[0]['since']}" if known.alarms else ": a burst of ten differs from all looks before it"


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
    found += [Evidence(name=one.name, before=one.before, now=one.now) for one in known.signals[:_MOST]]
    if len(together) > 1:
        found.append(Evidence(name="changed, by all models judged together", now=", ".join(together[:_MOST])))
    return found


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
