"""The policy: whose signature counts for which package, and what each of the others is refused with."""

from datetime import date

import msgspec
import pytest

from homeport.core.errors import PackageError
from homeport.core.trust import Unsigned
from homeport.packages.attached import MAX_SIGNATURES
from homeport.packages.digest import digest_bytes
from homeport.packages.keys import SigningKey, make_key
from homeport.packages.signing import TrustedKey, sign_bytes, sign_package
from homeport.packages.statement import PackageStatement, SignedFile
from homeport.packages.trust import Candidate, TrustPolicy, TrustRule, Verdict, judge

TODAY = date(2026, 11, 23)
LEGAL, RELEASE, OLD, STRANGER = (make_key() for _ in range(4))
FILES = (SignedFile(path="model.gguf", digest=digest_bytes(b"weights"), size=7),)
PACKAGE = Candidate(name="legal-4b", version="1.4.0", manifest=digest_bytes(b"manifest"), files=FILES, vertical="legal")
POLICY = TrustPolicy(
    keys=(
        TrustedKey(name="legal", key=LEGAL.public),
        TrustedKey(name="release", key=RELEASE.public),
        TrustedKey(name="old", key=OLD.public, valid_until=date(2026, 11, 22)),
    ),
    rules=(
        TrustRule(packages=("legal-*", "law"), keys=("legal", "old")),
        TrustRule(verticals=("medical",), keys=("release",), unsigned=Unsigned.WARN),
    ),
)


def _sign(key: SigningKey, package: Candidate = PACKAGE) -> bytes:
    statement = PackageStatement(
        name=package.name,
        version=package.version,
        manifest=package.manifest,
        files=package.files,
        signed_at="2026-11-23T00:00:00Z",
    )
    return sign_package(statement, key)


def _judge(*bundles: bytes, package: Candidate = PACKAGE, policy: TrustPolicy = POLICY) -> Verdict:
    return judge(policy, package, bundles, TODAY)


def _refusal(*bundles: bytes, package: Candidate = PACKAGE, policy: TrustPolicy = POLICY) -> str:
    with pytest.raises(PackageError) as caught:
        _judge(*bundles, package=package, policy=policy)
    assert caught.value.hint
    return caught.value.code


def _named(**changes: object) -> Candidate:
    return msgspec.structs.replace(PACKAGE, **changes)


def _flipped(bundle: bytes) -> bytes:
    """A bundle with another signature in it, of the same form."""
    place = bundle.rindex(b'"sig":"') + 30
    other = b"A" if bundle[place : place + 1] != b"A" else b"B"
    return bundle[:place] + other + bundle[place + 1 :]


def test_who_signed_is_told() -> None:
    (signer,) = _judge(_sign(LEGAL)).signers
    assert (signer.name, signer.key_id, signer.signed_at) == ("legal", LEGAL.public.id, "2026-11-23T00:00:00Z")
    assert [one.name for one in _judge(_sign(STRANGER), _sign(LEGAL), _sign(RELEASE)).signers] == ["legal"]


def test_each_signature_that_does_not_count_has_its_own_code() -> None:
    assert _refusal() == "package_unsigned"
    assert _refusal(_sign(STRANGER)) == "signature_key_unknown"
    assert _refusal(_sign(OLD)) == "signature_key_expired"
    assert _refusal(_sign(RELEASE)) == "signature_key_not_allowed"
    assert _refusal(sign_bytes(b"text", LEGAL)) == "signature_kind_unknown"
    assert _judge(_sign(OLD), _sign(LEGAL)).signers


BAD = {
    "a changed signature": (_flipped(_sign(LEGAL)), "signature_invalid"),
    "another's signature": (
        _sign(STRANGER).replace(STRANGER.public.id.encode(), LEGAL.public.id.encode()),
        "signature_invalid",
    ),
    "a cut one": (_sign(LEGAL)[:-1], "signature_malformed"),
    "an endless one": (b" " * (5 * 1024 * 1024), "signature_too_large"),
    "another package's": (_sign(LEGAL, _named(manifest=digest_bytes(b"other"))), "signature_mismatch"),
    "another name's": (_sign(LEGAL, _named(name="legal-7b")), "signature_mismatch"),
    "another version's": (_sign(LEGAL, _named(version="1.3.0")), "signature_mismatch"),
    "of other files": (_sign(LEGAL, _named(files=())), "signature_mismatch"),
    "of another size": (
        _sign(LEGAL, _named(files=(msgspec.structs.replace(FILES[0], size=8),))),
        "signature_mismatch",
    ),
    "another package's, by a stranger": (_sign(STRANGER, _named(name="other")), "signature_mismatch"),
}


