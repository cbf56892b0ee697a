"""The requests of one trace."""

from sqlalchemy import Engine, select, text

from homeport.storage.tables import WHERE_NAMED, requests

_MOST = 100


def requests_of_trace(engine: Engine, trace_id: str) -> tuple[str, ...]:
    """Ids of the last requests of a trace, as its callers named it, the newest first."""
    if not trace_id or not trace_id.isprintable():
        return ()
    rows = select(requests.c.request_id).where(requests.c.trace_id == trace_id, text(WHERE_NAMED["trace_id"]))
    with engine.connect() as connection:
        return tuple(connection.execute(rows.order_by(requests.c.started_at.desc()).limit(_MOST)).scalars())
