"""OpenAI's own API. Source: https://platform.openai.com/docs/api-reference."""

from homeport.core.types import Surface
from homeport.providers.base import ProviderSetup, read_options
from homeport.providers.openai_compatible import SPOKEN, Family, OpenAICompatible, OpenAIOptions

__all__ = ["SPOKEN", "SURFACES", "connect"]

SURFACES = frozenset({Surface.CHAT, Surface.COMPLETION, Surface.EMBEDDING, Surface.RESPONSES, Surface.MODERATION})
# Reasoning models refuse `max_tokens`, which chats told in other words carry; every model knows its successor.
_FAMILY = Family(base_url="https://api.openai.com/v1", chat_names={"max_tokens": "max_completion_tokens"})


def connect(setup: ProviderSetup) -> OpenAICompatible:
    """See `ProviderModule.connect`; needs an api_key only."""
    return OpenAICompatible(setup, read_options(setup, OpenAIOptions), _FAMILY)
