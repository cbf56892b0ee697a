"""Azure OpenAI: the v1 API, or deployments in the path with a dated `api_version`.

The model of a target is the name of its deployment. What Azure adds of its content filters passes through.
Sources: https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle,
https://learn.microsoft.com/azure/ai-foundry/openai/reference.
"""

import re
from urllib.parse import quote

from homeport.core.types import Surface, UpstreamCall
from homeport.providers.base import ProviderSetup, option_error, read_options
from homeport.providers.openai_compatible import OPENAI_NAMES, SPOKEN, Family, OpenAICompatible, OpenAIOptions

__all__ = ["SPOKEN", "SURFACES", "AzureOpenAI", "AzureOptions", "connect"]

SURFACES = frozenset({Surface.CHAT, Surface.COMPLETION, Surface.EMBEDDING, Surface.RESPONSES})
_FAMILY = Family(key_header="api-key", chat_names=OPENAI_NAMES)
_DATED = re.compile(r"\d{4}-\d{2}-\d{2}(?:-preview)?", re.ASCII)
_NAMED = frozenset({"", "v1", "preview", "latest"})


class AzureOptions(OpenAIOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of this API.

    Attributes:
        api_version: left out, the v1 API; a date such as "2024-10-21", deployments in the path.
    """

    api_version: str = ""


def connect(setup: ProviderSetup) -> "AzureOpenAI":
    """See `ProviderModule.connect`. The base_url is the resource's, such as https://NAME.openai.azure.com."""
    options = read_options(setup, AzureOptions)
    if options.api_version not in _NAMED and not _DATED.fullmatch(options.api_version):
        raise option_error(setup, AzureOptions, "`api_version` is a date such as 2024-10-21, or left out")
    return AzureOpenAI(setup, options)


class AzureOpenAI(OpenAICompatible):
    """An `Upstream`: OpenAI's API under Azure's addresses."""

    def __init__(self, setup: ProviderSetup, options: AzureOptions) -> None:
        super().__init__(setup, options, _FAMILY)
        resource = self._url.removesuffix("/v1").removesuffix("/openai")
        self._resource = f"{resource}/openai"
        self._dated = options.api_version if _DATED.fullmatch(options.api_version) else ""
        named = options.api_version not in {"", "v1", self._dated}
        self._query = f"?api-version={options.api_version}" if named or self._dated else ""

    def url_of(self, call: UpstreamCall) -> str:
        """Where a call goes: the Responses API names its model in the body alone."""
        if not self._dated:
            return f"{self._resource}/v1/{call.surface.value}{self._query}"
        if call.surface is Surface.RESPONSES:
            return f"{self._resource}/{call.surface.value}{self._query}"
        deployment = quote(call.target.model, safe="")
        return f"{self._resource}/deployments/{deployment}/{call.surface.value}{self._query}"
