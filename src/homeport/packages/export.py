"""A package as a plain folder of files, for whatever does not know packages."""

import os
import shutil
import tempfile
from functools import partial
from pathlib import Path

from homeport.core.errors import PackageError, StorageError
from homeport.packages.base import Progress, repaired_by_pull, step
from homeport.packages.contents import Contents
from homeport.packages.layout import Store
from homeport.packages.manifest import FILEPATH, Descriptor


def export(store: Store, contents: Contents, folder: Path, progress: Progress) -> None:
    """Write every file of a package below a new folder; each is compared with its digest on the way.

    Args:
        folder: must not be there, or be empty.

    Raises:
        PackageError: package_export_exists, package_path_unsafe (a file and a folder of one name), or what
            `Blobs.check` raises; nothing is left behind.
        StorageError: package_export_failed; the disk refuses.
    """
    if os.path.lexists(folder) and not _is_empty(folder):
        raise PackageError(
            f"{folder} is there already, and is not an empty folder",
            code="package_export_exists",
            hint="name a folder that is not there; nothing is overwritten",
        )
    _check_tree([layer.annotations[FILEPATH] for layer in contents.manifest.layers])
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            with repaired_by_pull(contents.package.name):
                _write(store, contents.manifest.layers, part, contents.package.name, progress)
            part.chmod(0o755)
            part.rename(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise StorageError(
            f"the package cannot be written to {folder}: {os.strerror(error.errno or 0)}",
            code="package_export_failed",
            hint="check the folder's owner and the free space of its disk",
        ) from error


def _write(store: Store, layers: tuple[Descriptor, ...], part: Path, name: str, progress: Progress) -> None:
    done = 0
    with step(progress, f"Writing {name}", sum(layer.size for layer in layers)):
        for layer in layers:
            target = part / layer.annotations[FILEPATH]
            target.parent.mkdir(parents=True, exist_ok=True)
            store.blobs.copy(layer, target, partial(_advance, progress, done))
            done += layer.size


def _advance(progress: Progress, before: int, done: int) -> None:
    progress.advance(before + done)


def _check_tree(paths: list[str]) -> None:
    """Refuse `a` beside `a/b`, and two paths that are one where letters have no case."""
    folded = [path.casefold() for path in paths]
    files = set(folded)
    folders = {str(parent) for path in folded for parent in Path(path).parents}
    if files & folders or len(files) != len(folded):
        raise PackageError(
            "two files of the package cannot lie in one folder: their paths are in each other's way",
            code="package_path_unsafe",
            hint="tell whoever made the package",
        )


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir())
