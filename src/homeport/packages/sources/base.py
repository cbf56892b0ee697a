"""The seam of weight sources, and how one is chosen."""

from pathlib import Path
from typing import Protocol, cast

from homeport.core.discovery import discover, load
from homeport.core.errors import PackageError
from homeport.packages.base import PackageSpec, Progress, SourceFile

SEAM = "homeport.packages.sources"
_PLAIN_PATH = "file"


class Source(Protocol):
    """What the module of a source offers. One conformance suite covers all of them."""

    def fetch(self, spec: PackageSpec, into: Path, progress: Progress) -> tuple[SourceFile, ...]:
        """Bring one weights file, and the documents that belong to it, into the folder `into`.

        The same spec gives the same files. What was fetched has been compared with `spec.sha256`.
        After an error nothing is left in `into`.

        Raises:
            PackageError: package_source_invalid, package_source_unreachable, package_not_found,
                package_hash_mismatch (a DigestMismatch) and, for archives, their own codes.
        """


def source_of(spec: PackageSpec) -> Source:
    """The source that the spec's scheme names; a source without `://` is a path.

    Raises:
        PackageError: package_source_unknown.
        ConfigError: the source's module cannot be imported.
    """
    scheme, mark, _ = spec.source.partition("://")
    name = scheme if mark else _PLAIN_PATH
    known = discover(SEAM)
    if name not in known:
        raise PackageError(
            f"no package can come from {name[:40]}://",
            code="package_source_unknown",
            hint=f"use one of: {', '.join(f'{each}://' for each in known)}",
        )
    return cast(Source, load(SEAM, name))
