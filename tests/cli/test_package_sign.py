"""Keys, signatures and trust on the command line, over a package of this machine."""

from pathlib import Path

import pytest

from tests.cli.terminal import Terminal
from tests.fakes.gguf import gguf

PACKAGE = "packages:\n  tiny: {source: %s}\n"


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    weights = tmp_path / "tiny.gguf"
    weights.write_bytes(gguf())
    terminal = Terminal(tmp_path / "home")
    terminal.configure(PACKAGE % weights)
    terminal.run("package", "pull", "tiny")
    return terminal


def _trust(terminal: Terminal, tmp_path: Path, trust: str) -> None:
    terminal.configure(PACKAGE % (tmp_path / "tiny.gguf") + f"trust: {trust}\n")


def _key(terminal: Terminal, path: Path, *options: str) -> str:
    """Make a key; the line of its public half."""
    return str(terminal.told("package", "keygen", str(path), *options)["public_key"])


def test_a_package_is_signed_and_verified(terminal: Terminal, tmp_path: Path) -> None:
    key = tmp_path / "release.key"
    line = _key(terminal, key)
    assert "Not signed" in terminal.run("package", "verify", "tiny")
    assert "Signed with the key" in terminal.run("package", "sign", "tiny", "--key", str(key))
    assert "Was signed already" in terminal.run("package", "sign", "tiny", "--key", str(key))
    assert "Not signed by anybody who is trusted" in terminal.run("package", "verify", "tiny")
    _trust(terminal, tmp_path, f"{{keys: {{release: {{public_key: {line}}}}}, unsigned: refuse}}")
    assert "Signed by release (ecdsa-p256" in terminal.run("package", "verify", "tiny")
    (signer,) = terminal.told("package", "verify", "tiny")["signers"]
    assert signer["name"] == "release"
    (row,) = terminal.told("package", "trust")
    assert (row["name"], row["unsigned"], row["code"], row["signers"]) == ("tiny", "refuse", "", [signer])
    assert "Signed by release" in terminal.run("package", "trust")


