"""An OpenAI chat request as a Messages request.

What has no word at Anthropic is refused by name, for its loss would change the answer: several answers
(`n`), log probabilities, penalties, biases, audio, web search, moderation, functions of the old kind,
a verbosity that is not the medium one.

What is said in other words:
- System and developer messages, wherever they stand, are the system prompt, in their order.
- Messages of one role that follow each other are one message; results of tools are the user's.
- `max_tokens` must be there at Anthropic, so an absent one gets a default.
- A temperature above 1 is 1: Anthropic's scale ends there.
- `reasoning_effort` is `output_config.effort`; `minimal` is `low`, `none` switches thinking off.
- A JSON schema is `output_config.format`, and always kept to. Anthropic has no JSON mode without a
  schema: `json_object` adds one sentence to the system prompt.
- Calls in the conversation without `tools` bring their tools back, not to be called: Anthropic asks for them.
- An id of a call with characters that Anthropic refuses gets underscores for them.

What is dropped, because the answer stays what was asked for:
- `seed`: it promises nothing even at OpenAI. `stream_options`: Anthropic always reports usage.
- `metadata`, `store`, `prediction` and `prompt_cache_*`: they are about OpenAI's records and speed. `cache_control`
  of parts, messages and tools goes along: it is Anthropic's.
- An image's `detail`, the `name` of a message, empty texts, and messages that say nothing.
- `reasoning_content` and the like in earlier answers: without Anthropic's signature it would be refused.
  `thinking_blocks`, which hold the signature, go back as they came.
- `provider_specific_fields`: notes of LiteLLM's client to itself.

Fields that OpenAI does not document stay as they are, so that Anthropic's own can be used through chat.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from homeport.core.errors import InvalidRequest
from homeport.protocols.anthropic import chat as wire
from homeport.protocols.anthropic.message_content import Block, as_blocks, text_block
from homeport.protocols.anthropic.messages import RedactedThinking, Thinking
from homeport.protocols.anthropic.reading import json_object, raw, read_request
from homeport.protocols.anthropic.refusal import untranslatable

DEFAULT_MAX_TOKENS = 8192
"""Tokens of an answer where the caller set no bound."""

_KNOWN = frozenset(wire.ChatRequest.__struct_fields__)
_SAME = frozenset({"model", "stream", "top_p", "top_k"})
_MAX_TEMPERATURE = 1
_NOT_IN_AN_ID = re.compile(r"[^A-Za-z0-9_-]")
_UNMARKED = frozenset({"thinking", "redacted_thinking"})
_JSON_MODE = "Answer with one JSON object and nothing else."
_SERVICE_TIERS = {"auto": "auto", "default": "standard_only", "priority": "auto"}
_CHOICES = {"auto": "auto", "required": "any", "none": "none"}

_Unsayable = tuple[str, Callable[[wire.ChatRequest], object], str]
_UNSAYABLE: tuple[_Unsayable, ...] = (
    ("n", lambda chat: chat.n not in {None, 1}, "Anthropic gives one answer"),
    ("logprobs", lambda chat: chat.logprobs, "Anthropic tells no probabilities"),
    ("top_logprobs", lambda chat: chat.top_logprobs, "Anthropic tells no probabilities"),
    ("presence_penalty", lambda chat: chat.presence_penalty, "Anthropic has no penalties"),
    ("frequency_penalty", lambda chat: chat.frequency_penalty, "Anthropic has no penalties"),
    ("logit_bias", lambda chat: chat.logit_bias, "Anthropic has no biases"),
    ("modalities", lambda chat: chat.modalities not in (None, ["text"]), "Anthropic answers in text"),
    ("audio", lambda chat: chat.audio, "Anthropic answers in text"),
    ("functions", lambda chat: chat.functions, "functions of this kind are gone; send `tools`"),
    ("function_call", lambda chat: chat.function_call, "functions of this kind are gone; send `tool_choice`"),
    ("web_search_options", lambda chat: chat.web_search_options, "Anthropic searches through a tool of its own"),
    ("moderation", lambda chat: chat.moderation, "Anthropic does not moderate for others"),
    ("verbosity", lambda chat: chat.verbosity not in {None, "medium"}, "Anthropic has no such setting"),
    ("service_tier", lambda chat: chat.service_tier in {"flex", "scale", "fast"}, "Anthropic has no such tier"),
)


def request_from_chat(fields: Mapping[str, Raw], *, default_max_tokens: int = DEFAULT_MAX_TOKENS) -> dict[str, Raw]:
    """The same request in Anthropic's words.

    Raises:
        InvalidRequest: not a chat request, or one that Anthropic cannot be asked; `param` names the field.
    """
    chat = read_request(fields, wire.REQUEST)
    for name, asks, why in _UNSAYABLE:
        if asks(chat):
            raise untranslatable(name, why, "leave it out, or name another model")
    system, messages = _conversation(chat)
    said: dict[str, Any] = {
        "max_tokens": _first(chat.max_completion_tokens, chat.max_tokens, default_max_tokens),
        "system": _system(system),
        "messages": messages,
        "stop_sequences": _stop(chat.stop),
        "temperature": None if chat.temperature is None else min(chat.temperature, _MAX_TEMPERATURE),
        "metadata": _metadata(chat),
        "service_tier": _SERVICE_TIERS.get(chat.service_tier or ""),
        "output_config": _output_config(chat),
        "thinking": {"type": "disabled"} if chat.reasoning_effort == "none" else None,
        **_tools(chat, messages),
    }
    as_they_are = {name: value for name, value in fields.items() if name in _SAME or name not in _KNOWN}
    kept = {name: value for name, value in as_they_are.items() if bytes(value) != b"null"}
    return {**{name: raw(value) for name, value in said.items() if value is not None}, **kept}


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)


def _system(blocks: list[Block]) -> str | list[Block] | None:
    if len(blocks) == 1 and blocks[0].keys() == {"type", "text"}:
        return str(blocks[0]["text"])
    return blocks or None


def _conversation(chat: wire.ChatRequest) -> tuple[list[Block], list[dict[str, Any]]]:
    """The system prompt's blocks, and messages whose roles alternate."""
    system: list[Block] = []
    turns: list[tuple[str, list[Block]]] = []
    for index, message in enumerate(chat.messages):
        path = f"messages[{index}]"
        if isinstance(message, wire.SystemMessage | wire.DeveloperMessage):
            system += _marked(as_blocks(message.content, f"{path}.content"), message)
            continue
        role = "assistant" if isinstance(message, wire.AssistantMessage) else "user"
        blocks = _marked(_said(message, path), message)
        if blocks and turns and turns[-1][0] == role:
            turns[-1][1].extend(blocks)
        elif blocks:
            turns.append((role, blocks))
    if chat.response_format and chat.response_format.type == "json_object":
        system.append(text_block(_JSON_MODE))
    if not turns:
        raise InvalidRequest("no message says anything", hint="send one with content", param="messages")
    return system, [{"role": role, "content": _content(blocks)} for role, blocks in turns]


