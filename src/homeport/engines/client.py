"""Asking one engine directly, without the gateway: for tools, benchmarks and the Python API."""

import contextlib
import http.client
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from homeport.core.errors import EngineError
from homeport.engines.base import Endpoint

_MAX_ANSWER = 64 << 20
_MAX_LINE = 4 << 20
_PROBE_SECONDS = 2.0


class TokenChance(msgspec.Struct, frozen=True):
    """A token, its log-probability (None for the first of a prompt), and the likeliest in its place."""

    text: str
    logprob: float | None
    top: tuple[tuple[str, float], ...] = ()


class EngineClient:
    """Calls of an endpoint, each over a connection of its own.

    Args:
        timeout: seconds between two bytes of an answer.
    """

    def __init__(self, endpoint: Endpoint, *, timeout: float = 600.0) -> None:
        self._endpoint = endpoint
        self._timeout = timeout

    def healthy(self) -> bool:
        """Whether the health check answers 200 in good time."""
        try:
            with self._call("GET", self._endpoint.health_url, None, _PROBE_SECONDS) as response:
                return response.status == 200
        except (OSError, http.client.HTTPException):
            return False

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """A whole answer of `path` below /v1.

        Raises:
            EngineError: engine_unreachable, engine_refused or engine_answer_invalid.
        """
        with self._answered(path, body) as response:
            try:
                return msgspec.json.decode(response.read(_MAX_ANSWER), type=dict[str, Any])
            except msgspec.DecodeError as error:
                raise _invalid(error) from error

    def stream(self, path: str, body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The events of an answer as they come. Raises as `post`; a stream that is cut ends with engine_unreachable."""
        with self._answered(path, {**body, "stream": True, "stream_options": {"include_usage": True}}) as response:
            while line := response.readline(_MAX_LINE):
                if line.startswith(b"data: [DONE]"):
                    return
                if line.startswith(b"data: "):
                    yield _event(line[6:])
            raise EngineError("the engine cut its answer", code="engine_unreachable", hint="look at the engine's log")

    @contextlib.contextmanager
    def _answered(self, path: str, body: Mapping[str, Any]) -> Iterator[http.client.HTTPResponse]:
        try:
            with self._call("POST", f"{self._endpoint.url}/{path}", body, self._timeout) as response:
                if response.status != 200:
                    raise _refused(response)
                yield response
        except (OSError, http.client.HTTPException) as error:
            raise EngineError(
                f"the engine does not answer: {error}", code="engine_unreachable", hint="look at the engine's log"
            ) from error

    @contextlib.contextmanager
    def _call(
        self, method: str, url: str, body: Mapping[str, Any] | None, timeout: float
    ) -> Iterator[http.client.HTTPResponse]:
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=timeout)
        headers = {"content-type": "application/json"}
        if self._endpoint.api_key:
            headers["authorization"] = f"Bearer {self._endpoint.api_key}"
        with contextlib.closing(connection):
            connection.request(method, parts.path, None if body is None else json.dumps(body).encode(), headers)
            yield connection.getresponse()


def chances(choice: Mapping[str, Any]) -> tuple[TokenChance, ...]:
    """The log-probabilities of a choice: a chat's, a completion's, or llama.cpp's, which tells both alike."""
    told = choice.get("logprobs") or {}
    if told.get("content") is not None:
        return tuple(_of_chat(token) for token in told["content"])
    texts, values = told.get("tokens") or (), told.get("token_logprobs") or ()
    tops = told.get("top_logprobs") or [None] * len(texts)
    return tuple(
        TokenChance(text, value, tuple((top or {}).items()))
        for text, value, top in zip(texts, values, tops, strict=False)
    )


def _of_chat(token: Mapping[str, Any]) -> TokenChance:
    top = tuple((likely["token"], likely["logprob"]) for likely in token.get("top_logprobs") or ())
    return TokenChance(token["token"], token["logprob"], top)


def _event(data: bytes) -> dict[str, Any]:
    try:
        event = msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise _invalid(error) from error
    if "error" in event:
        raise EngineError(f"the engine failed: {str(event['error'])[:500]}", code="engine_refused")
    return event


def _refused(response: http.client.HTTPResponse) -> EngineError:
    text = response.read(_MAX_LINE).decode(errors="replace")
    with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):
        told = json.loads(text)["error"]
        text = told if isinstance(told, str) else told["message"]
    return EngineError(
        f"the engine refuses ({response.status}): {text[:500]}",
        code="engine_refused",
        hint="change the request, or the engine's profile",
    )


def _invalid(error: Exception) -> EngineError:
    return EngineError(f"the engine's answer is not JSON: {error}", code="engine_answer_invalid")
