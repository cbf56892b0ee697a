"""The wire of a Messages request: what each field and block may hold.

A field that is typed and never read is one that Anthropic documents and whose loss changes nothing;
the translators say which. A block's field that is not here is refused.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw, Struct

Name = Annotated[str, Meta(min_length=1, max_length=256)]


class CacheHint(Struct, kw_only=True):
    """Of every block: where a cached prefix may end."""

    cache_control: Any = None


class Text(CacheHint, tag_field="type", tag="text", forbid_unknown_fields=True):
    text: str
    citations: Any = None


class Base64(Struct, tag_field="type", tag="base64", forbid_unknown_fields=True):
    media_type: str
    data: str


class Url(Struct, tag_field="type", tag="url", forbid_unknown_fields=True):
    url: str


class File(Struct, tag_field="type", tag="file", forbid_unknown_fields=True):
    file_id: str


class PlainText(Struct, tag_field="type", tag="text", forbid_unknown_fields=True):
    data: str
    media_type: str = "text/plain"


class Image(CacheHint, tag_field="type", tag="image", forbid_unknown_fields=True):
    source: Base64 | Url | File
    transformations: Any = None


class Content(Struct, tag_field="type", tag="content", forbid_unknown_fields=True):
    content: str | list[Text | Image]


class Citations(Struct, forbid_unknown_fields=True):
    enabled: bool | None = None


class Document(CacheHint, tag_field="type", tag="document", forbid_unknown_fields=True):
    source: Base64 | Url | File | PlainText | Content
    title: str | None = None
    context: str | None = None
    citations: Citations | None = None


class SearchResult(CacheHint, tag_field="type", tag="search_result", forbid_unknown_fields=True):
    source: str
    title: str
    content: list[Text]
    citations: Citations | None = None


class ToolResult(CacheHint, tag_field="type", tag="tool_result", forbid_unknown_fields=True):
    tool_use_id: Name
    content: str | list[Text | Image | Document | SearchResult] | None = None
    is_error: bool | None = None
    toolset_name: None = None


class ToolUse(CacheHint, tag_field="type", tag="tool_use", forbid_unknown_fields=True):
    id: Name
    name: Name
    input: Raw
    caller: Any = None
    toolset_name: None = None


class Thinking(Struct, tag_field="type", tag="thinking", forbid_unknown_fields=True):
    thinking: str
    signature: str = ""


class RedactedThinking(Struct, tag_field="type", tag="redacted_thinking", forbid_unknown_fields=True):
    data: str


Said = Text | Image | Document | SearchResult | ToolResult


class User(Struct, tag_field="role", tag="user", forbid_unknown_fields=True):
    content: str | list[Said]


class Assistant(Struct, tag_field="role", tag="assistant", forbid_unknown_fields=True):
    content: str | list[Text | Thinking | RedactedThinking | ToolUse]


class System(Struct, tag_field="role", tag="system", forbid_unknown_fields=True):
    content: str | list[Text]


class ToolKind(Struct):
    type: str | None = None


class Tool(CacheHint, forbid_unknown_fields=True):
    """A tool of the caller's. Anthropic's own have another `type`, and run nowhere else."""

    name: Name
    input_schema: dict[str, Raw]
    type: Literal["custom"] | None = None
    description: str | None = None
    strict: bool | None = None
    eager_input_streaming: bool | None = None
    defer_loading: bool | None = None
    input_examples: Any = None
    allowed_callers: Any = None


class ToolChoice(Struct, forbid_unknown_fields=True):
    type: Literal["auto", "any", "tool", "none"]
    name: Name | None = None
    disable_parallel_tool_use: bool | None = None


class ThinkingConfig(Struct, forbid_unknown_fields=True):
    type: Literal["enabled", "adaptive", "between_tools", "disabled"]
    budget_tokens: Annotated[int, Meta(ge=0)] | None = None
    display: str | None = None


class OutputFormat(Struct, forbid_unknown_fields=True):
    type: Literal["json_schema"]
    schema: dict[str, Raw]


class OutputConfig(Struct, forbid_unknown_fields=True):
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: OutputFormat | None = None


class Metadata(Struct, forbid_unknown_fields=True):
    user_id: str | None = None


class MessagesRequest(Struct, kw_only=True):
    """The fields that have a word in chat, and those whose loss would change the answer."""

    model: str
    messages: Annotated[list[User | Assistant | System], Meta(min_length=1)]
    max_tokens: Annotated[int, Meta(ge=0, le=10_000_000)]
    system: str | list[Text] | None = None
    stop_sequences: list[str] | None = None
    stream: bool | None = None
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: Annotated[int, Meta(ge=0)] | None = None
    metadata: Metadata | None = None
    tools: list[Raw] | None = None
    tool_choice: ToolChoice | None = None
    thinking: ThinkingConfig | None = None
    output_config: OutputConfig | None = None
    output_format: OutputFormat | None = None
    service_tier: Literal["auto", "standard_only"] | None = None
    container: Any = None
    mcp_servers: list[Any] | None = None
    inference_geo: Any = None
    user_profile_id: Any = None
    # Hints, and orders to Anthropic's servers to keep or to forget.
    cache_control: Any = None
    context_management: Any = None
    diagnostics: Any = None
    speed: Any = None
    anthropic_beta: Any = None
    betas: Any = None


REQUEST = msgspec.json.Decoder(MessagesRequest)
TOOL = msgspec.json.Decoder(Tool)
TOOL_KIND = msgspec.json.Decoder(ToolKind)
