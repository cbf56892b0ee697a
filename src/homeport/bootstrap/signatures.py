"""Signing packages of the store."""

from datetime import UTC, datetime

import msgspec

from homeport.config.home import Home
from homeport.packages.base import Progress, StoredPackage
from homeport.packages.bundle import unseal
from homeport.packages.keys import SigningKey
from homeport.packages.layout import Store
from homeport.packages.signing import sign_package
from homeport.packages.statement import PackageStatement
from homeport.packages.trust import signed_files
from homeport.packages.verify import verify


class Signing(msgspec.Struct, frozen=True, kw_only=True):
    """A package that is signed. `is_new`: only now; a key signs a package once."""

    package: StoredPackage
    bundle: bytes
    is_new: bool


def sign_stored(home: Home, name: str, key: SigningKey, progress: Progress | None = None) -> Signing:
    """Sign a package of the store, after every byte of it was checked.

    Raises:
        PackageError: what `verify` and `Store.add_signature` raise.
    """
    store = Store(home.packages)
    package = verify(store, name, progress=progress)
    for signature in store.signatures(package.digest):
        if unseal(signature.bundle).key_id == key.public.id:
            return Signing(package=package, bundle=signature.bundle, is_new=False)
    bundle = sign_package(statement_of(package, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"), key)
    store.add_signature(package, bundle)
    return Signing(package=package, bundle=bundle, is_new=True)


def unsign_stored(home: Home, name: str, key_id: str) -> int:
    """Remove the signatures of a package in the name of a key; how many there were.

    Args:
        key_id: its first digits are enough.

    Raises:
        PackageError: package_not_pulled, or what `Store.signatures` raises.
    """
    return Store(home.packages).remove_signatures(name, lambda bundle: unseal(bundle).key_id.startswith(key_id))


def statement_of(package: StoredPackage, signed_at: str) -> PackageStatement:
    """What a signature says of a package. `signed_at` is RFC 3339."""
    return PackageStatement(
        name=package.name,
        version=package.version,
        manifest=package.digest,
        files=signed_files(package),
        signed_at=signed_at,
    )
