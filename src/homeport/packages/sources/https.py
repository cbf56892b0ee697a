"""`https://host/path/model.gguf`: a weights file on a web site, pinned by its SHA-256."""

from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from urllib.parse import unquote, urlsplit

from homeport.core.errors import PackageError, UpstreamError
from homeport.packages.base import FileRole, PackageSpec, Progress, SourceFile, check_filepath
from homeport.packages.web_file import WebFile
from homeport.transport.blocking import BlockingClient, is_loopback
from homeport.transport.pool import place_of


def fetch(spec: PackageSpec, into: Path, progress: Progress) -> tuple[SourceFile, ...]:
    """See `sources.base.Source`; `spec.sha256` is the file's own and is required.

    Raises:
        PackageError: also package_too_large and package_path_unsafe.
    """
    if spec.sha256 is None:
        raise _invalid(spec, "nothing pins the file", "add sha256 with the file's hash")
    name = _name(spec)
    client = BlockingClient("" if is_loopback(spec.source) else spec.access.proxy)
    with TemporaryDirectory(dir=into) as folder:
        copy = Path(folder) / "weights"
        WebFile(client, spec.source, spec.sha256, {}).fetch(copy, f"Downloading {name}", progress)
        target = copy.rename(into / "weights")
    # The site's date is left out, so that a mirror gives the same package.
    return (SourceFile(path=target, filepath=name, role=FileRole.WEIGHTS, modified=0),)


def _name(spec: PackageSpec) -> str:
    """What the file is called in the package: the last part of the address."""
    hint = "write https://host/path/model.gguf, without a user or a fragment"
    if spec.file is not None:
        raise _invalid(spec, "an https source has no files inside it", "leave `file` out")
    try:
        place_of(spec.source)
        url = urlsplit(spec.source)
    except (ValueError, UpstreamError):
        raise _invalid(spec, "not an address", hint) from None
    name = PurePosixPath(unquote(url.path)).name
    if url.scheme != "https" or "@" in url.netloc or url.fragment or not name:
        raise _invalid(spec, "not the address of a file", hint)
    check_filepath(name)
    return name


def _invalid(spec: PackageSpec, why: str, hint: str) -> PackageError:
    # The query may hold a signature, which must not be told.
    shown = spec.source.partition("?")[0][:80]
    return PackageError(f"{shown!r}: {why}", code="package_source_invalid", hint=hint)
