"""Pulling a package: from its source, through the format check, into the store."""

from homeport.core.errors import PackageError
from homeport.packages import exchange
from homeport.packages.base import PackageSpec, Progress, StoredPackage
from homeport.packages.catalogue import STORE_INVALID
from homeport.packages.layout import Store
from homeport.packages.sources import oci
from homeport.packages.sources.base import source_of
from homeport.packages.verify import verify


def pull(store: Store, spec: PackageSpec, progress: Progress) -> StoredPackage:
    """Have the package `spec` asks for in the store; does nothing when it is there, whole and pinned.

    A package that fails its verification, or has a damaged signature, is fetched again, so that a pull repairs it.
    What is fetched is the version in use; what was there already stays behind one that somebody chose with `use`.

    Raises:
        PackageError: package_source_unknown, package_format_refused, package_weights_unreadable, or
            what the source raises; the store is as before.
        StorageError: the store's disk cannot be used.
    """
    held = held_of(store, spec, progress)
    if held is not None:
        return _used(store, held)
    if _is_adopted(spec):
        place = oci.place_of(spec)
        registry, use = exchange.registry_at(place, spec.access), not _yields(store, spec)
        return exchange.pull(store, place, registry, progress, name=spec.name, sha256=spec.sha256, use=use)
    source = source_of(spec)
    with store.staging() as folder:
        files = source.fetch(spec, folder, progress)
        return store.add(spec, files, use=not _yields(store, spec))


def held_of(store: Store, spec: PackageSpec, progress: Progress) -> StoredPackage | None:
    """A version of the package `spec.name` that was pulled by this spec, whole; None where nothing pins the source."""
    # Without a pin only reading the source again shows whether it is the same.
    pinned = spec.sha256 is not None or _pinned(spec) is not None
    for reference in (spec.name, *store.versions(spec.name)) if pinned else ():
        held = _of_spec(store, spec, reference)
        if held is not None and _is_whole(store, reference, held, progress):
            return held
    return None


def _used(store: Store, held: StoredPackage) -> StoredPackage:
    """Make it the version in use, unless somebody chose another one."""
    current = store.history(held.name)[-1:]
    if current == (held.digest,) or store.is_chosen(held.name):
        return held
    return store.use(held.name, held.digest, chosen=False)


def _yields(store: Store, spec: PackageSpec) -> bool:
    """Whether somebody chose a version after this source was pulled for the first time."""
    references = store.versions(spec.name)
    return store.is_chosen(spec.name) and any(_of_spec(store, spec, reference) for reference in references)


def _of_spec(store: Store, spec: PackageSpec, reference: str) -> StoredPackage | None:
    try:
        held = store.get(reference)
    except PackageError as error:
        if error.code == STORE_INVALID:
            raise
        return None
    return held if held and _comes_from(held, spec) else None


def _comes_from(held: StoredPackage, spec: PackageSpec) -> bool:
    if _is_adopted(spec):
        return held.digest == _pinned(spec)
    origin = (spec.told_source, spec.sha256 or "", spec.file or "")
    return not held.recipe and (held.source, held.source_sha256, held.source_file) == origin


def _is_adopted(spec: PackageSpec) -> bool:
    """Whether the source has whole packages, which are kept as they are, and not weights to make one of."""
    return spec.source.startswith("oci://")


def _pinned(spec: PackageSpec) -> str | None:
    """The digest that an adopted package must have, as far as the spec says it."""
    if not _is_adopted(spec):
        return None
    return oci.place_of(spec).digest or (f"sha256:{spec.sha256}" if spec.sha256 else None)


def _is_whole(store: Store, reference: str, held: StoredPackage, progress: Progress) -> bool:
    try:
        verify(store, reference, held.digest, progress)
        store.signatures(held.digest)
    except PackageError:
        return False
    return True
