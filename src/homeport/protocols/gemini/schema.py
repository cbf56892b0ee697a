"""Gemini's Schema objects as JSON Schema.

Gemini takes JSON Schema as it is (`parametersJsonSchema`, `responseJsonSchema`), so nothing is translated the
other way. Its older form is a subset of OpenAPI 3.0: types in capitals, `nullable`, counts as text.
Source: https://ai.google.dev/api/caching#Schema.
"""

from typing import Any

from homeport.core.errors import InvalidRequest
from homeport.protocols.gemini.wire import camel

_MAX_DEPTH = 100
_COUNTS = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"})
_ONE = frozenset({"items", "additionalProperties"})
_MANY = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_MAPS = frozenset({"properties", "$defs", "defs"})


def json_schema(schema: Any, name: str, depth: int = 0) -> Any:
    """A Schema object as JSON Schema.

    Args:
        name: where it is in the request, for the error.

    Raises:
        InvalidRequest: it is not an object, or too deep.
    """
    if depth > _MAX_DEPTH:
        raise InvalidRequest("the schema is nested too deeply", code="json_too_deep", hint="flatten it", param=name)
    if not isinstance(schema, dict):
        raise InvalidRequest("a schema should be an object", param=name)
    fields = {camel(key): value for key, value in schema.items()}
    nullable = fields.pop("nullable", False) is True
    converted = {key: _keyword(key, value, f"{name}.{key}", depth + 1) for key, value in fields.items()}
    return _nullable(converted) if nullable else converted


def _keyword(key: str, value: Any, name: str, depth: int) -> Any:
    if key == "type":
        return _type(value)
    if key in _COUNTS:
        return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
    if key in _ONE:
        return value if isinstance(value, bool) else json_schema(value, name, depth)
    if key in _MANY and isinstance(value, list):
        return [json_schema(item, name, depth) for item in value]
    if key in _MAPS and isinstance(value, dict):
        return {inner: json_schema(item, f"{name}.{inner}", depth) for inner, item in value.items()}
    return value


def _type(value: Any) -> Any:
    if isinstance(value, list):
        return [_type(item) for item in value]
    return value.lower() if isinstance(value, str) else value


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    if "anyOf" in schema and "type" not in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    widened = {"type": [schema["type"], "null"]} if isinstance(schema.get("type"), str) else {}
    options = schema.get("enum")
    if isinstance(options, list) and None not in options:
        widened["enum"] = [*options, None]
    return schema | widened
