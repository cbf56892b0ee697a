"""The one error tree. Mapping to HTTP is in api/errors.py alone; exit codes are in cli/main.py.

HomeportError                      code + message + hint (what to do next)
├── ConfigError                    homeport.yaml or the environment is wrong
├── StorageError                   the database or the state folder cannot be used
│   └── JournalFull                no room to record a request, so none may be served
├── PackageError                   a model package cannot be fetched, read or trusted
│   └── DigestMismatch             bytes are not the pinned bytes
├── EngineError                    a local engine cannot be started or stopped
├── RequestError                   the caller's fault
│   ├── InvalidRequest             malformed, wrong type, out of range
│   ├── RequestTooLarge            body, header or depth beyond the bound
│   ├── NotAuthenticated           no key, unknown key, expired key
│   ├── NotPermitted               the key may not do this
│   ├── RateLimited                the key has used what it may in a minute, or at once
│   ├── BudgetExceeded             a budget has too little left for the request
│   ├── LoopStopped                the agent repeats itself; calling again does not help
│   ├── RequestTimeout             the caller was too slow to send the request
│   ├── NotFound                   no such model or path
│   ├── NotCached                  only a kept answer was wanted, and there is none
│   └── WrongMethod                the path exists, the method does not
├── CapacityError                  we are full or draining: come back later
├── PrivateTierUnavailable         private data, and nothing at home can answer now
├── UpstreamError                  what we called failed; `retryable` says whether another may be tried
│   ├── ConnectFailed              no connection, so nothing was done or billed
│   ├── UpstreamTimeout            connect, first token, between tokens or total
│   ├── UpstreamRefused            an HTTP status of 400 or more
│   ├── EngineBusy                 an own engine has no place for it in time, so it was not asked
│   ├── BadAnswer                  2xx, but not an answer
│   └── StreamCut                  the answer ended before its end
├── NoAnswer                       every candidate was tried; carries the attempts
└── InternalError                  a defect of ours, told without internals
"""

from typing import ClassVar

from homeport.core.budgets import Budget
from homeport.core.types import Allowance


