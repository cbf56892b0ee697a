"""A server that already runs and speaks OpenAI's API: Ollama, vLLM, SGLang, TGI, llama-server."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from homeport.core.errors import ConfigError
from homeport.core.types import Surface
from homeport.engines.base import TEXT_SURFACES, Endpoint, EngineSetup, Launch, fingerprint_of, profile_of


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """Options of `engines.NAME.profile`.

    Attributes:
        slots: how many requests the server answers at once.
        embeddings: it answers /v1/embeddings too.
        rerank: it answers /v1/rerank too.
        cache_salt: it is vLLM, or another server that keeps prompts with different `cache_salt` apart: send one for
            each `key`, or for each `project`. Left out: none is sent, and its callers share what it has read.
        health: path of its health check below the host; by default the list of models.
    """

    slots: Annotated[int, Meta(ge=1, le=4096)] = 1
    embeddings: bool = False
    rerank: bool = False
    cache_salt: Literal["key", "project"] | None = None
    health: Annotated[str, Meta(pattern="^/")] = "/v1/models"


def render(setup: EngineSetup) -> Launch:
    """Nothing is started; the server is only reached and watched."""
    profile: Profile = profile_of(setup, Profile)
    if not setup.url:
        raise ConfigError(
            f"engines.{setup.name} is external and has no url",
            code="engine_option_invalid",
            hint=f"add engines.{setup.name}.url, such as http://127.0.0.1:11434/v1",
        )
    host = setup.url.removesuffix("/").removesuffix("/v1")
    endpoint = Endpoint(
        url=setup.url,
        api_key=setup.api_key,
        health_url=host + profile.health,
        surfaces=_surfaces(profile),
        slots=profile.slots,
        fingerprint=fingerprint_of("external", "", setup, profile),
        salted_by=profile.cache_salt or "",
    )
    return Launch(endpoint=endpoint)


def _surfaces(profile: Profile) -> frozenset[Surface]:
    asked = {Surface.EMBEDDING: profile.embeddings, Surface.RERANK: profile.rerank}
    return TEXT_SURFACES | {surface for surface, serves in asked.items() if serves}
