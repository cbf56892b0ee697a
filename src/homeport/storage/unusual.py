"""What is unusual now, as the jobs worker leaves it for the console and the command line of its folder."""

from pathlib import Path

import msgspec

from homeport.core.told import Severity
from homeport.core.unusual import Unusual
from homeport.storage.published import publish, read_published


class Noticed(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not as usual, with the sentence that tells it.

    Attributes:
        incident: what its alerts call it.
        told: an alert of it was raised.
    """

    unusual: Unusual
    incident: str
    told: bool
    severity: str
    sentence: str


class Unusuals(msgspec.Struct, frozen=True, kw_only=True):
    """All of them, the worst and oldest first; nanoseconds since the epoch. Past `stale_at` it is not to be believed.

    Attributes:
        judged: how many series (a measure of a model, a key or all) are known well enough to be judged.
    """

    computed_at: int
    stale_at: int
    judged: int
    rows: tuple[Noticed, ...]


def write_unusual(path: Path, found: Unusuals) -> None:
    """Replace the file in one step, so that a reader never sees half of it. Raises OSError."""
    publish(path, found)


def read_unusual(path: Path, now: int) -> Unusuals | None:
    """What the file says; None where there is none, it is stale, or it cannot be read."""
    return read_published(path, Unusuals, now)


def read_last_unusual(path: Path) -> Unusuals | None:
    """The same however old it is: what was unusual when the jobs worker last looked."""
    return read_published(path, Unusuals, 0)


def headline(found: Unusuals | None) -> str:
    """How things are, in one sentence without its full stop."""
    if found is None:
        return "Nobody looks for what is unusual: the jobs worker does not run"
    if not found.rows:
        return "Nothing is unusual" if found.judged else "It is not known yet what is usual: there were few requests"
    more = len(found.rows) - 1
    first = found.rows[0].sentence
    return f"{first} ({more} more {'thing is' if more == 1 else 'things are'} unusual)" if more else first


def worst_first(rows: list[Noticed]) -> tuple[Noticed, ...]:
    """The most severe first, of those the oldest."""
    order = list(Severity)
    return tuple(sorted(rows, key=lambda row: (-order.index(Severity(row.severity)), row.unusual.since)))
