"""Reading Gemini's requests as strictly as the real API does, so that a wrong one is noticed.

Field names may be in camel case or in snake case, as everywhere in Google's APIs.
Source: https://ai.google.dev/api/generate-content.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from homeport.providers.simulated.draft import ANY_TOOL, Ask, Tool
from homeport.providers.simulated.openai import JSON_OBJECT, whole
from homeport.sim.reply import Refused

_TOP = frozenset(
    re.findall(
        r"\S+",
        """
        contents systemInstruction tools toolConfig generationConfig safetySettings cachedContent
        model serviceTier store labels
        """,
    )
)
_CONFIG = frozenset(
    re.findall(
        r"\S+",
        """
        stopSequences responseMimeType responseSchema responseJsonSchema candidateCount maxOutputTokens
        temperature topP topK seed presencePenalty frequencyPenalty responseLogprobs logprobs responseModalities
        thinkingConfig mediaResolution speechConfig imageConfig audioTimestamp enableEnhancedCivicAnswers
        enableAffectiveDialog routingConfig
        """,
    )
)
_PART = frozenset(
    re.findall(
        r"\S+",
        """
        text inlineData fileData functionCall functionResponse executableCode codeExecutionResult
        thought thoughtSignature videoMetadata mediaResolution
        """,
    )
)
_FUNCTION = frozenset(
    re.findall(
        r"\S+",
        """
        name description parameters parametersJsonSchema response responseJsonSchema behavior
        """,
    )
)
_SCHEMA = frozenset(
    re.findall(
        r"\S+",
        """
        type format title description nullable enum maxItems minItems properties required
        minProperties maxProperties minLength maxLength pattern example anyOf propertyOrdering default items
        minimum maximum
        """,
    )
)
_MODES = {"AUTO": "", "MODE_UNSPECIFIED": "", "VALIDATED": "", "ANY": ANY_TOOL, "NONE": None}
_TYPES = frozenset(["STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"])
_SNAKE = re.compile(r"_([a-z])")


def read(fields: Mapping[str, Any], model: str) -> Ask:
    """A request for content.

    Raises:
        Refused: 400, with the words of the field that is wrong.
    """
    top = known(fields, _TOP, "")
    contents = contents_of(top.get("contents"))
    config = known(top.get("generationConfig") or {}, _CONFIG, "generation_config")
    texts = [text_of(content["parts"]) for content in contents]
    at = max((n for n, content in enumerate(contents) if content["role"] == "user" and texts[n]), default=-1)
    asked = [texts.pop(at)] if at >= 0 else []
    last = [part["functionResponse"] for part in contents[-1]["parts"] if "functionResponse" in part]
    return Ask(
        model=model,
        texts=(*_system(top.get("systemInstruction")), *texts, *asked),
        images=sum(1 for content in contents for part in content["parts"] if _is_image(part)),
        seed=whole(config.get("seed"), 0),
        choices=whole(config.get("candidateCount"), 1) or 1,
        limit=_limit(config),
        stops=tuple(stop for stop in config.get("stopSequences") or [] if isinstance(stop, str)),
        tools=tuple(_tools(top.get("tools"))),
        tool_said=str(last[-1].get("response", "")) if last else None,
        schema=_answer_schema(config),
        **_force(top.get("toolConfig")),
    )


def known(fields: Any, names: frozenset[str], where: str) -> dict[str, Any]:
    """The fields with their names in camel case.

    Raises:
        Refused: 400, for a name that the API does not know.
    """
    if not isinstance(fields, Mapping):
        raise Refused(400, f"Invalid value at '{where or 'request'}'")
    found = {_SNAKE.sub(lambda match: match[1].upper(), str(name)): value for name, value in fields.items()}
    for name in found:
        if name not in names:
            place = f" at '{where}'" if where else ""
            raise Refused(400, f'Invalid JSON payload received. Unknown name "{name}"{place}: Cannot find field.')
    return found


def contents_of(listed: Any) -> list[dict[str, Any]]:
    """The turns, each with its role and its parts.

    Raises:
        Refused: 400.
    """
    listed = [listed] if isinstance(listed, dict) else listed
    if not isinstance(listed, list) or not listed:
        raise Refused(400, "* GenerateContentRequest.contents: contents is not specified")
    found = []
    for at, content in enumerate(listed):
        turn = known(content, frozenset(["role", "parts"]), f"contents[{at}]")
        role = turn.get("role", "user")
        if role not in ("user", "model", "function"):
            raise Refused(400, "Please use a valid role: user, model.")
        parts = turn.get("parts")
        if not isinstance(parts, list) or not parts:
            raise Refused(400, f"* GenerateContentRequest.contents[{at}].parts: contents.parts must not be empty.")
        found.append(
            {"role": role, "parts": [_part(part, f"contents[{at}].parts[{n}]") for n, part in enumerate(parts)]}
        )
    return found


def text_of(parts: Any) -> str:
    """The text of parts, without thoughts."""
    listed = parts if isinstance(parts, list) else []
    texts = (part["text"] for part in listed if isinstance(part, dict) and isinstance(part.get("text"), str))
    return " ".join(texts)


def _part(part: Any, where: str) -> dict[str, Any]:
    found = known(part, _PART, where)
    data = [
        name for name in found if name in _PART - {"thought", "thoughtSignature", "videoMetadata", "mediaResolution"}
    ]
    if len(data) != 1:
        raise Refused(400, f"{where}: required oneof field 'data' must have one initialized field")
    value = found[data[0]]
    if data[0] == "text" and not isinstance(value, str):
        raise Refused(400, f"Invalid value at '{where}.text' (TYPE_STRING)")
    if data[0] in ("functionCall", "functionResponse"):
        named = isinstance(value, dict) and isinstance(value.get("name"), str) and value["name"]
        inner = value.get("args" if data[0] == "functionCall" else "response", {}) if named else None
        if not isinstance(inner, dict):
            raise Refused(400, f"{where}.{data[0]}: a name and an object (Struct) are required")
    return found


def _is_image(part: Mapping[str, Any]) -> bool:
    data = part.get("inlineData") or part.get("fileData")
    kind = (data.get("mimeType") or data.get("mime_type")) if isinstance(data, dict) else ""
    return isinstance(kind, str) and kind.startswith("image/")


def _system(instruction: Any) -> Iterator[str]:
    if instruction is not None:
        yield text_of(known(instruction, frozenset(["role", "parts"]), "system_instruction").get("parts"))


def _limit(config: Mapping[str, Any]) -> int:
    limit = config.get("maxOutputTokens")
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise Refused(400, "max_output_tokens must be positive.")
    return limit or 0


def _tools(listed: Any) -> Iterator[Tool]:
    if listed is not None and not isinstance(listed, list):
        raise Refused(400, "Invalid value at 'tools'")
    for at, tool in enumerate(listed or []):
        declared = (
            tool.get("functionDeclarations", tool.get("function_declarations")) if isinstance(tool, dict) else None
        )
        for number, function in enumerate(declared if isinstance(declared, list) else []):
            where = f"tools[{at}].function_declarations[{number}]"
            found = known(function, _FUNCTION, where)
            if not isinstance(found.get("name"), str) or not found["name"]:
                raise Refused(400, f"{where}.name: is required")
            if "parametersJsonSchema" in found:
                yield Tool(found["name"], found["parametersJsonSchema"])
            else:
                yield Tool(found["name"], json_schema(found.get("parameters") or {}, f"{where}.parameters"))


def _force(config: Any) -> dict[str, Any]:
    calling = (config.get("functionCallingConfig") or config.get("function_calling_config")) if config else None
    if not isinstance(calling, dict):
        return {}
    mode = str(calling.get("mode", "AUTO")).upper()
    if mode not in _MODES:
        raise Refused(400, "Invalid value at 'tool_config.function_calling_config.mode'")
    allowed = calling.get("allowedFunctionNames") or calling.get("allowed_function_names") or []
    return {"force": allowed[0] if mode == "ANY" and len(allowed) == 1 else _MODES[mode]}


def _answer_schema(config: Mapping[str, Any]) -> Any:
    if config.get("responseMimeType") != "application/json":
        if "responseSchema" in config or "responseJsonSchema" in config:
            raise Refused(
                400, "Function calling or response schema with an unsupported response mime type: 'text/plain'"
            )
        return None
    if "responseJsonSchema" in config:
        return config["responseJsonSchema"]
    schema = config.get("responseSchema")
    return json_schema(schema, "generation_config.response_schema") if schema else JSON_OBJECT


def json_schema(schema: Any, where: str) -> dict[str, Any]:
    """Gemini's schema as JSON schema.

    Raises:
        Refused: 400, for what Gemini's schemas do not have, such as `additionalProperties` and `$ref`.
    """
    found = known(schema, _SCHEMA, where)
    kind = found.get("type")
    if kind is not None:
        if str(kind).upper() not in _TYPES:
            raise Refused(400, f"Invalid value at '{where}.type' (type.googleapis.com/google.ai.Type), \"{kind}\"")
        found["type"] = [str(kind).lower(), "null"] if found.get("nullable") else str(kind).lower()
    for name in ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"):
        if isinstance(found.get(name), str) and found[name].isdecimal():
            found[name] = int(found[name])  # Google's JSON has 64-bit numbers as text.
    if isinstance(found.get("properties"), dict):
        properties = found["properties"].items()
        found["properties"] = {name: json_schema(inner, f"{where}.properties[{name}]") for name, inner in properties}
    if "items" in found:
        found["items"] = json_schema(found["items"], f"{where}.items")
    if isinstance(found.get("anyOf"), list):
        found["anyOf"] = [json_schema(inner, f"{where}.any_of[{at}]") for at, inner in enumerate(found["anyOf"])]
    return found
