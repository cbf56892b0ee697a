"""Tools and the choice among them, both ways. `strict` is dropped: Gemini holds calls to their schema anyway."""

from typing import Any

import msgspec
from msgspec import Raw, Struct

from homeport.core.errors import InvalidRequest
from homeport.protocols.gemini.schema import json_schema
from homeport.protocols.gemini.wire import (
    FunctionCallingConfig,
    FunctionDeclaration,
    Tool,
    ToolConfig,
    fit,
    read,
    unsupported,
)


class _Function(Struct, omit_defaults=True):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None


class _Tool(Struct):
    type: str = "function"
    function: _Function | None = None


class _Named(Struct):
    name: str = ""


class _Allowed(Struct):
    mode: str = "auto"
    tools: list[_Tool] = []


class _Choice(Struct):
    type: str = ""
    function: _Named | None = None
    allowed_tools: _Allowed | None = None


def tools(raw: Raw) -> list[dict[str, Any]]:
    """Gemini's `tools` of OpenAI's. Raises InvalidRequest for a tool that is no function."""
    declared = []
    for index, tool in enumerate(read(raw, list[_Tool], "tools")):
        if tool.type != "function" or tool.function is None:
            raise unsupported(f"tools[{index}]", "Gemini can be given functions only", "use a tool of type function")
        declared.append(_declaration(tool.function))
    return [msgspec.to_builtins(Tool(function_declarations=declared))] if declared else []


def _declaration(function: _Function) -> FunctionDeclaration:
    return FunctionDeclaration(
        name=function.name,
        description=function.description or "",
        parameters_json_schema=function.parameters,
    )


# A union is no type to mypy, so what is read of it is Any.
_CHOICE: Any = str | _Choice
_MODES = {"none": "NONE", "auto": "AUTO", "required": "ANY"}
# Only these two modes of Gemini look at the allowed names.
_LIMITED_MODES = {"auto": "VALIDATED", "required": "ANY"}


def tool_config(raw: Raw) -> ToolConfig:
    """Gemini's `toolConfig` of OpenAI's `tool_choice`."""
    choice = read(raw, _CHOICE, "tool_choice")
    if isinstance(choice, str):
        if choice not in _MODES:
            raise InvalidRequest(f"tool_choice is one of {', '.join(_MODES)}, or names a function", param="tool_choice")
        return _config(_MODES[choice])
    if choice.type == "function" and choice.function is not None:
        return _config("ANY", choice.function.name)
    if choice.type == "allowed_tools" and choice.allowed_tools is not None:
        return _limited(choice.allowed_tools)
    raise unsupported("tool_choice", "Gemini can be told to call functions only")


def _limited(allowed: _Allowed) -> ToolConfig:
    if allowed.mode not in _LIMITED_MODES or any(tool.function is None for tool in allowed.tools):
        raise InvalidRequest("allowed_tools holds a mode, auto or required, and functions", param="tool_choice")
    return _config(_LIMITED_MODES[allowed.mode], *(tool.function.name for tool in allowed.tools if tool.function))


def _config(mode: str, *names: str) -> ToolConfig:
    return ToolConfig(function_calling_config=FunctionCallingConfig(mode=mode, allowed_function_names=list(names)))


def chat_tools(offered: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """OpenAI's tools of Gemini's, and the tools that are Google's own (search, code execution)."""
    functions: list[dict[str, Any]] = []
    others = []
    for index, tool in enumerate(offered):
        declared = fit(tool, Tool, f"tools[{index}]").function_declarations
        functions += [_chat_tool(function, f"tools[{index}].functionDeclarations") for function in declared]
        if rest := {key: value for key, value in tool.items() if key != "functionDeclarations"}:
            others.append(rest)
    return functions, others


def _chat_tool(function: FunctionDeclaration, name: str) -> dict[str, Any]:
    parameters = function.parameters_json_schema
    if parameters is None and function.parameters is not None:
        parameters = json_schema(function.parameters, f"{name}.parameters")
    if parameters is not None and not isinstance(parameters, dict):
        raise unsupported(f"{name}.parametersJsonSchema", "parameters are described by an object")
    told = _Function(name=function.name, description=function.description or None, parameters=parameters)
    return {"type": "function", "function": msgspec.to_builtins(told)}


_CHOICES = {mode: choice for choice, mode in _MODES.items()} | {"": "auto", "MODE_UNSPECIFIED": "auto"}
_LIMITED = {mode: choice for choice, mode in _LIMITED_MODES.items()}


def tool_choice(config: ToolConfig) -> Any:
    """OpenAI's `tool_choice`; None where nothing was chosen."""
    calling = config.function_calling_config
    if calling is None:
        return None
    mode, names = calling.mode.upper(), calling.allowed_function_names
    if names and mode in _LIMITED:
        if mode == "ANY" and len(names) == 1:
            return {"type": "function", "function": {"name": names[0]}}
        allowed = [{"type": "function", "function": {"name": name}} for name in names]
        return {"type": "allowed_tools", "allowed_tools": {"mode": _LIMITED[mode], "tools": allowed}}
    if mode == "VALIDATED":
        return "auto"
    if mode not in _CHOICES:
        raise unsupported("toolConfig.functionCallingConfig.mode", "this mode cannot be said in an OpenAI request")
    return _CHOICES[mode]
