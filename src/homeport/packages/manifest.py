"""The documents of a package: OCI index and image manifest, and the CNCF ModelPack configuration.

Sources: OCI image-spec 1.1 (manifest.md, image-index.md, descriptor.md); CNCF model-spec v0.0.7.
Encoding is canonical (sorted keys, no white space), so the same inputs give the same digests.
Decoding checks the structure and ignores fields it does not know: a digest covers the bytes as
they are stored, so nothing is lost.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec

from homeport.core.errors import PackageError
from homeport.packages.base import FileRole, check_filepath
from homeport.packages.digest import Digest, digest_bytes, parse_digest

INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
ARTIFACT_TYPE = "application/vnd.cncf.model.manifest.v1+json"
CONFIG_TYPE = "application/vnd.cncf.model.config.v1+json"
WEIGHTS_TYPE = "application/vnd.cncf.model.weight.v1.raw"
WEIGHT_CONFIG_TYPE = "application/vnd.cncf.model.weight.config.v1.raw"
CODE_TYPE = "application/vnd.cncf.model.code.v1.raw"
DATASET_TYPE = "application/vnd.cncf.model.dataset.v1.raw"
DOC_TYPE = "application/vnd.cncf.model.doc.v1.raw"

REF_NAME = "org.opencontainers.image.ref.name"
FILEPATH = "org.cncf.model.filepath"
SUBTYPE = "ml.kitops.modelkit.layer-subtype"
ROLE = "dev.homeport.role"
RECIPE = "dev.homeport.recipe"
VERTICAL = "dev.homeport.vertical"
LINEAGE_BASE = "dev.homeport.lineage.base"
LINEAGE_DATASET = "dev.homeport.lineage.dataset"
LINEAGE_RUN = "dev.homeport.lineage.run"
SOURCE = "dev.homeport.source"
SOURCE_SHA256 = "dev.homeport.source.sha256"
SOURCE_FILE = "dev.homeport.source.file"
GGUF_ARCHITECTURE = "dev.homeport.gguf.architecture"
GGUF_CONTEXT_LENGTH = "dev.homeport.gguf.context-length"

MAX_DOCUMENT_BYTES = 4 * 1024 * 1024
"""The largest manifest, configuration or index; the bound that registries keep as well."""

LAYER_TYPES: Final = {
    FileRole.WEIGHTS: WEIGHTS_TYPE,
    FileRole.ADAPTER: WEIGHTS_TYPE,
    FileRole.TOKENIZER: WEIGHT_CONFIG_TYPE,
    FileRole.TEMPLATE: WEIGHT_CONFIG_TYPE,
    FileRole.PROFILES: WEIGHT_CONFIG_TYPE,
    FileRole.PROMPT: CODE_TYPE,
    FileRole.SUITE: DATASET_TYPE,
    FileRole.DOC: DOC_TYPE,
}
"""The media type of a layer of each role."""

MAX_FILES = 1024
"""The most files a package may have."""

# What a layer is that was written without a role: by another tool, or by an older Homeport.
_UNMARKED: Final = {
    WEIGHTS_TYPE: FileRole.WEIGHTS,
    WEIGHT_CONFIG_TYPE: FileRole.TOKENIZER,
    CODE_TYPE: FileRole.DOC,
    DATASET_TYPE: FileRole.DOC,
    DOC_TYPE: FileRole.DOC,
}
_PROMPT = "prompt"
# What a terminal could obey; lines and tabs of a description are no harm.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_SHARDED = ".safetensors"
_MADE_WRONG = "tell whoever made the package"


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
    def weights(self) -> Descriptor | None:
        """The layer that an engine opens: the first, or None in a package of adapters."""
        return self.layers[0] if role_of(self.layers[0]) is FileRole.WEIGHTS else None


class Index(_Document, frozen=True, kw_only=True):
    schema_version: int
    media_type: str
    manifests: tuple[Descriptor, ...]


class ModelDescriptor(_Document, frozen=True, kw_only=True):
    """`created_at` is an RFC 3339 time, or "" where nobody knows it; `licenses` are SPDX expressions."""

    family: str
    name: str
    version: str
    created_at: str = ""
    description: str = ""
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
    precision: str = ""


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
    _check_layers(manifest)
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


def role_of(layer: Descriptor) -> FileRole:
    """What a layer is for: as it says, or what its media type stands for.

    Raises:
        PackageError: package_manifest_invalid; a role we do not know, or of another media type.
    """
    marked = layer.annotations.get(ROLE)
    if marked is None:
        prompt = layer.media_type == CODE_TYPE and layer.annotations.get(SUBTYPE) == _PROMPT
        return FileRole.PROMPT if prompt else _UNMARKED[layer.media_type]
    _require(marked in set(FileRole), f"the role {marked[:40]!r} is not known")
    role = FileRole(marked)
    _require(LAYER_TYPES[role] == layer.media_type, f"the role {role} has another media type")
    return role


def layer_annotations(filepath: str, role: FileRole) -> dict[str, str]:
    """What a layer's descriptor says of its file."""
    subtype = {SUBTYPE: _PROMPT} if role is FileRole.PROMPT else {}
    return {FILEPATH: filepath, ROLE: role, **subtype}


