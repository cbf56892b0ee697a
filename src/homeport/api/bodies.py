"""A request's body: checked against what its surface needs, and kept as raw JSON."""

from collections.abc import Mapping
from typing import TypeVar

import msgspec
from msgspec import Raw

from homeport.core.errors import InvalidRequest

Request = TypeVar("Request")

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
FIELDS = msgspec.json.Decoder(dict[str, Raw])


def read(body: bytes, decoder: msgspec.json.Decoder[Request]) -> tuple[Request, Mapping[str, Raw]]:
    """The typed request, and every top-level field as it came.

    Raises:
        InvalidRequest: codes invalid_json, invalid_utf8, json_too_deep, invalid_value.
    """
    try:
        body.decode()
        return decoder.decode(body), FIELDS.decode(body)
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            f"the body is not UTF-8 (byte {error.start})",
            code="invalid_utf8",
            hint="encode the JSON as UTF-8, and do not compress it",
        ) from None
    except RecursionError:
        raise too_deep() from None
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at ")
        raise InvalidRequest(message, param=path.strip("`").removeprefix("$").removeprefix(".")) from None
    except msgspec.DecodeError as error:
        raise InvalidRequest(str(error), code="invalid_json", hint="send one JSON object") from None


def too_deep() -> InvalidRequest:
    return InvalidRequest("the JSON is nested too deeply", code="json_too_deep", hint="flatten it")
