"""What `--engine` means."""

from pathlib import Path
from typing import Any

import pytest
from tests.engines.test_recommended import package
from tests.fakes.configured_engines import SETTINGS

from homeport.bootstrap.trial import trial_engine
from homeport.core.errors import ConfigError


@pytest.mark.parametrize(
    ("written", "engine", "model", "profile"),
    [
        ("mine", "llamacpp", "mine", {"slots": 3}),
        ("mine:threads=2", "llamacpp", "mine", {"slots": 3, "threads": 2}),
        ("theirs", "external", "qwen3:4b", {}),
        ("llamacpp", "llamacpp", "llamacpp", {}),
        ("llamacpp:slots=2,embeddings=false", "llamacpp", "llamacpp", {"slots": 2, "embeddings": False}),
        ("llamacpp:bfloat16", "llamacpp", "llamacpp", {"dtype": "bfloat16"}),
        ("llamacpp:python=/opt/python", "llamacpp", "llamacpp", {"python": "/opt/python"}),
    ],
)
def test_an_engine_is_one_of_the_configuration_or_an_adapter(
    written: str, engine: str, model: str, profile: dict[str, Any]
) -> None:
    found = trial_engine(SETTINGS, written)
    assert (found.settings.engine, found.model) == (engine, model)
    assert dict(found.settings.profile) == profile


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("nothing", "engine_unknown"),
        ("", "engine_unknown"),
        ("external", "engine_unknown"),
        ("supervisor", "engine_unknown"),
        ("../llamacpp", "engine_unknown"),
        ("nobodys", "engine_option_invalid"),
        ("llamacpp:slots=", "engine_option_invalid"),
        ("llamacpp:slots=[", "engine_option_invalid"),
        ("llamacpp:slots={a: 1}", "engine_option_invalid"),
        ("llamacpp:!!python/object:os.system", "engine_option_invalid"),
    ],
)
def test_what_is_no_engine_is_refused(written: str, code: str) -> None:
    with pytest.raises(ConfigError) as caught:
        trial_engine(SETTINGS, written)
    assert caught.value.code == code
    assert caught.value.hint


def test_no_path_of_this_machine_is_recorded() -> None:
    for written in ("llamacpp:python=/opt/python,slots=2", "llamacpp:slots=2,python=/opt/python"):
        assert trial_engine(SETTINGS, written).name == "llamacpp:slots=2"
    assert trial_engine(SETTINGS, "llamacpp:python=/opt/python").name == "llamacpp"


def test_options_do_not_change_the_configuration() -> None:
    trial_engine(SETTINGS, "mine:slots=9")
    assert SETTINGS.engines["mine"].profile == {"slots": 3}


def test_a_package_says_how_it_is_best_run_and_what_is_said_here_counts_before_that(tmp_path: Path) -> None:
    told = package(
        tmp_path, b'{"llamacpp": {"slots": 9, "context": 512}, "vllm": {"dtype": "float32"}, "external": {"slots": 7}}'
    )
    for written, options in (
        ("llamacpp", {"slots": 9, "context": 512}),
        ("llamacpp:slots=2", {"slots": 2, "context": 512}),
        ("mine", {"slots": 3, "context": 512}),
        ("vllm", {"dtype": "float32"}),
        ("theirs", {}),
    ):
        engine = trial_engine(SETTINGS, written)
        assert dict(engine.advised(told).settings.profile) == options
        assert engine.advised(told).name == engine.name
