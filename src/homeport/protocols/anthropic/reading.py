"""JSON from outside as typed values, with one kind of error for each side that sent it."""

from collections.abc import Mapping
from typing import TypeVar

import msgspec
from msgspec import Raw

from homeport.core.errors import BadAnswer, InvalidRequest

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

Value = TypeVar("Value")
_object_decoder = msgspec.json.Decoder(dict[str, Raw])


def read_request(fields: Mapping[str, Raw], decoder: msgspec.json.Decoder[Value]) -> Value:
    """The fields of a request's body as one typed value.

    Raises:
        InvalidRequest: codes invalid_json, invalid_utf8, json_too_deep, invalid_value; `param` is the path.
    """
    body = msgspec.json.encode(fields)
    try:
        body.decode()  # The decoder skips what is kept raw, broken text included.
        return decoder.decode(body)
    except UnicodeDecodeError:
        raise InvalidRequest("the body is not UTF-8", code="invalid_utf8", hint="encode the JSON as UTF-8") from None
    except RecursionError:
        raise too_deep() from None
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at ")
        raise InvalidRequest(message, param=path.strip("`").removeprefix("$").removeprefix(".")) from None
    except msgspec.DecodeError as error:
        raise InvalidRequest(str(error), code="invalid_json", hint="send one JSON object") from None


def too_deep() -> InvalidRequest:
    return InvalidRequest("the JSON is nested too deeply", code="json_too_deep", hint="flatten it")


def read_answer(body: bytes, decoder: msgspec.json.Decoder[Value]) -> Value:
    """An answer, a chunk or an event as a typed value.

    Raises:
        BadAnswer: it is not JSON, or not of that shape. What it says is not repeated.
    """
    try:
        body.decode()
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        _, _, path = str(error).partition(" - at ")
        where = f" at {path}" if path else ""
        raise BadAnswer(f"the upstream's answer is not of its API's shape{where}") from None
    except UNREADABLE:
        raise BadAnswer("the upstream's answer is not JSON") from None


def json_object(text: str | bytes) -> Raw | None:
    """The text as a JSON object, its bytes unchanged; None where it is none."""
    data = text.encode() if isinstance(text, str) else text
    try:
        data.decode()
        _object_decoder.decode(data)
    except UNREADABLE:
        return None
    return Raw(data.strip())


def raw(value: object) -> Raw:
    """A value of ours as raw JSON."""
    return Raw(msgspec.json.encode(value))
