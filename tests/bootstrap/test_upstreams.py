"""What the configuration says of a target, and what its adapter can do."""

from pathlib import Path
from typing import Any

import pytest

from homeport import bootstrap
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.core.errors import ConfigError
from homeport.core.types import Surface
from homeport.engines.base import Endpoint


def settings(surfaces: list[str], *, engine: bool = False, **provider: Any) -> Settings:
    upstream = {"engine": "up"} if engine else {"provider": "up"}
    own = {"engines": {"up": {"engine": "external", "url": "http://127.0.0.1:1/v1", "hourly_cost_usd": "0.10"}}}
    other = {"providers": {"up": {"api_key": "k", "base_url": "http://127.0.0.1:1/v1", **provider}}}
    target = {"model": "m", "surfaces": surfaces, **upstream}
    return Settings.model_validate({**(own if engine else other), "tiers": [{"name": "t", "targets": [target]}]})


@pytest.mark.parametrize("name", ["openai_compatible", "openai", "together", "fireworks", "azure"])
def test_a_server_of_messages_is_a_provider_of_its_own(name: str) -> None:
    """OpenAI's adapter would ask for a usage chunk, and take the stream's end for a cut."""
    chosen = settings(["chat/completions", "messages"], provider=name)
    for attempt in (lambda: bootstrap.build_targets(chosen, {}), lambda: bootstrap.try_provider(chosen, "up")):
        with pytest.raises(ConfigError, match="'m' has 'messages' in its surfaces") as caught:
            attempt()
        assert caught.value.code == "adapter_surface_unknown"
        assert "provider: anthropic" in caught.value.hint
    [target] = bootstrap.build_targets(settings(["messages"], provider="anthropic"), {})
    assert target.surfaces == {Surface.MESSAGES}


def test_an_engine_is_asked_in_words_of_openai() -> None:
    chosen = settings(["messages"], engine=True)
    endpoint = Endpoint(url="http://127.0.0.1:1/v1", api_key="", health_url="", surfaces=frozenset({Surface.CHAT}))
    for attempt in (
        lambda: bootstrap.build_targets(chosen, {"up": endpoint}),
        lambda: bootstrap.try_engine(chosen, "up", Home(Path("nowhere"))),
    ):
        with pytest.raises(ConfigError, match="messages"):
            attempt()


@pytest.mark.parametrize("salted_by", ["", "key", "project"])
def test_a_target_keeps_apart_what_its_engine_does(salted_by: str) -> None:
    endpoint = Endpoint(
        url="http://127.0.0.1:1/v1",
        api_key="",
        health_url="",
        surfaces=frozenset({Surface.CHAT}),
        salted_by=salted_by,
    )
    [target] = bootstrap.build_targets(settings(["chat/completions"], engine=True), {"up": endpoint})
    assert target.salted_by == salted_by


def test_the_refusal_says_what_an_adapter_knows() -> None:
    with pytest.raises(ConfigError) as caught:
        bootstrap.build_targets(settings(["rerank"], provider="anthropic"), {})
    assert caught.value.hint == "use some of: chat/completions, messages"


def test_an_adapter_that_does_not_say_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("homeport.providers.gemini.SPOKEN")
    [target] = bootstrap.build_targets(settings(["rerank"], provider="gemini"), {})
    assert target.surfaces == {Surface.RERANK}
