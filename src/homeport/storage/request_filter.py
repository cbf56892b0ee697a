"""Which requests somebody wants to see: one value for the console, the admin API, the command line and exports."""

import msgspec

from homeport.storage.request_rows import RequestRow
from homeport.storage.rollups import route_of


class RequestFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What applies to a request that is wanted; "" and 0 for whatever.

    Attributes:
        since, until: it began from the one to just before the other, in nanoseconds since the epoch; 0 for no bound.
        project: this one, and every project below it.
        target: the public name of what answered; `model`: what its upstream calls it.
        route: the kind of the decision: its reason up to the first blank, such as `static:local`.
        status: of HTTP.
        error: its stable code.
        cache: `miss`, `hit`, `semantic` or `alias`.
        min_cost: nano-dollars.
    """

    since: int = 0
    until: int = 0
    key_id: str = ""
    project: str = ""
    target: str = ""
    model: str = ""
    tier: str = ""
    route: str = ""
    outcome: str = ""
    status: int = 0
    error: str = ""
    cache: str = ""
    end_user: str = ""
    trace_id: str = ""
    min_cost: int = 0
    min_latency_ns: int = 0

    def admits(self, row: RequestRow) -> bool:
        """Whether a request is one of them."""
        return (
            self.since <= row.started_at
            and (not self.until or row.started_at < self.until)
            and all(getattr(self, name) in ("", 0, getattr(row, name)) for name in EQUAL)
            and (not self.project or row.project == self.project or row.project.startswith(f"{self.project}/"))
            and (not self.route or route_of(row.reason) == self.route)
            and row.cost >= self.min_cost
            and row.latency_ns >= self.min_latency_ns
        )


EQUAL = ("trace_id", "end_user", "error", "status", "outcome", "cache", "key_id", "target", "model", "tier")
"""Columns that must be just what a filter says of them."""
