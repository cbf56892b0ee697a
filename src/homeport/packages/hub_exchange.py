"""The index of a hub in its registry: fetched and believed only when signed, published only on top of what is there.

Index and signature are two layers of one manifest, so that a tag names both or neither.
"""

from datetime import date

import msgspec

from homeport.core.errors import PackageError
from homeport.packages.bundle import BUNDLE_TYPE, MAX_BUNDLE_BYTES
from homeport.packages.digest import Digest, digest_bytes
from homeport.packages.hub import INDEX_TYPE, HubEntry, HubIndex, decode_index, encode_index, with_entry
from homeport.packages.keys import SigningKey
from homeport.packages.manifest import MANIFEST_TYPE, Descriptor, describe, digest_of
from homeport.packages.reference import Reference
from homeport.packages.referrers import EMPTY, EMPTY_CONFIG
from homeport.packages.registry import Registry
from homeport.packages.signing import TrustedKey, check_bytes, sign_bytes


class Hub(msgspec.Struct, frozen=True, kw_only=True):
    """A hub that somebody on this machine trusts.

    Attributes:
        name: the hub's own name.
        place: where its index lies; a tag, no digest.
        keys: who may sign it.
        serial: the newest index that was seen here; 0 for none.
        seen: the digest of that index's manifest, or "".
    """

    name: str
    place: Reference
    keys: tuple[TrustedKey, ...]
    serial: int = 0
    seen: str = ""


class PublishedIndex(msgspec.Struct, frozen=True, kw_only=True):
    """An index that was checked. `digest` is its manifest's; `signer` the name of the key that signed it."""

    index: HubIndex
    digest: Digest
    signer: str


class _IndexManifest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    schema_version: int
    media_type: str
    artifact_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]


def fetch_index(hub: Hub, registry: Registry, today: date) -> PublishedIndex | None:
    """The hub's index, signed by one of its keys; None where nothing was published yet.

    Raises:
        PackageError: hub_index_invalid; hub_index_stale: an older one than was seen here, or another of its serial;
            hub_index_other: another hub's; hub_index_gone; what `check_bytes` raises, or as `Registry`.
    """
    data = _manifest(hub, registry)
    if data is None:
        return None
    layer, signature = _layers(data)
    document = registry.document(layer)
    signer = check_bytes(document, registry.document(signature), hub.keys, today)
    published = PublishedIndex(index=decode_index(document), digest=digest_bytes(data), signer=signer.name)
    _require_newer(hub, published)
    return published


def publish_entry(hub: Hub, registry: Registry, entry: HubEntry, key: SigningKey, today: date) -> PublishedIndex:
    """Add an entry to the hub's index, in the place of what is there now.

    A registry cannot be asked to move a tag only if it still names what was read. So the tag is looked at just
    before and just after: of two who publish in one moment, the one whose index is not there is told.

    Raises:
        PackageError: hub_index_moved; nothing of the other's is lost: publish again. hub_key_other, and as
            `fetch_index`.
    """
    trusted = require_publisher(hub, key)
    before = fetch_index(hub, registry, today)
    base = before.index if before else HubIndex(hub=hub.name, serial=0)
    index = with_entry(base, entry, before.digest if before else "")
    document = encode_index(index)
    data = _send(registry, document, sign_bytes(document, key))
    if registry.resolve(hub.place.tag) != (before.digest if before else None):
        raise _moved(hub)
    registry.put_manifest(hub.place.tag, data)
    if registry.resolve(hub.place.tag) != digest_bytes(data):
        raise _moved(hub)
    return PublishedIndex(index=index, digest=digest_bytes(data), signer=trusted.name)


def require_publisher(hub: Hub, key: SigningKey) -> TrustedKey:
    """The hub's key that this is the private half of.

    Raises:
        PackageError: hub_key_other.
    """
    for trusted in hub.keys:
        if trusted.key.id == key.public.id:
            return trusted
    raise PackageError(
        f"the hub {hub.name} is signed by other keys than this one",
        code="hub_key_other",
        hint=f"homeport hub add {hub.name} REFERENCE --key FILE names the keys that may",
    )


def noted(hub: Hub, published: PublishedIndex) -> Hub:
    """The hub, with this index as the newest that was seen."""
    return msgspec.structs.replace(hub, serial=published.index.serial, seen=published.digest)


def _manifest(hub: Hub, registry: Registry) -> bytes | None:
    try:
        return registry.manifest(hub.place)
    except PackageError as error:
        if error.code != "package_not_found":
            raise
        if hub.serial:
            raise PackageError(
                f"the index of the hub {hub.name} was at {hub.place}, and is gone",
                code="hub_index_gone",
                hint="ask whoever publishes the hub",
            ) from error
        return None


def _send(registry: Registry, document: bytes, bundle: bytes) -> bytes:
    """Have an index and its signature in the registry, under no tag yet; the manifest that names both."""
    layers = (describe(document, INDEX_TYPE), describe(bundle, BUNDLE_TYPE))
    for data, descriptor in ((EMPTY, EMPTY_CONFIG), *zip((document, bundle), layers, strict=True)):
        registry.send_bytes(data, descriptor)
    manifest = _IndexManifest(
        schema_version=2, media_type=MANIFEST_TYPE, artifact_type=INDEX_TYPE, config=EMPTY_CONFIG, layers=layers
    )
    return msgspec.json.encode(manifest, order="sorted")


def _layers(manifest: bytes) -> tuple[Descriptor, Descriptor]:
    """The index and its signature.

    Raises:
        PackageError: hub_index_invalid.
    """
    try:
        layer, signature = msgspec.json.decode(manifest, type=_IndexManifest).layers
        digest_of(layer), digest_of(signature)
        kinds = (layer.media_type, signature.media_type) == (INDEX_TYPE, BUNDLE_TYPE)
        bounded = layer.size >= 0 and 0 <= signature.size <= MAX_BUNDLE_BYTES
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError, PackageError):
        kinds = bounded = False
    if not kinds or not bounded:
        raise PackageError(
            "what is there is not the index of a hub",
            code="hub_index_invalid",
            hint="check the reference; it names an index, not a package",
        )
    return layer, signature


def _require_newer(hub: Hub, published: PublishedIndex) -> None:
    index = published.index
    if index.hub != hub.name:
        raise PackageError(
            f"the index at {hub.place} is of the hub {index.hub}, not of {hub.name}",
            code="hub_index_other",
            hint=f"call it {index.hub}, if it is the one you mean",
        )
    other = index.serial == hub.serial and published.digest != hub.seen
    if index.serial < hub.serial or other:
        raise PackageError(
            f"the index of the hub {hub.name} is number {index.serial}, and number {hub.serial} was seen here before",
            code="hub_index_stale",
            hint="somebody put an old index back, or two were published at once: ask whoever publishes it",
        )


def _moved(hub: Hub) -> PackageError:
    return PackageError(
        f"somebody else published to the hub {hub.name} in this moment",
        code="hub_index_moved",
        hint="publish again: it is added to what is there now",
    )
