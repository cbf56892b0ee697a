"""Together AI. Sources: https://docs.together.ai/docs/openai-api-compatibility, https://docs.together.ai/docs/error-codes.

A prompt that is too long for the model gets 403 there, which elsewhere means a wrong key.
"""

from homeport.core.types import Surface
from homeport.providers.base import ProviderSetup, read_options
from homeport.providers.openai_compatible import SPOKEN, Family, OpenAICompatible, OpenAIOptions

__all__ = ["SPOKEN", "SURFACES", "connect"]

SURFACES = frozenset({Surface.CHAT, Surface.COMPLETION, Surface.EMBEDDING, Surface.RERANK})
_FAMILY = Family(
    base_url="https://api.together.xyz/v1",
    chat_names={"max_completion_tokens": "max_tokens"},
    drop_fields=frozenset({"store", "metadata", "service_tier", "prompt_cache_key", "safety_identifier"}),
    meanings={403: 413},
)


def connect(setup: ProviderSetup) -> OpenAICompatible:
    """See `ProviderModule.connect`; needs an api_key only."""
    return OpenAICompatible(setup, read_options(setup, OpenAIOptions), _FAMILY)
