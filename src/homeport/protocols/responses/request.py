"""A request to /v1/responses as the fields of an OpenAI chat.

What a chat has no words for and what would change the answer is refused, by name. Fields that are
none of the Responses API's go on as they came, for upstreams that know them. Left out, because an
answer is the same without them: `store`, `metadata` (the answer repeats it), `include` but for log
probabilities, `max_tool_calls` (it counts hosted tools), `stream_options`, `truncation` (an input
that is too long is refused by the upstream, not shortened), summaries of reasoning, and `status`,
`id` and `phase` of items.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw

from homeport.core.errors import InvalidRequest
from homeport.protocols.responses.items import messages
from homeport.protocols.responses.refusal import native_only
from homeport.protocols.responses.tools import offered
from homeport.protocols.responses.wire import READ, UNREADABLE, ResponseRequest, TextFormat

_STATEFUL = {
    "previous_response_id": "send the whole conversation as `input`",
    "conversation": "send the whole conversation as `input`",
    "background": "leave it out and wait for the answer",
    "prompt": "send the prompt's text as `instructions` and `input`",
}
_MEANINGLESS_IN_CHAT = frozenset(
    {"context_management", "max_tool_calls", "stream_options", "prompt_cache_options", "background_options"}
)
_LOGPROBS = "message.output_text.logprobs"


def to_chat(fields: Mapping[str, Raw]) -> dict[str, Raw]:
    """The same request, to be asked at an OpenAI chat.

    Args:
        fields: the body's top-level fields as raw JSON.

    Raises:
        InvalidRequest: responses_native_only for what a chat cannot say; invalid_value for what is not a request.
    """
    request = read(fields)
    _refuse_state(request)
    chat: dict[str, Any] = {
        "model": request.model,
        "messages": messages(request.instructions, request.input),
        "stream": request.stream,
        "max_tokens": request.max_output_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "user": request.user,
        "reasoning_effort": request.reasoning.effort if request.reasoning else None,
        "verbosity": request.text.verbosity if request.text else None,
        "response_format": _response_format(request.text.format if request.text else None),
        **_logprobs(request),
        **offered(request.tools or [], request.tool_choice, request.parallel_tool_calls),
    }
    said = {name: Raw(msgspec.json.encode(value)) for name, value in chat.items() if value is not None}
    return {name: raw for name, raw in fields.items() if name not in READ | _MEANINGLESS_IN_CHAT} | said


def read(fields: Mapping[str, Raw]) -> ResponseRequest:
    """The fields as a request. Raises `InvalidRequest`."""
    try:
        return msgspec.json.decode(msgspec.json.encode(fields), type=ResponseRequest)
    except UNREADABLE as error:
        raise InvalidRequest(str(error)) from None


def _refuse_state(request: ResponseRequest) -> None:
    for name, way_out in _STATEFUL.items():
        if getattr(request, name):
            raise native_only(f"`{name}`", name, way_out)


def _logprobs(request: ResponseRequest) -> dict[str, Any]:
    wanted = request.top_logprobs or _LOGPROBS in (request.include or [])
    return {"logprobs": True, "top_logprobs": request.top_logprobs or 0} if wanted else {}


def _response_format(wanted: TextFormat | None) -> dict[str, Any] | None:
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object":
        return {"type": "json_object"}
    if wanted.type != "json_schema":
        raise native_only(f"the format {wanted.type[:64]!r}", "text.format", "ask for json_schema")
    described = {
        "name": wanted.name or "answer",
        "description": wanted.description,
        "schema": wanted.schema,
        "strict": wanted.strict,
    }
    return {
        "type": "json_schema",
        "json_schema": {name: value for name, value in described.items() if value is not None},
    }
