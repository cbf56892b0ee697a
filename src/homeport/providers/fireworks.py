"""Fireworks AI. Sources: https://docs.fireworks.ai/tools-sdks/openai-compatibility, https://docs.fireworks.ai/guides/inference-error-codes.

An account that is suspended or over its spending limit gets 412 there.
"""

from homeport.core.types import Surface
from homeport.providers.base import ProviderSetup, read_options
from homeport.providers.openai_compatible import SPOKEN, Family, OpenAICompatible, OpenAIOptions

__all__ = ["SPOKEN", "SURFACES", "connect"]

SURFACES = frozenset({Surface.CHAT, Surface.COMPLETION, Surface.EMBEDDING})
_FAMILY = Family(
    base_url="https://api.fireworks.ai/inference/v1",
    chat_names={"max_completion_tokens": "max_tokens"},
    drop_fields=frozenset({"store", "service_tier", "safety_identifier"}),
    meanings={412: 402},
)


def connect(setup: ProviderSetup) -> OpenAICompatible:
    """See `ProviderModule.connect`; needs an api_key only."""
    return OpenAICompatible(setup, read_options(setup, OpenAIOptions), _FAMILY)
