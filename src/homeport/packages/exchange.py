"""Packages between the store and a registry, byte for byte: a digest is the same on both sides."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from homeport.core.errors import DigestMismatch, PackageError
from homeport.packages.access import Access
from homeport.packages.attached import Came, require_few
from homeport.packages.base import MAX_WEIGHTS_BYTES, Progress, StoredPackage, repaired_by_pull, step
from homeport.packages.blobs import stage_bytes, stage_file
from homeport.packages.bundle import BUNDLE_TYPE
from homeport.packages.contents import Contents
from homeport.packages.digest import Digest, digest_bytes
from homeport.packages.layout import Store, not_pulled
from homeport.packages.manifest import (
    FILEPATH,
    MANIFEST_TYPE,
    Descriptor,
    decode_config,
    decode_manifest,
    digest_of,
    role_of,
)
from homeport.packages.reference import Reference
from homeport.packages.referrers import EMPTY, EMPTY_CONFIG, StoredSignature, decode_signature
from homeport.packages.registry import Registry
from homeport.packages.registry_session import RegistrySession
from homeport.packages.screening import check_size
from homeport.packages.signing import mismatch
from homeport.transport.blocking import BlockingClient, is_loopback

MAX_PACKAGE_BYTES = 4 * MAX_WEIGHTS_BYTES
"""All files of one package together."""


def registry_at(place: Reference, access: Access) -> Registry:
    """The registry of a place, reached as `access` says."""
    proxy = "" if is_loopback(f"http://{place.host}") else access.proxy
    return Registry(RegistrySession(place, access, BlockingClient(proxy)))


def push(store: Store, name: str, place: Reference, registry: Registry, progress: Progress) -> Reference:
    """Have a package of the store and its signatures in a registry under a tag; what is there is not sent again.

    Returns:
        The place, with the package's digest.

    Raises:
        DigestMismatch: what the store holds is not what was pinned; nothing was sent.
            package_manifest_mismatch: `place` has another digest than the package.
        PackageError: package_not_pulled, package_reference_invalid (no tag), or as `Registry`.
    """
    contents = store.read(name)
    if contents is None:
        raise not_pulled(name)
    _require_tag(place, contents)
    with repaired_by_pull(name):
        store.check_layers(contents, progress)
    manifest = contents.manifest
    for number, layer in enumerate(manifest.layers, 1):
        _send(store, registry, layer, f"Pushing {name} ({number} of {len(manifest.layers)})", progress)
    registry.send_bytes(store.blobs.read(manifest.config), manifest.config)
    data, digest = _manifest_bytes(store, contents.package.digest), contents.package.digest
    # The tag comes last, so that nobody who asks for it finds the package without its signatures.
    registry.put_manifest(digest, data)
    _push_signatures(registry, store.signatures(digest), digest)
    registry.put_manifest(place.tag, data)
    return place.pinned(contents.package.digest)


def pull(
    store: Store,
    place: Reference,
    registry: Registry,
    progress: Progress,
    *,
    name: str = "",
    sha256: str | None = None,
    use: bool = True,
    replace: bool = True,
) -> StoredPackage:
    """Have the package of a place and its signatures in the store; nothing is fetched that the store has.

    Args:
        name: what the package must call itself; "" for any name.
        sha256: pins its manifest, beside a digest that the place may have.
        use: make it the version in use.
        replace: a version of the same name with other content gives way.

    Raises:
        DigestMismatch: package_tag_moved, package_hash_mismatch, package_manifest_mismatch,
            package_digest_mismatch or package_size_mismatch.
        PackageError: package_name_mismatch, package_too_large, what `Store.adopt` and `get_signatures` raise, or as
            `Registry`.
            package_version_taken. The store is as before.
    """
    data = get_manifest(registry, place, sha256)
    manifest = decode_manifest(data)
    config = registry.document(manifest.config)
    found = decode_config(config, manifest).descriptor.name
    _require_name(place, name, found)
    # Where a digest is pinned, it does not matter what the tag is called.
    tag = "" if place.digest or sha256 else place.tag
    bundles = get_signatures(registry, place, digest_bytes(data))
    came = Came(origin=f"{place.host}/{place.repository}", tag=tag, bundles=bundles)
    store.consider(data, config, came, replace=replace)
    with store.staging() as folder:
        staged = {digest_of(manifest.config): stage_bytes(config, folder / "config")}
        for number, layer in enumerate(manifest.layers, 1):
            label = f"Pulling {found} ({number} of {len(manifest.layers)})"
            if digest_of(layer) not in staged:
                staged[digest_of(layer)] = _bring(store, registry, layer, folder / str(number), label, progress)
        return store.adopt(data, staged, use=use, replace=replace, came=came)


def get_manifest(registry: Registry, place: Reference, sha256: str | None) -> bytes:
    """The manifest of a package of bounded size.

    Raises:
        DigestMismatch: package_hash_mismatch; `sha256` pins another. package_tag_moved.
        PackageError: package_too_large, or malformed, or as `Registry`.
    """
    data = registry.manifest(place)
    if sha256 is not None and digest_bytes(data) != f"sha256:{sha256}":
        raise DigestMismatch(
            f"{place} is {digest_bytes(data)} now, and the sha256 {sha256} is pinned",
            code="package_hash_mismatch",
            hint="find out who moved the tag before you change the pinned sha256",
        )
    # Refused before anything is fetched that would fill a disk.
    layers = decode_manifest(data).layers
    for layer in layers:
        check_size(layer.size, layer.annotations[FILEPATH], role_of(layer))
    if sum(layer.size for layer in layers) > MAX_PACKAGE_BYTES:
        raise PackageError(
            f"{place} announces more than 256 GiB",
            code="package_too_large",
            hint="split it into packages of single models",
        )
    return data


def get_signatures(registry: Registry, place: Reference, subject: Digest) -> tuple[bytes, ...]:
    """The signatures of a manifest that are beside it in its registry, unchecked.

    Raises:
        PackageError: too_many_signatures, signature_malformed, signature_too_large, signature_mismatch, or as
            `Registry`.
    """
    found = [entry for entry in registry.referrers(subject) if entry.artifact_type == BUNDLE_TYPE]
    require_few(len(found))
    bundles = []
    for entry in found:
        where = msgspec.structs.replace(place, tag="", digest=digest_of(entry))
        signature = decode_signature(registry.manifest(where))
        if signature.subject != subject:
            raise mismatch("the registry keeps it with another package")
        bundles.append(registry.document(signature.bundle))
    return tuple(bundles)


def _push_signatures(registry: Registry, signatures: Sequence[StoredSignature], subject: Digest) -> None:
    for signature in signatures:
        registry.send_bytes(EMPTY, EMPTY_CONFIG)
        registry.send_bytes(signature.bundle, signature.layer)
        registry.refer(subject, signature.manifest, BUNDLE_TYPE)


def _bring(store: Store, registry: Registry, layer: Descriptor, target: Path, label: str, progress: Progress) -> Path:
    """A layer's file at `target`: from the store where it is there and whole, else from the registry."""
    held = store.blobs.path(digest_of(layer))
    if held.is_file() and not held.is_symlink():
        if stage_file(held, target) == layer.digest:
            return target
        target.unlink()
    with step(progress, label, layer.size):
        registry.fetch(layer, target, progress.advance)
    return target


