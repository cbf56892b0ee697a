"""`homeport hub`: from one team's store to another's, through a registry that neither needs to trust."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from homeport.packages.layout import Store
from tests.cli.terminal import Terminal
from tests.fakes.docker_registry import docker_registry
from tests.fakes.gguf import gguf
from tests.fakes.registry import Exchange, running
from tests.packages.places import fill


@pytest.fixture(params=["fake", pytest.param("docker-registry", marks=pytest.mark.slow)])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "fake":
        with running() as fake:
            yield fake.host
    else:
        with docker_registry(tmp_path) as host:
            yield host


@pytest.fixture(autouse=True)
def _no_docker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "consortium.key"
    Terminal(tmp_path / "maker").run("package", "keygen", str(path))
    return path


def team(tmp_path: Path, name: str, host: str, key: Path) -> Terminal:
    terminal = Terminal(tmp_path / name)
    terminal.run("hub", "add", "consortium", f"{host}/law/index:1", "--key", f"{key}.pub")
    return terminal


def published(terminal: Terminal, folder: Path, key: Path, name: str, vertical: str, *words: str) -> str:
    """Build and publish a package; its digest."""
    package = fill(Store(terminal.home / "packages"), folder, gguf(data=name.encode() * 16), name=name)
    options = ("--hub", "consortium", "--key", str(key), "--vertical", vertical, "--description", " ".join(words))
    told = terminal.told("hub", "publish", name, *options)
    assert told["digest"] == package.digest
    return package.digest


def test_a_package_goes_from_one_team_to_another(host: str, key: Path, tmp_path: Path) -> None:
    one, other = team(tmp_path, "one", host, key), team(tmp_path, "other", host, key)
    assert other.told("hub", "search") == []
    digest = published(one, tmp_path / "shelf", key, "contracts", "legal", "Reviews", "contracts")
    published(one, tmp_path / "shelf", key, "letters", "medical", "Sorts letters")
    (found,) = other.told("hub", "search", "CONTRACTS", "--vertical", "legal")
    assert (found["hub"], found["name"], found["digest"]) == ("consortium", "contracts", digest)
    assert other.told("hub", "search", "contracts", "--vertical", "medical") == []
    assert "contracts:1.0" in other.run("hub", "search", "reviews")
    assert other.told("hub", "pull", "contracts:1.0")["digest"] == digest
    assert other.told("package", "verify", "contracts")["digest"] == digest
    (known,) = other.told("hub", "list")
    assert (known["name"], known["serial"], known["keys"]) == ("consortium", 2, ["consortium.key"])


def test_signatures_come_along_and_the_policy_of_the_other_team_holds(host: str, key: Path, tmp_path: Path) -> None:
    one, other = team(tmp_path, "one", host, key), team(tmp_path, "other", host, key)
    fill(Store(one.home / "packages"), tmp_path / "shelf", name="contracts")
    public = Path(f"{key}.pub").read_text().splitlines()
    line = "".join(public[1:-1])
    other.configure(f"trust:\n  keys:\n    team: {{public_key: {line}}}\n  unsigned: refuse\n")
    publish = ("hub", "publish", "contracts", "--hub", "consortium", "--key", str(key))
    one.run(*publish)
    refused = other.ask("hub", "pull", "contracts")
    assert refused.exit_code == 1
    assert "sign" in refused.advice
    assert other.told("package", "list") == []
    one.run("package", "sign", "contracts", "--key", str(key))
    assert len(one.told(*publish)["signers"]) == 1
    other.run("hub", "pull", "contracts")
    assert other.told("package", "verify", "contracts")["name"] == "contracts"


def test_without_a_hub_it_is_told_how_to_add_one(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path / "one")
    for arguments in (("hub", "search", "contracts"), ("hub", "pull", "contracts")):
        said = terminal.ask(*arguments)
        assert said.code == "hub_unknown"
        assert "homeport hub add" in said.advice


def test_what_cannot_be_is_told(host: str, key: Path, tmp_path: Path) -> None:
    terminal = team(tmp_path, "one", host, key)
    publish = ("hub", "publish", "tiny", "--hub", "consortium", "--key", str(key))
    assert terminal.ask(*publish).code == "package_not_pulled"
    fill(Store(terminal.home / "packages"), tmp_path / "shelf")
    stranger = tmp_path / "stranger.key"
    terminal.run("package", "keygen", str(stranger))
    for arguments, code in (
        ((*publish, "--vertical", "two words"), "hub_entry_invalid"),
        ((*publish[:-1], str(stranger)), "hub_key_other"),
        (("hub", "publish", "tiny", "--hub", "nobody", "--key", str(key)), "hub_unknown"),
        (("hub", "search", "--hub", "nobody"), "hub_unknown"),
        (("hub", "remove", "nobody"), "hub_unknown"),
        (("hub", "pull", "tiny"), "hub_package_unknown"),
        (("hub", "add", "A b", f"{host}/law/index:1", "--key", f"{key}.pub"), "hub_name_invalid"),
        (("hub", "add", "x", f"{host}/law/index", "--key", f"{key}.pub"), "package_reference_invalid"),
        (("hub", "add", "x", f"{host}/law/i:1@sha256:{'0' * 64}", "--key", f"{key}.pub"), "package_reference_invalid"),
        (("hub", "add", "x", f"{host}/law/index:1", "--key", "nowhere.pub"), "signing_key_missing"),
    ):
        said = terminal.ask(*arguments)
        assert (said.code, said.exit_code) == (code, 1), arguments
    terminal.run(*publish)
    other = ("hub", "add", "consortium", f"{host}/law/index:1", "--key", f"{stranger}.pub")
    assert terminal.ask(*other).code == "signature_key_unknown"
    assert terminal.ask("hub", "add", "law", f"{host}/law/index:1", "--key", f"{key}.pub").code == "hub_index_other"
    terminal.run("hub", "remove", "consortium")
    assert terminal.told("hub", "list") == []
    (terminal.home / "hubs.json").write_text(json.dumps([{"name": "x"}]))
    assert terminal.ask("hub", "list").code == "hubs_unreadable"


def test_what_is_put_in_use_meanwhile_is_not_published(key: Path, tmp_path: Path) -> None:
    with running() as fake:
        terminal = team(tmp_path, "one", fake.host, key)
        store = Store(terminal.home / "packages")
        fill(store, tmp_path / "shelf")

        def change(_: Exchange) -> bool:
            fill(store, tmp_path / "shelf", gguf(data=bytes(2000)))
            return False

        fake.fault("GET", "/law/index", change)
        said = terminal.ask("hub", "publish", "tiny", "--hub", "consortium", "--key", str(key))
        assert (said.code, fake.manifests) == ("package_manifest_mismatch", {})
