"""What every provider module is given, must offer, and shares: its settings and the meaning of a refusal."""

import math
import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Protocol, TypeVar

import msgspec

from homeport.core.errors import ConfigError, UpstreamRefused
from homeport.core.ports import Upstream
from homeport.core.types import Surface
from homeport.transport.http import Transport

MAX_RETRY_AFTER_S = 3600
_MAX_MESSAGE = 500

Options = TypeVar("Options", bound=msgspec.Struct)


class ProviderSetup(msgspec.Struct, frozen=True, kw_only=True):
    """One configured provider.

    Attributes:
        name: the upstream's name in the configuration.
        api_key: "" where none is needed.
        options: what only this API family knows; its module validates them.
        transport: shared; who made it closes it, a provider does not.
        seed: of all randomness.
    """

    name: str
    base_url: str
    api_key: str
    options: Mapping[str, Any]
    transport: Transport
    seed: int

    def __repr__(self) -> str:
        # The key, and options that may hold one, do not belong in a log.
        return f"ProviderSetup({self.name!r})"


class ProviderModule(Protocol):
    """A module of this folder, or of the entry-point group `homeport.providers`.

    Attributes:
        SURFACES: what the API understands as it is, unless the configuration says otherwise.
        SPOKEN: all that the module has words for, so that the configuration may say it; a third party's may leave
            it out, and is then given whatever the configuration says.
    """

    SURFACES: frozenset[Surface]
    SPOKEN: frozenset[Surface]

    def connect(self, setup: ProviderSetup) -> Upstream:
        """Check the settings and give the upstream; opens no connection.

        Raises:
            ConfigError: provider_option_invalid, and other codes for an address or key that cannot be right.
        """


def read_options(setup: ProviderSetup, kind: type[Options]) -> Options:
    """The options as a struct of the module's own.

    Args:
        kind: a struct with `forbid_unknown_fields=True` and a default for each field.

    Raises:
        ConfigError: provider_option_invalid.
    """
    try:
        return msgspec.convert(dict(setup.options), kind)
    except msgspec.ValidationError as error:
        raise option_error(setup, kind, str(error)) from error


def option_error(setup: ProviderSetup, kind: type[msgspec.Struct], what: str) -> ConfigError:
    """The refusal of an option; `what` must not quote a value, for it may be a secret."""
    return ConfigError(
        f"provider {setup.name!r} has an invalid option: {what}",
        code="provider_option_invalid",
        hint=f"the options are: {', '.join(kind.__struct_fields__)}",
    )


class _ErrorObject(msgspec.Struct):
    message: Any = ""
    type: Any = ""
    code: Any = ""


class _ErrorBody(msgspec.Struct):
    error: _ErrorObject | str = ""
    message: Any = ""
    detail: Any = ""


_REJECTED = frozenset({400, 413, 422})
# Our key, our bill or our model name is wrong there, or the server is: another candidate may do better.
_RETRYABLE = frozenset({401, 402, 403, 404, 408, 409, 425, 429})
_CODES = {
    401: "upstream_auth_failed",
    402: "upstream_unpaid",
    403: "upstream_auth_failed",
    404: "upstream_model_missing",
    429: "upstream_rate_limited",
}
# OpenAI says 429 to both; only one of them ends by waiting.
_UNPAID = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
_HINTS = {
    "upstream_rejected_request": "mend the request; no other upstream was tried",
    "upstream_auth_failed": "check the API key of this provider, and that its API may be used from here",
    "upstream_unpaid": "add credit at the provider, or raise the spending limit there",
    "upstream_model_missing": "check the model name and the base_url of this provider",
    "upstream_rate_limited": "wait, or raise the limit at the provider",
    "upstream_failed": "try again, or look at the upstream's status page or log",
}
# llama.cpp's server answers 500 to these, seen by sending it every field with every wrong value.
_CALLERS_FAULT = re.compile(
    "json schema conversion failed|unrecognized schema|failed to parse|unknown reasoning format"
    "|input is not supported|is too large to process",
    re.IGNORECASE,
)


