"""From files to a package: the manifest and the configuration that describe them.

Pure: the same spec, header and files give the same bytes, and so the same digest.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from homeport.core.errors import PackageError
from homeport.packages.base import NO_FACTS, FileRole, PackageFacts, PackageSpec, SourceFile, check_filepath
from homeport.packages.digest import Digest, hex_of
from homeport.packages.gguf import WeightsHeader
from homeport.packages.manifest import (
    ARTIFACT_TYPE,
    CONFIG_TYPE,
    GGUF_ARCHITECTURE,
    GGUF_CONTEXT_LENGTH,
    LAYER_TYPES,
    LINEAGE_BASE,
    LINEAGE_DATASET,
    LINEAGE_RUN,
    MANIFEST_TYPE,
    MAX_FILES,
    RECIPE,
    SOURCE,
    SOURCE_FILE,
    SOURCE_SHA256,
    VERTICAL,
    Capabilities,
    Descriptor,
    Manifest,
    ModelConfig,
    ModelDescriptor,
    ModelFilesystem,
    ModelParameters,
    describe,
    encode,
    layer_annotations,
    rank,
    weights_fit,
)

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
    """Weights first, then adapters, then the others by their path.

    Raises:
        PackageError: package_files_invalid or package_path_unsafe.
    """
    for file in files:
        check_filepath(file.filepath)
    weights = [file.filepath for file in files if file.role is FileRole.WEIGHTS]
    adapters = sum(file.role is FileRole.ADAPTER for file in files)
    paths = {file.filepath for file in files}
    if not weights_fit(weights, adapters) or len(paths) != len(files) or len(files) > MAX_FILES:
        raise PackageError(
            f"a package needs exactly one weights file, and each of at most {MAX_FILES} files a path of its own",
            code="package_files_invalid",
            hint="name one .gguf file, or all parts of one safetensors model",
        )
    return tuple(sorted(files, key=lambda file: (rank(file.role), file.filepath)))


def build(
    spec: PackageSpec, header: WeightsHeader, parts: Sequence[Part], facts: PackageFacts = NO_FACTS
) -> tuple[Manifest, bytes]:
    """The manifest of a package and the bytes of its configuration.

    Args:
        header: of the first file, weights or adapter.
        parts: in the order of `in_order`.
    """
    config = encode(_config(spec, header, parts, facts))
    manifest = Manifest(
        schema_version=2,
        media_type=MANIFEST_TYPE,
        artifact_type=ARTIFACT_TYPE,
        config=describe(config, CONFIG_TYPE),
        layers=tuple(_layer(part) for part in parts),
        annotations=_annotations(spec, header, facts),
    )
    return manifest, config


def _layer(part: Part) -> Descriptor:
    return Descriptor(
        media_type=LAYER_TYPES[part.file.role],
        digest=part.digest,
        size=part.size,
        annotations=layer_annotations(part.file.filepath, part.file.role),
    )


def _annotations(spec: PackageSpec, header: WeightsHeader, facts: PackageFacts) -> dict[str, str]:
    every = {
        SOURCE: spec.told_source,
        SOURCE_SHA256: spec.sha256 or "",
        SOURCE_FILE: spec.file or "",
        GGUF_ARCHITECTURE: header.architecture,
        GGUF_CONTEXT_LENGTH: str(header.context_length or ""),
        VERTICAL: facts.vertical,
        RECIPE: facts.recipe,
        LINEAGE_BASE: facts.lineage.base,
        LINEAGE_DATASET: facts.lineage.dataset,
        LINEAGE_RUN: facts.lineage.run,
    }
    return {key: value for key, value in every.items() if value}


def _config(spec: PackageSpec, header: WeightsHeader, parts: Sequence[Part], facts: PackageFacts) -> ModelConfig:
    weights = parts[0]
    own = (_SPDX_SPELLING.get(header.license, header.license),) if header.license else ()
    return ModelConfig(
        descriptor=ModelDescriptor(
            created_at=_rfc3339(facts.created or weights.file.modified),
            family=header.basename or header.architecture,
            name=spec.name,
            version=facts.version or weights.file.version or hex_of(weights.digest)[:12],
            description=facts.description,
            licenses=facts.licenses or own,
        ),
        config=ModelParameters(
            architecture=_NOT_TRANSFORMERS.get(header.architecture, "transformer"),
            format=header.format,
            param_size=header.param_size,
            quantization=header.quantization,
            precision=header.precision,
            capabilities=Capabilities(input_types=("text",), output_types=("text",)),
        ),
        modelfs=ModelFilesystem(type="layers", diff_ids=tuple(part.digest for part in parts)),
    )


def _rfc3339(seconds: int) -> str:
    if seconds == 0:
        return ""
    return datetime.fromtimestamp(min(max(seconds, 0), _LAST_SECOND), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
