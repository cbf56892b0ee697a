"""Signing packages and texts, and checking whose signature it is."""

from collections.abc import Sequence
from datetime import date

import msgspec

from homeport.core.errors import PackageError
from homeport.packages.bundle import Signed, seal, unseal
from homeport.packages.keys import KeyKind, PublicKey, SigningKey
from homeport.packages.statement import PackageStatement, decode_package, encode_package, encode_text, is_text


class TrustedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A public key that somebody stands for.

    Attributes:
        name: whose it is, in the words of whoever trusts it.
        valid_until: the last day (UTC) on which its signatures hold; None for ever.
    """

    name: str
    key: PublicKey
    valid_until: date | None = None


class Signer(msgspec.Struct, frozen=True, kw_only=True):
    """Who signed.

    Attributes:
        name: of the trusted key.
        signed_at: RFC 3339 time by the signer's own clock; "" for a text.
    """

    name: str
    key_id: str
    kind: KeyKind
    signed_at: str = ""


def sign_bytes(data: bytes, key: SigningKey) -> bytes:
    """Sign a text: the bytes of a sigstore bundle, to be kept beside it. It never passes as a package's signature."""
    return seal(encode_text(data), key)


def check_bytes(data: bytes, bundle: bytes, trusted: Sequence[TrustedKey], today: date) -> Signer:
    """Who of those trusted signed this text.

    Args:
        today: the day, in UTC, that keys must be valid on.

    Raises:
        PackageError: signature_too_large, signature_malformed or signature_kind_unknown (see `unseal`);
            signature_key_unknown, signature_invalid, signature_mismatch: it is of another text;
            signature_key_expired.
    """
    signed = unseal(bundle)
    key = find_key(signed, trusted)
    require_signature(signed, key)
    if not is_text(signed.payload, data):
        raise mismatch("it is of another text")
    require_valid(key, today)
    return signer_of(key)


def sign_package(statement: PackageStatement, key: SigningKey) -> bytes:
    """Sign a package: the bytes of a sigstore bundle."""
    return seal(encode_package(statement), key)


def open_package(bundle: bytes) -> tuple[Signed, PackageStatement]:
    """What a bundle says of which package, unchecked.

    Raises:
        PackageError: as `unseal` and `decode_package`.
    """
    signed = unseal(bundle)
    return signed, decode_package(signed.payload)


def find_key(signed: Signed, trusted: Sequence[TrustedKey]) -> TrustedKey:
    """The trusted key that a bundle names.

    Raises:
        PackageError: signature_key_unknown.
    """
    for key in trusted:
        if key.key.id == signed.key_id:
            return key
    raise PackageError(
        f"it is signed by a key that is not known: {signed.key_id[:16]!r}",
        code="signature_key_unknown",
        hint="add the signer's public key to `trust.keys`, or name it with --key, if you trust it",
    )


def require_signature(signed: Signed, key: TrustedKey) -> None:
    """Refuse a bundle that its key did not sign.

    Raises:
        PackageError: signature_invalid.
    """
    if not key.key.signed(signed.authenticated, signed.signature):
        raise PackageError(
            f"a signature in the name of {key.name!r} is not that key's",
            code="signature_invalid",
            hint="somebody changed it: get the package again, from whom you trust",
        )


def require_valid(key: TrustedKey, today: date) -> None:
    """Refuse a key that is past its time.

    Raises:
        PackageError: signature_key_expired.
    """
    if key.valid_until is not None and today > key.valid_until:
        raise PackageError(
            f"it is signed by the key {key.name!r}, which ended on {key.valid_until}",
            code="signature_key_expired",
            hint="sign it with a newer key",
        )


def mismatch(why: str) -> PackageError:
    """The error of a good signature of something else."""
    return PackageError(
        f"a signature does not belong here: {why}",
        code="signature_mismatch",
        hint="somebody moved it: get the package again, from whom you trust",
    )


def signer_of(key: TrustedKey, signed_at: str = "") -> Signer:
    """The signer, once everything is checked."""
    return Signer(name=key.name, key_id=key.key.id, kind=key.key.kind, signed_at=signed_at)
