"""Against Debian's docker-registry, with skopeo as the second opinion on what a package is."""

import subprocess
from pathlib import Path

import msgspec
import pytest

from homeport.core.errors import PackageError
from homeport.packages import blob_transfer, exchange
from homeport.packages.layout import Store
from homeport.packages.manifest import MANIFEST_TYPE, describe
from homeport.packages.reference import parse_reference
from homeport.packages.verify import verify
from tests.fakes.docker_registry import blob_file, need
from tests.fakes.gguf import gguf
from tests.packages.places import SILENT, files_of, fill, place_at, reach

pytestmark = pytest.mark.slow

SIGNATURE = "application/vnd.dev.sigstore.bundle.v0.3+json"


@pytest.fixture
def there(tmp_path: Path) -> Store:
    return Store(tmp_path / "there")


def skopeo(*arguments: str) -> str:
    need("skopeo")
    command = ("skopeo", "--insecure-policy", *arguments)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_skopeo_carries_a_package_out_and_back_with_its_digest(
    host: str, store: Store, there: Store, tmp_path: Path
) -> None:
    package = fill(store, tmp_path / "shelf")
    place = place_at(host, "out")
    assert exchange.push(store, "tiny", place, reach(place), SILENT).digest == package.digest
    insecure = ("--src-tls-verify=false", "--dest-tls-verify=false")
    skopeo("copy", *insecure, f"docker://{place}", f"oci:{tmp_path}/carried:1.0")
    skopeo("copy", *insecure, f"oci:{tmp_path}/carried:1.0", f"docker://{host}/carried/tiny:1.0")
    shown = skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{host}/carried/tiny:1.0").encode()
    assert describe(shown, MANIFEST_TYPE).digest == package.digest
    back = parse_reference(f"{host}/carried/tiny:1.0@{package.digest}")
    assert exchange.pull(there, back, reach(back), SILENT).digest == package.digest
    assert verify(there, "tiny", package.digest).weights.read_bytes() == gguf()


def test_skopeo_reads_the_store_itself(host: str, store: Store, there: Store, tmp_path: Path) -> None:
    package = fill(store, tmp_path / "shelf")
    place = place_at(host, "store")
    skopeo("copy", "--dest-tls-verify=false", f"oci:{store.root}:tiny", f"docker://{place}")
    assert exchange.pull(there, place, reach(place), SILENT).digest == package.digest


def test_large_files_go_in_pieces(
    host: str, store: Store, there: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blob_transfer, "PIECE", 300_000)
    weights = gguf(data=bytes(range(256)) * 4096)
    package, place = fill(store, tmp_path / "shelf", weights), place_at(host, "large")
    exchange.push(store, "tiny", place, reach(place), SILENT)
    assert exchange.pull(there, place, reach(place), SILENT).digest == package.digest


def test_a_flipped_bit_and_a_swapped_tag_are_refused(
    host: str, folder: Path, store: Store, there: Store, tmp_path: Path
) -> None:
    package = fill(store, tmp_path / "shelf", gguf(data=bytes(48)))
    pinned = exchange.push(store, "tiny", place_at(host, "pinned"), reach(place_at(host)), SILENT)
    for file in (*package.files, None):
        digest = file.digest if file else package.digest
        stored = blob_file(folder, digest)
        data = stored.read_bytes()
        stored.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        with pytest.raises(PackageError) as caught:
            exchange.pull(there, pinned, reach(pinned), SILENT)
        assert files_of(there) == set()
        # Of a damaged manifest the registry itself says that it has none to give.
        assert caught.value.code == ("package_digest_mismatch" if file else "registry_busy")
        stored.write_bytes(data)
    fill(store, tmp_path / "shelf", gguf(data=bytes(64)))
    exchange.push(store, "tiny", place_at(host, "pinned"), reach(pinned), SILENT)
    with pytest.raises(PackageError) as caught:
        exchange.pull(there, pinned, reach(pinned), SILENT)
    assert caught.value.code == "package_tag_moved"
    assert files_of(there) == set()


def test_signatures_are_found_by_the_fallback_tag(host: str, store: Store, tmp_path: Path) -> None:
    package = fill(store, tmp_path / "shelf")
    place = place_at(host, "signed")
    registry = reach(place)
    exchange.push(store, "tiny", place, registry, SILENT)
    assert registry.referrers(package.digest) == ()
    written = []
    for number in range(2):
        bundle = describe(b'{"number":%d}' % number, SIGNATURE)
        registry.send_bytes(b'{"number":%d}' % number, bundle)
        subject = describe(store.blobs.path(package.digest).read_bytes(), MANIFEST_TYPE)
        manifest = msgspec.json.encode(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST_TYPE,
                "artifactType": SIGNATURE,
                "config": {"mediaType": SIGNATURE, "digest": bundle.digest, "size": bundle.size},
                "layers": [],
                "subject": {"mediaType": MANIFEST_TYPE, "digest": subject.digest, "size": subject.size},
            }
        )
        registry.refer(package.digest, manifest, SIGNATURE)
        registry.refer(package.digest, manifest, SIGNATURE)
        written.append(describe(manifest, MANIFEST_TYPE).digest)
    assert [entry.digest for entry in registry.referrers(package.digest)] == written
