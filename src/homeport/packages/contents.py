"""What a package in the store is made of, read from its documents and checked on the way."""

from collections.abc import Iterator

import msgspec

from homeport.core.errors import PackageError
from homeport.packages.base import FileRole, Lineage, PackageFile, StoredPackage
from homeport.packages.blobs import Blobs
from homeport.packages.digest import Digest, parse_digest
from homeport.packages.manifest import (
    FILEPATH,
    GGUF_CONTEXT_LENGTH,
    LINEAGE_BASE,
    LINEAGE_DATASET,
    LINEAGE_RUN,
    MANIFEST_TYPE,
    RECIPE,
    SOURCE,
    SOURCE_FILE,
    SOURCE_SHA256,
    VERTICAL,
    Descriptor,
    Manifest,
    ModelConfig,
    decode_config,
    decode_manifest,
    digest_of,
    role_of,
)
from homeport.packages.versions import ORIGIN


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """The documents of one package, checked against their digests; its files are not."""

    package: StoredPackage
    manifest: Manifest
    config: ModelConfig


class Reader:
    """Reads packages out of blobs. Every method raises what `Blobs.read` and the decoders do."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def contents(self, entry: Descriptor) -> Contents:
        """The package of an index entry, and of its base where it has adapters only.

        Raises:
            PackageError: also package_base_missing.
        """
        manifest = decode_manifest(self._blobs.read(entry))
        config = decode_config(self._blobs.read(manifest.config), manifest)
        return Contents(package=self.described(entry, manifest, config), manifest=manifest, config=config)

    def described(self, entry: Descriptor, manifest: Manifest, config: ModelConfig) -> StoredPackage:
        """The package of documents that are read already, and may not be in the store yet.

        Raises:
            PackageError: package_base_missing.
        """
        return self._package(entry, manifest, config, self.base(manifest))

    def base(self, manifest: Manifest) -> StoredPackage | None:
        """The package that adapters are for; None where there are weights.

        Raises:
            PackageError: package_base_missing.
        """
        if manifest.weights is not None:
            return None
        entry = self._base_entry(manifest)
        if entry is None:
            raise _base_missing(manifest, "it is not in the store")
        below = decode_manifest(self._blobs.read(entry))
        if below.weights is None:
            raise _base_missing(manifest, "it has no weights either")
        return self._package(entry, below, decode_config(self._blobs.read(below.config), below), None)

    def layers(self, manifest: Manifest) -> tuple[Descriptor, ...]:
        """Every file of a package, those of its base last."""
        base = self._base_entry(manifest)
        below = decode_manifest(self._blobs.read(base)).layers if base else ()
        return (*manifest.layers, *below)

    def digests(self, entry: Descriptor) -> Iterator[Digest]:
        """Every blob that a package needs, those of its base too."""
        manifest = decode_manifest(self._blobs.read(entry))
        yield digest_of(entry)
        yield digest_of(manifest.config)
        yield from map(digest_of, manifest.layers)
        base = self._base_entry(manifest)
        if base is not None:
            yield from self.digests(base)

    def _base_entry(self, manifest: Manifest) -> Descriptor | None:
        if manifest.weights is not None:
            return None
        return self._blobs.find(parse_digest(manifest.annotations[LINEAGE_BASE]), MANIFEST_TYPE)

    def _package(
        self, entry: Descriptor, manifest: Manifest, config: ModelConfig, base: StoredPackage | None
    ) -> StoredPackage:
        notes = manifest.annotations
        files = tuple(self._file(layer) for layer in manifest.layers)
        return StoredPackage(
            name=config.descriptor.name,
            version=config.descriptor.version,
            digest=digest_of(entry),
            weights=base.weights if base else files[0].path,
            size=base.size if base else sum(file.size for file in files if file.role is FileRole.WEIGHTS),
            family=config.descriptor.family,
            quantization=config.config.quantization,
            context_length=base.context_length if base else _count(notes.get(GGUF_CONTEXT_LENGTH, "")),
            source=notes.get(SOURCE, ""),
            source_sha256=notes.get(SOURCE_SHA256, ""),
            source_file=notes.get(SOURCE_FILE, ""),
            files=files,
            description=config.descriptor.description,
            recipe=notes.get(RECIPE, ""),
            licenses=config.descriptor.licenses,
            vertical=notes.get(VERTICAL, ""),
            lineage=_lineage(manifest),
            base=base,
            origin=entry.annotations.get(ORIGIN, ""),
        )

    def _file(self, layer: Descriptor) -> PackageFile:
        digest = digest_of(layer)
        return PackageFile(
            path=self._blobs.path(digest),
            filepath=layer.annotations[FILEPATH],
            role=role_of(layer),
            digest=digest,
            size=layer.size,
        )


def _base_missing(manifest: Manifest, why: str) -> PackageError:
    return PackageError(
        f"the package has adapters only, and its base {manifest.annotations[LINEAGE_BASE]} cannot be used: {why}",
        code="package_base_missing",
        hint="pull or build the package that it was tuned from",
    )


def _lineage(manifest: Manifest) -> Lineage:
    notes = manifest.annotations
    return Lineage(
        base=notes.get(LINEAGE_BASE, ""), dataset=notes.get(LINEAGE_DATASET, ""), run=notes.get(LINEAGE_RUN, "")
    )


def _count(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 20 else 0
