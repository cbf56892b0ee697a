"""A chat request as a generateContent request, and back.

What OpenAI has no field for travels in `extra_body.google`, as with Google's own OpenAI-compatible
API: `safety_settings`, `cached_content`, `thinking_config`, and any other field of Gemini's request.

Dropped as harmless, on the way to Gemini: who asks (`user`, `safety_identifier`), what is kept at
OpenAI (`store`, `metadata`), how fast it should be (`service_tier`, `prediction`, `prompt_cache_key`,
`prompt_cache_retention`), the name of a JSON schema, a message's `name`, an image's `detail`, a tool's
`strict`. What changes the answer and cannot be said is refused.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw

from homeport.core.errors import InvalidRequest
from homeport.protocols.gemini.config import CHAT_FIELDS, chat_config, generation_config, is_since_3
from homeport.protocols.gemini.contents import contents
from homeport.protocols.gemini.messages import messages
from homeport.protocols.gemini.tools import chat_tools, tool_choice, tool_config, tools
from homeport.protocols.gemini.wire import Request, camel_keys, fit, known, read, too_deep, unsupported

_HARMLESS = frozenset(
    {
        *("model", "stream", "stream_options", "user", "safety_identifier", "store", "metadata"),
        *("service_tier", "prediction", "prompt_cache_key", "prompt_cache_retention"),
    }
)
_TRANSLATED = CHAT_FIELDS | {"messages", "tools", "tool_choice", "extra_body"}
# Fields that only some values of are refused: those that ask for nothing else than Gemini does.
_NOTHING_ELSE: Mapping[str, tuple[Any, ...]] = {
    "parallel_tool_calls": (True,),
    "logit_bias": ({},),
    "modalities": (["text"], []),
    "functions": ([],),
    "verbosity": ("medium",),
}


def gemini_request(fields: Mapping[str, Raw], model: str) -> bytes:
    """The body of a generateContent request.

    Args:
        fields: the top-level fields of an OpenAI chat request.
        model: the model's name at Google; generations differ in how thinking is asked for.

    Raises:
        InvalidRequest: a value that is wrong, or that Gemini has no words for.
    """
    try:
        return _gemini_request(fields, model)
    except RecursionError:
        raise too_deep() from None


def _gemini_request(fields: Mapping[str, Raw], model: str) -> bytes:
    said = {name: value for name, value in fields.items() if bytes(value) != b"null"}
    _check(said)
    if "messages" not in said:
        raise InvalidRequest("messages is missing", param="messages")
    system, turns = contents(said["messages"], signed=is_since_3(model))
    request = Request(
        contents=turns,
        system_instruction=system,
        tools=tools(said["tools"]) if "tools" in said else [],
        tool_config=tool_config(said["tool_choice"]) if "tool_choice" in said else None,
        generation_config=generation_config(said, model),
    )
    return msgspec.json.encode(_with_google(request, said))


def _may_mix_tools(said: Mapping[str, Raw]) -> bool:
    """Whether several tools can be called. Clients that want one object of one tool forbid it to be safe."""
    chosen = read(said["tool_choice"], Any, "tool_choice") if "tool_choice" in said else None
    return "tools" in said and len(read(said["tools"], list[Any], "tools")) > 1 and not isinstance(chosen, dict)


def _check(said: Mapping[str, Raw]) -> None:
    for name in sorted(said.keys() - _TRANSLATED - _HARMLESS):
        if name not in _NOTHING_ELSE:
            raise unsupported(name, "Gemini has no such field")
        if name == "parallel_tool_calls" and not _may_mix_tools(said):
            continue
        if read(said[name], Any, name) not in _NOTHING_ELSE[name]:
            raise unsupported(name, "Gemini cannot be asked for this")


def _with_google(request: Request, said: Mapping[str, Raw]) -> dict[str, Any]:
    """The request with the fields of `extra_body.google`, which win: they are Gemini's own words."""
    body: dict[str, Any] = msgspec.to_builtins(request)
    extra = read(said["extra_body"], dict[str, Any], "extra_body") if "extra_body" in said else {}
    if unknown := extra.keys() - {"google"}:
        raise unsupported(f"extra_body.{min(unknown)}", "Gemini reads extra_body.google only")
    google = camel_keys(fit(extra.get("google") or {}, dict[str, Any], "extra_body.google"))
    config = fit(google.pop("generationConfig", {}), dict[str, Any], "extra_body.google.generation_config")
    if "thinkingConfig" in google:
        config["thinkingConfig"] = google.pop("thinkingConfig")
    if config:
        body["generationConfig"] = body.get("generationConfig", {}) | config
    if "tools" in google:
        own = fit(google.pop("tools"), list[dict[str, Any]], "extra_body.google.tools")
        body["tools"] = body.get("tools", []) + own
    if refused := google.keys() & known(Request):
        raise unsupported(f"extra_body.google.{min(refused)}", "this is said in OpenAI's own fields")
    body.update(google)
    return body


def chat_request(body: bytes, *, model: str, stream: bool) -> dict[str, Any]:
    """The OpenAI chat request that says what a generateContent request says.

    Args:
        model, stream: what Gemini says in the path.

    Raises:
        InvalidRequest: not a request, or one that OpenAI's chat has no words for.
    """
    try:
        return _chat_request(body, model, stream)
    except RecursionError:
        raise too_deep() from None


def _chat_request(body: bytes, model: str, stream: bool) -> dict[str, Any]:
    given = camel_keys(read(body, dict[str, Any], ""))
    request = fit(given, Request, "")
    said, rest = chat_config(request.generation_config)
    functions, google_tools = chat_tools(request.tools)
    choice = tool_choice(request.tool_config) if request.tool_config else None
    google = {key: value for key, value in given.items() if key not in known(Request) and key != "model"}
    google |= {"generationConfig": rest} if rest else {}
    google |= {"tools": google_tools} if google_tools else {}
    fields: dict[str, Any] = {"model": model, "messages": messages(request.system_instruction, request.contents)}
    fields |= said
    fields |= {"tools": functions} if functions else {}
    fields |= {"tool_choice": choice} if choice is not None else {}
    fields |= {"stream": True} if stream else {}
    return fields | ({"extra_body": {"google": google}} if google else {})
