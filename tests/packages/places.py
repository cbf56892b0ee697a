"""Stores and registries for tests of what goes between them."""

from pathlib import Path

import msgspec

from homeport.packages.access import NO_ACCESS, Access
from homeport.packages.base import FileRole, PackageSpec, SilentProgress, SourceFile, StoredPackage
from homeport.packages.layout import Store
from homeport.packages.reference import Reference, parse_reference
from homeport.packages.registry import Registry
from homeport.packages.registry_session import RegistrySession
from homeport.transport.blocking import BlockingClient
from tests.fakes.gguf import gguf
from tests.fakes.registry import FakeRegistry, digest

REPOSITORY = "models/tiny"


def place_at(host: str, tag: str = "1.0") -> Reference:
    return parse_reference(f"{host}/{REPOSITORY}:{tag}")


def reach(place: Reference, access: Access = NO_ACCESS, pauses: list[float] | None = None) -> Registry:
    """The registry, asked again without waiting; what would be waited goes to `pauses`."""
    taken: list[float] = [] if pauses is None else pauses
    return Registry(RegistrySession(place, access, BlockingClient(), taken.append))


def registry_at(fake: FakeRegistry, access: Access = NO_ACCESS, pauses: list[float] | None = None) -> Registry:
    """The fake."""
    return reach(place_at(fake.host), access, pauses)


def fill(store: Store, folder: Path, data: bytes = b"", *, name: str = "tiny", bare: bool = False) -> StoredPackage:
    """A package of weights and, where it is not bare, a licence in the store."""
    folder.mkdir(exist_ok=True)
    weights, licence = folder / "weights", folder / "licence"
    weights.write_bytes(data or gguf())
    licence.write_bytes(b"Free.")
    date = 1_700_000_000
    files = [
        SourceFile(path=weights, filepath="tiny.gguf", role=FileRole.WEIGHTS, modified=date, version="1.0"),
        SourceFile(path=licence, filepath="LICENSE", role=FileRole.DOC, modified=date),
    ]
    spec = PackageSpec(name=name, source="pypi://tiny-weights==1.0", sha256="0" * 64)
    stored = store.add(spec, files[:1] if bare else files)
    weights.unlink()
    licence.unlink()
    return stored


def replace_weights(fake: FakeRegistry, data: bytes, tag: str = "1.0") -> None:
    """Have the tagged package say that its weights are these, as somebody would who builds it by hand."""
    manifest, kind = fake.manifests[REPOSITORY, tag]
    document = msgspec.json.decode(manifest)
    config = msgspec.json.decode(fake.blobs[document["config"]["digest"]])
    document["layers"][0] |= {"digest": digest(data), "size": len(data)}
    config["modelfs"]["diffIds"][0] = digest(data)
    plain = msgspec.json.encode(config)
    document["config"] |= {"digest": digest(plain), "size": len(plain)}
    fake.blobs |= {digest(data): data, digest(plain): plain}
    changed = msgspec.json.encode(document)
    for name in (tag, digest(changed)):
        fake.manifests[REPOSITORY, name] = (changed, kind)


def files_of(store: Store) -> set[str]:
    """What is in a store's folder, but for its lock."""
    return {str(path.relative_to(store.root)) for path in store.root.rglob("*") if path.is_file()} - {".lock"}


SILENT = SilentProgress()