def _manifest_bytes(store: Store, digest: Digest) -> bytes:
    entry = store.blobs.find(digest, MANIFEST_TYPE)
    if entry is None:
        raise PackageError(
            f"the manifest {digest} is missing", code="package_blob_missing", hint="pull the package again"
        )
    return store.blobs.read(entry)


def _send(store: Store, registry: Registry, layer: Descriptor, label: str, progress: Progress) -> None:
    digest = digest_of(layer)
    with step(progress, label, layer.size):
        if registry.has(digest):
            progress.advance(layer.size)
        else:
            registry.send(store.blobs.path(digest), layer, progress.advance)


def _require_name(place: Reference, wanted: str, found: str) -> None:
    if wanted not in {"", found}:
        raise PackageError(
            f"{place} is a package that calls itself {found[:80]!r}, not {wanted!r}",
            code="package_name_mismatch",
            hint=f"call it {found[:80]} where it is named",
        )


def _require_tag(place: Reference, contents: Contents) -> None:
    if not place.tag:
        raise PackageError(
            f"{place} has no tag to push to", code="package_reference_invalid", hint="add :TAG, such as :1.0"
        )
    if place.digest not in {None, contents.package.digest}:
        raise DigestMismatch(
            f"the package {contents.package.name} is {contents.package.digest}, not {place.digest}",
            code="package_manifest_mismatch",
            hint="push it without a digest, or pull the one you mean",
        )
