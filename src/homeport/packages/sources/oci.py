"""`oci://host/repository:tag@sha256:...`: the weights of a package in a registry.

A package of the configuration that comes from a registry is pulled as it is, with its digest: see
`packages.pull`. This takes its files instead, for a package that is built on them.
"""

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from homeport.core.errors import PackageError
from homeport.packages.base import FileRole, PackageSpec, Progress, SourceFile, step
from homeport.packages.exchange import get_manifest, registry_at
from homeport.packages.manifest import (
    FILEPATH,
    Descriptor,
    ModelConfig,
    decode_config,
    decode_manifest,
    role_of,
)
from homeport.packages.reference import Reference, parse_reference
from homeport.packages.registry import Registry

TAKEN = frozenset({FileRole.WEIGHTS, FileRole.TOKENIZER, FileRole.DOC})
"""The roles of what is taken of a package for one that is built on it: its prompts and suites are its own."""


def place_of(spec: PackageSpec) -> Reference:
    """Where the spec's package lies.

    Raises:
        PackageError: package_source_invalid.
    """
    if spec.file is not None:
        raise PackageError(
            f"{spec.source[:80]!r}: a package has no files inside its files",
            code="package_source_invalid",
            hint="leave `file` out",
        )
    try:
        return parse_reference(spec.source)
    except PackageError as error:
        raise PackageError(error.message, code="package_source_invalid", hint=error.hint) from error


def fetch(spec: PackageSpec, into: Path, progress: Progress) -> tuple[SourceFile, ...]:
    """See `sources.base.Source`; `spec.sha256` is the manifest's and may be left out.

    Raises:
        PackageError: also what `Registry` raises, package_manifest_invalid and package_too_large.
    """
    place = place_of(spec)
    registry = registry_at(place, spec.access)
    manifest = decode_manifest(get_manifest(registry, place, spec.sha256))
    config = decode_config(registry.document(manifest.config), manifest)
    layers = [layer for layer in manifest.layers if role_of(layer) in TAKEN]
    with TemporaryDirectory(dir=into) as folder:
        names = [str(number) for number in range(len(layers))]
        for name, layer in zip(names, layers, strict=True):
            _bring(registry, layer, Path(folder) / name, f"Downloading {layer.annotations[FILEPATH]}", progress)
        paths = [(Path(folder) / name).rename(into / name) for name in names]
    return tuple(_file(path, layer, config) for path, layer in zip(paths, layers, strict=True))


def _bring(registry: Registry, layer: Descriptor, target: Path, label: str, progress: Progress) -> None:
    with step(progress, label, layer.size):
        registry.fetch(layer, target, progress.advance)


def _file(path: Path, layer: Descriptor, config: ModelConfig) -> SourceFile:
    return SourceFile(
        path=path,
        filepath=layer.annotations[FILEPATH],
        role=role_of(layer),
        modified=seconds_of(config.descriptor.created_at),
        version=config.descriptor.version,
    )


def seconds_of(created_at: str) -> int:
    """A package's date in seconds since the epoch; 0 where it has none, or says nonsense."""
    try:
        created = datetime.fromisoformat(created_at)
        return int((created if created.tzinfo else created.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return 0
