"""Trust nothing on the disk: recompute every digest of a package before an engine opens it."""

from homeport.core.errors import DigestMismatch
from homeport.packages.base import Progress, SilentProgress, StoredPackage, repaired_by_pull
from homeport.packages.digest import parse_digest
from homeport.packages.layout import Store, not_pulled
from homeport.packages.screening import screen


def verify(store: Store, name: str, expected: str | None = None, progress: Progress | None = None) -> StoredPackage:
    """Read every byte of a package, compare it with what was pulled, and look at what kind of files they are.

    Args:
        expected: the manifest digest that the package must have; None trusts the index for it.
        progress: follows the bytes that were read, of all files.

    Returns:
        The package; its weights are the pinned ones at this moment.

    Raises:
        DigestMismatch: bytes, a size or the manifest are not the pinned ones.
        PackageError: package_not_pulled, package_blob_missing, the documents are malformed, or a file is of a kind
            that is refused (see `screening`). The hint is the command that repairs it.
            package_digest_invalid: `expected` is no digest.
    """
    wanted = parse_digest(expected) if expected is not None else None
    with repaired_by_pull(name):
        contents = store.read(name)
        if contents is None:
            raise not_pulled(name)
        if wanted is not None and wanted != contents.package.digest:
            raise DigestMismatch(
                f"the package {name} is {contents.package.digest} and should be {wanted}",
                code="package_manifest_mismatch",
            )
        store.check_layers(contents, progress or SilentProgress())
        for file in (*contents.package.files, *(contents.package.base.files if contents.package.base else ())):
            screen(file.path, file.filepath, file.role)
    return contents.package
