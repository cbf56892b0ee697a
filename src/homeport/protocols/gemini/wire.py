"""What Gemini says and is told, as far as it is read. Names are in snake case here and in camel case on the wire."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct

from homeport.core.errors import BadAnswer, InvalidRequest

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
NULL = Raw(b"null")
# What is under these keys is the caller's own: its keys are no names of the protocol.
_OPAQUE = frozenset({"args", "response", "parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema"})
_MAX_DEPTH = 200

Kind = TypeVar("Kind")


class Blob(Struct, rename="camel", omit_defaults=True):
    """Media inside the request. `data` is base64."""

    mime_type: str = ""
    data: str = ""


class FileData(Struct, rename="camel", omit_defaults=True):
    file_uri: str
    mime_type: str = ""


class FunctionCall(Struct, rename="camel", omit_defaults=True):
    name: str
    args: dict[str, Any] = {}
    id: str = ""


class FunctionResponse(Struct, rename="camel", omit_defaults=True):
    name: str
    response: Any = None
    id: str = ""


class ExecutableCode(Struct, rename="camel", omit_defaults=True):
    code: str = ""
    language: str = ""


class CodeExecutionResult(Struct, rename="camel", omit_defaults=True):
    outcome: str = ""
    output: str = ""


class Part(Struct, rename="camel", omit_defaults=True):
    text: str | None = None
    thought: bool = False
    thought_signature: str = ""
    inline_data: Blob | None = None
    file_data: FileData | None = None
    function_call: FunctionCall | None = None
    function_response: FunctionResponse | None = None
    executable_code: ExecutableCode | None = None
    code_execution_result: CodeExecutionResult | None = None


class Content(Struct, rename="camel", omit_defaults=True):
    parts: list[Part] = []
    role: str = ""


class FunctionDeclaration(Struct, rename="camel", omit_defaults=True):
    name: str
    description: str = ""
    parameters: dict[str, Any] | None = None
    parameters_json_schema: Any = None


class Tool(Struct, rename="camel", omit_defaults=True):
    function_declarations: list[FunctionDeclaration] = []


class FunctionCallingConfig(Struct, rename="camel", omit_defaults=True):
    mode: str = ""
    allowed_function_names: list[str] = []


class ToolConfig(Struct, rename="camel", omit_defaults=True):
    function_calling_config: FunctionCallingConfig | None = None


class ThinkingConfig(Struct, rename="camel", omit_defaults=True):
    thinking_budget: int | None = None
    thinking_level: str = ""


class Request(Struct, rename="camel", omit_defaults=True):
    """The fields of a request that are translated; others are carried along under `extra_body.google`."""

    contents: list[Content]
    system_instruction: Content | None = None
    tools: list[dict[str, Any]] = []
    tool_config: ToolConfig | None = None
    generation_config: dict[str, Any] = {}


class TokenLogprob(Struct, rename="camel"):
    token: str = ""
    log_probability: float = 0.0


class TopCandidates(Struct, rename="camel"):
    candidates: list[TokenLogprob] = []


class LogprobsResult(Struct, rename="camel"):
    chosen_candidates: list[TokenLogprob] = []
    top_candidates: list[TopCandidates] = []


class Candidate(Struct, rename="camel"):
    """One of the answers. The raw fields are carried to the caller as they came."""

    content: Content | None = None
    finish_reason: str = ""
    finish_message: str = ""
    index: int = 0
    logprobs_result: LogprobsResult | None = None
    safety_ratings: Raw = NULL
    citation_metadata: Raw = NULL
    grounding_metadata: Raw = NULL
    url_context_metadata: Raw = NULL


class PromptFeedback(Struct, rename="camel"):
    block_reason: str = ""


class Response(Struct, rename="camel"):
    """A whole answer, or one event of a stream."""

    candidates: list[Candidate] = []
    prompt_feedback: PromptFeedback | None = None
    usage_metadata: Raw = NULL
    model_version: str = ""
    response_id: str = ""
    error: Raw = NULL


_RESPONSE = msgspec.json.Decoder(Response)


def read_response(data: bytes) -> Response:
    """A whole answer or one event.

    Raises:
        BadAnswer: not JSON, or not an answer of this API.
    """
    try:
        data.decode()  # The decoder skips what is not read, broken text included.
        return _RESPONSE.decode(data)
    except UNREADABLE as error:
        raise BadAnswer("the upstream answered with something that is not a Gemini answer") from error


def read(raw: Raw | bytes, kind: type[Kind], name: str) -> Kind:
    """A field of the caller's request as a value of `kind`.

    Raises:
        InvalidRequest: it is something else; `param` says where.
    """
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        raise _misfit(error, name) from None
    except RecursionError:
        raise too_deep() from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidRequest("this is not JSON", code="invalid_json", hint="send one JSON object", param=name) from None


def fit(value: Any, kind: type[Kind], name: str) -> Kind:
    """A decoded value as one of `kind`. Raises InvalidRequest as `read` does."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise _misfit(error, name) from None
    except RecursionError:
        raise too_deep() from None


def too_deep() -> InvalidRequest:
    return InvalidRequest("the JSON is nested too deeply", code="json_too_deep", hint="flatten it")


def _misfit(error: msgspec.ValidationError, name: str) -> InvalidRequest:
    message, _, path = str(error).partition(" - at ")
    return InvalidRequest(message, param=name + path.strip("`").removeprefix("$"))


def unsupported(name: str, why: str, hint: str = "") -> InvalidRequest:
    """The refusal of what has no place in the other protocol."""
    return InvalidRequest(f"{name}: {why}", hint=hint or f"leave {name} out, or use another model", param=name)


def camel(name: str) -> str:
    """Google's JSON takes `max_output_tokens` for `maxOutputTokens`; so do we."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def camel_keys(value: Any, depth: int = 0) -> Any:
    """`value` with the protocol's own names in camel case; the caller's names stay.

    Raises:
        InvalidRequest: json_too_deep.
    """
    if depth > _MAX_DEPTH:
        raise too_deep()
    if isinstance(value, Mapping):
        named = [(camel(key), inner) for key, inner in value.items()]
        return {key: inner if key in _OPAQUE else camel_keys(inner, depth + 1) for key, inner in named}
    return [camel_keys(item, depth + 1) for item in value] if isinstance(value, list) else value


def known(kind: type[Struct]) -> frozenset[str]:
    """The wire names of a struct's fields."""
    return frozenset(field.encode_name for field in msgspec.structs.fields(kind))
