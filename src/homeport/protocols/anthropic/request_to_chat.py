"""A Messages request as an OpenAI chat request.

What has no word in chat is refused by name, for its loss would change the answer: Anthropic's own
tools, MCP servers, containers, file ids, PDFs by address, citations, a region, a user profile.

What is dropped, because the answer stays what was asked for:
- `cache_control` and `diagnostics`: they are about the price of a prompt. OpenAI's family caches by itself.
- `context_management`: without it the model sees the whole conversation.
- `speed` and beta names; a tool's `input_examples`, `defer_loading`, `allowed_callers` and
  `eager_input_streaming`; an image's `transformations`; `citations` and `caller` in earlier answers.
- Thinking that Anthropic signed: no other model can use it, and most servers refuse what they do not know.
  Thinking without a signature came from a model that speaks chat, and goes back as `reasoning_content`.

Fields that Anthropic does not document stay as they are: the upstream may know them.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Raw

from homeport.core.errors import InvalidRequest
from homeport.protocols.anthropic import messages as wire
from homeport.protocols.anthropic.chat_content import as_parts
from homeport.protocols.anthropic.reading import json_object, raw, read_request, too_deep
from homeport.protocols.anthropic.refusal import untranslatable

_KNOWN = frozenset(wire.MessagesRequest.__struct_fields__)
_CHOICES = {"auto": "auto", "any": "required", "none": "none"}
_SERVICE_TIERS = {"auto": "auto", "standard_only": "default"}
_ONLY_ANTHROPIC = {
    "container": "containers run at Anthropic only",
    "mcp_servers": "MCP servers are called by Anthropic only",
    "inference_geo": "no other upstream promises a region",
    "user_profile_id": "user profiles are known to Anthropic only",
}
_ELSEWHERE = "leave it out, or name a model at Anthropic"
# Anthropic's thinking budgets in tokens, as the efforts that OpenAI's family knows.
_LOW_BUDGET = 4_096
_MEDIUM_BUDGET = 16_384


def request_to_chat(fields: Mapping[str, Raw]) -> dict[str, Raw]:
    """The same request in chat's words.

    `max_tokens` keeps its name: every chat server knows it, while some ignore `max_completion_tokens`.

    Raises:
        InvalidRequest: not a Messages request, or one that chat cannot say; `param` names the field.
    """
    request = read_request(fields, wire.REQUEST)
    for name, why in _ONLY_ANTHROPIC.items():
        if getattr(request, name):
            raise untranslatable(name, why, _ELSEWHERE)
    said = {
        "messages": list(_messages(request)),
        "max_tokens": request.max_tokens,
        "stop": request.stop_sequences or None,
        "user": request.metadata.user_id if request.metadata else None,
        "service_tier": _SERVICE_TIERS.get(request.service_tier or ""),
        "response_format": _response_format(request),
        "reasoning_effort": _effort(request),
        **_tools(request),
    }
    as_they_are = {name: value for name, value in fields.items() if name in _SAME or name not in _KNOWN}
    return {**as_they_are, **{name: raw(value) for name, value in said.items() if value is not None}}


_SAME = frozenset({"model", "stream", "temperature", "top_p", "top_k"})


def _messages(request: wire.MessagesRequest) -> Iterator[dict[str, Any]]:
    if request.system:
        yield {"role": "system", "content": as_parts(request.system, "system")}
    for index, message in enumerate(request.messages):
        path = f"messages[{index}].content"
        match message:
            case wire.User():
                yield from _user(message, path)
            case wire.Assistant():
                yield _assistant(message, path)
            case wire.System():
                yield {"role": "system", "content": as_parts(message.content, path)}


def _user(message: wire.User, path: str) -> Iterator[dict[str, Any]]:
    """Results of tools come first, for chat wants them right after the calls; then what the user said."""
    if isinstance(message.content, str):
        yield {"role": "user", "content": message.content}
        return
    results = [block for block in message.content if isinstance(block, wire.ToolResult)]
    for result in results:
        yield {"role": "tool", "tool_call_id": result.tool_use_id, "content": _result_text(result, path)}
    shown = [part for result in results for part in _shown(result, path)]
    rest = [block for block in message.content if not isinstance(block, wire.ToolResult)]
    if rest or shown or not results:
        said = as_parts(rest, path)
        parts = [{"type": "text", "text": said}] if isinstance(said, str) and shown else said
        yield {"role": "user", "content": [*shown, *parts] if shown else parts}


def _result_text(result: wire.ToolResult, path: str) -> str | list[dict[str, Any]]:
    """The text of a tool's result. Chat cannot mark an error, so the text says it."""
    content = result.content or ""
    text = content if isinstance(content, str) else as_parts(_spoken(content), path)
    if not result.is_error:
        return text
    if isinstance(text, str):
        return f"Error: {text}" if text else "Error"
    return [{"type": "text", "text": "Error: "}, *text]


