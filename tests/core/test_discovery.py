"""Adapters are found in our folders and in installed packages, and imported only when they are named."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from homeport.core.discovery import discover, load
from homeport.core.errors import ConfigError

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a package of one module that offers itself to a group."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def install(name: str, code: str, *, group: str = "homeport.engines", module: str = "acme_adapter") -> None:
        info = tmp_path / "acme-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}\n")
        (tmp_path / "acme_adapter.py").write_text(code)

    yield install
    for added in {"acme_adapter"} & (set(sys.modules) - before):
        del sys.modules[added]


def test_the_adapters_that_are_shipped() -> None:
    assert discover("homeport.engines") == {
        "external": "homeport.engines.external",
        "llamacpp": "homeport.engines.llamacpp",
        "transformers": "homeport.engines.transformers",
        "vllm": "homeport.engines.vllm",
    }
    assert "static" in discover("homeport.routing.policies")
    assert not {"base", "health", "supervisor"} & set(discover("homeport.engines"))


def test_listing_imports_nothing(install: Install) -> None:
    install("acme", "raise AssertionError('imported')")
    assert discover("homeport.engines")["acme"] == "acme_adapter"
    assert "acme_adapter" not in sys.modules


def test_a_third_party_adapter(install: Install) -> None:
    install("acme", "def render(setup): return 'rendered'")
    assert load("homeport.engines", "acme").render(None) == "rendered"


def test_a_group_is_its_own(install: Install) -> None:
    install("acme", "", group="homeport.providers")
    assert "acme" in discover("homeport.providers")
    assert "acme" not in discover("homeport.engines")


def test_a_shipped_adapter_cannot_be_replaced(install: Install) -> None:
    install("external", "raise AssertionError('imported')")
    assert load("homeport.engines", "external").__name__ == "homeport.engines.external"


def test_an_unknown_adapter_is_told_with_those_there_are() -> None:
    with pytest.raises(ConfigError) as caught:
        load("homeport.engines", "no_such")
    assert caught.value.code == "adapter_unknown"
    assert "'no_such'" in caught.value.message
    assert "external, llamacpp" in caught.value.hint


@pytest.mark.parametrize(
    "code",
    [
        "import a_package_that_is_not_installed",
        "from homeport.core.types import NoSuchName",
        "def broken(:",
        "raise RuntimeError('no GPU here')",
        "{}['x']",
    ],
)
def test_a_broken_adapter_is_a_configuration_error(install: Install, code: str) -> None:
    install("acme", code)
    with pytest.raises(ConfigError) as caught:
        load("homeport.engines", "acme")
    assert caught.value.code == "adapter_broken"
    assert "'acme' (acme_adapter) cannot be imported" in caught.value.message
    assert caught.value.hint


def test_an_adapter_that_is_not_there(install: Install) -> None:
    install("acme", "", module="acme_gone")
    with pytest.raises(ConfigError) as caught:
        load("homeport.engines", "acme")
    assert caught.value.code == "adapter_broken"


@pytest.mark.parametrize("package", ["homeport.core.errors", "homeport.no_such_folder"])
def test_a_folder_that_is_none(package: str) -> None:
    with pytest.raises(ConfigError) as caught:
        discover(package)
    assert caught.value.code == "adapter_folder_missing"
