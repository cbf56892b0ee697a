"""An alarm of prompts in words: what changed, since when, by how much, and what to do about it."""

from collections.abc import Sequence
from datetime import UTC, datetime

from homeport.core.incidents import Action, Evidence, Finding, IncidentKind
from homeport.drift.prompts import Alarm

_NS = 1_000_000_000
_DOES = {
    "topic": "speak of something else",
    "unfamiliar": "are unlike those of other days",
    "length": "have another length",
    "language": "are in other languages",
    "vocabulary": "have other words",
    "format": "have another format",
    "unknown words": "have words that nobody used before",
}


def sentence_of(alarm: Alarm, who: str = "Prompts") -> str:
    """What changed, since when, and the figure that says most."""
    figure = alarm.figures[0]
    more = [_DOES[view] for view in alarm.views[1:3]]
    also = f"; they also {' and '.join(more)}" if more else ""
    return (
        f"{who} {_DOES[alarm.views[0]]} since {alarm.since}, noticed on {alarm.day}: "
        f"{figure.name} {figure.now}, before {figure.before}{also}"
    )


def finding_of(alarm: Alarm, project: str, routes: Sequence[str] = ()) -> Finding:
    """The finding that an incident is opened with, or that is added to it."""
    examples = " ".join(alarm.examples[:1])
    return Finding(
        kind=IncidentKind.PROMPTS,
        subject=project,
        since=start_of(alarm.since),
        sentence=sentence_of(alarm, f"Prompts of project {project}"),
        e_value=alarm.e_value,
        evidence=tuple(Evidence(name=one.name, before=one.before, now=one.now) for one in alarm.figures),
        actions=(
            Action(
                text="Look at the examples: who asks this, and is it meant to come here?",
                command=f"homeport trace {examples}",
            ),
            Action(
                text="See whether the router still decides well for it, and refit it", command="homeport route refit"
            ),
            Action(text="Review what the cache answers of it", page="/console/cache"),
            Action(
                text="Extend the dataset that changes are compared with by such prompts",
                command="homeport eval dataset --help",
            ),
            Action(text="Resolve the incident if it is here to stay: what comes then is what is usual"),
        ),
        routes=tuple(routes),
        examples=alarm.examples,
    )


def start_of(day: str) -> int:
    """Nanoseconds since the epoch at which a date begins in UTC."""
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * _NS
