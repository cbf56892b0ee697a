"""A server that somebody else runs."""

from pathlib import Path
from typing import Any

import pytest

from homeport.core.errors import ConfigError
from homeport.core.types import Surface
from homeport.engines.base import TEXT_SURFACES, EngineSetup
from homeport.engines.external import render

URL = "http://127.0.0.1:11434/v1"


def setup(url: str = URL, **profile: Any) -> EngineSetup:
    return EngineSetup(
        name="ollama", profile=profile, package=None, derived=Path("derived"), url=url, api_key="k", port=1, token="t"
    )


def test_nothing_is_started() -> None:
    launch = render(setup())
    assert (launch.argv, launch.stdin) == ((), b"")
    assert (launch.endpoint.url, launch.endpoint.api_key) == ("http://127.0.0.1:11434/v1", "k")
    assert launch.endpoint.surfaces == {Surface.CHAT, Surface.COMPLETION}


def test_embeddings_are_offered_where_they_are_configured() -> None:
    assert Surface.EMBEDDING in render(setup(embeddings=True)).endpoint.surfaces


@pytest.mark.parametrize(
    ("url", "health", "asked"),
    [
        ("http://h:1/v1", None, "http://h:1/v1/models"),
        ("http://h:1/v1/", None, "http://h:1/v1/models"),
        ("http://h:1/v1", "/health", "http://h:1/health"),
        ("https://h/api/v1", None, "https://h/api/v1/models"),
    ],
)
def test_where_its_health_is_asked(url: str, health: str | None, asked: str) -> None:
    launch = render(setup(url, **({} if health is None else {"health": health})))
    assert launch.endpoint.health_url == asked


@pytest.mark.parametrize("health", ["health", "", "@evil.example/", ".evil.example", ":80/"])
def test_a_health_path_cannot_become_another_host(health: str) -> None:
    with pytest.raises(ConfigError) as caught:
        render(setup(health=health))
    assert caught.value.code == "engine_option_invalid"


@pytest.mark.parametrize("profile", [{"slots": 0}, {"slots": None}, {"embeddings": 1}, {"context": 4096}])
def test_bad_options(profile: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        render(setup(**profile))
    assert caught.value.code == "engine_option_invalid"


@pytest.mark.parametrize(("option", "surface"), [("embeddings", Surface.EMBEDDING), ("rerank", Surface.RERANK)])
def test_what_it_answers_is_said(option: str, surface: Surface) -> None:
    assert surface not in render(setup()).endpoint.surfaces
    assert render(setup(url=URL, **{option: True})).endpoint.surfaces == TEXT_SURFACES | {surface}


def test_without_an_address() -> None:
    with pytest.raises(ConfigError, match="has no url") as caught:
        render(setup(url=""))
    assert "engines.ollama.url" in caught.value.hint


@pytest.mark.parametrize("salted_by", ["key", "project"])
def test_whose_prompts_are_kept_apart(salted_by: str) -> None:
    assert render(setup(cache_salt=salted_by)).endpoint.salted_by == salted_by


@pytest.mark.parametrize("salted_by", ["user", "", 1, True])
def test_prompts_are_kept_apart_by_keys_or_projects_alone(salted_by: object) -> None:
    assert render(setup()).endpoint.salted_by == ""
    with pytest.raises(ConfigError) as caught:
        render(setup(cache_salt=salted_by))
    assert caught.value.code == "engine_option_invalid"
