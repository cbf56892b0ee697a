"""The signatures in a store: kept as long as what they are of, and no longer."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from homeport.core.errors import PackageError
from homeport.packages.base import StoredPackage
from homeport.packages.blobs import Blobs, stage_bytes
from homeport.packages.digest import Digest
from homeport.packages.manifest import MANIFEST_TYPE, Descriptor, digest_of
from homeport.packages.referrers import (
    EMPTY,
    EMPTY_CONFIG,
    SUBJECT,
    StoredSignature,
    decode_signature,
    encode_signature,
    is_signature,
)
from homeport.packages.signing import mismatch, open_package

MAX_SIGNATURES = 32
"""The most signatures of one package."""

_UNKNOWN_KIND = "signature_kind_unknown"


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """A package on its way into the store, or into use there; its documents are read, its files have their digests.

    Attributes:
        bundles: the signatures that come with it, and those that are there already.
        tag: the tag of a registry that it was asked for by, or "".
    """

    package: StoredPackage
    bundles: tuple[bytes, ...] = ()
    tag: str = ""


class Came(msgspec.Struct, frozen=True, kw_only=True):
    """How a package came to the store.

    Attributes:
        origin: where from, such as a registry's host and repository; "" where it was made here.
        tag: the tag it was asked for by, or "".
        bundles: the signatures that came with it.
    """

    origin: str = ""
    tag: str = ""
    bundles: tuple[bytes, ...] = ()


MADE_HERE = Came()
MADE_ELSEWHERE = Came(origin="elsewhere")


Admit = Callable[[Arrival], None]
"""Lets a package into the store, or raises PackageError, and the store is as before."""


class Signatures:
    """Reads and stages signatures; whoever writes the index holds the store's lock."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def of(self, entries: Sequence[Descriptor], subject: Digest) -> tuple[StoredSignature, ...]:
        """The signatures of a manifest, in the order in which they came.

        Raises:
            DigestMismatch, PackageError: one is damaged: as `Blobs.read`, signature_malformed or
                signature_mismatch.
        """
        ours = (entry for entry in entries if is_signature(entry) and entry.annotations[SUBJECT] == subject)
        return tuple(self._read(entry, subject) for entry in ours)

    def mended(
        self, entries: tuple[Descriptor, ...], subject: Digest
    ) -> tuple[tuple[Descriptor, ...], tuple[bytes, ...]]:
        """The entries without damaged signatures of a manifest, and the bundles of the others: a pull repairs."""
        bundles, damaged = [], set()
        for entry in entries:
            if is_signature(entry) and entry.annotations[SUBJECT] == subject:
                try:
                    bundles.append(self._read(entry, subject).bundle)
                except PackageError:
                    damaged.add(entry.digest)
        return tuple(entry for entry in entries if entry.digest not in damaged), tuple(bundles)

    def staged(
        self, subject: Descriptor, bundles: Sequence[bytes], folder: Path
    ) -> tuple[tuple[Descriptor, ...], dict[Digest, Path]]:
        """The index entries of new signatures, and their blobs as files in `folder`.

        One of a kind that is not known is left out.

        Raises:
            PackageError: signature_malformed, signature_too_large or signature_mismatch.
        """
        made = [encode_signature(subject, bundle) for bundle in bundles if _is_known(subject, bundle)]
        blobs = {digest_of(EMPTY_CONFIG): EMPTY} if made else {}
        for one in made:
            blobs |= {digest_of(one.entry): one.manifest, digest_of(one.layer): one.bundle}
        files = {
            digest: stage_bytes(data, folder / f"signature-{number}")
            for number, (digest, data) in enumerate(blobs.items())
        }
        return tuple(one.entry for one in made), files

    def digests(self, entry: Descriptor) -> Iterator[Digest]:
        """Every blob that a signature needs."""
        yield digest_of(entry)
        yield digest_of(EMPTY_CONFIG)
        yield digest_of(decode_signature(self._blobs.read(entry)).bundle)

    def _read(self, entry: Descriptor, subject: Digest) -> StoredSignature:
        manifest = self._blobs.read(entry)
        document = decode_signature(manifest)
        if document.subject != subject:
            raise mismatch("the store keeps it with another package")
        return StoredSignature(entry=entry, manifest=manifest, bundle=self._blobs.read(document.bundle))


def joined(entries: Sequence[Descriptor], more: Sequence[Descriptor]) -> tuple[Descriptor, ...]:
    """The entries of an index with new signatures; one that is there already stays as it is.

    Raises:
        PackageError: too_many_signatures.
    """
    known = {entry.digest for entry in entries}
    after = (*entries, *(entry for entry in more if entry.digest not in known))
    for subject in {entry.annotations[SUBJECT] for entry in more}:
        require_few(sum(entry.annotations.get(SUBJECT) == subject for entry in after))
    return after


def require_few(number: int) -> None:
    """Refuse more signatures of one package than anybody needs.

    Raises:
        PackageError: too_many_signatures.
    """
    if number > MAX_SIGNATURES:
        raise PackageError(
            f"a package has more than {MAX_SIGNATURES} signatures",
            code="too_many_signatures",
            hint="get the package again, from whom you trust",
        )


def kept(entries: Sequence[Descriptor], wanted: frozenset[Digest]) -> tuple[Descriptor, ...]:
    """The entries without the signatures of what is gone."""
    return tuple(entry for entry in entries if not is_signature(entry) or entry.annotations[SUBJECT] in wanted)


def subject_of(package: StoredPackage, blobs: Blobs) -> Descriptor:
    """The descriptor of a package's manifest.

    Raises:
        PackageError: package_blob_missing.
    """
    found = blobs.find(package.digest, MANIFEST_TYPE)
    if found is None:
        raise PackageError(
            f"the manifest of {package.name} is missing",
            code="package_blob_missing",
            hint=f"homeport package pull {package.name}",
        )
    return found


def _is_known(subject: Descriptor, bundle: bytes) -> bool:
    try:
        _, statement = open_package(bundle)
    except PackageError as error:
        if error.code == _UNKNOWN_KIND:
            return False
        raise
    if statement.manifest != subject.digest:
        raise mismatch(f"it is of the manifest {statement.manifest}, and this one is {subject.digest}")
    return True
