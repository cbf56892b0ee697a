"""The versions of a package in a store's index, and which of them is in use.

Pure. An entry `name:version` keeps one version; the entry `name` is the one in use, and remembers which were in
use before it. Source: OCI image-spec 1.1, image-layout.md (`org.opencontainers.image.ref.name`).
"""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from homeport.core.errors import PackageError
from homeport.packages.digest import Digest
from homeport.packages.manifest import MANIFEST_TYPE, REF_NAME, Descriptor, digest_of

HISTORY: Final = "dev.homeport.history"
"""On the entry in use: the digests that were in use, the oldest first, this one last."""

ORIGIN: Final = "dev.homeport.origin"
"""On the entries of a package that was made elsewhere: where it comes from."""

_CHOSEN: Final = "dev.homeport.chosen"
_MAX_HISTORY = 50
_MAX_TAG = 128
_NO_TAG = re.compile(r"[^A-Za-z0-9._-]")

Entries = tuple[Descriptor, ...]


def tag_of(version: str) -> str:
    """A version as the tag of a registry can spell it: `1.0+cpu` is `1.0-cpu`."""
    return _NO_TAG.sub("-", version)[:_MAX_TAG].lstrip(".-") or "_"


def bare_entry(manifest: Descriptor, artifact_type: str, origin: str = "") -> Descriptor:
    """The entry of a package before it has a name.

    Args:
        origin: where it comes from; "" where it was made here.
    """
    notes = {ORIGIN: origin} if origin else {}
    return msgspec.structs.replace(manifest, artifact_type=artifact_type, annotations=notes)


def reference(entry: Descriptor) -> str:
    """`name` or `name:tag`; "" for an entry that is no package of ours."""
    return entry.annotations.get(REF_NAME, "") if entry.media_type == MANIFEST_TYPE else ""


def name_of(entry: Descriptor) -> str:
    """The package that an entry belongs to, or ""."""
    return reference(entry).partition(":")[0]


def is_version(entry: Descriptor) -> bool:
    """Whether it keeps one version, rather than saying which one is in use."""
    return ":" in reference(entry)


def names(entries: Entries) -> tuple[str, ...]:
    """Every package that is in use, by name."""
    return tuple(sorted({name_of(entry) for entry in entries if reference(entry) and not is_version(entry)}))


def find(entries: Entries, wanted: str) -> Descriptor | None:
    """The entry of `name`, `name:version` or `name@sha256:...`; None where there is none."""
    name, at, digest = wanted.partition("@")
    if at:
        return next((entry for entry in entries if name_of(entry) == name and entry.digest == digest), None)
    name, colon, version = wanted.partition(":")
    spelled = f"{name}:{tag_of(version)}" if colon else name
    return next((entry for entry in entries if spelled and reference(entry) == spelled), None)


def versions(entries: Entries, name: str) -> Entries:
    """The versions of a package: those that were in use, the latest first, then the others by their tag."""
    ours = [entry for entry in entries if name_of(entry) == name and is_version(entry)]
    recent = list(reversed(history(entries, name)))
    return tuple(sorted(ours, key=lambda entry: (_place(entry.digest, recent), reference(entry))))


def keeps(entries: Entries, name: str, digest: str) -> bool:
    """Whether a version of the package has this digest."""
    return any(name_of(entry) == name and is_version(entry) and entry.digest == digest for entry in entries)


def history(entries: Entries, name: str) -> tuple[str, ...]:
    """The digests that were in use and are still there, the oldest first; the one in use is the last."""
    current = find(entries, name)
    if current is None:
        return ()
    before = current.annotations.get(HISTORY, "").split(",")
    kept = (digest for digest in before if digest != current.digest and keeps(entries, name, digest))
    return (*kept, current.digest)


def added(entries: Entries, name: str, version: str, bare: Descriptor, *, use: bool) -> Entries:
    """With one more version. What had its tag is gone; a package that has none in use gets this one.

    Args:
        bare: from `bare_entry`.
    """
    spelled = f"{name}:{tag_of(version)}"
    replaced, current = find(entries, spelled), find(entries, name)
    rest = tuple(entry for entry in entries if reference(entry) != spelled)
    kept = (*rest, _named(bare, spelled))
    was_in_use = replaced is not None and current is not None and current.digest == replaced.digest
    chosen = was_in_use and is_chosen(entries, name)
    return used(kept, name, bare, chosen=chosen) if use or current is None or was_in_use else kept


def used(entries: Entries, name: str, bare: Descriptor, *, chosen: bool = False) -> Entries:
    """With this version in use; the order of those before it is kept.

    Args:
        chosen: somebody asked for it, so what the configuration pins does not take its place by itself.
    """
    before = [digest for digest in history(entries, name) if digest != bare.digest]
    return _in_use(entries, name, bare, [*before, bare.digest], chosen=chosen)


def is_chosen(entries: Entries, name: str) -> bool:
    """Whether somebody asked for the version in use."""
    current = find(entries, name)
    return current is not None and _CHOSEN in current.annotations


def rolled_back(entries: Entries, name: str) -> Entries:
    """With the version in use that was in use before this one; doing it again goes back further.

    Raises:
        PackageError: package_no_version_before.
    """
    before = history(entries, name)[:-1]
    if not before:
        raise PackageError(
            f"no other version of {name[:80]} was in use before",
            code="package_no_version_before",
            hint=f"homeport package use {name[:80]} VERSION",
        )
    earlier = next(e for e in entries if name_of(e) == name and is_version(e) and e.digest == before[-1])
    return _in_use(entries, name, earlier, before, chosen=True)


def without(entries: Entries, name: str) -> Entries:
    """Without any version of a package."""
    return tuple(entry for entry in entries if name_of(entry) != name)


def without_version(entries: Entries, gone: Descriptor) -> Entries:
    """Without one version.

    Raises:
        PackageError: package_in_use.
    """
    name = name_of(gone)
    current = find(entries, name)
    if current is not None and current.digest == gone.digest:
        raise PackageError(
            f"{reference(gone)} is the version in use",
            code="package_in_use",
            hint=f"homeport package use {name} ANOTHER, or remove {name} with all its versions",
        )
    return tuple(entry for entry in entries if reference(entry) != reference(gone))


def _in_use(entries: Entries, name: str, bare: Descriptor, order: Sequence[str], *, chosen: bool) -> Entries:
    rest = tuple(entry for entry in entries if reference(entry) != name)
    notes = {HISTORY: ",".join(order[-_MAX_HISTORY:]), **({_CHOSEN: "true"} if chosen else {})}
    return (*rest, _named(bare, name, **notes))


def _named(bare: Descriptor, spelled: str, **notes: str) -> Descriptor:
    digest: Digest = digest_of(bare)
    origin = {key: bare.annotations[key] for key in (ORIGIN,) if key in bare.annotations}
    return msgspec.structs.replace(bare, digest=digest, annotations={REF_NAME: spelled, **origin, **notes})


def _place(digest: str, recent: Sequence[str]) -> int:
    return recent.index(digest) if digest in recent else len(recent)
