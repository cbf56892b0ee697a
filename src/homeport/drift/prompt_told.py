"""An alarm of prompts in words: what changed, since when, by how much, and what to do about it."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from homeport.core.incidents import Action, Evidence, Finding, IncidentKind
from homeport.core.prompts import Reached
from homeport.drift.prompts import Alarm

_NS = 1_000_000_000
_MOST_PLACES = 4
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


def finding_of(alarm: Alarm, project: str, before: Sequence[Reached] = (), now: Sequence[Reached] = ()) -> Finding:
    """The finding that an incident is opened with, or that is added to it.

    Args:
        before: where the prompts of usual days went, and `now`, where the new ones went.
    """
    figures = tuple(Evidence(name=one.name, before=one.before, now=one.now) for one in alarm.figures)
    return Finding(
        kind=IncidentKind.PROMPTS,
        subject=project,
        since=start_of(alarm.since),
        sentence=sentence_of(alarm, f"Prompts of project {project}"),
        e_value=alarm.e_value,
        evidence=(*figures, *_places(before, now)),
        actions=_actions(alarm),
        routes=_routes(now),
        examples=alarm.examples,
    )


def _actions(alarm: Alarm) -> tuple[Action, ...]:
    return (
        Action(
            text="Look at the examples: who asks this, and is it meant to come here?",
            command=f"homeport trace {' '.join(alarm.examples[:1])}",
        ),
        Action(text="See whether the router still decides well for it, and refit it", command="homeport route refit"),
        Action(text="Review what the cache answers of it", page="/console/cache"),
        Action(
            text="Extend the dataset that changes are compared with by such prompts",
            command="homeport eval dataset --help",
        ),
        Action(text="Resolve the incident if it is here to stay: what comes then is what is usual"),
    )


def _routes(now: Sequence[Reached]) -> tuple[str, ...]:
    """That with most of what is new first."""
    return tuple(_counted(now, _route_of))


def _places(before: Sequence[Reached], now: Sequence[Reached]) -> tuple[Evidence, ...]:
    """The routes and keys of what is new, with what they had of the prompts before."""
    told = [("prompts at", _route_of), ("prompts of key", _key_of)]
    return tuple(one for what, place_of in told for one in _evidence(what, place_of, before, now))


def _evidence(
    what: str, place_of: Callable[[Reached], str], before: Sequence[Reached], now: Sequence[Reached]
) -> list[Evidence]:
    usual, new = _counted(before, place_of), _counted(now, place_of)
    of_usual, of_new = sum(usual.values()), sum(new.values())
    return [
        Evidence(
            name=f"{what} {place}",
            before=f"{_share(usual.get(place, 0), of_usual)} looked at",
            now=f"{_share(count, of_new)} that are new",
        )
        for place, count in list(new.items())[:_MOST_PLACES]
    ]


def _counted(reached: Sequence[Reached], place_of: Callable[[Reached], str]) -> dict[str, int]:
    """By place, the one with most first."""
    counts: dict[str, int] = {}
    for one in reached:
        counts[place_of(one)] = counts.get(place_of(one), 0) + one.prompts
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _share(part: int, of: int) -> str:
    return f"{part:,} of {of:,} ({100 * part / max(1, of):.0f} %)" if part else f"none of {of:,}"


def _route_of(one: Reached) -> str:
    return one.route


def _key_of(one: Reached) -> str:
    return one.key_id


def start_of(day: str) -> int:
    """Nanoseconds since the epoch at which a date begins in UTC."""
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * _NS
