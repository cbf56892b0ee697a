"""Every few minutes, and soon after labels come: how good the answers of each route are, for pages and commands."""

from pathlib import Path

import msgspec
from sqlalchemy import Engine

from homeport.evaluation.live import Period, choose_epoch, reviewer_qualities, route_qualities
from homeport.storage.labels import LabelMark, label_mark
from homeport.storage.opinions import epochs, metric_names, opinions, route_outputs, thinned_opinions
from homeport.storage.standing_quality import QualityStanding, write_standing

LOOK_EVERY_S = 3.0
_COMPUTE_EVERY_NS = 180 * 1_000_000_000
_STALE_NS = 15 * 60 * 1_000_000_000
_MOST_ROWS = 20_000
_MOST_ROUTES = 64


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What is computed.

    Attributes:
        period_ns: so far back estimates go, in nanoseconds.
        most_rows: of a period with more outputs, automatic metrics are not looked at, and of what is for the judge
            alone only a part.
    """

    period_ns: int
    most_rows: int = _MOST_ROWS


class Standing:
    """Of one state folder.

    Args:
        path: the file that pages and commands read.
    """

    def __init__(self, engine: Engine, path: Path, bounds: Bounds) -> None:
        self._engine = engine
        self._path = path
        self._bounds = bounds
        self._mark: LabelMark | None = None
        self._due_at = 0

    def work(self, now: int) -> bool:
        """Whether something was left, at a time in nanoseconds since the epoch. Raises SQLAlchemyError, OSError."""
        mark = label_mark(self._engine)
        if mark == self._mark and now < self._due_at:
            return False
        write_standing(self._path, compute(self._engine, self._bounds, now))
        self._mark, self._due_at = mark, now + _COMPUTE_EVERY_NS
        return True


def compute(engine: Engine, bounds: Bounds, now: int) -> QualityStanding:
    """How it stands at a time. Raises SQLAlchemyError."""
    since = now - bounds.period_ns
    outputs = route_outputs(engine, since, now)
    period = Period(since=since, until=now, epoch=choose_epoch(epochs(engine, since, now)))
    if sum(one.kept for one in outputs) <= bounds.most_rows:
        rows = opinions(engine, since, now, period.epoch, metric_names(engine, since, now))
    else:
        drawn = sum(one.drawn for one in outputs)
        rows = thinned_opinions(engine, since, now, period.epoch, min(1.0, bounds.most_rows / max(1, drawn)))
    return QualityStanding(
        computed_at=now,
        stale_at=now + _STALE_NS,
        rows=route_qualities(period, rows, outputs, _MOST_ROUTES),
        reviewers=reviewer_qualities(rows),
    )
