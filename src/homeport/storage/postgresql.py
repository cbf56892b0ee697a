"""What is PostgreSQL's own: how to connect, how to be the only writer, and what its refusals mean.

The driver is psycopg 3, from the extra `postgres`; it is imported when the first database is opened.
"""

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event

from homeport.core.errors import StorageError

LOCK_SECONDS: Final = 30
"""How long a transaction that writes waits for the one before it; as on SQLite."""

_WRITERS_LOCK: Final = 0x686F_6D65_706F_7274
"""The advisory lock of whoever writes: "homeport", which no other program on the server will take by chance."""

_CONNECT: Final = {
    "application_name": "homeport",
    "connect_timeout": 5,
    # A server that went away without a word is noticed after a minute, not after the two hours of the kernel.
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}


def open_postgresql(url: URL) -> Engine:
    """An engine; nothing is connected yet. What the URL's query says of the connection wins.

    A connection that broke meanwhile is replaced when it is next wanted, so a restart of the server
    fails at most the transactions of that moment.

    Raises:
        StorageError: database_driver_missing.
    """
    arguments = {name: value for name, value in _CONNECT.items() if name not in url.query}
    try:
        engine = create_engine(
            url, connect_args=arguments, isolation_level="READ COMMITTED", pool_pre_ping=True, pool_recycle=1800
        )
    except ImportError as error:
        raise StorageError(
            f"storage.url names PostgreSQL, and its driver cannot be loaded: {error}",
            code="database_driver_missing",
            hint="pip install 'homeport[postgres]'",
        ) from error
    event.listen(engine, "connect", _accepting_any_text())
    event.listen(engine, "begin", _begin)
    return engine


def _begin(connection: Connection) -> None:
    """Become the only writer, where that is wanted.

    Both the bound and the lock end with the transaction, so a pooler of transactions may be between.
    """
    if connection.get_execution_options().get("immediate", False):
        connection.exec_driver_sql(
            f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'; SELECT pg_advisory_xact_lock({_WRITERS_LOCK})"
        )


def _accepting_any_text() -> Callable[[Any, object], None]:
    """PostgreSQL has no NUL in a text, and callers may send one: the replacement character stands for it."""
    from psycopg.types.string import StrDumper

    class Dumper(StrDumper):
        def dump(self, obj: str) -> Any:
            return super().dump(obj.replace("\0", "\ufffd") if "\0" in obj else obj)

    return lambda connection, _: connection.adapters.register_dumper(str, Dumper)
