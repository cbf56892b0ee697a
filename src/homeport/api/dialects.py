"""Every API that callers can speak here, by surface: the paths below /v1, and what a line of a batch may be."""

from collections.abc import Mapping

from homeport.api.anthropic import AnthropicDialect
from homeport.api.moderations import ModerationDialect
from homeport.api.openai import OpenAIDialect
from homeport.api.rerank import RerankDialect
from homeport.api.responses import ResponsesDialect
from homeport.core.ports import Dialect
from homeport.core.types import Surface


def dialects() -> Mapping[Surface, Dialect]:
    openai = OpenAIDialect()
    return {
        Surface.CHAT: openai,
        Surface.COMPLETION: openai,
        Surface.EMBEDDING: openai,
        Surface.RESPONSES: ResponsesDialect(),
        Surface.MESSAGES: AnthropicDialect(),
        Surface.MODERATION: ModerationDialect(),
        Surface.RERANK: RerankDialect(),
    }
