"""Where a package lies in a registry: `host[:port]/repository[:tag][@sha256:digest]`.

Source: OCI distribution-spec 1.1, "Pulling manifests". There is no default host, and no default tag:
`latest` is what was pushed last, and nobody who leaves a tag out means that of a model.
"""

import re

import msgspec

from homeport.core.errors import PackageError
from homeport.packages.digest import Digest, parse_digest

_MAX_LENGTH = 512
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?", re.ASCII)
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*", re.ASCII)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", re.ASCII)


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """A place in a registry. `tag` is "" and `digest` None where it does not have them."""

    host: str
    repository: str
    tag: str = ""
    digest: Digest | None = None

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.host}/{self.repository}{tag}{digest}"

    def pinned(self, digest: Digest) -> "Reference":
        """The same place, and exactly what is there now."""
        return msgspec.structs.replace(self, digest=digest)


def parse_reference(text: str) -> Reference:
    """Read a reference, with `oci://` before it or without.

    Raises:
        PackageError: package_reference_invalid, or package_digest_invalid.
    """
    bare = text.removeprefix("oci://")
    rest, at, digest = bare.partition("@")
    host, _, path = rest.partition("/")
    repository, colon, tag = path.partition(":")
    if len(bare) > _MAX_LENGTH or not _is_host(host) or not _REPOSITORY.fullmatch(repository):
        raise _invalid(text)
    if (colon and not _TAG.fullmatch(tag)) or (at and not digest):
        raise _invalid(text)
    if not tag and not at:
        raise PackageError(
            f"{text[:200]!r} names neither a tag nor a digest",
            code="package_reference_invalid",
            hint="add :TAG, or @sha256:DIGEST; nothing means `latest` here",
        )
    return Reference(host=host, repository=repository, tag=tag, digest=parse_digest(digest) if at else None)


def _is_host(host: str) -> bool:
    """A registry's host has a dot, a port or is localhost, or a first folder would be taken for it."""
    named = "." in host or ":" in host or host == "localhost"
    port = host.rpartition(":")[2] if not host.endswith("]") and ":" in host else "1"
    return named and _HOST.fullmatch(host) is not None and 0 < int(port) <= 65_535


def _invalid(text: str) -> PackageError:
    return PackageError(
        f"{text[:200]!r} is not a place in a registry",
        code="package_reference_invalid",
        hint="write host[:port]/repository:tag, such as registry.example.org/models/smollm2:1.0",
    )
