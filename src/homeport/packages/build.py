"""From files to a package: the manifest and the configuration that describe them.

Pure: the same spec, header and files give the same bytes, and so the same digest.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from homeport.core.errors import PackageError
from homeport.packages.base import FileRole, PackageSpec, SourceFile, check_filepath
from homeport.packages.digest import Digest, hex_of
from homeport.packages.gguf import GgufHeader
from homeport.packages.manifest import (
    ARTIFACT_TYPE,
    CONFIG_TYPE,
    DOC_TYPE,
    FILEPATH,
    GGUF_ARCHITECTURE,
    GGUF_CONTEXT_LENGTH,
    MANIFEST_TYPE,
    SOURCE,
    SOURCE_FILE,
    SOURCE_SHA256,
    WEIGHTS_TYPE,
    Capabilities,
    Descriptor,
    Manifest,
    ModelConfig,
    ModelDescriptor,
    ModelFilesystem,
    ModelParameters,
    describe,
    encode,
)

_LAYER_TYPE: Final = {FileRole.WEIGHTS: WEIGHTS_TYPE, FileRole.DOC: DOC_TYPE}
# SPDX identifiers match in any case, but people and scanners expect these spellings.
_SPDX_SPELLING: Final = {"apache-2.0": "Apache-2.0", "mit": "MIT", "bsd-3-clause": "BSD-3-Clause"}
# What ModelPack calls an architecture is the kind of network; GGUF names the graph.
_NOT_TRANSFORMERS: Final = {"mamba": "mamba", "mamba2": "mamba", "rwkv6": "rnn", "rwkv7": "rnn"}
# The end of the year 9999, where RFC 3339 ends.
_LAST_SECOND = 253_402_300_799


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a package with the size (bytes) and digest of what was staged."""

    file: SourceFile
    digest: Digest
    size: int


def in_order(files: Sequence[SourceFile]) -> tuple[SourceFile, ...]:
    """Exactly one weights file first, then the documents by their path.

    Raises:
        PackageError: package_files_invalid or package_path_unsafe.
    """
    for file in files:
        check_filepath(file.filepath)
    weights = [file for file in files if file.role is FileRole.WEIGHTS]
    if len(weights) != 1 or len({file.filepath for file in files}) != len(files):
        raise PackageError(
            "a package needs exactly one weights file, and each file a path of its own",
            code="package_files_invalid",
            hint="name one .gguf file in the package's `file`",
        )
    docs = (file for file in files if file.role is not FileRole.WEIGHTS)
    return (weights[0], *sorted(docs, key=lambda file: file.filepath))


def build(spec: PackageSpec, header: GgufHeader, parts: Sequence[Part]) -> tuple[Manifest, bytes]:
    """The manifest of a package and the bytes of its configuration.

    Args:
        parts: in the order of `in_order`.
    """
    config = encode(_config(spec, header, parts))
    manifest = Manifest(
        schema_version=2,
        media_type=MANIFEST_TYPE,
        artifact_type=ARTIFACT_TYPE,
        config=describe(config, CONFIG_TYPE),
        layers=tuple(_layer(part) for part in parts),
        annotations=_annotations(spec, header),
    )
    return manifest, config


def _layer(part: Part) -> Descriptor:
    return Descriptor(
        media_type=_LAYER_TYPE[part.file.role],
        digest=part.digest,
        size=part.size,
        annotations={FILEPATH: part.file.filepath},
    )


def _annotations(spec: PackageSpec, header: GgufHeader) -> dict[str, str]:
    every = {
        SOURCE: spec.source,
        SOURCE_SHA256: spec.sha256 or "",
        SOURCE_FILE: spec.file or "",
        GGUF_ARCHITECTURE: header.architecture,
        GGUF_CONTEXT_LENGTH: str(header.context_length or ""),
    }
    return {key: value for key, value in every.items() if value}


def _config(spec: PackageSpec, header: GgufHeader, parts: Sequence[Part]) -> ModelConfig:
    weights = parts[0]
    return ModelConfig(
        descriptor=ModelDescriptor(
            created_at=_rfc3339(weights.file.modified),
            family=header.basename or header.architecture,
            name=spec.name,
            version=weights.file.version or hex_of(weights.digest)[:12],
            licenses=(_SPDX_SPELLING.get(header.license, header.license),) if header.license else (),
        ),
        config=ModelParameters(
            architecture=_NOT_TRANSFORMERS.get(header.architecture, "transformer"),
            format="gguf",
            param_size=header.param_size,
            quantization=header.quantization,
            capabilities=Capabilities(input_types=("text",), output_types=("text",)),
        ),
        modelfs=ModelFilesystem(type="layers", diff_ids=tuple(part.digest for part in parts)),
    )


def _rfc3339(seconds: int) -> str:
    return datetime.fromtimestamp(min(max(seconds, 0), _LAST_SECOND), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
