"""Entries to keep, as small as they can be."""

from typing import Any

import msgspec

from homeport.core.caching import Card, Entry
from homeport.core.ports import Clock
from homeport.core.types import Surface, Usage

S = 1_000_000_000


def name(number: int) -> bytes:
    """An id of its own for every number."""
    return number.to_bytes(16, "big")


def made(number: int, clock: Clock, *, ttl_s: int = 3_600, **changes: Any) -> Entry:
    """An entry of this moment; what is no field of an entry is one of its card."""
    now = clock.wall_ns()
    of_card = {field: changes.pop(field) for field in Card.__struct_fields__ if field in changes}
    card = Card(
        id=name(number),
        partition=b"p" * 16,
        tenant="key_1",
        expires_at=now + ttl_s * S,
        size=1_000,
        cost=7,
        text="what is the time?",
        vector=b"\0<" * 4,
    )
    entry = Entry(
        card=msgspec.structs.replace(card, **of_card),
        surface=Surface.CHAT,
        streamed=False,
        body=b'{"answer": %d}' % number,
        usage=Usage(input_tokens=3, output_tokens=5),
        elapsed_ns=11,
        target="smart",
        model="smart-2026",
        upstream="provider",
        request_id="req_1",
        key_id="key_1",
        prompt=b"q" * 16,
        created_at=now,
    )
    return msgspec.structs.replace(entry, **changes)
