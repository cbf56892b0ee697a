"""OpenAI's own API. Source: https://platform.openai.com/docs/api-reference."""

from homeport.core.types import Surface
from homeport.providers.base import ProviderSetup, read_options
from homeport.providers.openai_compatible import OPENAI_NAMES, SPOKEN, Family, OpenAICompatible, OpenAIOptions

__all__ = ["SPOKEN", "SURFACES", "connect"]

SURFACES = frozenset({Surface.CHAT, Surface.COMPLETION, Surface.EMBEDDING, Surface.RESPONSES, Surface.MODERATION})
_FAMILY = Family(base_url="https://api.openai.com/v1", chat_names=OPENAI_NAMES)


def connect(setup: ProviderSetup) -> OpenAICompatible:
    """See `ProviderModule.connect`; needs an api_key only."""
    return OpenAICompatible(setup, read_options(setup, OpenAIOptions), _FAMILY)
