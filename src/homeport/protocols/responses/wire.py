"""The body of POST /v1/responses, as much of it as is checked for whoever answers it.

Source: OpenAI's API reference, "Create a model response". Items and tools are loose: there are kinds
that only some upstreams know, and a body that goes to one of those passes through as it came.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

ModelName = Annotated[str, Meta(min_length=1, max_length=256, examples=["auto"])]
Kind = Annotated[str, Meta(min_length=1, max_length=64)]


class ResponsePart(Struct, frozen=True, kw_only=True):
    """A piece of content: input_text, input_image, input_file, output_text, refusal, reasoning_text and more."""

    type: Kind
    text: str | None = None
    refusal: str | None = None
    image_url: str | None = None
    detail: str | None = None
    file_id: str | None = None
    file_data: str | None = None
    file_url: str | None = None
    filename: str | None = None
    input_audio: Any = None


class ResponseItem(Struct, frozen=True, kw_only=True):
    """Something said or done before: a message where `type` is missing."""

    type: Kind | None = None
    role: Kind | None = None
    content: str | list[ResponsePart] | None = None
    summary: list[ResponsePart] | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: Any = None
    input: Any = None
    output: Any = None


class ResponseTool(Struct, frozen=True, kw_only=True):
    """A function of the caller's, a custom tool, or a tool that the upstream runs itself."""

    type: Kind
    name: str | None = None
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    format: Any = None


class TextFormat(Struct, frozen=True, kw_only=True):
    """What the text must be: text, json_object or json_schema."""

    type: Kind
    name: str | None = None
    description: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class TextOptions(Struct, frozen=True, kw_only=True):
    format: TextFormat | None = None
    verbosity: str | None = None


class ReasoningOptions(Struct, frozen=True, kw_only=True):
    effort: str | None = None
    summary: str | None = None


class ResponseRequest(Struct, frozen=True, kw_only=True):
    """The fields that are read; all others go on as they came."""

    model: ModelName
    input: str | list[ResponseItem]
    instructions: str | None = None
    stream: bool | None = None
    tools: list[ResponseTool] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    text: TextOptions | None = None
    reasoning: ReasoningOptions | None = None
    max_output_tokens: Annotated[int, Meta(ge=1, le=10_000_000)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    include: list[str] | None = None
    metadata: dict[str, str] | None = None
    user: str | None = None
    store: bool | None = None
    background: bool | None = None
    previous_response_id: str | None = None
    conversation: str | dict[str, Any] | None = None
    prompt: dict[str, Any] | None = None
    truncation: str | None = None


READ = frozenset(ResponseRequest.__struct_fields__)
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
