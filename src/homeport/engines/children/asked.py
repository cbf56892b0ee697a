"""What a caller asks the transformers engine: OpenAI's chat and completion requests, read strictly."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_MAX_TOP = 20
_MAX_STOPS = 16
_MAX_STOP_CHARS = 512
_DEFAULT_COMPLETION_TOKENS = 16
# What changes the answer and is not understood must not be passed over.
_UNDERSTOOD_AS_NOTHING: Mapping[str, tuple[Any, ...]] = {
    "n": (1,),
    "best_of": (1,),
    "logit_bias": ({},),
    "tools": ([],),
    "functions": ([],),
    "tool_choice": ("none", "auto"),
    "response_format": ({"type": "text"},),
    "suffix": ("",),
    "audio": (),
}


class Refused(Exception):
    """An answer that is an error, in OpenAI's words."""

    def __init__(self, message: str, *, status: int = 400, code: str = "invalid_value", param: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param

    def body(self) -> dict[str, Any]:
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        return {"error": {"message": str(self), "type": kind, "code": self.code, "param": self.param or None}}


@dataclass(frozen=True)
class Defaults:
    """What holds where a caller does not say: a deterministic profile begins at temperature 0 with seed 0."""

    temperature: float = 1.0
    seed: int | None = None


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen; temperature 0 takes the likeliest. `ignore_eos`: it goes on after an end."""

    temperature: float
    top_p: float
    top_k: int
    seed: int | None
    frequency_penalty: float
    presence_penalty: float
    ignore_eos: bool = False


@dataclass(frozen=True)
class Asked:
    """One request.

    Attributes:
        messages: of a chat; None for a plain prompt.
        prompt: text or token ids.
        max_tokens: None for as many as the context has room for.
        top: how many likeliest tokens to tell with each one's log-probability; None for no log-probabilities.
        echo: the prompt is told again, with its log-probabilities where they are asked for.
    """

    messages: list[dict[str, Any]] | None
    prompt: str | list[int]
    max_tokens: int | None
    sampling: Sampling
    stops: tuple[str, ...]
    stream: bool
    stream_usage: bool
    top: int | None
    echo: bool


def parse(data: bytes) -> dict[str, Any]:
    """A JSON object. Raises Refused."""
    try:
        body = json.loads(data, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Refused("the body is not JSON", code="invalid_json") from None
    if not isinstance(body, dict):
        raise Refused("the body is not a JSON object", code="invalid_json")
    return body


def read_chat(body: Mapping[str, Any], defaults: Defaults) -> Asked:
    """A request of /v1/chat/completions. Raises Refused."""
    top = _number(body, "top_logprobs", 0, 0, _MAX_TOP, whole=True)
    most = body.get("max_completion_tokens")
    return _asked(
        body if most is None else {**body, "max_tokens": most},
        defaults,
        messages=read_messages(body),
        top=int(top) if _flag(body, "logprobs") else None,
    )


def read_completion(body: Mapping[str, Any], defaults: Defaults) -> Asked:
    """A request of /v1/completions. Raises Refused."""
    prompt, asks_top = body.get("prompt"), body.get("logprobs") is not None
    if isinstance(prompt, list) and len(prompt) == 1 and isinstance(prompt[0], str | list):
        prompt = prompt[0]
    tokens = isinstance(prompt, list) and all(type(token) is int and token >= 0 for token in prompt)
    if not ((isinstance(prompt, str) or tokens) and prompt):
        raise Refused("give one prompt: text, or a list of token ids", param="prompt")
    assert isinstance(prompt, str | list)
    top = int(_number(body, "logprobs", 0, 0, _MAX_TOP, whole=True)) if asks_top else None
    if body.get("max_tokens") is None:
        body = {**body, "max_tokens": _DEFAULT_COMPLETION_TOKENS}
    return _asked(body, defaults, prompt=prompt, top=top, echo=_flag(body, "echo"))


def read_messages(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The messages of a chat, with texts for their contents. Raises Refused."""
    messages = body.get("messages")
    if not (isinstance(messages, list) and messages):
        raise Refused("messages are missing", param="messages")
    return [_message(message, f"messages[{number}]") for number, message in enumerate(messages)]


def _message(message: Any, where: str) -> dict[str, Any]:
    if not (isinstance(message, dict) and isinstance(message.get("role"), str)):
        raise Refused(f"{where} is no message with a role", param=where)
    content = message.get("content")
    parts = [{"type": "text", "text": content or ""}] if isinstance(content, str | None) else content
    texts = [_text(part) for part in parts] if isinstance(parts, list) else [None]
    told = [text for text in texts if text is not None]
    if len(told) != len(texts):
        raise Refused(f"{where} has content that is no text", code="unsupported_content", param=where)
    return {"role": message["role"], "content": "".join(told)}


def _text(part: Any) -> str | None:
    text = part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None
    return text if isinstance(text, str) else None


def _asked(
    body: Mapping[str, Any],
    defaults: Defaults,
    *,
    top: int | None,
    messages: list[dict[str, Any]] | None = None,
    prompt: str | list[int] = "",
    echo: bool = False,
) -> Asked:
    for name, nothing in _UNDERSTOOD_AS_NOTHING.items():
        if body.get(name) is not None and body[name] not in nothing:
            raise Refused(f"this engine does not know {name}", code="unsupported_parameter", param=name)
    most = body.get("max_tokens")
    options = body.get("stream_options")
    return Asked(
        messages=messages,
        prompt=prompt,
        max_tokens=None if most is None else int(_number(body, "max_tokens", 0, 0 if echo else 1, 2**31, whole=True)),
        sampling=_sampling(body, defaults),
        stops=_stops(body.get("stop")),
        stream=_flag(body, "stream"),
        stream_usage=isinstance(options, dict) and _flag(options, "include_usage"),
        top=top,
        echo=echo,
    )


def _sampling(body: Mapping[str, Any], defaults: Defaults) -> Sampling:
    seed = body.get("seed")
    return Sampling(
        temperature=_number(body, "temperature", defaults.temperature, 0, 2),
        top_p=_number(body, "top_p", 1, 0, 1),
        top_k=int(_number(body, "top_k", 0, -1, 2**31, whole=True)),
        seed=defaults.seed if seed is None else int(_number(body, "seed", 0, -(2**63), 2**64 - 1, whole=True)),
        frequency_penalty=_number(body, "frequency_penalty", 0, -2, 2),
        presence_penalty=_number(body, "presence_penalty", 0, -2, 2),
        ignore_eos=_flag(body, "ignore_eos"),
    )


def _number(
    body: Mapping[str, Any], name: str, default: float, low: float, high: float, *, whole: bool = False
) -> float:
    value = body.get(name)
    if value is None:
        return default
    fits = type(value) is int or (type(value) is float and not whole and math.isfinite(value))
    if not fits or not low <= value <= high:
        raise Refused(f"{name} is not a {'whole ' if whole else ''}number from {low} to {high}", param=name)
    return value  # type: ignore[no-any-return]  # an int or a float


def _flag(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name)
    if not isinstance(value, bool | None):
        raise Refused(f"{name} is neither true nor false", param=name)
    return bool(value)


def _stops(value: Any) -> tuple[str, ...]:
    stops = [value] if isinstance(value, str) else value or []
    if not isinstance(stops, list) or len(stops) > _MAX_STOPS:
        raise Refused(f"stop is neither text nor a list of at most {_MAX_STOPS} texts", param="stop")
    if not all(isinstance(stop, str) and 0 < len(stop) <= _MAX_STOP_CHARS for stop in stops):
        raise Refused(f"a stop is no text of 1 to {_MAX_STOP_CHARS} characters", param="stop")
    return tuple(stops)


def _no_constant(name: str) -> Any:
    raise ValueError(name)
