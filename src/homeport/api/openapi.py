"""/openapi.json: an OpenAPI 3.1 document of all that is served. Its schemas come from the structs that decode."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from homeport.api.operations import ADMIN, INFERENCE, USAGE, Operation
from homeport.config.privacy import CLASS_NAME
from homeport.pipeline.deadline import HEADER as DEADLINE_HEADER
from homeport.privacy.classes import HEADER as DATA_CLASS_HEADER

Schemas = Mapping[type[msgspec.Struct], dict[str, Any]]

_REF = "#/components/schemas/{name}"
_CODES = {
    "400": "invalid_json invalid_utf8 json_too_deep invalid_value surface_not_supported "
    "capability_not_supported upstream_rejected_request",
    "401": "missing_api_key invalid_api_key",
    "403": "not_permitted model_not_permitted private_model_is_remote",
    "404": "model_not_found request_unknown not_found",
    "405": "method_not_allowed",
    "413": "request_too_large",
    "429": "upstream_rate_limited",
    "500": "internal_error",
    "502": "upstream_bad_answer upstream_stream_cut",
    "503": "overloaded upstream_unavailable private_tier_unavailable journal_full",
    "504": "upstream_timeout upstream_stalled",
}
"""Codes that a status is told with most often; docs/reference/errors.md has all of them."""
_ABOUT_UPSTREAMS = frozenset({"429", "502", "504"})
_HEADERS_OF = {"401": ("www-authenticate",), "405": ("allow",), "503": ("retry-after",)}
_ABOUT_HEADERS = {
    "x-homeport-request-id": "id of the request in the ledger",
    "www-authenticate": "how to send the key",
    "allow": "the methods of this path",
    "retry-after": "seconds to wait",
}


def document(operations: Sequence[Operation], version: str) -> bytes:
    """The document as JSON."""
    schemas, components = msgspec.json.schema_components(_types(operations), ref_template=_REF)
    by_type = dict(zip(_types(operations), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation, by_type)
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "Homeport",
                "version": version,
                "description": "Inference on models you own and on APIs, with the cost on every answer.",
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "security": [{"bearer": []}, {"api_key": []}],
            "paths": paths,
            "components": {
                "schemas": components,
                "securitySchemes": {
                    "bearer": {"type": "http", "scheme": "bearer"},
                    "api_key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                },
            },
        }
    )


def _types(operations: Iterable[Operation]) -> list[type[msgspec.Struct]]:
    kinds = (kind for one in operations for kind in (one.request, one.answer, one.unready, one.error))
    used = (kind for kind in kinds if kind is not None)
    return list(dict.fromkeys(used))


def _operation(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [operation.tag],
        "parameters": [*_path_parameters(operation.path), *_query_parameters(operation), *_headers(operation)],
        "responses": _responses(operation, schemas),
    }
    if operation.request is not None:
        content = {"application/json": {"schema": schemas[operation.request]}}
        told["requestBody"] = {"required": not operation.optional, "content": content}
    if operation.form:
        form = {"type": "object", "properties": dict(operation.form), "required": list(operation.form)}
        told["requestBody"] = {"required": True, "content": {"multipart/form-data": {"schema": form}}}
    if operation.is_public:
        told["security"] = []
    return told


def _path_parameters(path: str) -> Iterable[dict[str, Any]]:
    for name in re.findall(r"\{(\w+)\}", path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _query_parameters(operation: Operation) -> Iterable[dict[str, Any]]:
    if operation.query is None:
        return
    [[_], components] = msgspec.json.schema_components([operation.query], ref_template=_REF)
    for name, schema in components[operation.query.__name__]["properties"].items():
        yield {"name": name, "in": "query", "schema": schema}


def _headers(operation: Operation) -> Iterable[dict[str, Any]]:
    if operation.has_body and operation.tag not in (ADMIN, USAGE):
        yield _DATA_CLASS
    if operation.tag == INFERENCE:
        yield _DEADLINE


_DATA_CLASS = {
    "name": DATA_CLASS_HEADER,
    "in": "header",
    "description": "`open`, `private`, which keeps the request on your own engines, or a class of the configuration. "
    "A key's own class cannot be loosened.",
    "schema": {"type": "string", "pattern": CLASS_NAME},
}
_DEADLINE = {
    "name": DEADLINE_HEADER,
    "in": "header",
    "description": "Seconds that the answer may take.",
    "schema": {"type": "number", "exclusiveMinimum": 0, "maximum": 999_999_999},
}


def _responses(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    told = {str(operation.status): {"description": operation.summary, "content": _content(operation, schemas)}}
    for status, codes in _CODES.items():
        if _may(status, operation):
            told[status] = _error(status, codes, schemas[operation.error])
    if operation.unready is not None:
        content = {"application/json": {"schema": schemas[operation.unready]}}
        told["503"] = {"description": "Not ready", "content": content}
    if not operation.is_public:
        told["4XX"] = _error("4XX", "upstream_rejected_request invalid_value", schemas[operation.error])
    return told


def _may(status: str, operation: Operation) -> bool:
    """Whether an operation may be refused with a status. Only inference asks upstreams."""
    if status in ("405", "500", *operation.refusals):
        return True
    return not operation.is_public and (operation.tag == INFERENCE or status not in _ABOUT_UPSTREAMS)


def _content(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    if operation.answer is None:
        kind = "object" if operation.media == "application/json" else "string"
        return {operation.media: {"schema": {"type": kind}}}
    schema: dict[str, Any] = schemas[operation.answer]
    if operation.several:
        schema = {"type": "array", "items": schema}
    content: dict[str, Any] = {operation.media: {"schema": schema}}
    if operation.streams:
        content["text/event-stream"] = {}  # Version 3.1 has no words for the events of a stream.
    return content


def _error(status: str, codes: str, schema: dict[str, Any]) -> dict[str, Any]:
    names = ("x-homeport-request-id", *_HEADERS_OF.get(status, ()))
    return {
        "description": "Codes: " + ", ".join(f"`{code}`" for code in codes.split()),
        "headers": {name: _header(name) for name in names},
        "content": {"application/json": {"schema": schema}},
    }


def _header(name: str) -> dict[str, Any]:
    return {"description": _ABOUT_HEADERS[name], "required": True, "schema": {"type": "string"}}
