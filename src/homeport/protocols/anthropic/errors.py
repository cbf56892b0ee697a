"""Errors in both families' words. Source: Anthropic's API reference, "Errors"."""

from typing import Any

import msgspec

from homeport.protocols.anthropic.reading import UNREADABLE

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_STATUSES = {name: status for status, name in _TYPES.items()}
_CHAT_TYPES = {"request_too_large": "invalid_request_error", "not_found_error": "invalid_request_error"}


def type_of(status: int) -> str:
    """Anthropic's error type of an HTTP status of 400 or more."""
    return _TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")


def status_of(error_type: object) -> int:
    """The HTTP status that an error type stands for, where an error comes inside a stream; 500 if unknown."""
    return _STATUSES.get(error_type, 500) if isinstance(error_type, str) else 500


def error_body(error_type: str, message: str, request_id: str = "") -> dict[str, Any]:
    """Anthropic's error, as a body or as the data of an `error` event."""
    body: dict[str, Any] = {"type": "error", "error": {"type": error_type, "message": message}}
    return {**body, "request_id": request_id} if request_id else body


def error_to_chat(body: bytes) -> dict[str, Any]:
    """Anthropic's error body as OpenAI's. A body that is no such error gives one that says so."""
    kind, message = _read(body)
    kind = kind or "api_error"
    return {"error": {"message": message, "type": _CHAT_TYPES.get(kind, kind), "param": None, "code": None}}


def error_from_chat(status: int, body: bytes, request_id: str = "") -> dict[str, Any]:
    """OpenAI's error body as Anthropic's; the type is that of the HTTP status."""
    return error_body(type_of(status), _read(body)[1], request_id)


def _read(body: bytes) -> tuple[str, str]:
    """The type and the message: in both families they are in `error`."""
    try:
        said = msgspec.json.decode(body)
    except UNREADABLE:
        said = None
    error = said.get("error") if isinstance(said, dict) else None
    kind, message = (error.get("type"), error.get("message")) if isinstance(error, dict) else (None, error)
    told = message if isinstance(message, str) and message else "the upstream gave no reason"
    return kind if isinstance(kind, str) else "", told
