"""Tools: what is offered, and what must be called, in the words of a chat."""

from collections.abc import Iterable, Sequence
from typing import Any

from homeport.core.errors import InvalidRequest
from homeport.protocols.responses.refusal import native_only
from homeport.protocols.responses.wire import ResponseTool

_MODES = ("none", "auto", "required")


def offered(tools: Sequence[ResponseTool], choice: Any, parallel: bool | None) -> dict[str, Any]:
    """`tools`, `tool_choice` and `parallel_tool_calls` of the chat; nothing where no tool is offered.

    A choice among `allowed_tools` becomes a shorter list: a chat cannot say it, and it means the same.

    Raises:
        InvalidRequest: a tool that the upstream would have to run, or a choice that is none.
    """
    told = {_key(tool): _tool(tool, f"tools[{place}]") for place, tool in enumerate(tools)}
    if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
        told, choice = _allowed(told, choice)
    choice = _choice(choice)
    if not told:
        return {} if choice in (None, "auto", "none") else {"tool_choice": choice}
    return {"tools": list(told.values()), "tool_choice": choice, "parallel_tool_calls": parallel}


def _key(tool: ResponseTool) -> tuple[str, str]:
    return tool.type, tool.name or ""


def _tool(tool: ResponseTool, where: str) -> dict[str, Any]:
    if tool.type not in ("function", "custom"):
        raise native_only(f"the tool {tool.type!r}", where, "offer a function of your own")
    if not tool.name:
        raise InvalidRequest("a tool needs a name", param=f"{where}.name")
    if tool.type == "custom":
        described = {"name": tool.name, "description": tool.description, "format": _format(tool.format)}
    else:
        described = {
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters,
            "strict": tool.strict,
        }
    return {"type": tool.type, tool.type: {name: value for name, value in described.items() if value is not None}}


def _format(wanted: Any) -> Any:
    """The grammar of a custom tool, which a chat puts one level deeper."""
    if not isinstance(wanted, dict) or wanted.get("type") != "grammar":
        return wanted
    return {"type": "grammar", "grammar": {name: value for name, value in wanted.items() if name != "type"}}


def _allowed(
    told: dict[tuple[str, str], dict[str, Any]], choice: dict[str, Any]
) -> tuple[dict[tuple[str, str], dict[str, Any]], Any]:
    allowed = choice.get("tools")
    names = set(_named(allowed)) if isinstance(allowed, list) else set()
    if not names or not names <= set(told):
        raise InvalidRequest("`allowed_tools` must name tools that are in `tools`", param="tool_choice.tools")
    return {name: tool for name, tool in told.items() if name in names}, choice.get("mode", "auto")


def _named(allowed: Iterable[Any]) -> Iterable[tuple[str, str]]:
    return ((str(tool.get("type")), str(tool.get("name"))) for tool in allowed if isinstance(tool, dict))


def _choice(choice: Any) -> Any:
    if choice is None or choice in _MODES:
        return choice
    kind = choice.get("type") if isinstance(choice, dict) else choice
    if isinstance(choice, dict) and kind in ("function", "custom"):
        name = choice.get("name")
        if not isinstance(name, str) or not name:
            raise InvalidRequest("a tool choice needs a name", param="tool_choice.name")
        return {"type": kind, kind: {"name": name}}
    raise native_only(f"the tool choice {str(kind)[:64]!r}", "tool_choice", f"use one of: {', '.join(_MODES)}")