def test_a_public_key_can_be_asked_for(terminal: Terminal, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    _key(terminal, one)
    _key(terminal, two, "--kind", "ed25519")
    assert terminal.ask("package", "verify", "tiny", "--key", f"{one}.pub").code == "package_unsigned"
    terminal.run("package", "sign", "tiny", "--key", str(two))
    assert "ed25519" in terminal.run("package", "verify", "tiny", "--key", f"{two}.pub")
    assert terminal.ask("package", "verify", "tiny", "--key", f"{one}.pub").code == "signature_key_unknown"
    assert terminal.ask("package", "verify", "tiny", "--key", str(one)).code == "signing_key_unreadable"


def test_a_signature_can_be_taken_back(terminal: Terminal, tmp_path: Path) -> None:
    key = tmp_path / "key"
    _key(terminal, key)
    key_id = terminal.told("package", "sign", "tiny", "--key", str(key))["key_id"]
    assert "Removed 0 signatures" in terminal.run("package", "unsign", "tiny", "f" * 64)
    assert "Removed 1 signature." in terminal.run("package", "unsign", "tiny", key_id[:8])
    assert terminal.ask("package", "verify", "tiny", "--key", f"{key}.pub").code == "package_unsigned"


def test_an_unsigned_package_is_refused_at_every_door(terminal: Terminal, tmp_path: Path) -> None:
    line = _key(terminal, tmp_path / "key")
    _trust(terminal, tmp_path, f"{{keys: {{a: {{public_key: {line}}}}}, rules: [{{packages: [tiny], keys: [a]}}]}}")
    for command in (("verify", "tiny"), ("pull", "tiny")):
        said = terminal.ask("package", *command)
        assert (said.code, said.exit_code) == ("package_unsigned", 1)
        assert "tiny: it is not signed" in said.advice
    said = terminal.ask("package", "trust")
    assert said.exit_code == 1
    assert "refused" in said.output


def test_a_refused_pull_leaves_nothing(terminal: Terminal, tmp_path: Path) -> None:
    line = _key(terminal, tmp_path / "key")
    terminal.run("package", "trust")
    other = Terminal(tmp_path / "other")
    _trust(other, tmp_path, f"{{keys: {{a: {{public_key: {line}}}}}, unsigned: refuse}}")
    assert other.ask("package", "pull", "tiny").code == "package_unsigned"
    assert other.told("package", "list") == []
    assert not list((other.home / "packages").glob("blobs/sha256/*"))


def test_a_warning_is_told_and_nothing_is_refused(terminal: Terminal, tmp_path: Path) -> None:
    _trust(terminal, tmp_path, "{unsigned: warn}")
    assert "warning tiny: it is not signed" in terminal.run("package", "verify", "tiny")
    assert "warning tiny: it is not signed" in terminal.run("package", "pull", "tiny")
    assert "not signed" in terminal.told("package", "verify", "tiny")["warning"]


def test_a_key_with_a_password(terminal: Terminal, tmp_path: Path) -> None:
    key, password, wrong = (tmp_path / name for name in ("key", "password", "wrong"))
    password.write_text("four words of it\nand more\n")
    wrong.write_text("nothing\n")
    _key(terminal, key, "--password-file", str(password))
    sign = ("package", "sign", "tiny", "--key", str(key), "--password-file")
    assert terminal.ask(*sign, str(wrong)).code == "signing_key_password_wrong"
    assert terminal.ask(*sign, str(tmp_path / "none")).code == "signing_key_missing"
    assert "Signed" in terminal.run(*sign, str(password))


def test_keygen_says_what_to_write_and_overwrites_nothing(terminal: Terminal, tmp_path: Path) -> None:
    key = tmp_path / "release.key"
    said = terminal.run("package", "keygen", str(key))
    trust = said.partition("homeport.yaml:\n")[2].strip()
    assert terminal.ask("package", "keygen", str(key)).code == "signing_key_exists"
    terminal.configure(PACKAGE % (tmp_path / "tiny.gguf") + trust + "\n")
    terminal.run("package", "sign", "tiny", "--key", str(key))
    assert "Signed by release" in terminal.run("package", "verify", "tiny")
    key.chmod(0o644)
    assert terminal.ask("package", "sign", "tiny", "--key", str(key)).code == "signing_key_exposed"


def test_a_damaged_package_is_not_signed(terminal: Terminal, tmp_path: Path) -> None:
    key = tmp_path / "key"
    _key(terminal, key)
    (package,) = terminal.told("package", "list")
    weights = Path(package["weights"])
    weights.unlink()
    weights.write_bytes(bytes(len(gguf())))
    assert terminal.ask("package", "sign", "tiny", "--key", str(key)).code == "package_digest_mismatch"
    assert terminal.ask("package", "sign", "none", "--key", str(key)).code == "package_not_pulled"


def test_a_key_that_cannot_be_used_is_told_by_check(terminal: Terminal, tmp_path: Path) -> None:
    rsa = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQ" + "C" * 170 + "IDAQAB"
    _trust(terminal, tmp_path, f"{{keys: {{a: {{public_key: {rsa}}}}}}}")
    for command in (("package", "verify", "tiny"), ("package", "trust")):
        said = terminal.ask(*command)
        assert said.code in {"signing_key_unreadable", "signing_key_kind_unknown"}
        assert "trust.keys.a" in said.advice
    assert "trust.keys.a" in terminal.ask("check").output


def _recipe(folder: Path, version: str) -> str:
    path = folder / "homeport.package.yaml"
    path.write_text(f"name: tiny\nversion: {version}\nweights: tiny.gguf\n")
    return str(path)


def test_an_unsigned_version_is_built_and_not_used(terminal: Terminal, tmp_path: Path) -> None:
    key = tmp_path / "key"
    line = _key(terminal, key)
    (pulled,) = terminal.told("package", "list")
    _trust(terminal, tmp_path, f"{{keys: {{a: {{public_key: {line}}}}}, rules: [{{packages: [tiny], keys: [a]}}]}}")
    assert terminal.ask("package", "build", _recipe(tmp_path, "1.0.0"), "--use").code == "package_unsigned"
    assert terminal.ask("package", "use", "tiny", "1.0.0").code == "package_unsigned"
    assert [row["digest"] for row in terminal.told("package", "list") if row["in_use"]] == [pulled["digest"]]
    terminal.run("package", "sign", "tiny:1.0.0", "--key", str(key))
    assert terminal.told("package", "use", "tiny", "1.0.0")["version"] == "1.0.0"
    assert terminal.ask("package", "rollback", "tiny").code == "package_unsigned"
    assert terminal.told("package", "inspect", "tiny")["package"]["version"] == "1.0.0"
    # What is signed stays so: the same recipe gives the same package.
    assert terminal.run("package", "build", _recipe(tmp_path, "1.0.0"), "--use")


def test_building_says_whether_it_is_used(terminal: Terminal, tmp_path: Path) -> None:
    recipe = _recipe(tmp_path, "1.0.0")
    said = terminal.run("package", "build", recipe)
    assert "It waits" in said
    assert "homeport package use tiny 1.0.0" in said
    terminal.run("package", "remove", "tiny")
    assert "until `homeport up` pulls the source of packages.tiny" in terminal.run("package", "build", recipe)
    assert "homeport up" not in terminal.run("package", "build", recipe, "--use")
    assert "homeport up" not in terminal.run("package", "build", recipe)
    line = _key(terminal, tmp_path / "key")
    _trust(terminal, tmp_path, f"{{keys: {{a: {{public_key: {line}}}}}, unsigned: refuse}}")
    assert "no engine starts with it" in terminal.run("package", "build", recipe)


def test_a_package_is_built_before_there_is_a_configuration(terminal: Terminal, tmp_path: Path) -> None:
    (terminal.home / "homeport.yaml").unlink()
    terminal.run("package", "remove", "tiny")
    for version in ("1.0.0", "1.1.0"):
        terminal.run("package", "build", _recipe(tmp_path, version), "--use")
    assert terminal.told("package", "rollback", "tiny")["version"] == "1.0.0"
    assert terminal.told("package", "use", "tiny", "1.1.0")["version"] == "1.1.0"


def test_check_tells_what_trust_says_of_what_is_there(terminal: Terminal, tmp_path: Path) -> None:
    line = _key(terminal, tmp_path / "key")
    for unsigned, level in (("refuse", "error"), ("warn", "warning"), ("allow", "ok")):
        _trust(terminal, tmp_path, f"{{keys: {{a: {{public_key: {line}}}}}, unsigned: {unsigned}}}")
        said = terminal.ask("check", "--json")
        (finding,) = (one for one in said.json if one["subject"] == "packages.tiny")
        assert (finding["level"], said.exit_code) == (level, int(level == "error"))
