"""A row of `requests`, as whoever looks at single requests reads it."""

from typing import Any

import msgspec
from sqlalchemy import RowMapping

from homeport.core.events import RequestFinished
from homeport.core.types import Attempt, Outcome
from homeport.storage.tables import requests


class RequestRow(msgspec.Struct, frozen=True, kw_only=True):
    """One request, as the ledger has it; see `RequestFinished` for what the fields mean."""

    request_id: str
    started_at: int
    key_id: str
    project: str
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
    cache_write_tokens: int
    output_tokens: int
    reasoning_tokens: int
    estimated: bool
    cost: int
    price_source: str
    latency_ns: int
    ttft_ns: int
    attempts: tuple[Attempt, ...]
    end_user: str
    trace_id: str
    batch: bool
    holder: str
    engine_ns: int
    baseline_cost: int
    cache: str
    saved_cost: int
    cache_entry: str


NAMES = RequestRow.__struct_fields__
COLUMNS = tuple(requests.c[name] for name in NAMES)

_ATTEMPTS = msgspec.json.Decoder(tuple[Attempt, ...])


def row_of(stored: RowMapping) -> RequestRow:
    """What the database gave for `COLUMNS`. What somebody wrote there who is not us is told as far as it can be."""
    values: dict[str, Any] = {name: stored[name] for name in NAMES}
    try:
        values["attempts"] = _ATTEMPTS.decode(stored["attempts"])
    except msgspec.MsgspecError:
        values["attempts"] = ()
    values |= {"outcome": Outcome(stored["outcome"]), "local": bool(stored["local"])}
    return RequestRow(**values)


def row_of_event(event: RequestFinished) -> RequestRow:
    """The row that an event becomes."""
    return RequestRow(**{name: getattr(event, name) for name in NAMES})
