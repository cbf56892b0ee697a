"""The store: every package in one OCI image-layout folder.

Source: OCI image-spec 1.1, image-layout.md. Two processes may use one store at once: all that is
final changes under one lock, blobs first and `index.json` last, each by a rename of a synced file.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from homeport.core.errors import PackageError
from homeport.packages import versions
from homeport.packages.attached import MADE_ELSEWHERE, MADE_HERE, Admit, Arrival, Came, Signatures, joined, subject_of
from homeport.packages.base import (
    NO_FACTS,
    PackageFacts,
    PackageSpec,
    Progress,
    SourceFile,
    StoredPackage,
    bare_name,
    check_name,
    repaired_by_pull,
    step,
)
from homeport.packages.blobs import Blobs, require_size, stage_bytes, stage_checked, stage_file
from homeport.packages.build import Part, build, in_order
from homeport.packages.catalogue import Catalogue
from homeport.packages.contents import Contents, Reader
from homeport.packages.digest import Digest
from homeport.packages.manifest import (
    FILEPATH,
    MANIFEST_TYPE,
    Descriptor,
    decode_config,
    decode_manifest,
    describe,
    digest_of,
    encode,
    role_of,
)
from homeport.packages.referrers import StoredSignature
from homeport.packages.screening import describe_files
from homeport.packages.signing import open_package
from homeport.packages.staging import locked, staging, usable_disk


class Store:
    """A folder of packages. Nothing is read or written before a method is called.

    A package is asked for as `name`, which is its version in use, `name:version` or `name@sha256:...`.
    Every method raises `StorageError` where the disk refuses, and `PackageError` where the folder
    does not hold what it should.

    Args:
        admit: asked before a package comes in, and before `use` and `rollback`; None lets in what is well-formed.
    """

    def __init__(self, root: Path, admit: Admit | None = None) -> None:
        self.root = root
        self.blobs = Blobs(root)
        self._admit = admit
        self._reader = Reader(self.blobs)
        self._signatures = Signatures(self.blobs)
        self._catalogue = Catalogue(root, self.blobs, self._reader, self._signatures)

    def list(self) -> tuple[StoredPackage, ...]:
        """Every package in use, by name. Their documents are checked, their files are not: see `verify`."""
        with usable_disk(self.root):
            entries = self._catalogue.entries()
            return tuple(self._contents(name, entries).package for name in versions.names(entries))

    def get(self, wanted: str) -> StoredPackage | None:
        """The package of this reference, checked as in `list`; None where there is none."""
        found = self.read(wanted)
        return found.package if found else None

    def read(self, wanted: str) -> Contents | None:
        """The documents of a package; None where there is none of this reference."""
        with usable_disk(self.root):
            entries = self._catalogue.settled() if ":" in wanted else self._catalogue.entries()
            return self._contents(wanted, entries) if versions.find(entries, wanted) else None

    def versions(self, name: str) -> tuple[str, ...]:
        """References of every version of a package: the one in use, those before it, then the others."""
        with usable_disk(self.root):
            return tuple(map(versions.reference, versions.versions(self._catalogue.settled(), name)))

    def history(self, name: str) -> tuple[Digest, ...]:
        """The digests that were in use, the oldest first; the one in use is the last."""
        with usable_disk(self.root):
            return tuple(map(Digest, versions.history(self._catalogue.settled(), name)))

    def check_layers(self, contents: Contents, progress: Progress) -> None:
        """Compare every file of a package with its size and SHA-256; one step of `progress`.

        Raises:
            DigestMismatch, PackageError: as `Blobs.check`.
        """
        label = f"Verifying {contents.package.name}"
        before = 0
        with usable_disk(self.root):
            layers = self._reader.layers(contents.manifest)
            with step(progress, label, sum(layer.size for layer in layers)):
                for layer in layers:
                    self.blobs.check(layer, partial(_advance, progress, before))
                    before += layer.size

    def signatures(self, digest: Digest) -> tuple[StoredSignature, ...]:
        """The signatures of the manifest of this digest; they are read, and not checked: see `trust.judge`.

        Raises:
            DigestMismatch, PackageError: one is damaged.
        """
        with usable_disk(self.root):
            return self._signatures.of(self._catalogue.entries(), digest)

    def add_signature(self, package: StoredPackage, bundle: bytes) -> None:
        """Keep a signature of a package, as long as the package.

        Raises:
            PackageError: signature_malformed, signature_too_large, signature_mismatch (it is of another package),
                signature_kind_unknown or too_many_signatures; the store is as before.
        """
        open_package(bundle)
        with self.staging() as folder:
            more, staged = self._signatures.staged(subject_of(package, self.blobs), (bundle,), folder)
            with locked(self._gate):
                self._commit(joined(self._catalogue.settled(), more), staged, folder)

    def remove_signatures(self, name: str, unwanted: Callable[[bytes], bool]) -> int:
        """Remove the signatures of a package whose bundle is unwanted; how many there were.

        Raises:
            PackageError: package_not_pulled; or one is damaged.
        """
        with self.staging() as folder, locked(self._gate):
            entries = self._catalogue.settled()
            digest = self._contents(name, entries).package.digest
            gone = {one.entry.digest for one in self._signatures.of(entries, digest) if unwanted(one.bundle)}
            self._catalogue.write(tuple(entry for entry in entries if entry.digest not in gone), folder)
        return len(gone)

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """A folder on the store's disk to fetch into; removed at the end, or after a crash by the next pull."""
        with usable_disk(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            with staging(self.root / ".staging", self._gate) as folder:
                yield folder

    def add(
        self,
        spec: PackageSpec,
        files: Sequence[SourceFile],
        facts: PackageFacts = NO_FACTS,
        *,
        use: bool = True,
        replace: bool = True,
    ) -> StoredPackage:
        """Freeze files as a version of the package `spec.name`.

        Args:
            use: make it the version in use, which the first one is in any case.
            replace: a version of the same name with other content gives way.

        Raises:
            PackageError: package_files_invalid, package_path_unsafe, package_base_missing, package_version_taken,
                or what `screening` refuses a file for; the store is as before.
        """
        ordered = in_order(files)
        with self.staging() as folder:
            paths = [folder / str(number) for number in range(len(ordered))]
            parts = [_stage(file, path) for file, path in zip(ordered, paths, strict=True)]
            header = describe_files(
                [(path, file.filepath, file.role) for path, file in zip(paths, ordered, strict=True)]
            )
            manifest, config = build(spec, header, parts, facts)
            staged = {part.digest: path for part, path in zip(parts, paths, strict=True)}
            staged[digest_of(manifest.config)] = stage_bytes(config, folder / "config")
            return self._keep(encode(manifest), staged, folder, MADE_HERE, use=use, replace=replace)

    def adopt(
        self,
        manifest: bytes,
        fetched: Mapping[Digest, Path],
        *,
        use: bool = True,
        replace: bool = True,
        came: Came = MADE_ELSEWHERE,
    ) -> StoredPackage:
        """Keep a package that was made elsewhere, byte by byte: its digest stays what it is.

        Args:
            manifest: its bytes, already compared with a digest or a signature where there was one.
            fetched: its configuration and all its files, in a folder of `staging`.
            came: where from; of the signatures with it, those of a kind that is not known are not kept.

        Raises:
            DigestMismatch, PackageError: as `decode_manifest`, `decode_config`, `add` and `add_signature`, or what
                the store's `admit` raises; the store is as before.
        """
        document = decode_manifest(manifest)
        with self.staging() as folder:
            staged = {
                digest: stage_checked(path, digest, folder / str(number))
                for number, (digest, path) in enumerate(sorted(fetched.items()))
            }
            for layer in (document.config, *document.layers):
                require_size(layer, staged[digest_of(layer)])
            layers = [(staged[digest_of(layer)], layer) for layer in document.layers]
            describe_files([(path, layer.annotations[FILEPATH], role_of(layer)) for path, layer in layers])
            return self._keep(manifest, staged, folder, came, use=use, replace=replace)

    def consider(self, manifest: bytes, config: bytes, came: Came, *, replace: bool = True) -> None:
        """Ask whether a package may come in, before its files are fetched; `adopt` asks again.

        Raises:
            PackageError: as `adopt`.
        """
        document = decode_manifest(manifest)
        entry = versions.bare_entry(describe(manifest, MANIFEST_TYPE), document.artifact_type, came.origin)
        package = self._reader.described(entry, document, decode_config(config, document))
        check_name(package.name)
        with usable_disk(self.root):
            entries = self._catalogue.settled()
            if not replace:
                _require_free(entries, package)
            self._ask(entries, package, came)

    def is_chosen(self, name: str) -> bool:
        """Whether somebody asked for the version in use, with `use` or `rollback`."""
        with usable_disk(self.root):
            return versions.is_chosen(self._catalogue.entries(), name)

    def use(self, name: str, wanted: str, *, chosen: bool = True) -> StoredPackage:
        """Make a version, or the one of a digest, the one in use.

        Args:
            chosen: somebody asked for it: a pull of what the configuration pins will not change it back.

        Raises:
            PackageError: package_version_unknown; or what the store's `admit` raises, and it stays as it was.
        """
        with self.staging() as folder, locked(self._gate):
            entries = self._catalogue.settled()
            spelled = _spelled(name, wanted)
            entry = versions.find(entries, spelled)
            if entry is None:
                raise _version_unknown(name, wanted, versions.versions(entries, name))
            package = self._admitted(spelled, entries)
            self._catalogue.write(versions.used(entries, name, entry, chosen=chosen), folder)
            return package

    def rollback(self, name: str) -> StoredPackage:
        """Use the version that was in use before this one; doing it again goes back further.

        Raises:
            PackageError: package_no_version_before or package_not_pulled; or as `use`.
        """
        with self.staging() as folder, locked(self._gate):
            entries = self._catalogue.settled()
            if versions.find(entries, name) is None:
                raise not_pulled(name)
            after = versions.rolled_back(entries, name)
            package = self._admitted(name, after)
            self._catalogue.write(after, folder)
            return package

    def remove(self, name: str, version: str | None = None) -> None:
        """Remove a package with all its versions, or one version, and the blobs that no other package uses.

        Raises:
            PackageError: package_not_pulled, package_version_unknown or package_in_use.
        """
        with self.staging() as folder, locked(self._gate):
            entries = self._catalogue.settled()
            if version is None:
                rest = versions.without(entries, name)
                if len(rest) == len(entries):
                    raise not_pulled(name)
            else:
                gone = versions.find(entries, _spelled(name, version))
                if gone is None:
                    raise _version_unknown(name, version, versions.versions(entries, name))
                rest = versions.without_version(entries, gone)
            self._catalogue.write(rest, folder)

    @property
    def _gate(self) -> Path:
        return self.root / ".lock"

    def _keep(
        self, manifest: bytes, staged: dict[Digest, Path], folder: Path, came: Came, *, use: bool, replace: bool
    ) -> StoredPackage:
        """Move what was staged into place as a version of its package."""
        document = decode_manifest(manifest)
        config = decode_config(staged[digest_of(document.config)].read_bytes(), document)
        entry = versions.bare_entry(describe(manifest, MANIFEST_TYPE), document.artifact_type, came.origin)
        package = self._reader.described(entry, document, config)
        check_name(package.name)
        staged[digest_of(entry)] = stage_bytes(manifest, folder / "manifest")
        more, signatures = self._signatures.staged(entry, came.bundles, folder)
        with locked(self._gate):
            entries = self._catalogue.settled()
            if not replace:
                _require_free(entries, package)
            entries = self._ask(entries, package, came)
            after = joined(versions.added(entries, package.name, package.version, entry, use=use), more)
            self._commit(after, staged | signatures, folder)
            return self._reader.contents(entry).package

    def _ask(self, entries: tuple[Descriptor, ...], package: StoredPackage, came: Came) -> tuple[Descriptor, ...]:
        """Let a package in, or not; the entries without its damaged signatures."""
        whole, bundles = self._signatures.mended(entries, package.digest)
        if self._admit is not None:
            every = tuple(dict.fromkeys((*bundles, *came.bundles)))
            self._admit(Arrival(package=package, bundles=every, tag=came.tag))
        return whole

    def _admitted(self, wanted: str, entries: tuple[Descriptor, ...]) -> StoredPackage:
        """A package of the store that may be used."""
        package = self._contents(wanted, entries).package
        if self._admit is not None:
            with repaired_by_pull(package.name):
                bundles = tuple(one.bundle for one in self._signatures.of(entries, package.digest))
            self._admit(Arrival(package=package, bundles=bundles))
        return package

    def _commit(self, entries: tuple[Descriptor, ...], staged: dict[Digest, Path], folder: Path) -> None:
        self._catalogue.encoded(entries)  # Refused before anything is moved.
        for digest, path in staged.items():
            self.blobs.put(path, digest)
        self.blobs.settle()
        self._catalogue.write(entries, folder)

    def _contents(self, wanted: str, entries: tuple[Descriptor, ...]) -> Contents:
        entry = versions.find(entries, wanted)
        if entry is None:
            raise not_pulled(wanted)
        name = versions.name_of(entry)
        with repaired_by_pull(name):
            found = self._reader.contents(entry)
            _check_called(entry, found)
        return found


def not_pulled(name: str) -> PackageError:
    """The error that there is no package of this name."""
    return PackageError(
        f"there is no package {name[:80]!r} in the store",
        code="package_not_pulled",
        hint=f"homeport package pull {bare_name(name)[:80]}",
    )


def _version_unknown(name: str, wanted: str, entries: tuple[Descriptor, ...]) -> PackageError:
    known = ", ".join(versions.reference(entry).partition(":")[2] for entry in entries[:20])
    return PackageError(
        f"there is no version {wanted[:80]!r} of the package {name[:80]!r} in the store",
        code="package_version_unknown",
        hint=f"its versions are: {known or '(none)'}",
    )


def _require_free(entries: tuple[Descriptor, ...], package: StoredPackage) -> None:
    """Refuse a package where another one has its name and version."""
    held = versions.find(entries, f"{package.name}:{package.version}")
    if held is not None and held.digest != package.digest:
        name, version = package.name, package.version[:80]
        raise PackageError(
            f"there is a version {version} of {name} already, with other content",
            code="package_version_taken",
            hint=f"give it another version, build it with --replace, or: homeport package remove {name} {version}",
        )


def _spelled(name: str, wanted: str) -> str:
    return f"{name}@{wanted}" if wanted.startswith("sha256:") else f"{name}:{wanted}"


def _check_called(entry: Descriptor, found: Contents) -> None:
    """Refuse a package that the index calls by another's name or version."""
    name, version = found.package.name, versions.tag_of(found.package.version)
    spelled = f"{name}:{version}" if versions.is_version(entry) else name
    if versions.reference(entry) != spelled:
        raise PackageError(
            f"the index calls {spelled[:80]!r} by the name {versions.reference(entry)[:80]!r}",
            code="package_name_mismatch",
        )


def _advance(progress: Progress, before: int, done: int) -> None:
    progress.advance(before + done)


def _stage(file: SourceFile, path: Path) -> Part:
    digest = stage_file(file.path, path)
    return Part(file=file, digest=digest, size=path.stat().st_size)
