"""What happened, in the past tense. Observers see these, never the request path."""

import msgspec

from homeport.core.tracing import Traced
from homeport.core.types import DEFAULT_PROJECT, Attempt, Outcome


class RequestFinished(msgspec.Struct, frozen=True, kw_only=True, tag="request_finished", tag_field="event"):
    """One finished, failed, rejected or cancelled request: one journal record, one ledger row.

    Times are nanoseconds: `started_at` since the epoch, the others durations. `ttft_ns` is the time
    to the first byte that the caller was sent (0 when there was none). `cost` is in nano-dollars;
    `price_source` says which price it was computed with, "" when nothing was billed. `project` is the
    key's at that time; `end_user` and `trace_id` are what the caller said, or "". `holder` is the process
    that answered, by the name under which it leases from budgets. `engine_ns` is how long an own engine
    says that it worked, 0 where it did not say.

    `cache` is `miss`, `hit`, `semantic` or `alias`, "" where the cache was not asked. Of a hit `saved_cost` is what
    the same answer would have cost, in nano-dollars, and `cost` is 0. `cache_entry` is the id of the entry that
    answered, or in which the answer may have been kept, in hexadecimal.

    `baseline_cost` is what the same usage would have cost at the strongest remote tier that might have answered, in
    nano-dollars, 0 where that is not known. The rest is for those who learn from decisions, empty where nobody may:
    `decided` is the tier that the policy chose, with the probability `propensity`, by the `score` of the version
    `router_version` or, where `explored`, to learn; `escalation` is why a lower tier's answer was not given.
    `prompt_id` is the same for the same conversation of the same key and user, and `follows` is the `prompt_id` of
    the turn before; `reask`: the last turn says that the answer before was wrong. `features` is what a router is
    fitted on.

    `traced` is what its spans are made of, None where none are sent.
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
    cache: str = ""
    saved_cost: int = 0
    cache_entry: str = ""
    baseline_cost: int = 0
    decided: str = ""
    propensity: float = 1.0
    router_version: int = 0
    score: float | None = None
    explored: bool = False
    escalation: str = ""
    prompt_id: str = ""
    follows: str = ""
    reask: bool = False
    features: bytes = b""
    traced: Traced | None = None

    @property
    def trace(self) -> str:
        """The trace that its spans are in, else the one that its caller named, else ""."""
        return self.traced.trace_id if self.traced is not None else self.trace_id
