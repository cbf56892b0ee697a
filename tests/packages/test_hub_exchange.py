"""A hub in a registry: believed when signed and not older than what was seen, published on top of what is there."""

import hashlib
from collections.abc import Iterator
from datetime import date

import msgspec
import pytest

from homeport.core.errors import PackageError
from homeport.packages.hub_exchange import Hub, PublishedIndex, fetch_index, noted, publish_entry
from homeport.packages.keys import SigningKey, make_key
from homeport.packages.reference import parse_reference
from homeport.packages.signing import TrustedKey
from tests.fakes.registry import Exchange, FakeRegistry, running
from tests.packages.places import registry_at
from tests.packages.test_hub import entry

TODAY = date(2026, 11, 23)
REPOSITORY = "models/tiny"


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with running() as server:
        yield server


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return make_key()


def hub_at(fake: FakeRegistry, *keys: SigningKey, name: str = "consortium") -> Hub:
    trusted = tuple(TrustedKey(name=f"key-{number}", key=each.public) for number, each in enumerate(keys))
    return Hub(name=name, place=parse_reference(f"{fake.host}/{REPOSITORY}:index"), keys=trusted)


def publish(fake: FakeRegistry, hub: Hub, key: SigningKey, name: str = "legal-4b") -> PublishedIndex:
    return publish_entry(hub, registry_at(fake), entry(name), key, TODAY)


def refusal(fake: FakeRegistry, hub: Hub) -> str:
    with pytest.raises(PackageError) as caught:
        fetch_index(hub, registry_at(fake), TODAY)
    assert caught.value.hint
    return caught.value.code


def test_what_is_published_is_found(fake: FakeRegistry, key: SigningKey) -> None:
    hub = hub_at(fake, key)
    assert fetch_index(hub, registry_at(fake), TODAY) is None
    first = publish(fake, hub, key)
    second = publish(fake, noted(hub, first), key, "triage")
    found = fetch_index(hub, registry_at(fake), TODAY)
    assert found == second
    assert found is not None
    assert ([each.name for each in found.index.entries], found.index.serial, found.signer) == (
        ["legal-4b", "triage"],
        2,
        "key-0",
    )
    assert found.index.previous == first.digest


def test_any_of_the_keys_may_publish_and_no_other(fake: FakeRegistry, key: SigningKey) -> None:
    other = make_key()
    both = hub_at(fake, key, other)
    publish(fake, both, key)
    publish(fake, both, other, "triage")
    assert refusal(fake, hub_at(fake, key)) == "signature_key_unknown"
    with pytest.raises(PackageError) as caught:
        publish(fake, hub_at(fake, other), key)
    assert caught.value.code == "hub_key_other"


def test_an_old_index_is_refused(fake: FakeRegistry, key: SigningKey) -> None:
    hub = hub_at(fake, key)
    publish(fake, hub, key)
    old = fake.manifests[REPOSITORY, "index"]
    seen = noted(hub, publish(fake, hub, key, "triage"))
    fake.manifests[REPOSITORY, "index"] = old
    assert refusal(fake, seen) == "hub_index_stale"
    assert fetch_index(hub, registry_at(fake), TODAY) is not None
    fork = msgspec.structs.replace(seen, serial=1, seen=f"sha256:{'0' * 64}")
    assert refusal(fake, fork) == "hub_index_stale"
    del fake.manifests[REPOSITORY, "index"]
    assert refusal(fake, seen) == "hub_index_gone"


def test_another_hubs_index_is_refused(fake: FakeRegistry, key: SigningKey) -> None:
    publish(fake, hub_at(fake, key), key)
    assert refusal(fake, hub_at(fake, key, name="other")) == "hub_index_other"


def test_a_changed_index_is_refused(fake: FakeRegistry, key: SigningKey) -> None:
    hub = hub_at(fake, key)
    publish(fake, hub, key)
    manifest, kind = fake.manifests[REPOSITORY, "index"]
    document = msgspec.json.decode(manifest)
    for number, layer in enumerate(document["layers"]):
        data = fake.blobs[layer["digest"]]
        fake.blobs[layer["digest"]] = data.replace(b"legal", b"loyal") if number == 0 else data[:-2] + b"!}"
        assert refusal(fake, hub) == "package_digest_mismatch"
        fake.blobs[layer["digest"]] = data
    # With digests that fit, it is the signature that does not.
    changed = fake.blobs[document["layers"][0]["digest"]].replace(b"Contract", b"Kontract")
    layer = {**document["layers"][0], "digest": "", "size": len(changed)}
    layer["digest"] = f"sha256:{hashlib.sha256(changed).hexdigest()}"
    fake.blobs[layer["digest"]] = changed
    forged = msgspec.json.encode({**document, "layers": [layer, document["layers"][1]]})
    fake.manifests[REPOSITORY, "index"] = (forged, kind)
    assert refusal(fake, hub) == "signature_mismatch"


@pytest.mark.parametrize("layers", [[], ["one"], ["swapped"]])
def test_what_is_no_index_is_refused(fake: FakeRegistry, key: SigningKey, layers: list[str]) -> None:
    hub = hub_at(fake, key)
    publish(fake, hub, key)
    manifest, kind = fake.manifests[REPOSITORY, "index"]
    document = msgspec.json.decode(manifest)
    document["layers"] = {"": [], "one": document["layers"][:1], "swapped": document["layers"][::-1]}["".join(layers)]
    fake.manifests[REPOSITORY, "index"] = (msgspec.json.encode(document), kind)
    assert refusal(fake, hub) == "hub_index_invalid"


def test_who_publishes_at_the_same_time_is_told(fake: FakeRegistry, key: SigningKey) -> None:
    hub = hub_at(fake, key)
    publish(fake, hub, key)

    def meanwhile(asked: Exchange) -> bool:
        publish(fake, hub, key, "triage")
        return False

    # Another publishes after the index was read, and before the tag is looked at again.
    fake.fault("HEAD", "/manifests/index", meanwhile)
    with pytest.raises(PackageError) as caught:
        publish(fake, hub, key, "coder")
    assert caught.value.code == "hub_index_moved"
    again = publish(fake, hub, key, "coder")
    assert [each.name for each in again.index.entries] == ["legal-4b", "triage", "coder"]


def test_who_is_overtaken_is_told(fake: FakeRegistry, key: SigningKey) -> None:
    hub = hub_at(fake, key)
    publish(fake, hub, key)
    overtaken = fake.manifests[REPOSITORY, "index"]

    def overtake(asked: Exchange) -> bool:
        if fake.times("PUT", "/manifests/") == 2:
            fake.manifests[REPOSITORY, "index"] = overtaken
        return False

    fake.fault("HEAD", "/manifests/index", overtake, times=2)
    with pytest.raises(PackageError) as caught:
        publish(fake, hub, key, "coder")
    assert caught.value.code == "hub_index_moved"