def _marked(blocks: list[Block], message: wire.Hints) -> list[Block]:
    """A message's own hint says that a cached prefix may end with its last block."""
    if message.cache_control is None or not blocks or blocks[-1]["type"] in _UNMARKED:
        return blocks
    return [*blocks[:-1], {**blocks[-1], "cache_control": message.cache_control}]


def _content(blocks: list[Block]) -> str | list[Block]:
    is_text = len(blocks) == 1 and blocks[0].keys() == {"type", "text"}
    return str(blocks[0]["text"]) if is_text else blocks


def _said(message: wire.UserMessage | wire.AssistantMessage | wire.ToolMessage, path: str) -> list[Block]:
    match message:
        case wire.UserMessage():
            return as_blocks(message.content, f"{path}.content")
        case wire.ToolMessage():
            return [_result(message, path)]
        case wire.AssistantMessage():
            return _answered(message, path)


def _result(message: wire.ToolMessage, path: str) -> Block:
    content = as_blocks(message.content, f"{path}.content")
    result = {"type": "tool_result", "tool_use_id": _id(message.tool_call_id)}
    return {**result, "content": _content(content)} if content else result


def _answered(message: wire.AssistantMessage, path: str) -> list[Block]:
    """Thinking, text and calls, in the order that Anthropic gives and wants them."""
    thoughts = [msgspec.to_builtins(block) for block in message.thinking_blocks or [] if _is_sealed(block)]
    texts = as_blocks(message.content, f"{path}.content") + as_blocks(message.refusal, path)
    calls = [_call(call, f"{path}.tool_calls[{index}]") for index, call in enumerate(message.tool_calls or [])]
    return [*thoughts, *texts, *calls]


