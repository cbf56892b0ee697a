"""Pulling a package: from its source, through the format check, into the store."""

from homeport.core.errors import PackageError
from homeport.packages.base import PackageSpec, Progress, StoredPackage
from homeport.packages.layout import STORE_INVALID, Store
from homeport.packages.sources.base import source_of
from homeport.packages.verify import verify


def pull(store: Store, spec: PackageSpec, progress: Progress) -> StoredPackage:
    """Have the package `spec` asks for in the store; does nothing when it is there, whole and pinned.

    A package that fails its verification is fetched again, so that a pull repairs it.

    Raises:
        PackageError: package_source_unknown, package_format_refused, package_weights_unreadable, or
            what the source raises; the store is as before.
        StorageError: the store's disk cannot be used.
    """
    held = _held(store, spec, progress)
    if held is not None:
        return held
    source = source_of(spec)
    with store.staging() as folder:
        return store.add(spec, source.fetch(spec, folder, progress))


def _held(store: Store, spec: PackageSpec, progress: Progress) -> StoredPackage | None:
    if spec.sha256 is None:
        # Nothing pins the source, so only reading it again shows whether it is the same.
        return None
    try:
        held = store.get(spec.name)
        if held is None or (held.source, held.source_sha256, held.source_file) != _origin(spec):
            return None
        return verify(store, spec.name, held.digest, progress)
    except PackageError as error:
        if error.code == STORE_INVALID:
            raise
        return None


def _origin(spec: PackageSpec) -> tuple[str, str | None, str]:
    return spec.source, spec.sha256, spec.file or ""
