"""Every engine adapter, shipped or installed, must pass this suite; no engine is started.

A new adapter adds one entry to `SETUPS`: the least it needs to be rendered.
"""

from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from homeport.bootstrap.engines import imagined_package
from homeport.core.discovery import discover, load
from homeport.core.errors import ConfigError
from homeport.core.types import Surface
from homeport.engines.base import EngineSetup, Launch

PACKAGE = "homeport.engines"
TOKEN = "a-secret-of-this-run"
KEY = "a-key-of-the-server"

BARE = EngineSetup(
    name="under-test", profile={}, package=None, derived=Path("derived"), url="", api_key="", port=45678, token=TOKEN
)
PACKAGE_OF_OURS = imagined_package("model.gguf")
SETUPS: dict[str, EngineSetup] = {
    "external": msgspec.structs.replace(BARE, url="http://127.0.0.1:11434/v1", api_key=KEY),
    **{name: msgspec.structs.replace(BARE, package=PACKAGE_OF_OURS) for name in ("llamacpp", "transformers", "vllm")},
}

every_engine = pytest.mark.parametrize("name", discover(PACKAGE))


def render(name: str, **changes: object) -> Launch:
    launch: Launch = load(PACKAGE, name).render(msgspec.structs.replace(SETUPS[name], **changes))
    return launch


def test_every_engine_has_a_setup() -> None:
    assert set(discover(PACKAGE)) == set(SETUPS), "add the new adapter to SETUPS, or remove the one that is gone"


@every_engine
def test_rendering_is_pure(name: str) -> None:
    assert render(name) == render(name)


@every_engine
def test_the_endpoint_can_be_reached(name: str) -> None:
    endpoint = render(name).endpoint
    for url in (endpoint.url, endpoint.health_url):
        assert urlsplit(url).scheme in {"http", "https"}
        assert urlsplit(url).hostname
    assert urlsplit(endpoint.url).netloc == urlsplit(endpoint.health_url).netloc
    assert endpoint.url.endswith("/v1")
    assert endpoint.surfaces
    assert endpoint.surfaces <= frozenset(Surface)
    assert endpoint.slots >= 1


@every_engine
def test_what_is_started_is_ours_alone(name: str) -> None:
    """On loopback, at the port it was given, behind the token; the token is not in the command line."""
    launch = render(name)
    if not launch.argv:
        assert launch.stdin == b""
        assert launch.endpoint.api_key == KEY
        return
    assert (urlsplit(launch.endpoint.url).hostname, urlsplit(launch.endpoint.url).port) == ("127.0.0.1", 45678)
    assert launch.endpoint.api_key == TOKEN
    assert TOKEN in launch.stdin.decode()
    assert not any(TOKEN in argument for argument in launch.argv)


@every_engine
def test_the_endpoint_survives_being_handed_on(name: str) -> None:
    """`homeport up` writes it to a file that the gateway reads."""
    endpoint = render(name).endpoint
    assert msgspec.json.decode(msgspec.json.encode(endpoint), type=type(endpoint)) == endpoint


@every_engine
def test_the_fingerprint_tells_packages_and_options_apart(name: str) -> None:
    first, other = (render(name, profile=profile).endpoint.fingerprint for profile in ({}, {"slots": 2}))
    assert first is not None
    assert other is not None
    package = SETUPS[name].package
    assert (first.engine, first.package) == (name, package.digest if package else "")
    assert other == msgspec.structs.replace(first, profile=other.profile)
    assert other.profile != first.profile
    assert render(name, profile={"slots": render(name).endpoint.slots}).endpoint.fingerprint == first, "it is a default"


@every_engine
@pytest.mark.parametrize("profile", [{"no_such_option": 1}, {"slots": "many"}])
def test_bad_options_are_refused(name: str, profile: dict[str, object]) -> None:
    with pytest.raises(ConfigError) as caught:
        render(name, profile=profile)
    assert caught.value.code == "engine_option_invalid"
    assert "under-test" in caught.value.message
    assert caught.value.hint


@every_engine
def test_what_it_cannot_do_without_is_asked_for(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        render(name, package=None, url="")
    assert caught.value.hint
