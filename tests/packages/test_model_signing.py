"""What we sign is what OpenSSF model-signing signs: its own program verifies the unpacked package."""

import subprocess
from pathlib import Path

import pytest

from homeport.bootstrap.signatures import statement_of
from homeport.packages.base import StoredPackage
from homeport.packages.key_files import public_path, write_key
from homeport.packages.keys import SigningKey, make_key
from homeport.packages.layout import Store
from homeport.packages.signing import sign_package
from tests.packages.places import fill

pytestmark = pytest.mark.slow
PROGRAM = Path(__file__).parents[2] / "build" / "model-signing" / "bin" / "model_signing"
KEY = make_key()


@pytest.fixture
def package(store: Store, tmp_path: Path) -> StoredPackage:
    return fill(store, tmp_path / "shelf")


def _verify(folder: Path, package: StoredPackage, key: SigningKey = KEY) -> tuple[bool, str]:
    """Whether model-signing takes our signature for the files in `folder`, and what it said."""
    if not PROGRAM.exists():
        pytest.skip("model-signing is not set up: make build/model-signing/ready")
    signature, public = folder.with_name("a.sig"), folder.with_name("key")
    signature.write_bytes(sign_package(statement_of(package, "2026-11-23T00:00:00Z"), KEY))
    write_key(public, key)
    command = (PROGRAM, "verify", "key", folder, "--signature", signature, "--public_key", public_path(public))
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode == 0, done.stdout + done.stderr


def _unpacked(package: StoredPackage, folder: Path) -> Path:
    for file in package.files:
        path = folder / file.filepath
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.path.read_bytes())
    return folder


def test_an_unpacked_package_is_verified(package: StoredPackage, tmp_path: Path) -> None:
    taken, said = _verify(_unpacked(package, tmp_path / "tree"), package)
    assert taken, said


@pytest.mark.parametrize("change", ["a flipped bit", "a file more", "a file less", "another key"])
def test_what_is_not_what_was_signed_is_refused(package: StoredPackage, tmp_path: Path, change: str) -> None:
    folder = _unpacked(package, tmp_path / "tree")
    licence = folder / "LICENSE"
    if change == "a flipped bit":
        licence.write_bytes(b"Gree.")
    elif change == "a file more":
        (folder / "more.txt").write_bytes(b"")
    elif change == "a file less":
        licence.unlink()
    taken, said = _verify(folder, package, make_key() if change == "another key" else KEY)
    assert not taken
    assert "ismatch" in said
