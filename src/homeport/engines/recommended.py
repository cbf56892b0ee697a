"""Options that a package recommends for an engine: they hold where the configuration says nothing."""

from collections.abc import Mapping
from typing import Any

import msgspec

from homeport.core.errors import PackageError
from homeport.packages.base import FileRole, StoredPackage

_MAX_BYTES = 64 << 10
_OF_THIS_MACHINE = frozenset({"python"})
"""Options that only a machine's owner may set: a package must not choose what is run."""


def recommended(adapter: str, package: StoredPackage | None) -> Mapping[str, Any]:
    """The options that the package's profiles have for an adapter; none where it has none.

    Raises:
        PackageError: package_profiles_invalid; they are too large, no JSON, or name a program to run.
    """
    files = package.find(FileRole.PROFILES) if package else ()
    if package is None or not files:
        return {}
    try:
        with files[0].path.open("rb") as stream:
            data = stream.read(_MAX_BYTES + 1)
        profiles = msgspec.json.decode(data, type=dict[str, dict[str, Any]]) if len(data) <= _MAX_BYTES else None
    except (msgspec.DecodeError, RecursionError):
        profiles = None
    if profiles is None:
        raise _invalid(package, "are not JSON of at most 64 KiB: options of engines, by the adapter")
    options = profiles.get(adapter, {})
    if refused := sorted(_OF_THIS_MACHINE & set(options)):
        raise _invalid(package, f"set {refused[0]!r}, which only the configuration may")
    return options


def _invalid(package: StoredPackage, why: str) -> PackageError:
    return PackageError(
        f"the profiles of the package {package.name} {why}",
        code="package_profiles_invalid",
        hint="tell whoever made the package",
    )