def rank(role: FileRole) -> int:
    """Where files of a role stand among the layers: engines are given the first ones."""
    return (FileRole.WEIGHTS, FileRole.ADAPTER).index(role) if role in (FileRole.WEIGHTS, FileRole.ADAPTER) else 2


def weights_fit(weights: Sequence[str], adapters: int) -> bool:
    """Whether a package may have these weights: one file, several parts of safetensors, or none beside adapters."""
    if len(weights) > 1:
        return all(path.endswith(_SHARDED) for path in weights)
    return bool(weights) or adapters > 0


def _decode(data: bytes, kind: type[_D]) -> _D:
    _require(len(data) <= MAX_DOCUMENT_BYTES, "it is larger than 4 MiB")
    try:
        document = msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PackageError(
            f"not a readable {kind.__name__.lower()}: {error}", code="package_manifest_invalid", hint=_MADE_WRONG
        ) from error
    _require(not any(map(_CONTROL.search, _texts(msgspec.to_builtins(document)))), "it has control characters")
    return document


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for pair in value.items():
            yield from _texts(pair)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)


def _check_descriptor(descriptor: Descriptor) -> None:
    digest_of(descriptor)
    _require(descriptor.size >= 0, "a size is negative")


def _check_layers(manifest: Manifest) -> None:
    _require(len(manifest.layers) <= MAX_FILES, f"it has more than {MAX_FILES} files")
    for layer in manifest.layers:
        _require_type(layer.media_type, *_UNMARKED)
        check_filepath(layer.annotations.get(FILEPATH, ""))
    roles = [role_of(layer) for layer in manifest.layers]
    paths = [layer.annotations[FILEPATH] for layer in manifest.layers]
    weights = [path for path, role in zip(paths, roles, strict=True) if role is FileRole.WEIGHTS]
    _require(weights_fit(weights, roles.count(FileRole.ADAPTER)), "it has not exactly one weights file")
    ranks = [rank(role) for role in roles]
    _require(ranks == sorted(ranks), "its weights are not its first layer")
    _require(len(set(paths)) == len(paths), "two of its files have one path")
    base = manifest.annotations.get(LINEAGE_BASE)
    _require(bool(weights or base), "it has adapters only and does not name its base")
    if base is not None:
        parse_digest(base)


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise PackageError(f"the package is malformed: {otherwise}", code="package_manifest_invalid", hint=_MADE_WRONG)


def _require_type(found: str, *wanted: str) -> None:
    if found not in wanted:
        raise PackageError(
            f"{found[:80]!r} is not a media type of a model package",
            code="package_media_type_unknown",
            hint="what is read are ModelPack packages with their files as they are, in layers that end with .raw",
        )