def _is_sealed(block: Thinking | RedactedThinking) -> bool:
    return not isinstance(block, Thinking) or bool(block.signature)


def _call(call: wire.ToolCall, path: str) -> Block:
    arguments = json_object(call.function.arguments.strip() or "{}")
    if arguments is None:
        raise InvalidRequest("the arguments of a call are one JSON object", param=f"{path}.function.arguments")
    return {"type": "tool_use", "id": _id(call.id), "name": call.function.name, "input": arguments}


def _id(given: str) -> str:
    return _NOT_IN_AN_ID.sub("_", given)


def _stop(stop: str | list[str] | None) -> list[str] | None:
    sequences = [stop] if isinstance(stop, str) else stop or []
    if any(not sequence.strip() for sequence in sequences):
        raise untranslatable("stop", "Anthropic does not stop at white space alone", "stop at a visible sequence")
    return sequences or None


def _metadata(chat: wire.ChatRequest) -> dict[str, str] | None:
    user = chat.user or chat.safety_identifier
    return {"user_id": user} if user else None


def _output_config(chat: wire.ChatRequest) -> dict[str, Any] | None:
    config: dict[str, Any] = {}
    effort = chat.reasoning_effort
    if effort not in {None, "none"}:
        config["effort"] = "low" if effort == "minimal" else effort
    if chat.response_format and chat.response_format.type == "json_schema":
        wanted = chat.response_format.json_schema
        if wanted is None or wanted.schema is None:
            raise InvalidRequest("a JSON schema is missing", param="response_format.json_schema.schema")
        config["format"] = {"type": "json_schema", "schema": wanted.schema}
    return config or None


def _tools(chat: wire.ChatRequest, messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    if chat.tools:
        return {"tools": [_tool(tool) for tool in chat.tools], "tool_choice": _tool_choice(chat)}
    if isinstance(chat.tool_choice, wire.ToolChoice) or chat.tool_choice == "required":
        raise InvalidRequest("there is no tool to choose", hint="send `tools`", param="tool_choice")
    names = dict.fromkeys(_called(messages))
    if not names:
        return {}
    tools = [{"name": name, "input_schema": {"type": "object"}} for name in names]
    return {"tools": tools, "tool_choice": {"type": "none"}}


def _called(messages: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    blocks = [block for message in messages if isinstance(message["content"], list) for block in message["content"]]
    return [block["name"] for block in blocks if block["type"] == "tool_use"]


def _tool(tool: wire.Tool) -> dict[str, Any]:
    function = tool.function
    said = {
        "name": function.name,
        "description": function.description,
        "input_schema": {"type": "object", **(function.parameters or {})},
        "strict": function.strict,
        "cache_control": tool.cache_control if function.cache_control is None else function.cache_control,
    }
    return {name: value for name, value in said.items() if value is not None}


def _tool_choice(chat: wire.ChatRequest) -> dict[str, Any] | None:
    choice = chat.tool_choice
    alone = {"disable_parallel_tool_use": True} if chat.parallel_tool_calls is False else {}
    if isinstance(choice, wire.ToolChoice):
        return {"type": "tool", "name": choice.function.name, **alone}
    if choice is None:
        return {"type": "auto", **alone} if alone else None
    return {"type": _CHOICES[choice], **({} if choice == "none" else alone)}
