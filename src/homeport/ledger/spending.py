"""What was spent, by hour or day: the series that forecasts and anomalies are computed from.

All of it is read by `_sums`, so that another table can take the place of the rows.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import BigInteger, ColumnElement, Engine, and_, cast, func, or_, select, true

from homeport.storage.tables import requests

HOUR = 3_600 * 1_000_000_000
DAY = 24 * HOUR


def first_request(engine: Engine, project: str = "") -> int | None:
    """When the first request of a project and of those below it began; nanoseconds since the epoch."""
    with engine.connect() as connection:
        found = connection.execute(select(func.min(requests.c.started_at)).where(below(project))).scalar()
        return None if found is None else int(found)


def spent_each(engine: Engine, span: int, start: int, until: int, project: str = "") -> list[int]:
    """Nano-dollars of each hour or day of a project and of those below it, without a gap.

    Args:
        span: `HOUR` or `DAY`.
        start, until: nanoseconds since the epoch; `start` is where a span begins.
    """
    series = [0] * max(0, -(-(until - start) // span))
    for (_, bucket), cost in _sums(engine, span, start, until, below(project)).items():
        series[bucket - start // span] += cost
    return series


def hourly_by_project(engine: Engine, start: int, until: int) -> Mapping[str, Sequence[int]]:
    """Nano-dollars of each hour from `start` to `until`, both where an hour begins, of each project with requests."""
    series: dict[str, list[int]] = {}
    for (project, bucket), cost in _sums(engine, HOUR, start, until, true()).items():
        series.setdefault(project, [0] * ((until - start) // HOUR))[bucket - start // HOUR] = cost
    return series


def below(project: str) -> ColumnElement[bool]:
    """The requests of a project path and of everything below it; "" for all."""
    if not project:
        return true()
    return or_(requests.c.project == project, requests.c.project.startswith(f"{project}/", autoescape=True))


def _sums(engine: Engine, span: int, start: int, until: int, on: ColumnElement[bool]) -> dict[tuple[str, int], int]:
    """Nano-dollars by project and by number of the span since the epoch."""
    within = and_(requests.c.started_at >= start, requests.c.started_at < until, on)
    bucket = (requests.c.started_at // span).label("bucket")
    # A subquery, because PostgreSQL does not take two equal expressions with parameters for the same.
    rows = select(requests.c.project, bucket, requests.c.cost).where(within).subquery()
    total = cast(func.sum(rows.c.cost), BigInteger)
    query = select(rows.c.project, rows.c.bucket, total).group_by(rows.c.project, rows.c.bucket)
    with engine.connect() as connection:
        return {(project, int(place)): int(cost) for project, place, cost in connection.execute(query)}
