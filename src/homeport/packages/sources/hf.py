"""`hf://organisation/repository@commit/path/model.gguf`: a weights file of the Hugging Face hub.

The revision is a commit, for a branch is what was pushed last. The file comes from the hub's resolve
address, or from a mirror that `sources.hf_endpoint` names; `sha256` says that it is the same everywhere.
"""

import re
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from urllib.parse import quote

from homeport.core.errors import PackageError
from homeport.packages.base import FileRole, PackageSpec, Progress, SourceFile, check_filepath
from homeport.packages.web_file import WebFile
from homeport.transport.blocking import BlockingClient, is_loopback, is_safe

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9])?"
_SOURCE = re.compile(rf"hf://(?P<repository>{_NAME}/{_NAME})@(?P<commit>[0-9a-f]{{40}})/(?P<path>[^?#]+)", re.ASCII)


def fetch(spec: PackageSpec, into: Path, progress: Progress) -> tuple[SourceFile, ...]:
    """See `sources.base.Source`; `spec.sha256` is the file's own, as the hub shows it, and is required.

    Raises:
        PackageError: also package_too_large, registry_denied and registry_credentials_in_clear.
    """
    repository, commit, path = _parts(spec)
    if spec.sha256 is None:
        raise _invalid(spec, "nothing pins the file", "add sha256, as the page of the file shows it")
    access = spec.access
    url = f"{access.hf_endpoint.rstrip('/')}/{repository}/resolve/{commit}/{quote(path)}"
    if not is_safe(url):
        raise PackageError(
            f"the hub {access.hf_endpoint} is not asked unencrypted",
            code="registry_credentials_in_clear",
            hint="give sources.hf_endpoint an https address",
        )
    headers = {"authorization": f"Bearer {access.hf_token}"} if access.hf_token else {}
    client = BlockingClient("" if is_loopback(url) else access.proxy)
    name = PurePosixPath(path).name
    with TemporaryDirectory(dir=into) as folder:
        copy = Path(folder) / "weights"
        WebFile(client, url, spec.sha256, headers).fetch(copy, f"Downloading {name}", progress)
        target = copy.rename(into / "weights")
    return (SourceFile(path=target, filepath=name, role=FileRole.WEIGHTS, modified=0, version=commit[:12]),)


def _parts(spec: PackageSpec) -> tuple[str, str, str]:
    found = _SOURCE.fullmatch(spec.source)
    hint = "write hf://organisation/repository@COMMIT/model.gguf, with the 40 digits of a commit"
    if found is None or ".." in found["repository"]:
        raise _invalid(spec, "does not name one file of one commit", hint)
    if spec.file is not None:
        raise _invalid(spec, "the file is in the source already", "leave `file` out")
    try:
        check_filepath(found["path"])
    except PackageError as error:
        raise _invalid(spec, "not the path of a file", hint) from error
    return found["repository"], found["commit"], found["path"]


def _invalid(spec: PackageSpec, why: str, hint: str) -> PackageError:
    return PackageError(f"{spec.source[:120]!r}: {why}", code="package_source_invalid", hint=hint)
