"""Signatures as OCI artifacts: a manifest of their own that names the package's as its subject.

Pure. The same subject and bundle give the same manifest. Sources: OCI image-spec 1.1 (manifest.md, "subject" and the
empty descriptor); sigstore bundle v0.3, whose media type is the artifact's and its one layer's.
"""

from typing import Final

import msgspec

from homeport.core.errors import PackageError
from homeport.packages.bundle import BUNDLE_TYPE, MAX_BUNDLE_BYTES, UNREADABLE, malformed
from homeport.packages.digest import Digest
from homeport.packages.manifest import MANIFEST_TYPE, MAX_DOCUMENT_BYTES, Descriptor, describe, digest_of

SUBJECT: Final = "dev.homeport.subject"
"""On an entry of a store's index: the digest of the manifest that a signature is of."""

EMPTY: Final = b"{}"
"""The configuration of an artifact that has none; it has to be there as a blob."""

EMPTY_CONFIG: Final = describe(EMPTY, "application/vnd.oci.empty.v1+json")


class _Referrer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    schema_version: int
    media_type: str
    artifact_type: str = ""
    config: Descriptor
    layers: tuple[Descriptor, ...]
    subject: Descriptor


class SignatureManifest(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes:
    subject: the digest of the manifest that is signed.
    bundle: points at the signature.
    """

    subject: Digest
    bundle: Descriptor


class StoredSignature(msgspec.Struct, frozen=True, kw_only=True):
    """A signature in the store.

    Attributes:
        entry: points at its manifest.
        manifest: that manifest, to be put where the package is; it names `EMPTY_CONFIG` and the bundle.
        bundle: the signature.
    """

    entry: Descriptor
    manifest: bytes
    bundle: bytes

    @property
    def layer(self) -> Descriptor:
        """Points at the bundle."""
        return describe(self.bundle, BUNDLE_TYPE)


def encode_signature(subject: Descriptor, bundle: bytes) -> StoredSignature:
    """The manifest of a signature of `subject`."""
    bare = msgspec.structs.replace(subject, annotations={}, artifact_type="")
    document = _Referrer(
        schema_version=2,
        media_type=MANIFEST_TYPE,
        artifact_type=BUNDLE_TYPE,
        config=EMPTY_CONFIG,
        layers=(describe(bundle, BUNDLE_TYPE),),
        subject=bare,
    )
    manifest = msgspec.json.encode(document, order="sorted")
    entry = msgspec.structs.replace(
        describe(manifest, MANIFEST_TYPE), artifact_type=BUNDLE_TYPE, annotations={SUBJECT: subject.digest}
    )
    return StoredSignature(entry=entry, manifest=manifest, bundle=bundle)


def decode_signature(manifest: bytes) -> SignatureManifest:
    """Read the manifest of a signature, wherever it is from.

    Raises:
        PackageError: signature_malformed; not the manifest of one bundle. signature_too_large.
    """
    if len(manifest) > MAX_DOCUMENT_BYTES:
        raise malformed("its manifest is larger than 4 MiB")
    try:
        document = msgspec.json.decode(manifest, type=_Referrer)
        (layer,) = document.layers
        subject = digest_of(document.subject)
        digest_of(layer)
    except (*UNREADABLE, ValueError, PackageError) as error:
        raise malformed("its manifest is not that of a signature") from error
    if (document.artifact_type or layer.media_type, layer.media_type) != (BUNDLE_TYPE, BUNDLE_TYPE):
        raise malformed("its manifest is of another artifact")
    if not 0 <= layer.size <= MAX_BUNDLE_BYTES:
        raise PackageError("a signature is larger than 4 MiB", code="signature_too_large", hint="sign it again")
    return SignatureManifest(subject=subject, bundle=layer)


def is_signature(entry: Descriptor) -> bool:
    """Whether an entry of a store's index is a signature."""
    return entry.artifact_type == BUNDLE_TYPE and SUBJECT in entry.annotations
