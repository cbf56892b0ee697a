"""The documents of a package: OCI index and image manifest, and the CNCF ModelPack configuration.

Sources: OCI image-spec 1.1 (manifest.md, image-index.md, descriptor.md); CNCF model-spec v0.0.7.
Encoding is canonical (sorted keys, no white space), so the same inputs give the same digests.
Decoding checks the structure and ignores fields it does not know: a digest covers the bytes as
they are stored, so nothing is lost.
"""

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from homeport.core.errors import PackageError
from homeport.packages.base import check_filepath
from homeport.packages.digest import Digest, digest_bytes, parse_digest

INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
ARTIFACT_TYPE = "application/vnd.cncf.model.manifest.v1+json"
CONFIG_TYPE = "application/vnd.cncf.model.config.v1+json"
WEIGHTS_TYPE = "application/vnd.cncf.model.weight.v1.raw"
DOC_TYPE = "application/vnd.cncf.model.doc.v1.raw"

REF_NAME = "org.opencontainers.image.ref.name"
FILEPATH = "org.cncf.model.filepath"
SOURCE = "dev.homeport.source"
SOURCE_SHA256 = "dev.homeport.source.sha256"
SOURCE_FILE = "dev.homeport.source.file"
GGUF_ARCHITECTURE = "dev.homeport.gguf.architecture"
GGUF_CONTEXT_LENGTH = "dev.homeport.gguf.context-length"

MAX_DOCUMENT_BYTES = 4 * 1024 * 1024
"""The largest manifest, configuration or index; the bound that registries keep as well."""

# In the order that a package keeps them: an engine is given the first layer.
_LAYER_TYPES = (WEIGHTS_TYPE, DOC_TYPE)


class _Document(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    pass


class Descriptor(_Document, frozen=True, kw_only=True):
    """Points at a blob. `size` is in bytes."""

    media_type: str
    digest: str
    size: int
    artifact_type: str = ""
    annotations: Mapping[str, str] = msgspec.field(default_factory=dict)


class Manifest(_Document, frozen=True, kw_only=True):
    """What a package is made of; its digest is the package's version."""

    schema_version: int
    media_type: str
    artifact_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]
    annotations: Mapping[str, str] = msgspec.field(default_factory=dict)

    @property
    def weights(self) -> Descriptor:
        """The layer that an engine opens: always the first."""
        return self.layers[0]


class Index(_Document, frozen=True, kw_only=True):
    schema_version: int
    media_type: str
    manifests: tuple[Descriptor, ...]


class ModelDescriptor(_Document, frozen=True, kw_only=True):
    """`created_at` is an RFC 3339 time; `licenses` are SPDX expressions."""

    created_at: str
    family: str
    name: str
    version: str
    licenses: tuple[str, ...] = ()


class Capabilities(_Document, frozen=True, kw_only=True):
    input_types: tuple[str, ...]
    output_types: tuple[str, ...]


class ModelParameters(_Document, frozen=True, kw_only=True):
    architecture: str
    format: str
    param_size: str
    capabilities: Capabilities
    quantization: str = ""


class ModelFilesystem(_Document, frozen=True, kw_only=True):
    type: str
    diff_ids: tuple[str, ...]


class ModelConfig(_Document, frozen=True, kw_only=True):
    """The ModelPack configuration. Its schema allows no other fields: ours are annotations."""

    descriptor: ModelDescriptor
    config: ModelParameters
    modelfs: ModelFilesystem


EMPTY_INDEX = Index(schema_version=2, media_type=INDEX_TYPE, manifests=())

_D = TypeVar("_D", bound=_Document)


def encode(document: Manifest | Index | ModelConfig) -> bytes:
    """The canonical bytes of a document: sorted keys, no white space, UTF-8."""
    return msgspec.json.encode(document, order="sorted")


def describe(data: bytes, media_type: str) -> Descriptor:
    """A descriptor of these bytes."""
    return Descriptor(media_type=media_type, digest=digest_bytes(data), size=len(data))


def decode_manifest(data: bytes) -> Manifest:
    """Read the manifest of a package and check that it is one we can use.

    Raises:
        PackageError: package_manifest_invalid, package_media_type_unknown, package_digest_invalid
            or package_path_unsafe.
    """
    manifest = _decode(data, Manifest)
    _require_type(manifest.media_type, MANIFEST_TYPE)
    _require_type(manifest.artifact_type, ARTIFACT_TYPE)
    _require_type(manifest.config.media_type, CONFIG_TYPE)
    _require(manifest.schema_version == 2, "its schema version is not 2")
    for descriptor in (manifest.config, *manifest.layers):
        _check_descriptor(descriptor)
    _require(manifest.config.size <= MAX_DOCUMENT_BYTES, "its configuration is too large")
    _check_layers(manifest.layers)
    return manifest


def decode_config(data: bytes, manifest: Manifest) -> ModelConfig:
    """Read the configuration that belongs to a manifest.

    Raises:
        PackageError: package_manifest_invalid; not a configuration, or its `diffIds` are not the
            manifest's layers in their order.
    """
    config = _decode(data, ModelConfig)
    _require(config.modelfs.type == "layers", "its file system is not made of layers")
    same = config.modelfs.diff_ids == tuple(layer.digest for layer in manifest.layers)
    _require(same, "its configuration lists other layers than its manifest")
    return config


def decode_index(data: bytes) -> Index:
    """Read the index of a store.

    Raises:
        PackageError: package_manifest_invalid or package_digest_invalid; not an index, or one name twice.
    """
    index = _decode(data, Index)
    _require(index.schema_version == 2, "its schema version is not 2")
    for entry in index.manifests:
        _check_descriptor(entry)
    names = [name for entry in index.manifests if (name := entry.annotations.get(REF_NAME))]
    _require(len(names) == len(set(names)), "a name is listed twice")
    return index


def digest_of(descriptor: Descriptor) -> Digest:
    """The digest of a descriptor that was read with this file, or of one made by hand.

    Raises:
        PackageError: package_digest_invalid.
    """
    return parse_digest(descriptor.digest)


def _decode(data: bytes, kind: type[_D]) -> _D:
    _require(len(data) <= MAX_DOCUMENT_BYTES, "it is larger than 4 MiB")
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PackageError(
            f"not a readable {kind.__name__.lower()}: {error}", code="package_manifest_invalid"
        ) from error


def _check_descriptor(descriptor: Descriptor) -> None:
    digest_of(descriptor)
    _require(descriptor.size >= 0, "a size is negative")


def _check_layers(layers: tuple[Descriptor, ...]) -> None:
    for layer in layers:
        _require_type(layer.media_type, *_LAYER_TYPES)
        check_filepath(layer.annotations.get(FILEPATH, ""))
    ranks = [_LAYER_TYPES.index(layer.media_type) for layer in layers]
    _require(ranks.count(0) == 1, "it has not exactly one weights file")
    _require(ranks == sorted(ranks), "its weights are not its first layer")
    paths = {layer.annotations[FILEPATH] for layer in layers}
    _require(len(paths) == len(layers), "two of its files have one path")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise PackageError(f"the package is malformed: {otherwise}", code="package_manifest_invalid")


def _require_type(found: str, *wanted: str) -> None:
    if found not in wanted:
        raise PackageError(f"{found[:80]!r} is not a media type of a model package", code="package_media_type_unknown")