def _spoken(content: Iterable[Any]) -> list[Any]:
    return [block for block in content if not _is_shown(block)]


def _is_shown(block: Any) -> bool:
    """Images and files: a tool message of chat holds text alone."""
    is_file = isinstance(block, wire.Document) and isinstance(block.source, wire.Base64)
    return is_file or isinstance(block, wire.Image)


def _shown(result: wire.ToolResult, path: str) -> list[dict[str, Any]]:
    """What a tool's result shows, as parts of the user message that follows it."""
    content = result.content if isinstance(result.content, list) else []
    shown = [block for block in content if _is_shown(block)]
    if not shown:
        return []
    parts = as_parts(shown, path)
    assert not isinstance(parts, str), "what is shown is no text"
    return [{"type": "text", "text": f"Result of tool call {result.tool_use_id}:"}, *parts]


def _assistant(message: wire.Assistant, path: str) -> dict[str, Any]:
    if isinstance(message.content, str):
        return {"role": "assistant", "content": message.content}
    texts = [block for block in message.content if isinstance(block, wire.Text)]
    calls = [_tool_call(block, path) for block in message.content if isinstance(block, wire.ToolUse)]
    thoughts = [block.thinking for block in message.content if isinstance(block, wire.Thinking) and not block.signature]
    said: dict[str, Any] = {"role": "assistant", "content": as_parts(texts, path) if texts or not calls else None}
    if any(thoughts):
        said["reasoning_content"] = "".join(thoughts)
    if calls:
        said["tool_calls"] = calls
    return said


def _tool_call(block: wire.ToolUse, path: str) -> dict[str, Any]:
    arguments = bytes(block.input)
    if json_object(arguments) is None:
        raise InvalidRequest(f"the input of tool call {block.id!r} is not a JSON object", param=path)
    return {"id": block.id, "type": "function", "function": {"name": block.name, "arguments": arguments.decode()}}


def _tools(request: wire.MessagesRequest) -> dict[str, Any]:
    choice = request.tool_choice
    alone = choice.disable_parallel_tool_use if choice and request.tools else None
    return {
        "tools": [_tool(tool, index) for index, tool in enumerate(request.tools or [])] or None,
        "tool_choice": _tool_choice(choice) if choice else None,
        "parallel_tool_calls": None if alone is None else not alone,
    }


def _tool(given: Raw, index: int) -> dict[str, Any]:
    try:
        if _is_anthropics(given):
            raise untranslatable(f"tools[{index}]", "a tool of this type is Anthropic's own", _ELSEWHERE)
        tool = wire.TOOL.decode(given)
    except RecursionError:
        raise too_deep() from None
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        raise InvalidRequest(message, param=f"tools[{index}]{path.strip('`')}") from None
    function = {"name": tool.name, "description": tool.description, "parameters": tool.input_schema}
    said = {name: value for name, value in {**function, "strict": tool.strict}.items() if value is not None}
    return {"type": "function", "function": said}


def _is_anthropics(tool: Raw) -> bool:
    try:
        return wire.TOOL_KIND.decode(tool).type not in {None, "custom"}
    except msgspec.ValidationError:
        return False  # No tool at all: its own decoder says so.


def _tool_choice(choice: wire.ToolChoice) -> str | dict[str, Any]:
    if choice.type != "tool":
        return _CHOICES[choice.type]
    if choice.name is None:
        raise InvalidRequest("a choice of one tool names it", param="tool_choice.name")
    return {"type": "function", "function": {"name": choice.name}}


def _response_format(request: wire.MessagesRequest) -> dict[str, Any] | None:
    """Anthropic always keeps to the schema, which chat calls `strict`."""
    wanted = (request.output_config.format if request.output_config else None) or request.output_format
    if wanted is None:
        return None
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": wanted.schema, "strict": True}}


def _effort(request: wire.MessagesRequest) -> str | None:
    if request.output_config and request.output_config.effort:
        return request.output_config.effort
    thinking = request.thinking
    if thinking is None or thinking.type == "adaptive":
        return None  # How much is the model's own choice.
    if thinking.type == "disabled":
        return "none"
    budget = thinking.budget_tokens or _MEDIUM_BUDGET
    return "low" if budget <= _LOW_BUDGET else "medium" if budget <= _MEDIUM_BUDGET else "high"
