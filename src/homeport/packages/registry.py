"""One repository of a registry: the few endpoints that packages need.

Source: OCI distribution-spec 1.1. docs/decisions says why this is no library. Whatever a registry sends
is bounded by what was announced and compared with its digest; a tag is what somebody else may move.
"""

from io import BytesIO
from pathlib import Path

import msgspec

from homeport.core.errors import DigestMismatch, PackageError
from homeport.packages.blob_transfer import Download, Upload, get_blob, require_same
from homeport.packages.digest import BytesDone, Digest, digest_bytes, hex_of, parse_digest
from homeport.packages.manifest import (
    EMPTY_INDEX,
    INDEX_TYPE,
    MANIFEST_TYPE,
    MAX_DOCUMENT_BYTES,
    Descriptor,
    decode_index,
    describe,
    digest_of,
    encode,
)
from homeport.packages.reference import Reference
from homeport.packages.registry_session import RegistrySession, require
from homeport.transport.blocking import Call

_ACCEPTED = f"{MANIFEST_TYPE}, {INDEX_TYPE}"
_MAX_REFERRERS = 64


class Registry:
    """A repository, asked through a session.

    Every method raises PackageError: package_source_unreachable, package_not_found, registry_denied,
    registry_busy or registry_failed.
    """

    def __init__(self, session: RegistrySession) -> None:
        self._session = session

    def resolve(self, tag: str) -> Digest | None:
        """The digest of the manifest that a tag names now; None where there is no such tag."""
        call = Call(url=self._session.url("manifests", tag), method="HEAD", headers={"accept": _ACCEPTED})
        with self._session.ask(call) as reply:
            if reply.status == 404:
                return None
            require(reply, f"manifest {tag}", 200)
            said = reply.headers.get("docker-content-digest")
        return parse_digest(said) if said else digest_bytes(self._get_manifest(tag))

    def manifest(self, place: Reference) -> bytes:
        """The manifest of a place. One with a tag and a digest must have that digest under that tag.

        Raises:
            DigestMismatch: package_tag_moved; the tag names something else than the digest.
                package_manifest_mismatch; the registry calls its own bytes by another digest.
            PackageError: package_too_large beyond 4 MiB.
        """
        data = self._get_manifest(place.tag or str(place.digest))
        found = digest_bytes(data)
        if place.digest not in {None, found}:
            raise _moved(place, found) if place.tag else _other_manifest(str(place.digest), found)
        return data

    def document(self, descriptor: Descriptor) -> bytes:
        """A small blob, checked.

        Raises:
            DigestMismatch: as `fetch`.
            PackageError: package_too_large beyond 4 MiB.
        """
        if descriptor.size > MAX_DOCUMENT_BYTES:
            raise _too_large(f"the document {descriptor.digest}")
        with self._session.ask(get_blob(self._session, descriptor)) as reply:
            require(reply, f"blob {descriptor.digest}", 200)
            data = reply.start(descriptor.size + 1)
        require_same(descriptor, len(data), digest_bytes(data))
        return data

    def fetch(self, descriptor: Descriptor, target: Path, done: BytesDone | None = None) -> None:
        """Bring a blob into a new file, checked while it comes; a cut download goes on where it was cut.

        Raises:
            DigestMismatch: package_size_mismatch, or package_digest_mismatch; nothing is left at `target`.
        """
        try:
            with target.open("xb") as sink:
                Download(self._session, descriptor, sink, done).run()
        except BaseException:  # an interrupt too: half a file must never pass for one; raised again
            target.unlink(missing_ok=True)
            raise

    def has(self, digest: Digest) -> bool:
        """Whether a blob is there."""
        with self._session.ask(Call(url=self._session.url("blobs", digest), method="HEAD"), push=True) as reply:
            require(reply, f"blob {digest}", 200, 404)
            return reply.status == 200

    def send(self, path: Path, descriptor: Descriptor, done: BytesDone | None = None) -> None:
        """Upload a blob that the registry has not. It is read as it is sent, so its size does not matter."""
        with path.open("rb") as file:
            Upload(self._session, descriptor, file, done).run()

    def send_bytes(self, data: bytes, descriptor: Descriptor) -> None:
        """Upload a small blob, where it is not there."""
        if not self.has(digest_of(descriptor)):
            Upload(self._session, descriptor, BytesIO(data)).run()

    def put_manifest(self, name: str, data: bytes, media_type: str = MANIFEST_TYPE) -> bool:
        """Put a manifest under a tag, or under its own digest; all it names must be there.

        Returns:
            Whether the registry noted its `subject`, and so answers `referrers` itself.

        Raises:
            DigestMismatch: package_manifest_mismatch; the registry counts another digest.
        """
        headers = {"content-type": media_type}
        call = Call(url=self._session.url("manifests", name), method="PUT", headers=headers, body=data)
        with self._session.ask(call, push=True) as reply:
            require(reply, f"place for the manifest {name}", 201)
            said = reply.headers.get("docker-content-digest") or digest_bytes(data)
            if said != digest_bytes(data):
                raise _other_manifest(digest_bytes(data), said)
            return "oci-subject" in reply.headers

    def referrers(self, subject: Digest) -> tuple[Descriptor, ...]:
        """The manifests that name a subject, such as its signatures.

        Where the registry cannot tell, those that its fallback tag lists.

        Raises:
            PackageError: package_manifest_invalid; a list that is none, or of more than 64.
        """
        call = Call(url=self._session.url("referrers", subject), headers={"accept": INDEX_TYPE})
        with self._session.ask(call) as reply:
            if reply.status == 200:
                return _listed(reply.read(MAX_DOCUMENT_BYTES))
            # Registries from before 1.1 do not know the path, each in its own words.
            require(reply, f"referrers of {subject}", 400, 404, 405)
        return self._fallback(subject)

    def refer(self, subject: Digest, manifest: bytes, artifact_type: str) -> None:
        """Put a manifest that names `subject`, so that `referrers` finds it."""
        own = msgspec.structs.replace(describe(manifest, MANIFEST_TYPE), artifact_type=artifact_type)
        if self.put_manifest(own.digest, manifest):
            return
        listed = self._fallback(subject)
        if own.digest not in {entry.digest for entry in listed}:
            index = msgspec.structs.replace(EMPTY_INDEX, manifests=(*listed, own))
            self.put_manifest(_fallback_tag(subject), encode(index), INDEX_TYPE)

    def _fallback(self, subject: Digest) -> tuple[Descriptor, ...]:
        try:
            return _listed(self._get_manifest(_fallback_tag(subject)))
        except PackageError as error:
            if error.code == "package_not_found":
                return ()
            raise

    def _get_manifest(self, name: str) -> bytes:
        call = Call(url=self._session.url("manifests", name), headers={"accept": _ACCEPTED})
        with self._session.ask(call) as reply:
            require(reply, f"manifest {name}", 200)
            said = reply.headers.get("docker-content-digest")
            data = reply.start(MAX_DOCUMENT_BYTES + 1)
        if len(data) > MAX_DOCUMENT_BYTES:
            raise _too_large(f"the manifest {name[:80]}")
        if said and said != digest_bytes(data):
            raise _other_manifest(said, digest_bytes(data))
        return data


def _fallback_tag(subject: Digest) -> str:
    return f"sha256-{hex_of(subject)}"


def _listed(data: bytes) -> tuple[Descriptor, ...]:
    listed = decode_index(data).manifests
    if len(listed) > _MAX_REFERRERS:
        raise PackageError(
            f"{len(listed)} manifests refer to one package",
            code="package_manifest_invalid",
            hint="remove those that nobody needs from the registry",
        )
    return listed


def _other_manifest(wanted: str, found: str) -> DigestMismatch:
    return DigestMismatch(
        f"the registry gave the manifest {found[:80]!r} in the place of {wanted[:80]!r}",
        code="package_manifest_mismatch",
        hint="do not use this registry before you know why",
    )


def _moved(place: Reference, found: Digest) -> DigestMismatch:
    return DigestMismatch(
        f"the tag {place.tag} of {place.host}/{place.repository} names {found} now, and {place.digest} is pinned",
        code="package_tag_moved",
        hint="find out who moved the tag; without :TAG the pinned digest is pulled",
    )


def _too_large(what: str) -> PackageError:
    return PackageError(f"{what} is larger than 4 MiB", code="package_too_large", hint="no package needs so much")