def classify_status(
    status: int, body: bytes, *, retry_after: int = 0, secret: str = "", as_status: int = 0
) -> UpstreamRefused:
    """What a refusal means: whose fault it is, and whether another upstream may be tried.

    A request that is the caller's fault is told with the upstream's own words, so that it can be
    mended; other refusals are about us, and their words are kept from the caller.

    Args:
        status: the HTTP status, 400 or more.
        body: the body of the error, or as much of it as was read.
        retry_after: in seconds, from the headers.
        secret: the API key, to be cut out of the words.
        as_status: the status that says what this one means, where an API uses it in its own way.
    """
    words, kind, reason = _told(body)
    meaning = as_status or status
    if meaning in _REJECTED or (meaning == 500 and _is_callers_fault(words, kind)):
        told = _redacted(words, secret) or "it gave no reason"
        # 400 even where llama.cpp says 500: the caller is to mend the request, not to repeat it.
        return _refused(f"the upstream rejected the request: {told}", 400 if meaning == 500 else meaning)
    code = "upstream_unpaid" if reason in _UNPAID else _CODES.get(meaning, "upstream_failed")
    return _refused(f"the upstream answered with HTTP status {status}", meaning, code=code, retry_after=retry_after)


def _refused(
    message: str, status: int, code: str = "upstream_rejected_request", retry_after: int = 0
) -> UpstreamRefused:
    retryable = status in _RETRYABLE or status >= 500
    return UpstreamRefused(
        message, status=status, retryable=retryable, code=code, hint=_HINTS[code], retry_after=retry_after
    )


def _is_callers_fault(words: str, kind: str) -> bool:
    return kind == "invalid_request_error" or _CALLERS_FAULT.search(words) is not None


def _told(body: bytes) -> tuple[str, str, str]:
    """The message, the type and the code of an error body; "" for what is not there or not text."""
    try:
        said = msgspec.json.decode(body, type=_ErrorBody)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "", "", ""
    error = _ErrorObject(message=said.error) if isinstance(said.error, str) else said.error
    words = next((text for text in (error.message, said.message, said.detail) if text and isinstance(text, str)), "")
    kind, reason = (text if isinstance(text, str) else "" for text in (error.type, error.code))
    return words, kind, reason


_LOOKS_LIKE_A_KEY = re.compile(
    r"bearer\s+\S+|\b(?:sk|pk|rk|gsk|hf|r8|xai|tgp|key|fw)[-_][\w*.-]{12,}|\bAIza[\w-]{10,}", re.IGNORECASE
)


def _redacted(words: str, secret: str) -> str:
    if secret:
        words = words.replace(secret, "[key removed]")
    words = _LOOKS_LIKE_A_KEY.sub("[key removed]", words)
    return " ".join("".join(char if char.isprintable() else " " for char in words).split())[:_MAX_MESSAGE]


_SECONDS = re.compile(r"\d{1,12}(\.\d{1,12})?", re.ASCII)


def read_retry_after(headers: Mapping[str, str]) -> int:
    """Seconds from a `Retry-After` header, 0 to 3600; 0 where there is none that can be read.

    An HTTP date is taken relative to the answer's own `Date`, so no clock of ours is compared with theirs.
    Source: RFC 9110, section 10.2.3.
    """
    value = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(value):
        return min(math.ceil(float(value)), MAX_RETRY_AFTER_S)
    wait = _date_s(value) - _date_s(headers.get("date", ""))
    return max(0, min(math.ceil(wait), MAX_RETRY_AFTER_S)) if math.isfinite(wait) else 0


def read_date(headers: Mapping[str, str]) -> int:
    """When the upstream answered, by its own clock, in seconds since the epoch; 0 where it does not say."""
    date = _date_s(headers.get("date", ""))
    return max(0, int(date)) if math.isfinite(date) else 0


def _date_s(value: str) -> float:
    """Seconds since the epoch of an HTTP date; not-a-number where it is none."""
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return math.nan
    try:
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return math.nan
