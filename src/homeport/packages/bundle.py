"""Signatures as sigstore bundles: a DSSE envelope around an in-toto statement, and whose key signed it.

A bundle has one form only (sorted keys, no white space), so no byte of one can be changed unnoticed.

Sources: sigstore bundle v0.3 (sigstore_bundle.proto), DSSE v1.0.2 (protocol.md), in-toto attestation v1.
"""

from typing import Final

import msgspec

from homeport.core.errors import PackageError
from homeport.packages.keys import SigningKey

BUNDLE_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
MAX_BUNDLE_BYTES: Final = 4 * 1024 * 1024
"""The largest bundle: as large as registries let a document be."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What reading JSON of a stranger can raise."""

_SIGN_AGAIN = "sign it again with: homeport package sign"


class _Part(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    pass


class _KeyHint(_Part, frozen=True, kw_only=True):
    hint: str


class _Material(_Part, frozen=True, kw_only=True):
    public_key: _KeyHint | None = None
    tlog_entries: tuple[msgspec.Raw, ...] = ()


class _Signature(_Part, frozen=True, kw_only=True):
    sig: bytes
    keyid: str = ""


class _Envelope(_Part, frozen=True, kw_only=True):
    payload: bytes
    payload_type: str
    signatures: tuple[_Signature, ...]


class _Bundle(_Part, frozen=True, kw_only=True):
    media_type: str
    verification_material: _Material
    dsse_envelope: _Envelope | None = None


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """What a bundle holds. Nothing of it is to be believed before its key has checked it.

    Attributes:
        key_id: the id of the key that is said to have signed.
        payload: the statement that is signed, JSON.
    """

    key_id: str
    payload: bytes
    signature: bytes

    @property
    def authenticated(self) -> bytes:
        """The bytes that the signature is of."""
        return pae(self.payload)


def seal(payload: bytes, key: SigningKey) -> bytes:
    """Sign a statement: the bytes of its bundle."""
    return _encoded(Signed(key_id=key.public.id, payload=payload, signature=key.sign(pae(payload))))


def unseal(bundle: bytes) -> Signed:
    """Read a bundle; the signature in it is not checked.

    Raises:
        PackageError: signature_too_large; signature_malformed: no bundle, a cut one, or not in its one
            form; signature_kind_unknown: a bundle of another version, with a certificate, with an entry of
            a log, or around something else than one signed statement.
    """
    if len(bundle) > MAX_BUNDLE_BYTES:
        raise PackageError("a signature is larger than 4 MiB", code="signature_too_large", hint=_SIGN_AGAIN)
    try:
        read = msgspec.json.decode(bundle, type=_Bundle)
    except UNREADABLE as error:
        raise malformed("it is not a sigstore bundle") from error
    signed = _signed(read)
    if _encoded(signed) != bundle:
        raise malformed("it is not in its one form: JSON with sorted keys and without white space")
    return signed


def pae(payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding, which binds a statement to its type."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


def malformed(why: str) -> PackageError:
    """The error of a signature that cannot be read."""
    return PackageError(f"a signature cannot be read: {why}", code="signature_malformed", hint=_SIGN_AGAIN)


def unknown_kind(what: str) -> PackageError:
    """The error of a signature that may be a good one, and not one that Homeport reads."""
    return PackageError(
        f"a signature is of a kind that is not known: {what[:200]!r}", code="signature_kind_unknown", hint=_SIGN_AGAIN
    )


def _signed(read: _Bundle) -> Signed:
    if read.media_type != BUNDLE_TYPE:
        raise unknown_kind(read.media_type)
    key, envelope = read.verification_material.public_key, read.dsse_envelope
    if key is None or read.verification_material.tlog_entries:
        raise unknown_kind("a certificate, or an entry of a log")
    if envelope is None or len(envelope.signatures) != 1:
        raise unknown_kind("not one signed statement")
    if envelope.payload_type != PAYLOAD_TYPE:
        raise unknown_kind(envelope.payload_type)
    return Signed(key_id=key.hint, payload=envelope.payload, signature=envelope.signatures[0].sig)


def _encoded(signed: Signed) -> bytes:
    envelope = _Envelope(
        payload=signed.payload, payload_type=PAYLOAD_TYPE, signatures=(_Signature(sig=signed.signature),)
    )
    material = _Material(public_key=_KeyHint(hint=signed.key_id))
    bundle = _Bundle(media_type=BUNDLE_TYPE, verification_material=material, dsse_envelope=envelope)
    return msgspec.json.encode(bundle, order="sorted")
