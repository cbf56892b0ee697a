"""How many requests there were in each hour of the last day, and how they ended."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Engine

from homeport.console.figures.windows import hour_end
from homeport.core.types import Outcome
from homeport.ledger.reports import label, series
from homeport.ledger.sources import Only
from homeport.storage.rollups import DAY


class Hour(msgspec.Struct, frozen=True, kw_only=True):
    """Requests that began in one hour; `refused` are those that were turned away or left by their caller."""

    when: str
    answered: int
    refused: int
    failed: int


def trend(engine: Engine, now: int) -> Sequence[Hour]:
    """The hours of the last day that had requests, in order; the first and the last of them are not whole."""
    since, until = now - DAY, hour_end(now)
    found = series(engine, width="hour", by="outcome", since_ns=since, until_ns=until, only=Only(), spread=False)
    return [_hour(label("hour", start), {row.group: row.requests for row in rows}) for start, rows in found.items()]


def _hour(when: str, ended: dict[str, int]) -> Hour:
    answered, failed = ended.get(Outcome.COMPLETED, 0), ended.get(Outcome.FAILED, 0)
    return Hour(when=when, answered=answered, failed=failed, refused=sum(ended.values()) - answered - failed)