class HomeportError(Exception):
    """Base of every error Homeport raises on purpose.

    Attributes:
        code: stable, snake_case, safe to match on.
        message: what happened, for a person; never a secret, a prompt or a traceback.
        hint: what to do next, or "".
    """

    default_code: ClassVar[str] = "homeport_error"

    def __init__(self, message: str, *, code: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.code = code or self.default_code
        self.message = message
        self.advise(hint)

    def advise(self, hint: str) -> None:
        """Say what to do next, in the place of what was said before; a traceback shows it below the message."""
        self.hint = hint
        self.__notes__ = [f"code: {self.code}", *([f"next: {hint}"] if hint else ())]


class ConfigError(HomeportError):
    default_code = "config_invalid"


class StorageError(HomeportError):
    default_code = "storage_unavailable"


class JournalFull(StorageError):
    default_code = "journal_full"


class PackageError(HomeportError):
    default_code = "package_invalid"


class DigestMismatch(PackageError):
    default_code = "package_digest_mismatch"


class EngineError(HomeportError):
    default_code = "engine_failed"


class RequestError(HomeportError):
    """The caller's fault. `param` names the offending field, or is ""."""

    default_code = "invalid_request"

    def __init__(self, message: str, *, code: str = "", hint: str = "", param: str = "") -> None:
        super().__init__(message, code=code, hint=hint)
        self.param = param


class InvalidRequest(RequestError):
    default_code = "invalid_value"


class RequestTooLarge(RequestError):
    default_code = "request_too_large"


class NotAuthenticated(RequestError):
    default_code = "invalid_api_key"


class NotPermitted(RequestError):
    default_code = "not_permitted"


class RateLimited(RequestError):
    """A limit of the key is used up.

    Attributes:
        allowances: where the key stands; the limit that refuses is the first.
        retry_after_ns: nanoseconds until such a request is let in; None where it never will be.
    """

    default_code = "rate_limit_exceeded"

    def __init__(
        self,
        message: str,
        *,
        allowances: tuple[Allowance, ...] = (),
        retry_after_ns: int | None = None,
        code: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(message, code=code, hint=hint)
        self.allowances = allowances
        self.retry_after_ns = retry_after_ns


class BudgetExceeded(RequestError):
    """A budget has too little left.

    Attributes:
        budget: the one that refuses.
        retry_after_ns: nanoseconds until more may fit because time has passed; None for never.
    """

    default_code = "budget_exceeded"

    def __init__(
        self, message: str, *, budget: Budget, retry_after_ns: int | None = None, code: str = "", hint: str = ""
    ) -> None:
        super().__init__(message, code=code, hint=hint)
        self.budget = budget
        self.retry_after_ns = retry_after_ns


class LoopStopped(RequestError):
    """The request would repeat what did not help before. Never retryable as it is."""

    default_code = "loop_stopped"


class RequestTimeout(RequestError):
    default_code = "request_timeout"


class NotFound(RequestError):
    default_code = "not_found"


class NotCached(RequestError):
    default_code = "not_cached"


class WrongMethod(RequestError):
    default_code = "method_not_allowed"


class CapacityError(HomeportError):
    """Full or draining; `retry_after` is in seconds."""

    default_code = "overloaded"

    def __init__(self, message: str, *, code: str = "", hint: str = "", retry_after: int = 1) -> None:
        super().__init__(message, code=code, hint=hint)
        self.retry_after = retry_after


class PrivateTierUnavailable(HomeportError):
    default_code = "private_tier_unavailable"


class UpstreamError(HomeportError):
    """What we called failed. `retryable`: another candidate may be tried. `status`: its HTTP status or 0."""

    default_code = "upstream_failed"

    def __init__(
        self, message: str, *, code: str = "", hint: str = "", retryable: bool = True, status: int = 0
    ) -> None:
        super().__init__(message, code=code, hint=hint)
        self.retryable = retryable
        self.status = status


class ConnectFailed(UpstreamError):
    default_code = "upstream_unreachable"


class UpstreamTimeout(UpstreamError):
    default_code = "upstream_timeout"


class UpstreamRefused(UpstreamError):
    """An HTTP status of 400 or more; `retry_after` in seconds where the upstream sent one."""

    default_code = "upstream_refused"

    def __init__(
        self, message: str, *, status: int, retryable: bool, code: str = "", hint: str = "", retry_after: int = 0
    ) -> None:
        super().__init__(message, code=code, hint=hint, retryable=retryable, status=status)
        self.retry_after = retry_after


class EngineBusy(UpstreamError):
    """An own engine has no place for the request in time; `retry_after`: whole seconds until it shall come back."""

    default_code = "engine_full"

    def __init__(self, message: str, *, code: str = "", hint: str = "", retry_after: int = 1) -> None:
        super().__init__(message, code=code, hint=hint)
        self.retry_after = retry_after


class BadAnswer(UpstreamError):
    default_code = "upstream_bad_answer"


class StreamCut(UpstreamError):
    default_code = "upstream_stream_cut"


class NoAnswer(HomeportError):
    """Every candidate was tried.

    Attributes:
        attempts: "target: code" in order.
        status: what to tell the caller.
        retry_after: seconds after which one of them may be tried again.
    """

    default_code = "upstream_unavailable"

    def __init__(
        self,
        message: str,
        *,
        attempts: tuple[str, ...],
        code: str = "",
        hint: str = "",
        status: int = 503,
        retry_after: int = 1,
    ) -> None:
        super().__init__(message, code=code, hint=hint)
        self.attempts = attempts
        self.status = status
        self.retry_after = retry_after


class InternalError(HomeportError):
    default_code = "internal_error"
