"""Trust: which keys may sign which packages, and what becomes of a package that nobody signed.

Pure. A package is judged by its manifest's digest, its files and the signatures that came with it.

A signature is *bad* if it cannot be read, is not its key's, or belongs to another package: a package that has one is
refused, however many good ones it has besides. A signature that is well made, and by a key that is not known, has ended
or may not sign this package, counts for nothing: with it alone, the package is unsigned.
"""

from collections.abc import Sequence
from datetime import date
from fnmatch import fnmatchcase

import msgspec

from homeport.core.errors import PackageError
from homeport.core.trust import Unsigned
from homeport.packages.attached import require_few
from homeport.packages.base import StoredPackage
from homeport.packages.digest import Digest
from homeport.packages.signing import (
    Signer,
    TrustedKey,
    find_key,
    mismatch,
    open_package,
    require_signature,
    require_valid,
    signer_of,
)
from homeport.packages.statement import PackageStatement, SignedFile
from homeport.packages.versions import tag_of

_UNKNOWN_KIND = "signature_kind_unknown"


class TrustRule(msgspec.Struct, frozen=True, kw_only=True):
    """Which keys may sign some packages.

    Attributes:
        packages: patterns of names, such as `legal-*`; one has to match.
        verticals: of what the package says it is for; empty for any.
        keys: names of the keys that may sign.
    """

    packages: tuple[str, ...] = ("*",)
    verticals: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    unsigned: Unsigned = Unsigned.REFUSE

    def covers(self, candidate: "Candidate") -> bool:
        """Whether the rule is about this package."""
        named = any(fnmatchcase(candidate.name, pattern) for pattern in self.packages)
        return named and (not self.verticals or candidate.vertical in self.verticals)


class TrustPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Whom this machine trusts.

    Attributes:
        rules: the first that covers a package decides.
        unsigned: for packages that no rule covers; None warns of those from a registry, and allows the others.
            Any of the keys may sign them.
    """

    keys: tuple[TrustedKey, ...] = ()
    rules: tuple[TrustRule, ...] = ()
    unsigned: Unsigned | None = None

    def rule_for(self, candidate: "Candidate") -> TrustRule:
        """The rule that decides about a package."""
        covering = self._covering(candidate)
        if covering is not None:
            return covering
        foreign = Unsigned.WARN if candidate.from_registry else Unsigned.ALLOW
        return TrustRule(keys=tuple(key.name for key in self.keys), unsigned=self.unsigned or foreign)

    def names(self, candidate: "Candidate") -> bool:
        """Whether somebody wrote a rule for a package."""
        return self._covering(candidate) is not None

    def _covering(self, candidate: "Candidate") -> TrustRule | None:
        return next((rule for rule in self.rules if rule.covers(candidate)), None)


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A package that is to be trusted.

    Attributes:
        name: the name it is asked for by.
        version: what it says of itself.
        manifest: the digest of its manifest, which was compared with its bytes.
        vertical: what it says it is for.
        tag: the registry's tag it was asked for by, or "".
    """

    name: str
    version: str
    manifest: Digest
    files: tuple[SignedFile, ...]
    vertical: str = ""
    from_registry: bool = False
    tag: str = ""


def candidate_of(package: StoredPackage, tag: str = "") -> Candidate:
    """A package of the store, or one on its way into it, as what is judged."""
    return Candidate(
        name=package.name,
        version=package.version,
        manifest=package.digest,
        files=signed_files(package),
        vertical=package.vertical,
        from_registry=bool(package.origin),
        tag=tag,
    )


def signed_files(package: StoredPackage) -> tuple[SignedFile, ...]:
    """The files of a package as a signature lists them."""
    return tuple(sorted(SignedFile(path=file.filepath, digest=file.digest, size=file.size) for file in package.files))


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """A package may be used.

    Attributes:
        signers: whose signatures count for it; empty where it is used unsigned.
        warning: what somebody should be told; "" for nothing.
    """

    signers: tuple[Signer, ...] = ()
    warning: str = ""


