"""Errors as HTTP statuses and as OpenAI-shaped bodies. The only place that knows both."""

from collections.abc import Mapping

import msgspec

from homeport.core import errors
from homeport.core.types import Allowance, ErrorReply

ID_HEADER = "x-request-id"
"""Where OpenAI's clients look for a request's id."""

_STATUS: tuple[tuple[type[errors.HomeportError], int, str], ...] = (
    (errors.RequestTooLarge, 413, "invalid_request_error"),
    (errors.NotAuthenticated, 401, "authentication_error"),
    (errors.NotPermitted, 403, "permission_error"),
    (errors.RateLimited, 429, "rate_limit_error"),
    (errors.BudgetExceeded, 429, "insufficient_quota"),
    (errors.LoopStopped, 409, "invalid_request_error"),
    (errors.RequestTimeout, 408, "invalid_request_error"),
    (errors.NotFound, 404, "invalid_request_error"),
    (errors.NotCached, 504, "invalid_request_error"),
    (errors.WrongMethod, 405, "invalid_request_error"),
    (errors.RequestError, 400, "invalid_request_error"),
    (errors.ConfigError, 422, "invalid_request_error"),
    (errors.CapacityError, 503, "overloaded_error"),
    (errors.StorageError, 503, "server_error"),
    (errors.PrivateTierUnavailable, 503, "server_error"),
    (errors.EngineBusy, 503, "overloaded_error"),
    (errors.UpstreamTimeout, 504, "upstream_error"),
    (errors.UpstreamError, 502, "upstream_error"),
)


def status_of(error: errors.HomeportError) -> tuple[int, str]:
    """The HTTP status and OpenAI's `type` for an error."""
    if isinstance(error, errors.NoAnswer):
        return error.status, "upstream_error"
    if isinstance(error, errors.UpstreamRefused) and not error.retryable:
        return (error.status if 400 <= error.status < 500 else 400), "invalid_request_error"
    for kind, status, name in _STATUS:
        if isinstance(error, kind):
            return status, name
    return 500, "server_error"


def error_object(error: errors.HomeportError, request_id: str) -> dict[str, object]:
    """OpenAI's error object; `code` is stable, `hint` and `request_id` are ours."""
    # As it is, without a capital: a hint may begin with a command.
    message = f"{error.message}; {error.hint}" if error.hint else error.message
    body: dict[str, object] = {
        "message": message,
        "type": status_of(error)[1],
        "param": getattr(error, "param", "") or None,
        "code": error.code,
        "hint": error.hint or None,
        "request_id": request_id,
    }
    if isinstance(error, errors.NoAnswer):
        body["attempts"] = error.attempts
    if isinstance(error, errors.RateLimited) and error.allowances:
        body["rate_limit"] = _rate_limit(error.allowances[0])
    return {"error": body}


def reply(error: errors.HomeportError, request_id: str) -> ErrorReply:
    """The whole HTTP reply."""
    status, _ = status_of(error)
    headers = {**headers_of(error, status), ID_HEADER: request_id}
    return ErrorReply(status=status, headers=headers, body=msgspec.json.encode(error_object(error, request_id)))


def _rate_limit(allowance: Allowance) -> Mapping[str, object]:
    return {
        "kind": allowance.kind,
        "limit": allowance.limit,
        "used": allowance.limit - allowance.remaining,
        "reset_seconds": allowance.reset_ns / 1e9,
    }


def headers_of(error: errors.HomeportError, status: int) -> Mapping[str, str]:
    """When to ask again, and the like; the same in every dialect."""
    if status == 401:
        return {"www-authenticate": "Bearer"}
    if isinstance(error, errors.RequestTimeout):
        return {"connection": "close"}  # RFC 9110, section 15.5.9: what is left of the request is not read.
    if isinstance(error, errors.LoopStopped | errors.NotCached):
        return {"x-should-retry": "false"}  # Clients of OpenAI and Anthropic try again after a 409 or a 504.
    if isinstance(error, errors.RateLimited | errors.BudgetExceeded):
        return _when_to_retry(error.retry_after_ns)
    if isinstance(error, errors.NoAnswer) and status in {429, 503}:
        return {"retry-after": str(error.retry_after)}
    if isinstance(error, errors.CapacityError):
        return {"retry-after": str(error.retry_after)}
    return {"retry-after": "1"} if status == 503 else {}


def _when_to_retry(wait_ns: int | None) -> Mapping[str, str]:
    """Seconds for everybody; for the clients of OpenAI and Anthropic milliseconds, or that it is no use."""
    if wait_ns is None:
        return {"x-should-retry": "false"}
    return {"retry-after": str(-(-wait_ns // 1_000_000_000)), "retry-after-ms": str(-(-wait_ns // 1_000_000))}
