"""A request as it came over a connection: its headers, by name."""

from collections.abc import Awaitable, Callable

from homeport.api.anthropic import BETA, AnthropicDialect
from homeport.api.connection import Connection
from homeport.api.routes import token_of
from homeport.core.ports import Dialect
from homeport.core.tracing import TRACEPARENT, TRACESTATE
from homeport.core.types import Surface
from homeport.pipeline.attribution import OVERRIDE_HEADER, TRACE_HEADER, USER_HEADER, Attribution
from homeport.pipeline.deadline import HEADER as DEADLINE_HEADER
from homeport.pipeline.exchange import Exchange
from homeport.pipeline.visit import CONTROL_HEADER, CORPUS_HEADER, TAGS_HEADER, CacheHeaders
from homeport.privacy.classes import HEADER as DATA_CLASS_HEADER


def exchange_of(
    connection: Connection,
    request_id: str,
    surface: Surface,
    dialect: Dialect,
    read_body: Callable[[], Awaitable[bytes]] | None = None,
    purpose: str = "",
) -> Exchange:
    """The exchange that a connection's request begins.

    Args:
        read_body: where the body was read already.
        purpose: see `Exchange`.
    """
    said = connection.header
    return Exchange(
        request_id=request_id,
        surface=surface,
        token=token_of(connection),
        timeout_header=said(DEADLINE_HEADER.encode()),
        data_class_header=said(DATA_CLASS_HEADER.encode()),
        attribution=Attribution(
            user=said(USER_HEADER.encode()),
            trace=said(TRACE_HEADER.encode()),
            traceparent=said(TRACEPARENT.encode()),
            tracestate=said(TRACESTATE.encode()),
            loop_override=said(OVERRIDE_HEADER.encode()),
        ),
        cache_headers=CacheHeaders(
            control=said(CONTROL_HEADER.encode()), tags=said(TAGS_HEADER.encode()), corpus=said(CORPUS_HEADER.encode())
        ),
        read_body=read_body or connection.read_body,
        dialect=_with_headers(dialect, connection),
        wire=connection,
        purpose=purpose,
    )


def _with_headers(dialect: Dialect, connection: Connection) -> Dialect:
    """Of a Messages request, a part is in a header."""
    return dialect.with_betas(connection.header(BETA)) if isinstance(dialect, AnthropicDialect) else dialect
