"""Talking to the running gateway from the command line."""

import http.client
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

from homeport.config.home import Home
from homeport.core.errors import HomeportError

_SECONDS = 5.0


class GatewayClient:
    """The gateway that `homeport up` started with this state folder.

    Raises (every method): HomeportError, codes gateway_not_running and gateway_refused.
    """

    def __init__(self, home: Home) -> None:
        self._home = home

    @property
    def url(self) -> str:
        """Where it listens, such as http://127.0.0.1:8080."""
        try:
            return self._home.address.read_text().strip()
        except FileNotFoundError:
            raise not_running() from None

    @property
    def key(self) -> str:
        try:
            return self._home.local_key.read_text().strip()
        except FileNotFoundError:
            raise not_running() from None

    def readiness(self) -> tuple[bool, dict[str, Any]]:
        """What /readyz says, ready or not."""
        try:
            with self._open("/readyz", None) as response:
                return True, msgspec.json.decode(response.read())
        except urllib.error.HTTPError as error:
            with error:
                return False, msgspec.json.decode(error.read())

    def is_ready(self) -> bool:
        try:
            return self.readiness()[0]
        except HomeportError:
            return False

    @contextmanager
    def post(
        self, path: str, body: dict[str, Any], headers: Mapping[str, str] | None = None
    ) -> Iterator[http.client.HTTPResponse]:
        try:
            with self._open(path, msgspec.json.encode(body), headers, seconds=600) as response:
                yield response
        except urllib.error.HTTPError as error:
            with error:
                detail = msgspec.json.decode(error.read())["error"]
            hint = detail.get("hint") or ""
            raise HomeportError(detail["message"].removesuffix(f"; {hint}"), code=detail["code"], hint=hint) from None

    def _open(
        self, path: str, body: bytes | None, headers: Mapping[str, str] | None = None, seconds: float = _SECONDS
    ) -> http.client.HTTPResponse:
        request = urllib.request.Request(self.url + path, data=body)  # noqa: S310 our own http address
        request.add_header("content-type", "application/json")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        if body is not None:
            request.add_header("authorization", f"Bearer {self.key}")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            response: http.client.HTTPResponse = opener.open(request, timeout=seconds)
        except urllib.error.HTTPError:
            raise
        except OSError:
            raise not_running() from None
        return response


def not_running() -> HomeportError:
    """The error that nothing runs with this state folder."""
    return HomeportError(
        "no gateway runs with this state folder", code="gateway_not_running", hint="start one: homeport up"
    )
