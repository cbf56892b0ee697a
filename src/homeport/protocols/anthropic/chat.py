"""The wire of a chat request, as far as it is said to Anthropic.

A field that is typed and never read is one that OpenAI or its family documents and whose loss changes
nothing; `request_from_chat` says which. A message's field that is not here is refused.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from homeport.protocols.anthropic.messages import RedactedThinking, Thinking

Name = Annotated[str, Meta(min_length=1, max_length=256)]
Tokens = Annotated[int, Meta(ge=0, le=10_000_000)]


class Hints(Struct, kw_only=True):
    """Of every part and message: where a cached prefix may end.

    `cache_control` is Anthropic's word; clients send it here too. LiteLLM's put it on messages as well.
    """

    cache_control: Any = None
    prompt_cache_breakpoint: Any = None


class TextPart(Hints, tag_field="type", tag="text", forbid_unknown_fields=True):
    text: str


class RefusalPart(Struct, tag_field="type", tag="refusal", forbid_unknown_fields=True):
    refusal: str


class ImageUrl(Struct, forbid_unknown_fields=True):
    url: str
    detail: str | None = None


class ImagePart(Hints, tag_field="type", tag="image_url", forbid_unknown_fields=True):
    image_url: ImageUrl


class FileData(Struct, forbid_unknown_fields=True):
    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class FilePart(Hints, tag_field="type", tag="file", forbid_unknown_fields=True):
    file: FileData


class AudioPart(Struct, tag_field="type", tag="input_audio"):
    """Typed to be refused by name."""


Part = TextPart | ImagePart | FilePart | AudioPart | RefusalPart


class Function(Struct, forbid_unknown_fields=True):
    name: Name
    arguments: str
    provider_specific_fields: Any = None


class ToolCall(Struct, forbid_unknown_fields=True):
    id: Name
    function: Function
    type: Literal["function"] = "function"
    index: Any = None
    provider_specific_fields: Any = None


class SystemMessage(Hints, tag_field="role", tag="system", forbid_unknown_fields=True):
    content: str | list[TextPart]
    name: str | None = None


class DeveloperMessage(Hints, tag_field="role", tag="developer", forbid_unknown_fields=True):
    content: str | list[TextPart]
    name: str | None = None


class UserMessage(Hints, tag_field="role", tag="user", forbid_unknown_fields=True):
    content: str | list[Part]
    name: str | None = None


class AssistantMessage(Hints, tag_field="role", tag="assistant", forbid_unknown_fields=True):
    content: str | list[Part] | None = None
    name: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None
    thinking_blocks: list[Thinking | RedactedThinking] | None = None
    function_call: None = None
    audio: None = None
    annotations: Any = None
    reasoning: Any = None
    reasoning_content: Any = None
    reasoning_details: Any = None
    provider_specific_fields: Any = None


class ToolMessage(Hints, tag_field="role", tag="tool", forbid_unknown_fields=True):
    tool_call_id: Name
    content: str | list[Part]
    name: str | None = None


Message = SystemMessage | DeveloperMessage | UserMessage | AssistantMessage | ToolMessage


class ToolFunction(Hints, forbid_unknown_fields=True):
    name: Name
    description: str | None = None
    parameters: dict[str, Raw] | None = None
    strict: bool | None = None


class Tool(Hints, forbid_unknown_fields=True):
    type: Literal["function"]
    function: ToolFunction


class ChosenFunction(Struct):
    name: Name


class ToolChoice(Struct, forbid_unknown_fields=True):
    type: Literal["function"]
    function: ChosenFunction


class JsonSchema(Struct):
    schema: dict[str, Raw] | None = None


class ResponseFormat(Struct):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class ChatRequest(Struct, kw_only=True):
    """The fields that have a word at Anthropic, and those whose loss would change the answer."""

    model: str
    messages: Annotated[list[Message], Meta(min_length=1)]
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    stop: str | list[str] | None = None
    stream: bool | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: Annotated[int, Meta(ge=-1)] | None = None
    user: str | None = None
    safety_identifier: str | None = None
    tools: list[Tool] | None = None
    tool_choice: Literal["auto", "required", "none"] | ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    service_tier: Literal["auto", "default", "flex", "scale", "priority", "fast"] | None = None
    # Refused where they ask for something.
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    modalities: list[str] | None = None
    audio: Any = None
    functions: Any = None
    function_call: Any = None
    web_search_options: Any = None
    moderation: Any = None
    verbosity: str | None = None
    # Hints, and what is not about the answer.
    seed: Any = None
    metadata: Any = None
    prediction: Any = None
    prompt_cache_key: Any = None
    prompt_cache_options: Any = None
    prompt_cache_retention: Any = None
    store: Any = None
    stream_options: Any = None


REQUEST = msgspec.json.Decoder(ChatRequest)
