"""Reading Anthropic's requests as strictly as the real API does, so that a wrong one is noticed.

Source: https://docs.claude.com/en/api/messages.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from homeport.providers.simulated.draft import ANY_TOOL, Ask, Tool
from homeport.sim.reply import Refused

_KNOWN = frozenset(
    re.findall(
        r"\S+",
        """
        model messages max_tokens system metadata stop_sequences stream temperature top_k
        top_p tools tool_choice thinking service_tier container mcp_servers context_management output_config
        output_format cache_control inference_geo speed
        """,
    )
)
_BLOCKS = frozenset(
    re.findall(
        r"\S+",
        """
        text image document tool_use tool_result thinking redacted_thinking search_result
        server_tool_use web_search_tool_result container_upload
        """,
    )
)
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_CHOICES = {"auto": "", "any": ANY_TOOL, "none": None}


def read(fields: Mapping[str, Any], *, counting: bool = False) -> Ask:
    """A request of `/v1/messages`; of `count_tokens` where `counting`.

    Raises:
        Refused: 400, with the words of the field that is wrong.
    """
    _check_fields(fields, counting=counting)
    messages = _messages(fields.get("messages"))
    last = messages[-1]
    blocks = [block for message in messages for block in message["content"]]
    said = [block for block in last["content"] if block["type"] == "tool_result"]
    texts = [_text(message["content"]) for message in messages]
    at = max((n for n, message in enumerate(messages) if message["role"] == "user" and texts[n]), default=-1)
    asked = [texts.pop(at)] if at >= 0 else []
    return Ask(
        model=_string(fields, "model"),
        texts=(*_system(fields.get("system")), *texts, *asked),
        images=sum(1 for block in blocks if block["type"] == "image"),
        limit=0 if counting else int(fields["max_tokens"]),
        stops=tuple(_strings(fields.get("stop_sequences"), "stop_sequences")),
        tools=tuple(_tools(fields.get("tools"))),
        tool_said=_result(said[-1]) if said else None,
        schema=_schema(fields),
        **_choice(fields.get("tool_choice")),
    )


def _refused(message: str) -> Refused:
    return Refused(400, message)


def _check_fields(fields: Mapping[str, Any], *, counting: bool) -> None:
    for name in fields:
        if name not in _KNOWN:
            raise _refused(f"{name}: Extra inputs are not permitted")
    for name in ("model", "messages") if counting else ("model", "max_tokens", "messages"):
        if name not in fields:
            raise _refused(f"{name}: Field required")
    limit = fields.get("max_tokens", 1)
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise _refused("max_tokens: Input should be an integer of at least 1")
    for name in ("temperature", "top_p"):
        value = fields.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise _refused(f"{name}: range: 0..1")
    if not isinstance(fields.get("stream", False), bool):
        raise _refused("stream: Input should be a valid boolean")


def _messages(listed: Any) -> list[dict[str, Any]]:
    if not isinstance(listed, list) or not listed:
        raise _refused("messages: at least one message is required")
    messages = [_message(at, message, final=at == len(listed) - 1) for at, message in enumerate(listed)]
    open_calls: set[str] = set()
    for at, message in enumerate(messages):
        results = {block.get("tool_use_id") for block in message["content"] if block["type"] == "tool_result"}
        if results - open_calls:
            raise _refused(f"messages.{at}.content: unexpected `tool_use_id` found in `tool_result` blocks")
        if open_calls - results:
            raise _refused(f"messages.{at}: `tool_use` ids were found without `tool_result` blocks immediately after")
        open_calls = {block["id"] for block in message["content"] if block["type"] == "tool_use"}
    if open_calls:
        raise _refused("messages: `tool_use` ids were found without `tool_result` blocks immediately after")
    return messages


def _message(at: int, message: Any, *, final: bool) -> dict[str, Any]:
    where = f"messages.{at}"
    if not isinstance(message, dict) or set(message) - {"role", "content"}:
        raise _refused(f"{where}: Extra inputs are not permitted")
    role, content = message.get("role"), message.get("content")
    if role not in ("user", "assistant"):
        raise _refused(f"{where}.role: Input should be 'user' or 'assistant'")
    if isinstance(content, str):
        content = [{"type": "text", "text": content}] if content else []
    if not isinstance(content, list):
        raise _refused(f"{where}.content: Input should be a valid list")
    if not content and not (final and role == "assistant"):
        raise _refused(
            f"{where}: all messages must have non-empty content except for the optional final assistant message"
        )
    for number, block in enumerate(content):
        _check_block(f"{where}.content.{number}", block, role)
    return {"role": role, "content": content}


def _check_block(where: str, block: Any, role: str) -> None:
    kind = block.get("type") if isinstance(block, dict) else None
    if kind not in _BLOCKS:
        raise _refused(f"{where}.type: Input tag does not match any of the expected tags")
    if kind == "text" and not (isinstance(block.get("text"), str) and block["text"]):
        raise _refused(f"{where}: text content blocks must be non-empty")
    if kind == "tool_use":
        if role != "assistant" or not isinstance(block.get("input"), dict):
            raise _refused(f"{where}.input: Input should be a valid dictionary of an assistant's tool_use")
        if not (isinstance(block.get("id"), str) and isinstance(block.get("name"), str)):
            raise _refused(f"{where}.id: Field required")
    if kind == "tool_result" and (role != "user" or not isinstance(block.get("tool_use_id"), str)):
        raise _refused(f"{where}.tool_use_id: Field required, in a user's message")
    if kind == "image":
        source = block.get("source")
        if not isinstance(source, dict) or source.get("type") not in ("base64", "url", "file"):
            raise _refused(f"{where}.source: Input tag does not match any of the expected tags")


def _text(content: Any) -> str:
    blocks = content if isinstance(content, list) else []
    return " ".join(block["text"] for block in blocks if isinstance(block, dict) and isinstance(block.get("text"), str))


def _result(block: Mapping[str, Any]) -> str:
    content = block.get("content", "")
    return content if isinstance(content, str) else _text(content)


def _system(system: Any) -> Iterator[str]:
    if system is None:
        return
    if not isinstance(system, str | list):
        raise _refused("system: Input should be a valid string or list")
    yield system if isinstance(system, str) else _text(system)


def _tools(listed: Any) -> Iterator[Tool]:
    if listed is not None and not isinstance(listed, list):
        raise _refused("tools: Input should be a valid list")
    for at, tool in enumerate(listed or []):
        if not isinstance(tool, dict):
            raise _refused(f"tools.{at}: Input should be a valid dictionary")
        name, schema = tool.get("name"), tool.get("input_schema")
        if not isinstance(name, str) or not _TOOL_NAME.fullmatch(name):
            raise _refused(f"tools.{at}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
        if tool.get("type", "custom") != "custom":
            continue  # Anthropic's own tools have no schema here.
        if not isinstance(schema, dict) or schema.get("type") != "object":
            raise _refused(f"tools.{at}.custom.input_schema.type: Field required")
        yield Tool(name, schema)


def _choice(choice: Any) -> dict[str, Any]:
    if choice is None:
        return {}
    kind = choice.get("type") if isinstance(choice, dict) else None
    if kind == "tool":
        force: str | None = _string(choice, "name")
    elif kind in _CHOICES:
        force = _CHOICES[kind]
    else:
        raise _refused("tool_choice: Input tag does not match any of the expected tags: 'auto', 'any', 'tool', 'none'")
    return {"force": force, "parallel": choice.get("disable_parallel_tool_use") is not True}


def _schema(fields: Mapping[str, Any]) -> Any:
    config = fields.get("output_config")
    form = config.get("format") if isinstance(config, dict) else fields.get("output_format")
    return form.get("schema") if isinstance(form, dict) and form.get("type") == "json_schema" else None


def _string(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise _refused(f"{name}: Input should be a valid string")
    return value


def _strings(listed: Any, name: str) -> list[str]:
    if listed is None:
        return []
    if not isinstance(listed, list) or not all(isinstance(one, str) and one.strip() for one in listed):
        raise _refused(f"{name}: each stop sequence must contain non-whitespace")
    return listed
