"""The store: every package in one OCI image-layout folder.

Source: OCI image-spec 1.1, image-layout.md. Two processes may use one store at once: all that is
final changes under one lock, blobs first and `index.json` last, each by a rename of a synced file.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec

from homeport.core.errors import PackageError, StorageError
from homeport.packages import gguf
from homeport.packages.base import PackageSpec, Progress, SourceFile, StoredPackage, repaired_by_pull, step
from homeport.packages.blobs import Blobs, stage_bytes, stage_file, sync_folder
from homeport.packages.build import Part, build, in_order
from homeport.packages.digest import Digest
from homeport.packages.manifest import (
    EMPTY_INDEX,
    GGUF_CONTEXT_LENGTH,
    MANIFEST_TYPE,
    MAX_DOCUMENT_BYTES,
    REF_NAME,
    SOURCE,
    SOURCE_FILE,
    SOURCE_SHA256,
    Descriptor,
    Index,
    Manifest,
    ModelConfig,
    decode_config,
    decode_index,
    decode_manifest,
    describe,
    digest_of,
    encode,
)
from homeport.packages.staging import locked, staging

STORE_INVALID = "package_store_invalid"
"""The code of a folder that is no store; pulling cannot repair it."""

_LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """The documents of one package, checked against their digests; its files are not."""

    package: StoredPackage
    manifest: Manifest


class Store:
    """A folder of packages. Nothing is read or written before a method is called.

    Every method raises `StorageError` where the disk refuses, and `PackageError` where the folder
    does not hold what it should.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.blobs = Blobs(root)

    def list(self) -> tuple[StoredPackage, ...]:
        """Every package, by name. Their documents are checked, their weights are not: see `verify`."""
        with _disk(self.root):
            entries = {_name(entry): entry for entry in self._index().manifests if _name(entry)}
            return tuple(self._contents(name, entries[name]).package for name in sorted(entries))

    def get(self, name: str) -> StoredPackage | None:
        """The package of this name, checked as in `list`; None where there is none."""
        found = self.read(name)
        return found.package if found else None

    def read(self, name: str) -> Contents | None:
        """The documents of a package; None where there is none of this name."""
        with _disk(self.root):
            for entry in self._index().manifests:
                if _name(entry) == name:
                    return self._contents(name, entry)
        return None

    def check_layers(self, contents: Contents, progress: Progress) -> None:
        """Compare every file of a package with its size and SHA-256; one step of `progress`.

        Raises:
            DigestMismatch, PackageError: as `Blobs.check`.
        """
        layers = contents.manifest.layers
        label = f"Verifying {contents.package.name}"
        before = 0
        with _disk(self.root), step(progress, label, sum(layer.size for layer in layers)):
            for layer in layers:
                self.blobs.check(layer, partial(_advance, progress, before))
                before += layer.size

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """A folder on the store's disk to fetch into; removed at the end, or after a crash by the next pull."""
        with _disk(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            with staging(self.root / ".staging", self._gate) as folder:
                yield folder

    def add(self, spec: PackageSpec, files: Sequence[SourceFile]) -> StoredPackage:
        """Freeze files as the package `spec.name`; one that was there under this name is replaced.

        Raises:
            PackageError: package_format_refused, package_weights_unreadable, package_files_invalid
                or package_path_unsafe; the store is as before.
        """
        ordered = in_order(files)
        header = gguf.read_header(ordered[0].path)
        with self.staging() as folder:
            paths = [folder / str(number) for number in range(len(ordered))]
            parts = [_stage(file, path) for file, path in zip(ordered, paths, strict=True)]
            manifest, config = build(spec, header, parts)
            staged = {part.digest: path for part, path in zip(parts, paths, strict=True)}
            staged[digest_of(manifest.config)] = stage_bytes(config, folder / "config")
            entry = self._stage_manifest(spec.name, manifest, folder, staged)
            with locked(self._gate):
                self._commit(entry, staged, folder)
                return self._contents(spec.name, entry).package

    def remove(self, name: str) -> None:
        """Remove a package and the blobs that no other one uses.

        Raises:
            PackageError: package_not_pulled; there is none of this name.
        """
        with self.staging() as folder, locked(self._gate):
            index = self._index()
            rest = _without(name, index)
            if len(rest) == len(index.manifests):
                raise not_pulled(name)
            self._write_index(rest, folder)

    @property
    def _gate(self) -> Path:
        return self.root / ".lock"

    def _stage_manifest(self, name: str, manifest: Manifest, folder: Path, staged: dict[Digest, Path]) -> Descriptor:
        data = encode(manifest)
        bare = describe(data, MANIFEST_TYPE)
        staged[digest_of(bare)] = stage_bytes(data, folder / "manifest")
        return msgspec.structs.replace(bare, artifact_type=manifest.artifact_type, annotations={REF_NAME: name})

    def _commit(self, entry: Descriptor, staged: dict[Digest, Path], folder: Path) -> None:
        index = self._index()
        for digest, path in staged.items():
            self.blobs.put(path, digest)
        self.blobs.settle()
        stage_bytes(_LAYOUT, folder / "oci-layout").replace(self.root / "oci-layout")
        self._write_index((*_without(_name(entry), index), entry), folder)

    def _write_index(self, entries: tuple[Descriptor, ...], folder: Path) -> None:
        """Make these the packages of the store, then drop what none of them uses."""
        data = encode(msgspec.structs.replace(EMPTY_INDEX, manifests=entries))
        stage_bytes(data, folder / "index.json").replace(self.root / "index.json")
        sync_folder(self.root)
        try:
            wanted = [digest for entry in entries for digest in self._digests(entry)]
        except PackageError:
            # A broken package does not say what it uses, so nothing is dropped until it is pulled again.
            return
        self.blobs.sweep(frozenset(wanted))

    def _digests(self, entry: Descriptor) -> Iterator[Digest]:
        manifest = decode_manifest(self.blobs.read(entry))
        yield digest_of(entry)
        yield digest_of(manifest.config)
        yield from map(digest_of, manifest.layers)

    def _index(self) -> Index:
        try:
            data = _read_start(self.root / "index.json")
        except FileNotFoundError:
            return EMPTY_INDEX
        try:
            if _read_start(self.root / "oci-layout").strip() == _LAYOUT:
                return decode_index(data)
            why = "its layout version is unknown"
        except (FileNotFoundError, PackageError) as error:
            why = str(error)
        raise PackageError(
            f"{self.root} is not a package store: {why}",
            code=STORE_INVALID,
            hint=f"move {self.root} away and pull the packages again",
        )

    def _contents(self, name: str, entry: Descriptor) -> Contents:
        with repaired_by_pull(name):
            manifest = decode_manifest(self.blobs.read(entry))
            config = decode_config(self.blobs.read(manifest.config), manifest)
            if config.descriptor.name != name:
                raise PackageError(
                    f"the index calls {config.descriptor.name[:80]!r} by the name {name!r}",
                    code="package_name_mismatch",
                )
        return Contents(package=self._package(entry, manifest, config), manifest=manifest)

    def _package(self, entry: Descriptor, manifest: Manifest, config: ModelConfig) -> StoredPackage:
        notes = manifest.annotations
        context_length = notes.get(GGUF_CONTEXT_LENGTH, "")
        return StoredPackage(
            name=config.descriptor.name,
            version=config.descriptor.version,
            digest=digest_of(entry),
            weights=self.blobs.path(digest_of(manifest.weights)),
            size=manifest.weights.size,
            family=config.descriptor.family,
            quantization=config.config.quantization,
            context_length=int(context_length) if context_length.isdecimal() and len(context_length) < 20 else 0,
            source=notes.get(SOURCE, ""),
            source_sha256=notes.get(SOURCE_SHA256, ""),
            source_file=notes.get(SOURCE_FILE, ""),
        )


def not_pulled(name: str) -> PackageError:
    """The error that there is no package of this name."""
    return PackageError(
        f"there is no package {name[:80]!r} in the store",
        code="package_not_pulled",
        hint=f"homeport package pull {name[:80]}",
    )


def _read_start(path: Path) -> bytes:
    """A document, or as much of it as shows that it is too large."""
    with path.open("rb") as stream:
        return stream.read(MAX_DOCUMENT_BYTES + 1)


def _advance(progress: Progress, before: int, done: int) -> None:
    progress.advance(before + done)


def _stage(file: SourceFile, path: Path) -> Part:
    digest = stage_file(file.path, path)
    return Part(file=file, digest=digest, size=path.stat().st_size)


def _name(entry: Descriptor) -> str:
    return entry.annotations.get(REF_NAME, "") if entry.media_type == MANIFEST_TYPE else ""


def _without(name: str, index: Index) -> tuple[Descriptor, ...]:
    return tuple(entry for entry in index.manifests if _name(entry) != name)


@contextmanager
def _disk(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"the package store {root} cannot be used: {os.strerror(error.errno or 0)}",
            code="package_store_unavailable",
            hint="check the folder's owner and the free space of its disk",
        ) from error
