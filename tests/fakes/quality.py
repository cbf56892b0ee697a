"""Sums of hours and a standing of quality, as the jobs worker leaves them."""

from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Engine, insert

from homeport.stats.agreement import UNUSABLE, USABLE
from homeport.storage.db import writing
from homeport.storage.rollups import DAY
from homeport.storage.score_tables import sample_hours, score_days, score_hours
from homeport.storage.scores import SUMS_OF_SCORES, add_up
from homeport.storage.standing_quality import Interval, QualityStanding, RouteQuality, write_standing

GOOD = RouteQuality(
    tier="cheap",
    target="small",
    epoch="4c1d",
    since=0,
    until=1_000,
    outputs=1_000,
    judged=150,
    labelled=70,
    doubled=10,
    human=Interval(0.8, 0.7, 0.9),
    judge=Interval(0.85, 0.8, 0.9),
    corrected=Interval(0.79, 0.74, 0.84),
    agreement=Interval(0.9, 0.85, 0.95),
    kappa=Interval(0.7, 0.6, 0.8),
    correlation=Interval(0.75, 0.6, 0.85),
    reviewers=None,
    verdict=USABLE,
    why="the correlation with people is between 0.60 and 0.85",
)
BAD = msgspec.structs.replace(
    GOOD,
    target="large",
    corrected=None,
    correlation=Interval(0.1, -0.1, 0.3),
    verdict=UNUSABLE,
    why="the correlation with people is between -0.10 and 0.30, which includes 0",
)
ALL = msgspec.structs.replace(GOOD, tier="", target="", outputs=2_000)


def publish_standing(path: Path, now: int, *rows: RouteQuality) -> None:
    """What the pages and the command line read, for a minute."""
    write_standing(path, QualityStanding(computed_at=now, stale_at=now + 60 * 10**9, rows=rows))


def add_scores(engine: Engine, start: int, metric: str = "format", target: str = "small", **sums: Any) -> None:
    """The sums of an hour: ten outputs, one of which fails, but for what is said."""
    usual = {"outputs": 10, "judged": 10, "failed": 1, "total": 9.0, "squares": 9.0, "tier": "cheap", "version": 1}
    row = {**usual, **sums, "start": start, "metric": metric, "target": target}
    with writing(engine) as connection:
        add_up(connection, score_hours, SUMS_OF_SCORES, [row])
        add_up(connection, score_days, SUMS_OF_SCORES, [{**row, "start": start // DAY * DAY}])


def add_samples(engine: Engine, start: int, target: str = "small", **sums: int) -> None:
    """The sums of an hour: a hundred outputs, but for what is said."""
    usual = {"outputs": 100, "kept": 90, "low": 8, "broken": 1, "for_judge": 15, "for_human": 7}
    row = {**usual, **sums, "start": start, "tier": "cheap", "target": target}
    with writing(engine) as connection:
        connection.execute(insert(sample_hours).values(row))
