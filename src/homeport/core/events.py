"""What happened, in the past tense. Observers see these, never the request path."""

import msgspec

from homeport.core.types import DEFAULT_PROJECT, Attempt, Outcome


class RequestFinished(msgspec.Struct, frozen=True, kw_only=True, tag="request_finished", tag_field="event"):
    """One finished, failed, rejected or cancelled request: one journal record, one ledger row.

    Times are nanoseconds: `started_at` since the epoch, the others durations. `ttft_ns` is the time
    to the first byte that the caller was sent (0 when there was none). `cost` is in nano-dollars;
    `price_source` says which price it was computed with, "" when nothing was billed. `project` is the
    key's at that time; `end_user` and `trace_id` are what the caller said, or "". `holder` is the process
    that answered, by the name under which it leases from budgets. `engine_ns` is how long an own engine
    says that it worked, 0 where it did not say.
    """

    request_id: str
    started_at: int
    key_id: str
    surface: str
    requested_model: str
    tier: str
    target: str
    upstream: str
    model: str
    local: bool
    data_class: str
    stream: bool
    outcome: Outcome
    status: int
    error: str
    reason: str
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    reasoning_tokens: int
    estimated: bool
    cost: int
    price_source: str
    latency_ns: int
    ttft_ns: int
    attempts: tuple[Attempt, ...]
    cache_write_tokens: int = 0
    project: str = DEFAULT_PROJECT
    end_user: str = ""
    trace_id: str = ""
    batch: bool = False
    engine_ns: int = 0
    holder: str = ""
