"""What `bench.console` looks at of quality: a month of sums of hours, a standing, and incidents."""

import random
import time
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from sqlalchemy import Engine, insert

from homeport.config.home import Home
from homeport.core.incidents import Action, Evidence, Finding, IncidentKind
from homeport.stats.agreement import UNUSABLE, USABLE
from homeport.storage.db import writing
from homeport.storage.incidents import report, resolve
from homeport.storage.rollups import DAY
from homeport.storage.score_tables import sample_hours, score_days, score_hours
from homeport.storage.scores import SUMS_OF_SCORES, add_up
from homeport.storage.standing_quality import Interval, QualityStanding, RouteQuality, write_standing

INCIDENTS, OPEN = 300, 20
METRICS = (
    *("format", "language", "refusal", "repetition", "tool_arguments", "toxicity", "truncation"),
    *("length", "latency", "rouge_l", "exact_match", "embedding_similarity"),
)
ROUTES = (
    *(("local", "own-8b"), ("local", "llama-70b"), ("mid", "gpt-4.1-mini"), ("mid", "gemini-flash")),
    *(("frontier", "gpt-4.1"), ("frontier", "claude-sonnet")),
)
_MEASURES = frozenset({"length", "latency"})
_HOURS = 31 * 24
_HOUR = 3_600 * 10**9
_YEAR_NS = 365 * 24 * _HOUR
_AT_ONCE = 5_000


def fill_quality(home: Home, engine: Engine, examples: Sequence[str]) -> None:
    """All of it; `examples` are ids of requests that were kept whole."""
    dice = random.Random(5)
    first = time.time_ns() // _HOUR * _HOUR - _HOURS * _HOUR
    hours = [first + place * _HOUR for place in range(_HOURS)]
    rows = [_scores(dice, start, route, metric) for start, route, metric in product(hours, ROUTES, METRICS)]
    for place in range(0, len(rows), _AT_ONCE):
        with writing(engine) as connection:
            add_up(connection, score_hours, SUMS_OF_SCORES, rows[place : place + _AT_ONCE])
            days = ({**row, "start": row["start"] // DAY * DAY} for row in rows[place : place + _AT_ONCE])
            add_up(connection, score_days, SUMS_OF_SCORES, days)
    with writing(engine) as connection:
        connection.execute(insert(sample_hours), [_samples(start, route) for start, route in product(hours, ROUTES)])
    now = time.time_ns()
    standing = QualityStanding(computed_at=now, stale_at=now + _YEAR_NS, rows=tuple(map(_known, (("", ""), *ROUTES))))
    write_standing(home.quality_standing, standing)
    _incidents(engine, first, examples)


def _scores(dice: random.Random, start: int, route: tuple[str, str], metric: str) -> Mapping[str, Any]:
    outputs = 224
    judged = 0 if metric in _MEASURES else outputs
    failed = sum(dice.random() < 0.02 for _ in range(judged // 8))
    return {
        "start": start,
        **_place(route),
        "metric": metric,
        "version": 1,
        "outputs": outputs,
        "judged": judged,
        "failed": failed,
        "total": float(outputs - failed),
        "squares": float(outputs - failed),
    }


def _samples(start: int, route: tuple[str, str]) -> Mapping[str, Any]:
    counts = {"outputs": 224, "kept": 220, "low": 9, "broken": 0, "for_judge": 33, "for_human": 15}
    return {"start": start, **_place(route), **counts}


def _place(route: tuple[str, str]) -> Mapping[str, str]:
    return dict(zip(("tier", "target"), route, strict=True))


def _known(route: tuple[str, str]) -> RouteQuality:
    usable = route[0] != "local"
    return RouteQuality(
        **_place(route),
        epoch="4c1d",
        since=0,
        until=1,
        outputs=160_000,
        judged=24_000,
        labelled=11_000,
        doubled=1_600,
        human=Interval(0.80, 0.79, 0.81),
        judge=Interval(0.85, 0.84, 0.86),
        corrected=Interval(0.80, 0.795, 0.805),
        agreement=Interval(0.9, 0.89, 0.91),
        kappa=Interval(0.7, 0.68, 0.72),
        correlation=Interval(0.75, 0.73, 0.77),
        reviewers=Interval(0.8, 0.77, 0.83),
        verdict=USABLE if usable else UNUSABLE,
        why="the correlation with people is between 0.73 and 0.77",
    )


def _incidents(engine: Engine, first: int, examples: Sequence[str]) -> None:
    """Most of them resolved; each was told as an alert, as every incident is."""
    kinds = tuple(IncidentKind)
    for place in range(INCIDENTS):
        at = first + place * _HOUR
        found = Finding(
            kind=kinds[place % len(kinds)],
            subject=f"mid/model-{place}",
            since=at,
            sentence=f"Answers of mid/model-{place} are not what they were: .81 was usual, .74 is now",
            e_value=5_300.0,
            evidence=tuple(Evidence(name=f"figure {number}", before=".81", now=".74") for number in range(8)),
            actions=(Action(text="Send less to it", page="/console/routing"),),
            routes=("mid/gpt-4.1-mini",),
            examples=tuple(examples[:20]),
        )
        incident = report(engine, found, at)
        if place < INCIDENTS - OPEN:
            resolve(engine, incident.id, "bench", "it was rolled back", at + 1)
