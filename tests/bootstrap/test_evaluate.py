"""Which engine is asked, and by which profile."""

from pathlib import Path

import pytest
from tests.engines.test_recommended import package
from tests.fakes.configured_engines import SETTINGS

from homeport.bootstrap.evaluate import default_engine, evaluate_package, profiles_of
from homeport.bootstrap.trial import trial_engine
from homeport.config.home import Home
from homeport.core.errors import ConfigError
from homeport.packages.base import SilentProgress


def test_the_engine_that_serves_a_package_is_asked_else_llama_cpp() -> None:
    assert default_engine(SETTINGS, "p") == default_engine(SETTINGS, "p:2.0.0") == "mine"
    assert default_engine(SETTINGS, "other") == "llamacpp"


@pytest.mark.parametrize(
    ("written", "options"),
    [
        ("llamacpp", {"deterministic": True}),
        ("llamacpp:slots=4,threads=1", {"deterministic": True, "slots": 1, "threads": 1}),
    ],
)
def test_the_deterministic_profile_answers_one_at_a_time(written: str, options: dict[str, object]) -> None:
    engine = trial_engine(SETTINGS, written)
    own, deterministic = (profile.of(engine) for profile in profiles_of(engine))
    assert own.settings.profile == engine.settings.profile
    assert deterministic.settings.profile == options
    assert (own.name, deterministic.name) == (f"{written} (default)", f"{written} (deterministic)")


def test_what_others_started_has_its_own_profile_alone() -> None:
    assert [profile.name for profile in profiles_of(trial_engine(SETTINGS, "theirs"))] == ["default"]


@pytest.mark.parametrize("engines", [("llamacpp", "llamacpp"), ("llamacpp:python=/a", "llamacpp:python=/b")])
async def test_an_engine_is_named_once(engines: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="named twice"):
        await evaluate_package(SETTINGS, Home(tmp_path), "p", engines, SilentProgress())


def test_the_deterministic_profile_is_so_whatever_a_package_recommends(tmp_path: Path) -> None:
    engine = trial_engine(SETTINGS, "llamacpp").advised(package(tmp_path, b'{"llamacpp": {"slots": 4}}'))
    own, deterministic = (profile.of(engine) for profile in profiles_of(engine))
    assert own.settings.profile == {"slots": 4}
    assert deterministic.settings.profile == {"deterministic": True, "slots": 1}
