"""What is wrong with an engine is found before it is started."""

from pathlib import Path
from typing import Any

import pytest
from tests.fakes.safetensors import safetensors

from homeport import bootstrap
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.core.errors import ConfigError
from homeport.packages.base import FileRole, PackageSpec, SourceFile
from homeport.packages.layout import Store


def settings(engine: str, **profile: Any) -> Settings:
    return Settings.model_validate(
        {
            "engines": {"own": {"engine": engine, "package": "tiny", "hourly_cost_usd": "1", "profile": profile}},
            "packages": {"tiny": {}},
            "tiers": [{"name": "local", "targets": [{"model": "own", "engine": "own"}]}],
        }
    )


def test_a_package_that_does_not_suit_its_engine(tmp_path: Path) -> None:
    home, weights = Home(tmp_path / "home"), tmp_path / "model.safetensors"
    home.create()
    bootstrap.try_engine(settings("llamacpp"), "own", home)
    weights.write_bytes(safetensors())
    file = SourceFile(path=weights, filepath="model.safetensors", role=FileRole.WEIGHTS, modified=0)
    Store(home.packages).add(PackageSpec(name="tiny", source="here"), [file])
    bootstrap.try_engine(settings("transformers"), "own", home)
    with pytest.raises(ConfigError) as unsuited:
        bootstrap.try_engine(settings("llamacpp"), "own", home)
    assert unsuited.value.code == "engine_package_unsuited"
    with pytest.raises(ConfigError) as wrong:
        bootstrap.try_engine(settings("transformers", slots=0), "own", home)
    assert wrong.value.code == "engine_option_invalid"
