"""Keys that sign: ECDSA on P-256 and Ed25519, as PEM text.

The id of a key is what OpenSSF model-signing calls its hint: SHA-256 of the public key's PEM text.
`cryptography` is imported where it is used, so that a gateway process never loads it.

Sources: FIPS 186-5 (ECDSA, with SHA-256), RFC 8032 (Ed25519), RFC 5958 and RFC 7468 (PEM).
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

from homeport.core.errors import PackageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_ARMOUR = re.compile(r"\s*-----BEGIN PUBLIC KEY-----(.*)-----END PUBLIC KEY-----\s*", re.DOTALL)
_MAX_TEXT = 16 * 1024
_MAKE_ONE = "homeport package keygen FILE makes one"


class KeyKind(StrEnum):
    """How a key signs."""

    ECDSA_P256 = "ecdsa-p256"
    ED25519 = "ed25519"


class PublicKey(msgspec.Struct, frozen=True, kw_only=True):
    """The half of a key that checks signatures.

    Attributes:
        id: 64 hexadecimal digits, equal for equal keys.
        pem: its PEM text, as `openssl pkey -pubout` writes it.
    """

    kind: KeyKind
    id: str
    pem: str

    @property
    def line(self) -> str:
        """The same key on one line: the base64 between the PEM's first and last."""
        return "".join(self.pem.splitlines()[1:-1])

    def signed(self, data: bytes, signature: bytes) -> bool:
        """Whether `signature` is this key's signature of `data`."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        key = load_pem_public_key(self.pem.encode())
        try:
            if isinstance(key, EllipticCurvePublicKey):
                key.verify(signature, data, ECDSA(SHA256()))
            elif isinstance(key, Ed25519PublicKey):
                key.verify(signature, data)
            else:
                return False
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class SigningKey:
    """The half of a key that makes signatures; never shown."""

    public: PublicKey
    _private: "EllipticCurvePrivateKey | Ed25519PrivateKey" = field(repr=False)

    def sign(self, data: bytes) -> bytes:
        """The signature of `data`: DER for ECDSA, 64 bytes for Ed25519."""
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
        from cryptography.hazmat.primitives.hashes import SHA256

        if isinstance(self._private, EllipticCurvePrivateKey):
            return self._private.sign(data, ECDSA(SHA256()))
        return self._private.sign(data)

    def pem(self, password: bytes | None = None) -> bytes:
        """Its PKCS #8 PEM text, encrypted where there is a password."""
        from cryptography.hazmat.primitives.serialization import (
            BestAvailableEncryption,
            Encoding,
            NoEncryption,
            PrivateFormat,
        )

        encryption = BestAvailableEncryption(password) if password else NoEncryption()
        return self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def make_key(kind: KeyKind = KeyKind.ECDSA_P256) -> SigningKey:
    """A new key from the system's randomness."""
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.generate() if kind is KeyKind.ED25519 else generate_private_key(SECP256R1())
    return SigningKey(_public(private.public_key()), private)


def read_private_key(pem: bytes, password: bytes | None = None) -> SigningKey:
    """Read a private key.

    Raises:
        PackageError: signing_key_password_needed, signing_key_password_wrong, signing_key_unreadable or
            signing_key_kind_unknown.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    encrypted = b"ENCRYPTED" in pem
    if encrypted and not password:
        raise PackageError(
            "the key has a password", code="signing_key_password_needed", hint="give it with --password-file"
        )
    try:
        key = load_pem_private_key(pem, password if encrypted else None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        # The library's own words could hold what it read.
        raise _no_key(wrong_password=encrypted) from error
    if not isinstance(key, EllipticCurvePrivateKey | Ed25519PrivateKey):
        raise _unknown_kind()
    return SigningKey(_public(key.public_key()), key)


def read_public_key(text: str) -> PublicKey:
    """Read a public key: its PEM text, or the base64 of it on one line.

    Raises:
        PackageError: signing_key_unreadable or signing_key_kind_unknown.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        return _public(load_der_public_key(_der(text)))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise PackageError("the text is not a public key", code="signing_key_unreadable", hint=_MAKE_ONE) from error


def _der(text: str) -> bytes:
    """Raises ValueError where it is neither PEM nor base64."""
    if len(text) > _MAX_TEXT or not text.isascii():
        raise ValueError("too long, or not ASCII")
    armour = _ARMOUR.fullmatch(text)
    try:
        return base64.b64decode("".join((armour[1] if armour else text).split()), validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error


def _public(key: Any) -> PublicKey:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    kind = _kind(key)
    pem: bytes = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return PublicKey(kind=kind, id=hashlib.sha256(pem).hexdigest(), pem=pem.decode("ascii"))


def _kind(key: Any) -> KeyKind:
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return KeyKind.ECDSA_P256
    if isinstance(key, Ed25519PublicKey):
        return KeyKind.ED25519
    raise _unknown_kind()


def _no_key(*, wrong_password: bool) -> PackageError:
    if wrong_password:
        return PackageError(
            "the key does not open with that password", code="signing_key_password_wrong", hint="try another password"
        )
    return PackageError("the file is not a private key in PEM", code="signing_key_unreadable", hint=_MAKE_ONE)


def _unknown_kind() -> PackageError:
    return PackageError(f"the key is none of {', '.join(KeyKind)}", code="signing_key_kind_unknown", hint=_MAKE_ONE)
