"""What a path is to the application: a handler for each method it knows."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol, TypeVar
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

Asked = TypeVar("Asked")


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


def listing(data: Sequence[Mapping[str, object]], has_more: bool) -> dict[str, object]:
    """A page of OpenAI's objects, and how to ask for the next one."""
    ids = [each["id"] for each in data]
    return {
        "object": "list",
        "data": data,
        "first_id": ids[0] if ids else None,
        "last_id": ids[-1] if ids else None,
        "has_more": has_more,
    }


def read_query(connection: Connection, kind: type[Asked]) -> Asked:
    """The parameters of the URL; unknown ones are passed over, of one that is there twice the last counts.

    Raises:
        InvalidRequest: they cannot be read, or one is out of range.
    """
    try:
        text = connection.query.decode("ascii")
        if "%00" in text:
            raise ValueError("NUL")  # it is in no name, and PostgreSQL takes none
        said = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_PARAMETERS, errors="strict"))
        return msgspec.convert(said, kind, strict=False)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at ")
        raise InvalidRequest(message, param=path.strip("`").removeprefix("$").removeprefix(".")) from None
    except ValueError:
        raise InvalidRequest("the query of the URL cannot be read", hint="write it as ?name=value&name=value") from None
