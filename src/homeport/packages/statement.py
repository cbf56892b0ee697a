"""What a signature says: in-toto statements about a package, or about a text.

The statement about a package is OpenSSF model-signing's: every file of the unpacked tree with its SHA-256, so
that `model_signing verify key` accepts it over an exported package. A part of our own, which model-signing
passes over, names the package and binds its manifest, and so everything that is no file of the tree.

Sources: in-toto attestation v1 (statement.md); model-signing 1.1, predicate https://model_signing/signature/v1.0.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec

from homeport.core.errors import PackageError
from homeport.packages.bundle import UNREADABLE, malformed, unknown_kind
from homeport.packages.digest import Digest, digest_bytes, hex_of, parse_digest

TREE: Final = "https://model_signing/signature/v1.0"
TEXT: Final = "https://github.com/homeport/homeport/signed-text/v1"

_STATEMENT: Final = "https://in-toto.io/Statement/v1"


class SignedFile(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A file of a package: its path inside, SHA-256 and size in bytes."""

    path: str
    digest: Digest
    size: int


class PackageStatement(msgspec.Struct, frozen=True, kw_only=True):
    """What the signer of a package says.

    Attributes:
        manifest: the digest of the package's manifest.
        signed_at: RFC 3339 time, by the signer's own clock.
    """

    name: str
    version: str
    manifest: Digest
    files: tuple[SignedFile, ...]
    signed_at: str


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class _Digests(_Part, frozen=True, kw_only=True):
    sha256: str


class _Subject(_Part, frozen=True, kw_only=True):
    name: str
    digest: _Digests


class _Serialization(_Part, frozen=True, kw_only=True):
    method: str = "files"
    hash_type: str = "sha256"
    allow_symlinks: bool = False


class _Resource(_Part, frozen=True, kw_only=True):
    name: str
    digest: str
    size: int
    algorithm: str = "sha256"


class _Package(_Part, frozen=True, kw_only=True, rename="camel"):
    name: str
    version: str
    manifest: str
    signed_at: str


class _Tree(_Part, frozen=True, kw_only=True, rename={"package": "dev.homeport.package"}):
    serialization: _Serialization
    resources: tuple[_Resource, ...]
    package: _Package


class _Empty(_Part, frozen=True, kw_only=True):
    pass


class _Head(msgspec.Struct, frozen=True, kw_only=True, rename={"type": "_type", "predicate_type": "predicateType"}):
    type: str
    predicate_type: str
    predicate: msgspec.Raw


class _TreeStatement(_Part, frozen=True, kw_only=True, rename={"type": "_type", "predicate_type": "predicateType"}):
    type: str = _STATEMENT
    subject: tuple[_Subject, ...]
    predicate_type: str = TREE
    predicate: _Tree


class _TextStatement(_Part, frozen=True, kw_only=True, rename={"type": "_type", "predicate_type": "predicateType"}):
    type: str = _STATEMENT
    subject: tuple[_Subject, ...]
    predicate_type: str = TEXT
    predicate: _Empty = _Empty()


def encode_package(statement: PackageStatement) -> bytes:
    """The bytes that are signed for a package; the same statement gives the same bytes."""
    files = sorted(statement.files)
    tree = _Tree(
        serialization=_Serialization(),
        resources=tuple(_Resource(name=file.path, digest=hex_of(file.digest), size=file.size) for file in files),
        package=_Package(
            name=statement.name,
            version=statement.version,
            manifest=statement.manifest,
            signed_at=statement.signed_at,
        ),
    )
    subject = _Subject(name=statement.name, digest=_Digests(sha256=_root(files)))
    return _encode(_TreeStatement(subject=(subject,), predicate=tree))


def decode_package(payload: bytes) -> PackageStatement:
    """Read the statement about a package.

    Raises:
        PackageError: signature_kind_unknown: it says something else, or hashes otherwise, or does not name
            the package; signature_malformed: it contradicts itself.
    """
    _require_predicate(payload, TREE)
    try:
        tree = msgspec.json.decode(payload, type=_TreeStatement).predicate
    except UNREADABLE as error:
        raise unknown_kind("a tree that is hashed otherwise, or is of no package") from error
    if any(resource.algorithm != "sha256" for resource in tree.resources) or tree.serialization != _Serialization():
        raise unknown_kind("a tree that is not hashed file by file with SHA-256")
    try:
        statement = _package(tree)
    except PackageError as error:
        raise malformed("a digest in it is none") from error
    if encode_package(statement) != payload:
        raise malformed("its statement contradicts itself")
    return statement


def encode_text(data: bytes) -> bytes:
    """The bytes that are signed for a text: a statement of its digest."""
    subject = _Subject(name="text", digest=_Digests(sha256=hex_of(digest_bytes(data))))
    return _encode(_TextStatement(subject=(subject,)))


def is_text(payload: bytes, data: bytes) -> bool:
    """Whether a statement is about exactly this text.

    Raises:
        PackageError: signature_kind_unknown or signature_malformed; it is about something else.
    """
    _require_predicate(payload, TEXT)
    return payload == encode_text(data)


def _require_predicate(payload: bytes, wanted: str) -> None:
    try:
        head = msgspec.json.decode(payload, type=_Head)
    except UNREADABLE as error:
        raise malformed("what it signs is not a statement") from error
    if (head.type, head.predicate_type) != (_STATEMENT, wanted):
        raise unknown_kind(head.predicate_type)


def _package(tree: _Tree) -> PackageStatement:
    return PackageStatement(
        name=tree.package.name,
        version=tree.package.version,
        manifest=parse_digest(tree.package.manifest),
        files=tuple(_file(resource) for resource in tree.resources),
        signed_at=tree.package.signed_at,
    )


def _file(resource: _Resource) -> SignedFile:
    digest = parse_digest(f"sha256:{resource.digest}")
    return SignedFile(path=resource.name, digest=digest, size=resource.size)


def _root(files: Sequence[SignedFile]) -> str:
    """model-signing's digest of a tree: SHA-256 over the digests of its files, in the order of their paths."""
    return hashlib.sha256(b"".join(bytes.fromhex(hex_of(file.digest)) for file in files)).hexdigest()


def _encode(statement: _TreeStatement | _TextStatement) -> bytes:
    return msgspec.json.encode(statement, order="sorted")