def judge(policy: TrustPolicy, candidate: Candidate, bundles: Sequence[bytes], today: date) -> Verdict:
    """Whether a package may be used, and who signed it.

    Args:
        bundles: the signatures that came with it.
        today: the day, in UTC, that keys must be valid on.

    Raises:
        PackageError: a signature is bad: signature_too_large, signature_malformed, signature_invalid,
            signature_mismatch, too_many_signatures. Or none counts, and the rule refuses: package_unsigned,
            signature_kind_unknown, signature_key_unknown, signature_key_expired, signature_key_not_allowed. Or a
            rule covers the package, and its tag is another version's: package_tag_mismatch.
    """
    require_few(len(bundles))
    rule = policy.rule_for(candidate)
    if policy.names(candidate):
        _require_tag(candidate)
    found = [_weigh(policy, rule, candidate, bundle, today) for bundle in bundles]
    signers = tuple(one for one in found if isinstance(one, Signer))
    if signers:
        return Verdict(signers=signers)
    return _unsigned(rule, candidate, [one for one in found if isinstance(one, PackageError)])


def _weigh(
    policy: TrustPolicy, rule: TrustRule, candidate: Candidate, bundle: bytes, today: date
) -> Signer | PackageError:
    """The signer, or why the signature does not count. Raises PackageError where it is bad."""
    try:
        signed, statement = open_package(bundle)
    except PackageError as error:
        if error.code == _UNKNOWN_KIND:
            return error
        raise
    _require_same(statement, candidate)
    try:
        key = find_key(signed, policy.keys)
    except PackageError as error:
        return error
    require_signature(signed, key)
    return _allowed(rule, key, today) or signer_of(key, statement.signed_at)


def _allowed(rule: TrustRule, key: TrustedKey, today: date) -> PackageError | None:
    try:
        require_valid(key, today)
    except PackageError as error:
        return error
    if key.name in rule.keys:
        return None
    return PackageError(
        f"it is signed by the key {key.name!r}, which may not sign it",
        code="signature_key_not_allowed",
        hint=f"a key that may: {', '.join(rule.keys) or '(none)'}; see `trust.rules`",
    )


def _require_same(statement: PackageStatement, candidate: Candidate) -> None:
    """Refuse the statement of another package, or of this one by another name or version."""
    if statement.name != candidate.name:
        raise mismatch(f"it is of {statement.name[:80]!r}, and {candidate.name!r} was asked for")
    if statement.version != candidate.version:
        raise mismatch(f"it is of version {statement.version[:80]!r}, and {candidate.version!r} was asked for")
    if statement.manifest != candidate.manifest:
        raise mismatch(f"it is of the manifest {statement.manifest}, and this one is {candidate.manifest}")
    if statement.files != candidate.files:
        raise mismatch("it lists other files than the manifest")


def _require_tag(candidate: Candidate) -> None:
    """Refuse an older version under a newer one's tag, whose signature is as good as ever.

    A tag without a digit, such as `latest`, moves by nature and says nothing; `1.4` stands for any 1.4.x.
    """
    tag, version = candidate.tag.removeprefix("v"), tag_of(candidate.version).removeprefix("v")
    if any(letter.isdigit() for letter in tag) and tag != version and not version.startswith(f"{tag}."):
        raise PackageError(
            f"the tag {candidate.tag} has version {candidate.version[:80]!r} of {candidate.name}",
            code="package_tag_mismatch",
            hint="somebody moved the tag: pin the digest of the version you mean, as in NAME:TAG@sha256:...",
        )


def _unsigned(rule: TrustRule, candidate: Candidate, why: list[PackageError]) -> Verdict:
    reason = why[0] if why else _nobody()
    told = f"{candidate.name}: {reason.message}"
    if rule.unsigned is Unsigned.REFUSE:
        raise PackageError(told, code=reason.code, hint=reason.hint)
    return Verdict(warning=told if rule.unsigned is Unsigned.WARN else "")


def _nobody() -> PackageError:
    return PackageError(
        "it is not signed",
        code="package_unsigned",
        hint="have it signed, with `homeport package sign`, or say in `trust` that it may be unsigned",
    )
