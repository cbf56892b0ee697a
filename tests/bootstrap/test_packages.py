"""A package of the configuration that has no source: somebody puts it into the store."""

from pathlib import Path

import pytest
from tests.fakes.gguf import gguf

from homeport.bootstrap.packages import pull_package
from homeport.config.home import Home
from homeport.config.load import Environment, load
from homeport.config.schema import Settings
from homeport.core.errors import ConfigError, PackageError
from homeport.packages.assemble import build_recipe
from homeport.packages.base import FileRole, PackageSpec, SilentProgress, SourceFile
from homeport.packages.layout import Store

_TIERS = """
packages: {tiny: %s}
engines: {tiny: {engine: llamacpp, package: tiny, hourly_cost_usd: "0.1"}}
tiers: [{name: local, targets: [{model: tiny, engine: tiny}]}]
"""


def _settings(folder: Path, package: str) -> Settings:
    path = folder / "homeport.yaml"
    path.write_text(_TIERS % package)
    return load(path, Environment(home=folder, variables={}))


def test_what_is_in_the_store_is_taken(tmp_path: Path) -> None:
    home, settings = Home(tmp_path), _settings(tmp_path, "{}")
    with pytest.raises(PackageError) as caught:
        pull_package(settings, home, "tiny", SilentProgress())
    assert caught.value.code == "package_not_pulled"
    assert "package build" in caught.value.hint
    (tmp_path / "weights").write_bytes(gguf())
    file = SourceFile(path=tmp_path / "weights", filepath="tiny.gguf", role=FileRole.WEIGHTS, modified=0)
    built = Store(home.packages).add(PackageSpec(name="tiny", source="made here"), [file])
    assert pull_package(settings, home, "tiny", SilentProgress()) == built
    built.weights.write_bytes(bytes(built.size))
    with pytest.raises(PackageError) as caught:
        pull_package(settings, home, "tiny", SilentProgress())
    assert caught.value.code == "package_digest_mismatch"


@pytest.mark.parametrize("package", ['{sha256: "%s"}' % ("a" * 64), "{file: a.gguf}"])  # braces of YAML
def test_a_pin_without_a_source_is_refused(tmp_path: Path, package: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _settings(tmp_path, package)
    assert "give it a source" in caught.value.message


def test_what_was_built_and_is_not_served_is_told(tmp_path: Path) -> None:
    weights = tmp_path / "tiny.gguf"
    weights.write_bytes(gguf())
    home, settings = Home(tmp_path), _settings(tmp_path, f"{{source: {weights}}}")
    told: list[str] = []
    pulled = pull_package(settings, home, "tiny", SilentProgress(), told.append)
    assert told == []
    recipe = tmp_path / "homeport.package.yaml"
    recipe.write_text("name: tiny\nversion: 1.0.0\nweights: tiny.gguf\n")
    built = build_recipe(Store(home.packages), recipe, SilentProgress())
    assert pull_package(settings, home, "tiny", SilentProgress(), told.append) == pulled
    assert len(told) == 1
    assert told[0].endswith("homeport package use tiny 1.0.0")
    for chosen in (pulled, built):
        Store(home.packages).use("tiny", chosen.digest)
        pull_package(settings, home, "tiny", SilentProgress(), told.append)
        assert (len(told), Store(home.packages).get("tiny")) == (1, chosen)