@pytest.mark.parametrize(("bundle", "code"), BAD.values(), ids=BAD.keys())
@pytest.mark.parametrize("beside", [(), (_sign(LEGAL),)], ids=["alone", "beside a good one"])
def test_a_bad_signature_is_refused_whatever_is_beside_it(bundle: bytes, code: str, beside: tuple[bytes, ...]) -> None:
    assert _refusal(*beside, bundle) == code
    assert _refusal(bundle, *beside) == code
    lenient = msgspec.structs.replace(POLICY, rules=(), unsigned=Unsigned.ALLOW)
    assert _refusal(bundle, *beside, policy=lenient) == code


def test_a_signature_is_worth_nothing_under_another_name() -> None:
    assert _refusal(_sign(LEGAL), package=_named(name="law")) == "signature_mismatch"


def test_more_signatures_than_anybody_needs_are_not_looked_at() -> None:
    assert _judge(*[_sign(LEGAL)] * MAX_SIGNATURES).signers
    assert _refusal(*[_sign(LEGAL)] * (MAX_SIGNATURES + 1)) == "too_many_signatures"


@pytest.mark.parametrize(("name", "vertical", "decides"), [
    ("legal-4b", "legal", 0),
    ("legal-4b", "medical", 0),
    ("law", "", 0),
    ("laws", "", None),
    ("LEGAL-4b", "", None),
    ("nurse", "medical", 1),
    ("nurse", "", None),
])  # fmt: skip
def test_the_first_rule_that_covers_a_package_decides(name: str, vertical: str, decides: int | None) -> None:
    package = _named(name=name, vertical=vertical)
    assert POLICY.names(package) == (decides is not None)
    if decides is not None:
        assert POLICY.rule_for(package) == POLICY.rules[decides]


def test_what_becomes_of_an_unsigned_package() -> None:
    for unsigned in Unsigned:
        policy = msgspec.structs.replace(POLICY, rules=(), unsigned=unsigned)
        for bundles in ((), (_sign(STRANGER),)):
            if unsigned is Unsigned.REFUSE:
                assert _refusal(*bundles, policy=policy) in {"package_unsigned", "signature_key_unknown"}
            else:
                verdict = _judge(*bundles, policy=policy)
                assert verdict.signers == ()
                assert ("legal-4b" in verdict.warning) == (unsigned is Unsigned.WARN)


def test_without_a_policy_the_first_run_works_and_a_registry_is_warned_of() -> None:
    nobody = TrustPolicy()
    assert _judge(policy=nobody) == Verdict()
    assert "not signed" in _judge(policy=nobody, package=_named(from_registry=True)).warning
    assert "not known" in _judge(_sign(STRANGER), policy=nobody, package=_named(from_registry=True)).warning


def test_any_key_may_sign_what_no_rule_covers() -> None:
    package = _named(name="coder", vertical="coding")
    policy = msgspec.structs.replace(POLICY, unsigned=Unsigned.REFUSE)
    assert _judge(_sign(RELEASE, package), package=package, policy=policy).signers
    assert _refusal(_sign(OLD, package), package=package, policy=policy) == "signature_key_expired"


@pytest.mark.parametrize(("tag", "fits"), [
    ("", True), ("1.4.0", True), ("v1.4.0", True), ("1.4", True), ("1", True), ("latest", True), ("stable", True),
    ("1.3.0", False), ("2", False), ("1.4.0-rc1", False), ("14", False),
])  # fmt: skip
def test_a_tag_of_another_version_is_refused_where_a_rule_covers_the_package(tag: str, fits: bool) -> None:
    package = _named(tag=tag)
    if fits:
        assert _judge(_sign(LEGAL), package=package).signers
    else:
        assert _refusal(_sign(LEGAL), package=package) == "package_tag_mismatch"
    assert _judge(_sign(LEGAL), package=package, policy=msgspec.structs.replace(POLICY, rules=())).signers
