"""What a soak proves: figures that must not grow, requests that must not be lost. Pure."""

import re
from collections.abc import Sequence

import msgspec

from bench.targets import Target

RSS_GROWTH_PERCENT = 5.0

TARGETS = (
    Target(figure="rss_growth_percent", bound=RSS_GROWTH_PERCENT),
    # The journal's segment and a database connection come and go.
    Target(figure="files_more", bound=2),
    Target(figure="in_flight_left", bound=0),
    Target(figure="tasks_more", bound=0),
    Target(figure="upstream_connections_left", bound=0),
    Target(figure="ledger_missing", bound=0),
    Target(figure="ledger_unasked", bound=0),
    Target(figure="errors_unexplained", bound=0),
)


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """The gateway at rest.

    Attributes:
        requests: asked so far.
        open_files: descriptors of the gateway process.
        tasks: asyncio tasks, None where the gateway does not say.
        upstream_connections: open at the mock.
    """

    requests: int
    rss_mb: float
    open_files: int
    in_flight: float
    tasks: float | None
    upstream_connections: int


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """Requests from all sides.

    Attributes:
        asked, resent, errors: by the load generator; what was resent may have been recorded twice.
        injected: faults of the mock.
        recorded: rows of the ledger.
    """

    asked: int
    resent: int
    errors: int
    injected: int
    recorded: int


def figures(before: Sample, warm: Sample, after: Sample, tally: Tally) -> dict[str, float | None]:
    """What `TARGETS` are about. Memory is compared with the warmed-up gateway, the rest with the fresh one."""
    tasks = None if before.tasks is None or after.tasks is None else after.tasks - before.tasks
    return {
        "rss_growth_percent": 100 * (after.rss_mb / warm.rss_mb - 1),
        "files_more": after.open_files - before.open_files,
        "in_flight_left": after.in_flight,
        "tasks_more": tasks,
        "upstream_connections_left": after.upstream_connections,
        "ledger_missing": max(0, tally.asked - tally.recorded),
        "ledger_unasked": max(0, tally.recorded - tally.asked - tally.resent),
        "errors_unexplained": max(0, tally.errors - tally.injected),
    }


def gauge(page: str, name: str) -> float | None:
    """A gauge without labels of a metrics page; None where it is not there."""
    found = re.search(rf"^{name} (\S+)$", page, re.MULTILINE)
    return float(found.group(1)) if found else None


def by_label(page: str, name: str, label: str) -> dict[str, int]:
    """A counter of a metrics page, summed by one of its labels."""
    pairs = re.findall(rf'^{name}\{{[^}}]*\b{label}="([^"]*)"[^}}]*\}} (\S+)$', page, re.MULTILINE)
    return merged([{value: round(float(count))} for value, count in pairs])


def merged(counts: Sequence[dict[str, int]]) -> dict[str, int]:
    """Counts added up by name."""
    total: dict[str, int] = {}
    for one in counts:
        for name, count in one.items():
            total[name] = total.get(name, 0) + count
    return total
