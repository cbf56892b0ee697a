"""Google's error objects (google.rpc.Status) and OpenAI's.

Source: https://ai.google.dev/gemini-api/docs/troubleshooting and https://cloud.google.com/apis/design/errors.
"""

import math
import re
from typing import Any

import msgspec
from msgspec import Struct

from homeport.protocols.gemini.wire import UNREADABLE

_MAX_DELAY_S = 3600
_DELAY = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s", re.ASCII)
_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}
_TYPES = {
    "UNAUTHENTICATED": "authentication_error",
    "PERMISSION_DENIED": "permission_error",
    "NOT_FOUND": "not_found_error",
    "RESOURCE_EXHAUSTED": "rate_limit_error",
    "INVALID_ARGUMENT": "invalid_request_error",
    "FAILED_PRECONDITION": "invalid_request_error",
    "OUT_OF_RANGE": "invalid_request_error",
}


class GeminiError(Struct, frozen=True, kw_only=True):
    """An error of Google's.

    Attributes:
        code: the HTTP status it stands for, 0 where it says none.
        status: the canonical name, such as RESOURCE_EXHAUSTED.
        reason: the machine-readable reason among the details, such as API_KEY_INVALID.
        retry_after: seconds that the details ask to wait, rounded up; 0 where they do not.
    """

    code: int = 0
    status: str = ""
    message: str = ""
    reason: str = ""
    retry_after: int = 0


def read_error(body: bytes) -> GeminiError | None:
    """The error of a body or an event; None where it holds none that can be read. Never raises."""
    try:
        said = msgspec.json.decode(body)
    except UNREADABLE:
        return None
    # A stream that was asked for as a JSON array puts its error into one.
    said = said[0] if isinstance(said, list) and said else said
    error = said.get("error") if isinstance(said, dict) else None
    if not isinstance(error, dict):
        return None
    found = error.get("details")
    details = [detail for detail in found if isinstance(detail, dict)] if isinstance(found, list) else []
    code = error.get("code")
    return GeminiError(
        code=code if isinstance(code, int) and 400 <= code <= 599 else 0,
        status=_text(error.get("status")),
        message=_text(error.get("message")),
        reason=next((reason for detail in details if (reason := _text(detail.get("reason")))), ""),
        retry_after=max((_seconds(detail.get("retryDelay")) for detail in details), default=0),
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _seconds(value: Any) -> int:
    found = _DELAY.fullmatch(value) if isinstance(value, str) else None
    return min(math.ceil(float(found[1])), _MAX_DELAY_S) if found else 0


def chat_error(error: GeminiError) -> dict[str, Any]:
    """OpenAI's error object."""
    kind = _TYPES.get(error.status, "server_error")
    code = error.reason.lower() or error.status.lower() or None
    return {"error": {"message": error.message, "type": kind, "param": None, "code": code}}


def gemini_error(status: int, message: str) -> dict[str, Any]:
    """Google's error object of an HTTP status."""
    return {"error": {"code": status, "message": message, "status": _STATUSES.get(status, "INTERNAL")}}
