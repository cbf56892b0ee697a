"""`homeport package push` and `pull` with places in a registry."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from homeport.packages.layout import Store
from tests.cli.terminal import Terminal
from tests.fakes.gguf import gguf
from tests.fakes.registry import PASSWORD, USER, FakeRegistry, running
from tests.packages.places import REPOSITORY, fill


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with running() as server:
        yield server


@pytest.fixture(autouse=True)
def _no_docker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path / "home")


def test_a_package_goes_from_one_home_to_another(fake: FakeRegistry, terminal: Terminal, tmp_path: Path) -> None:
    package = fill(Store(terminal.home / "packages"), tmp_path / "shelf")
    place = f"{fake.host}/{REPOSITORY}:1.0"
    told = terminal.told("package", "push", "tiny", place)
    assert told == {"reference": f"{place}@{package.digest}", "digest": package.digest}
    other = Terminal(tmp_path / "other")
    assert package.digest in other.run("package", "pull", f"oci://{told['reference']}")
    assert other.told("package", "verify", "tiny")["digest"] == package.digest


def test_a_package_of_a_registry_takes_the_place_of_none_that_is_here(
    fake: FakeRegistry, terminal: Terminal, tmp_path: Path
) -> None:
    fill(Store(terminal.home / "packages"), tmp_path / "shelf")
    place = terminal.told("package", "push", "tiny", f"{fake.host}/{REPOSITORY}:1.0")["reference"]
    other = Terminal(tmp_path / "other")
    mine = fill(Store(other.home / "packages"), tmp_path / "shelf", gguf(data=bytes(2000)))
    said = other.ask("package", "pull", place)
    assert said.code == "package_version_taken"
    assert "homeport package remove tiny 1.0" in said.advice
    assert other.told("package", "verify", "tiny")["digest"] == mine.digest


def test_the_configuration_names_a_package_of_a_registry(
    fake: FakeRegistry, terminal: Terminal, tmp_path: Path
) -> None:
    package = fill(Store(terminal.home / "packages"), tmp_path / "shelf")
    place = terminal.told("package", "push", "tiny", f"{fake.host}/{REPOSITORY}:1.0")["reference"]
    other = Terminal(tmp_path / "other")
    other.configure(f'packages:\n  tiny: {{source: "oci://{place}"}}\n')
    assert other.told("package", "pull", "tiny")["digest"] == package.digest
    fake.asked.clear()
    assert other.told("package", "pull", "tiny")["digest"] == package.digest
    assert fake.asked == []


@pytest.mark.parametrize("kind", ["basic", "bearer"])
def test_credentials_come_from_the_configuration_or_from_docker(
    fake: FakeRegistry, terminal: Terminal, tmp_path: Path, kind: str
) -> None:
    fake.auth = kind
    fill(Store(terminal.home / "packages"), tmp_path / "shelf")
    push = ("package", "push", "tiny", f"{fake.host}/{REPOSITORY}:1.0")
    assert terminal.ask(*push).code == "registry_denied"
    terminal.configure(f'registries:\n  {fake.host}: {{username: {USER}, password: "{PASSWORD}"}}\n')
    terminal.run(*push)
    terminal.configure()
    (tmp_path / "docker").mkdir()
    config = tmp_path / "docker" / "config.json"
    config.write_text(json.dumps({"auths": {fake.host: {"auth": "dGVhbTpwYXNzOndvcmQ="}}, "credsStore": "desktop"}))
    terminal.run(*push)
    config.write_text(json.dumps({"auths": {fake.host: {"auth": "!!!"}}}))
    said = terminal.ask(*push)
    assert said.code == "registry_credentials_unreadable"
    assert "!!!" not in said.advice


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("pull", "registry.example.org/models/tiny"), "package_reference_invalid"),
        (("pull", "../tiny:1.0"), "package_reference_invalid"),
        (("pull", "registry.example.org/models/tiny:1.0@sha256:12"), "package_digest_invalid"),
        (("pull", "nobody"), "package_unknown"),
        (("push", "nobody", "127.0.0.1:1/models/tiny:1.0"), "package_not_pulled"),
        (("push", "tiny", "127.0.0.1:1/models/tiny:1.0"), "package_source_unreachable"),
        (("push", "tiny", "registry.example.org/models/tiny"), "package_reference_invalid"),
        (("push", "tiny", "\ud800"), "name_unreadable"),
    ],
)
def test_what_cannot_be_is_told(terminal: Terminal, tmp_path: Path, arguments: tuple[str, ...], code: str) -> None:
    fill(Store(terminal.home / "packages"), tmp_path / "shelf")
    assert terminal.ask("package", *arguments).code == code
