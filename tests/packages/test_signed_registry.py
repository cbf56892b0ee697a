"""Signed packages through Debian's docker-registry: the good one comes in, and nothing of any other."""

import json
from pathlib import Path

import msgspec
import pytest

from homeport.bootstrap.signatures import statement_of
from homeport.bootstrap.trust import admission, judge_stored, utc_day
from homeport.core.errors import PackageError
from homeport.packages import exchange
from homeport.packages.base import StoredPackage
from homeport.packages.bundle import BUNDLE_TYPE
from homeport.packages.digest import Digest
from homeport.packages.keys import SigningKey, make_key
from homeport.packages.layout import Store
from homeport.packages.manifest import MANIFEST_TYPE, describe
from homeport.packages.reference import Reference
from homeport.packages.referrers import EMPTY, EMPTY_CONFIG, encode_signature
from homeport.packages.signing import TrustedKey, sign_package
from homeport.packages.trust import TrustPolicy, TrustRule
from tests.fakes.docker_registry import blob_file
from tests.fakes.gguf import gguf
from tests.packages.places import SILENT, files_of, fill, place_at, reach

pytestmark = pytest.mark.slow
KEY, OTHER = make_key(), make_key()
POLICY = TrustPolicy(
    keys=(TrustedKey(name="release", key=KEY.public), TrustedKey(name="other", key=OTHER.public)),
    rules=(TrustRule(packages=("tiny",), keys=("release",)),),
)


def _sign(package: StoredPackage, key: SigningKey = KEY, **changes: object) -> bytes:
    return sign_package(msgspec.structs.replace(statement_of(package, "2026-11-23T00:00:00Z"), **changes), key)


def _push(store: Store, place: Reference) -> None:
    exchange.push(store, "tiny", place, reach(place), SILENT)


def _refusal(there: Store, place: Reference) -> str:
    with pytest.raises(PackageError) as caught:
        exchange.pull(there, place, reach(place), SILENT)
    assert files_of(there) == set()
    assert there.list() == ()
    assert not list(there.root.glob(".staging/*"))
    return caught.value.code


def test_any_flipped_bit_in_the_registry_is_refused_and_the_whole_comes_in(
    host: str, folder: Path, store: Store, tmp_path: Path
) -> None:
    package = fill(store, tmp_path / "shelf")
    store.add_signature(package, _sign(package))
    place, there = place_at(host), Store(tmp_path / "there", admission(POLICY))
    _push(store, place)
    (signature,) = store.signatures(package.digest)
    config = json.loads(store.blobs.path(package.digest).read_bytes())["config"]["digest"]
    files = [file.digest for file in package.files]
    for digest in (package.digest, config, *files, signature.entry.digest, signature.layer.digest):
        path = blob_file(folder, digest)
        whole = path.read_bytes()
        path.write_bytes(whole[:-2] + bytes([whole[-2] ^ 1]) + whole[-1:])
        code = _refusal(there, place)
        # Of a damaged manifest the registry itself says that it has none to give.
        assert code in ({"package_digest_mismatch"} if digest in {config, *files, signature.layer.digest}
                        else {"registry_busy", "package_not_found"})  # fmt: skip
        path.write_bytes(whole)
    pulled = exchange.pull(there, place, reach(place), SILENT)
    assert pulled.digest == package.digest
    assert [one.name for one in judge_stored(POLICY, there, pulled, utc_day()).signers] == ["release"]


def test_whatever_else_lies_beside_a_package_is_refused(host: str, store: Store, tmp_path: Path) -> None:
    package = fill(store, tmp_path / "shelf", gguf(data=bytes(32)))
    bad = {
        "package_unsigned": None,
        "signature_key_unknown": _sign(package, make_key()),
        "signature_key_not_allowed": _sign(package, OTHER),
        "signature_mismatch": _sign(package, manifest=Digest("sha256:" + "0" * 64)),
        "signature_malformed": _sign(package)[:-1],
        "signature_invalid": _sign(package, OTHER).replace(OTHER.public.id.encode(), KEY.public.id.encode()),
    }
    for number, (code, bundle) in enumerate(bad.items()):
        place = msgspec.structs.replace(place_at(host), repository=f"bad/{number}")
        _push(store, place)
        if bundle is not None:
            subject = describe(store.blobs.path(package.digest).read_bytes(), MANIFEST_TYPE)
            made, registry = encode_signature(subject, bundle), reach(place)
            registry.send_bytes(EMPTY, EMPTY_CONFIG)
            registry.send_bytes(bundle, made.layer)
            registry.refer(package.digest, made.manifest, BUNDLE_TYPE)
        assert _refusal(Store(tmp_path / f"there{number}", admission(POLICY)), place) == code


def test_a_tag_that_was_swapped_for_an_older_signed_version_is_refused(host: str, store: Store, tmp_path: Path) -> None:
    package = fill(store, tmp_path / "shelf", gguf(data=bytes(64)))
    assert package.version == "1.0"
    store.add_signature(package, _sign(package))
    place = msgspec.structs.replace(place_at(host, "2.0"), repository="swapped/tiny")
    _push(store, place)
    assert _refusal(Store(tmp_path / "there", admission(POLICY)), place) == "package_tag_mismatch"
