"""How an answer is sampled and shaped: OpenAI's top-level fields to and from Gemini's `generationConfig`."""

import re
from collections.abc import Mapping
from typing import Any

from msgspec import Raw, Struct

from homeport.core.errors import InvalidRequest
from homeport.protocols.gemini.schema import json_schema
from homeport.protocols.gemini.wire import ThinkingConfig, fit, read, unsupported

_NUMBERS: Mapping[str, tuple[str, Any]] = {
    "temperature": ("temperature", float),
    "top_p": ("topP", float),
    "top_k": ("topK", int),
    "max_tokens": ("maxOutputTokens", int),
    # The newer name wins: it comes later.
    "max_completion_tokens": ("maxOutputTokens", int),
    "n": ("candidateCount", int),
    "seed": ("seed", int),
    "presence_penalty": ("presencePenalty", float),
    "frequency_penalty": ("frequencyPenalty", float),
    "logprobs": ("responseLogprobs", bool),
    "top_logprobs": ("logprobs", int),
}
CHAT_FIELDS = frozenset(_NUMBERS) | {"stop", "response_format", "reasoning_effort"}
_JSON = "application/json"
# A union is no type to mypy, so what is read of it is Any.
_STOP: Any = str | list[str]

# https://ai.google.dev/gemini-api/docs/openai#thinking
_BUDGETS = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 24576, "max": 24576}
_LEVELS = {"minimal": "minimal", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
_SINCE_3 = re.compile(r"(?:.*/)?gemini-(?:[3-9]|\d\d)(?:\D|$)", re.ASCII)


def is_since_3(model: str) -> bool:
    """It is of the third generation or later: it thinks in levels, and insists on signatures of calls."""
    return _SINCE_3.match(model) is not None


class _JsonSchema(Struct):
    schema: Any = None


class _ResponseFormat(Struct):
    type: str
    json_schema: _JsonSchema | None = None


def generation_config(fields: Mapping[str, Raw], model: str) -> dict[str, Any]:
    """`generationConfig` of the fields of a chat request that belong there; absent ones are left out.

    Raises:
        InvalidRequest: a value of the wrong type, or one that Gemini does not know.
    """
    config = {there: read(fields[here], kind, here) for here, (there, kind) in _NUMBERS.items() if here in fields}
    if "stop" in fields:
        stop = read(fields["stop"], _STOP, "stop")
        config["stopSequences"] = [stop] if isinstance(stop, str) else stop
    if "response_format" in fields:
        config |= _format(read(fields["response_format"], _ResponseFormat, "response_format"))
    if "reasoning_effort" in fields:
        config["thinkingConfig"] = _thinking(read(fields["reasoning_effort"], str, "reasoning_effort"), model)
    return config


def _format(wanted: _ResponseFormat) -> dict[str, Any]:
    match wanted.type:
        case "text":
            return {}
        case "json_object":
            return {"responseMimeType": _JSON}
        case "json_schema" if wanted.json_schema is not None:
            schema = wanted.json_schema.schema
            return {"responseMimeType": _JSON} | ({} if schema is None else {"responseJsonSchema": schema})
    raise unsupported("response_format", "Gemini answers in text, json_object or json_schema")


def _thinking(effort: str, model: str) -> dict[str, Any]:
    if effort == "none":
        return {"thinkingBudget": 0}
    if effort not in _BUDGETS:
        raise InvalidRequest(f"reasoning_effort is none or one of {', '.join(_BUDGETS)}", param="reasoning_effort")
    return {"thinkingLevel": _LEVELS[effort]} if is_since_3(model) else {"thinkingBudget": _BUDGETS[effort]}


_BACK: Mapping[str, tuple[str, Any]] = {there: (here, kind) for here, (there, kind) in _NUMBERS.items()}


def chat_config(config: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The chat fields of a `generationConfig`, and what of it OpenAI has no field for.

    Raises:
        InvalidRequest: a value of the wrong type.
    """
    fields: dict[str, Any] = {}
    rest = dict(config)
    for there, (here, kind) in _BACK.items():
        if there in rest:
            fields[here] = fit(rest.pop(there), kind, f"generationConfig.{there}")
    if "stopSequences" in rest:
        fields["stop"] = fit(rest.pop("stopSequences"), list[str], "generationConfig.stopSequences")
    fields |= _chat_format(rest)
    if "thinkingConfig" in rest:
        effort = _effort(fit(rest["thinkingConfig"], ThinkingConfig, "generationConfig.thinkingConfig"))
        fields |= {"reasoning_effort": effort} if effort else {}
        if rest["thinkingConfig"] in ({"thinkingLevel": effort}, {"thinkingBudget": _BUDGETS.get(effort, 0)}):
            del rest["thinkingConfig"]
    return fields, rest


def _chat_format(rest: dict[str, Any]) -> dict[str, Any]:
    """`response_format`; what it says is taken out of `rest`."""
    if rest.get("responseMimeType") == "text/plain":
        del rest["responseMimeType"]
    if rest.get("responseMimeType") != _JSON:
        return {}
    del rest["responseMimeType"]
    schema = rest.pop("responseJsonSchema", None)
    older = rest.pop("responseSchema", None)
    if schema is None and older is not None:
        schema = json_schema(older, "generationConfig.responseSchema")
    if schema is None:
        return {"response_format": {"type": "json_object"}}
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "response", "schema": schema}}}


def _effort(thinking: ThinkingConfig) -> str:
    """The nearest `reasoning_effort`; "" lets the model decide. Inexact figures stay in `extra_body.google`."""
    budget = thinking.thinking_budget
    level = thinking.thinking_level.lower()
    if level in _LEVELS:
        return level
    if budget is None or budget < 0:
        return ""
    steps = (("none", 0), ("low", 1024), ("medium", 8192))
    return next((effort for effort, most in steps if budget <= most), "high")
