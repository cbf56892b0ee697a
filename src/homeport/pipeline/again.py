"""A kept request, asked once more of a model: whole, even where it was a stream, and without a trace in any cache."""

import secrets

import msgspec

from homeport.core.captured import Captured
from homeport.core.ports import Dialect
from homeport.core.types import DataClass
from homeport.pipeline.exchange import Exchange
from homeport.pipeline.memory_wire import MemoryWire
from homeport.pipeline.visit import CacheHeaders
from homeport.protocols.answers.parts import value_of

_LONGEST_S = "120"
_STREAMS = ("stream", "stream_options")


def asked_again(captured: Captured, model: str, token: str, dialect: Dialect, purpose: str) -> Exchange:
    """What the request path is given; its wire is a `MemoryWire`.

    Args:
        token: of the key in whose name it is asked.
        dialect: of the request's surface.
        purpose: what the ledger has as its reason.
    """
    fields = value_of(captured.body)
    asked = {name: value for name, value in fields.items() if name not in _STREAMS} if isinstance(fields, dict) else {}
    body = msgspec.json.encode({**asked, "model": model})

    async def read_body() -> bytes:
        return body

    return Exchange(
        request_id=f"req_{secrets.token_hex(12)}",
        surface=captured.surface,
        token=token,
        data_class_header=None if captured.data_class is DataClass.OPEN else captured.data_class,
        timeout_header=_LONGEST_S,
        read_body=read_body,
        dialect=dialect,
        wire=MemoryWire(),
        cache_headers=CacheHeaders(control="no-store"),
        purpose=purpose,
    )


def answered_again(captured: Captured, exchange: Exchange) -> Captured:
    """The kept request with what was answered this time."""
    wire = exchange.wire
    assert isinstance(wire, MemoryWire)
    return msgspec.structs.replace(captured, answer=wire.body, answered=captured.surface, stream=False)
