"""The index of a store: which packages there are. Whoever writes it holds the store's lock."""

from pathlib import Path

import msgspec

from homeport.core.errors import PackageError
from homeport.packages import versions
from homeport.packages.attached import Signatures, kept
from homeport.packages.blobs import Blobs, stage_bytes, sync_folder
from homeport.packages.contents import Reader
from homeport.packages.digest import Digest
from homeport.packages.manifest import EMPTY_INDEX, MAX_DOCUMENT_BYTES, Descriptor, decode_index, encode
from homeport.packages.referrers import is_signature

STORE_INVALID = "package_store_invalid"
"""The code of a folder that is no store; pulling cannot repair it."""

_LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'


class Catalogue:
    """`index.json` and `oci-layout` of a store's folder."""

    def __init__(self, root: Path, blobs: Blobs, reader: Reader, signatures: Signatures) -> None:
        self._root = root
        self._blobs = blobs
        self._reader = reader
        self._signatures = signatures

    def entries(self) -> tuple[Descriptor, ...]:
        """What the index lists, as it is written.

        Raises:
            PackageError: package_store_invalid.
        """
        try:
            data = _read_start(self._root / "index.json")
        except FileNotFoundError:
            return EMPTY_INDEX.manifests
        try:
            if _read_start(self._root / "oci-layout").strip() == _LAYOUT:
                return decode_index(data).manifests
            why = "its layout version is unknown"
        except (FileNotFoundError, PackageError) as error:
            why = str(error)
        raise PackageError(
            f"{self._root} is not a package store: {why}",
            code=STORE_INVALID,
            hint=f"move {self._root} away and pull the packages again",
        )

    def settled(self) -> tuple[Descriptor, ...]:
        """The same, with an entry for each version that is in use: stores of before there were versions have none."""
        entries = self.entries()
        for name in versions.names(entries):
            current = versions.find(entries, name)
            if current is not None and not versions.keeps(entries, name, current.digest):
                entries = self._with_version(entries, name, current)
        return entries

    def write(self, entries: tuple[Descriptor, ...], folder: Path) -> None:
        """Make these the packages of the store, then drop what none of them uses, and the signatures of what is gone.

        Args:
            folder: on the store's disk, to write in before a rename.

        Raises:
            PackageError: as `encoded`.
        """
        wanted = self._wanted(entries)
        entries = kept(entries, wanted) if wanted is not None else entries
        data = self.encoded(entries)
        stage_bytes(_LAYOUT, folder / "oci-layout").replace(self._root / "oci-layout")
        stage_bytes(data, folder / "index.json").replace(self._root / "index.json")
        sync_folder(self._root)
        if wanted is not None:
            self._blobs.sweep(wanted)

    def encoded(self, entries: tuple[Descriptor, ...]) -> bytes:
        """The index of these packages.

        Raises:
            PackageError: package_too_large; nobody could read it again.
        """
        data = encode(msgspec.structs.replace(EMPTY_INDEX, manifests=entries))
        if len(data) > MAX_DOCUMENT_BYTES:
            raise PackageError(
                f"{self._root} has so many versions that its index would be larger than 4 MiB",
                code="package_too_large",
                hint="remove some that nobody needs: homeport package remove NAME VERSION",
            )
        return data

    def _wanted(self, entries: tuple[Descriptor, ...]) -> frozenset[Digest] | None:
        """Every blob that is used; None where a broken document does not say what it uses: then all stays."""
        packages = [entry for entry in entries if not is_signature(entry)]
        try:
            used = frozenset(digest for entry in packages for digest in self._reader.digests(entry))
            signatures = [entry for entry in kept(entries, used) if is_signature(entry)]
            return used.union(*(self._signatures.digests(entry) for entry in signatures))
        except PackageError:
            return None

    def _with_version(self, entries: tuple[Descriptor, ...], name: str, current: Descriptor) -> tuple[Descriptor, ...]:
        try:
            version = self._reader.contents(current).package.version
        except PackageError:
            # What it is called cannot be read; it stays in use, and pulling it again replaces it.
            return entries
        return versions.added(entries, name, version, current, use=False)


def _read_start(path: Path) -> bytes:
    """A document, or as much of it as shows that it is too large."""
    with path.open("rb") as stream:
        return stream.read(MAX_DOCUMENT_BYTES + 1)
