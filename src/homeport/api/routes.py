"""What a path is to the application: a handler for each method it knows."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol
from urllib.parse import parse_qsl

import msgspec

from homeport.api.auth import bearer
from homeport.api.connection import Connection
from homeport.core.errors import InvalidRequest

Handler = Callable[[Connection, str], Awaitable[None]]
"""Answers one request on its connection; the text is the request's id."""

Methods = Mapping[str, Handler]
"""By HTTP method; HEAD is answered by GET's."""

JSON = {"content-type": "application/json"}
_MAX_PARAMETERS = 32


class Paths(Protocol):
    """A family of paths with a file of its own, such as those of `/v1/files`."""

    def find(self, path: str) -> Methods | None:
        """What a path answers; None where it is not of this family."""


def allowed(methods: Methods) -> str:
    """The value of the header `allow`."""
    return ", ".join(f"{name}, HEAD" if name == "GET" else name for name in methods)


def token_of(connection: Connection) -> str | None:
    """The key that was sent, or None."""
    return bearer(connection.header(b"authorization"), connection.header(b"x-api-key"))


async def reply(connection: Connection, body: object, status: int = 200) -> None:
    """Answer with a value as JSON."""
    await connection.start(status, JSON)
    await connection.finish(msgspec.json.encode(body))


def query_of(connection: Connection) -> dict[str, str]:
    """The parameters of the URL; of one that is there twice, the last.

    Raises:
        InvalidRequest: there are too many, or they are not UTF-8.
    """
    try:
        text = connection.query.decode("ascii")
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_PARAMETERS, errors="strict"))
    except ValueError:
        raise InvalidRequest("the query of the URL cannot be read", hint="write it as ?name=value&name=value") from None
