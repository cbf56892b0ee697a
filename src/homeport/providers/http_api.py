"""What providers over HTTP share: an address and headers that can be right, and whether a stream of events follows."""

import asyncio
import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import msgspec

from homeport.core.errors import ConfigError, InvalidRequest, UpstreamError, UpstreamRefused
from homeport.providers.answers import not_an_answer
from homeport.providers.base import ProviderSetup, option_error
from homeport.transport.http import HttpStream

MAX_ERROR_BODY = 64 * 1024
# How long a stream may take to end after it said that it is done. Waiting lets the connection be kept.
_AFTER_DONE_S = 0.1
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

Refuse = Callable[[int, Mapping[str, str], bytes], UpstreamRefused]
"""Makes the error of a status, headers and the body."""


def base_url_of(setup: ProviderSetup, default: str = "") -> str:
    """The configured address, or the default, without a slash at its end.

    Raises:
        ConfigError: provider_url_invalid.
    """
    url = setup.base_url or default
    if not is_http_url(url):
        raise ConfigError(
            f"the base_url of provider {setup.name!r} is not an http or https address",
            code="provider_url_invalid",
            hint="write it up to its version, such as https://api.openai.com/v1",
        )
    return url.rstrip("/")


def headers_of(
    setup: ProviderSetup,
    kind: type[msgspec.Struct],
    extra: Mapping[str, str],
    *,
    key_header: str = "authorization",
    scheme: str = "Bearer ",
) -> dict[str, str]:
    """The headers of each request: JSON, the key, and those of the option `headers`, which win.

    Args:
        kind: the struct of the options, for the error.
        key_header: where this API looks for the key.
        scheme: what stands before the key.

    Raises:
        ConfigError: provider_option_invalid or provider_key_invalid, for what HTTP cannot carry.
    """
    if not all(_HEADER_NAME.fullmatch(name) and _is_header_value(value) for name, value in extra.items()):
        raise option_error(setup, kind, "`headers` holds a name or a value that HTTP cannot carry")
    if not _is_header_value(setup.api_key):
        raise ConfigError(
            f"the API key of provider {setup.name!r} has characters that HTTP cannot carry",
            code="provider_key_invalid",
            hint="look for a line break or a quote mark around the key",
        )
    headers = {"content-type": "application/json"}
    if setup.api_key:
        headers[key_header] = scheme + setup.api_key
    return headers | {name.lower(): value for name, value in extra.items()}


def _is_header_value(value: str) -> bool:
    return value.isascii() and (value.isprintable() or value == "")


def is_http_url(url: str) -> bool:
    """It is absolute, over http or https, and names a host."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


async def expect_events(answer: HttpStream, refuse: Refuse) -> None:
    """Raise unless a stream of events follows: what `refuse` makes of an error, or BadAnswer."""
    if answer.status >= 400:
        raise refuse(answer.status, answer.headers, await answer.read(MAX_ERROR_BODY))
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if answer.status != 200 or kind != "text/event-stream":
        raise not_an_answer(answer.status, "a stream of server-sent events")


async def read_out(answer: HttpStream) -> None:
    """Read what little follows the end of a stream, so that the connection can serve again."""
    try:
        async with asyncio.timeout(_AFTER_DONE_S):
            async for _ in answer.chunks():
                pass
    except (TimeoutError, UpstreamError):
        return  # The answer is complete, so how its connection ends no longer matters.


def untranslatable(error: InvalidRequest) -> UpstreamRefused:
    """A request that this API has no words for is refused as if the API itself had done it."""
    return UpstreamRefused(
        f"the upstream cannot be asked this: {error.message}",
        status=400,
        retryable=False,
        code="upstream_rejected_request",
        hint=error.hint or "mend the request; no other upstream was tried",
    )
