"""The index of a hub: what is in it, what a change makes of it, and what is refused."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import PackageError
from homeport.packages.hub import (
    HubEntry,
    HubIndex,
    Score,
    check_hub_name,
    choose,
    decode_index,
    encode_index,
    search,
    with_entry,
)

DIGEST = f"sha256:{'1' * 64}"


def entry(name: str = "legal-4b", version: str = "1.0", **changes: Any) -> HubEntry:
    made = HubEntry(
        name=name,
        version=version,
        vertical="legal",
        digest=DIGEST,
        reference=f"registry.example.org/legal/{name}:{version}@{DIGEST}",
        size=10,
        licenses=("Apache-2.0",),
        description="Contract review, in English",
        score=Score(engine="llamacpp", hits=38, of=40, low=0.83, high=0.99),
        published="2026-11-23T01:00:00Z",
    )
    return msgspec.structs.replace(made, **changes)


def index(*entries: HubEntry) -> HubIndex:
    return HubIndex(hub="consortium", serial=3, entries=entries)


def test_an_index_is_read_as_it_was_written() -> None:
    made = with_entry(index(entry("a")), entry("b"), DIGEST)
    assert decode_index(encode_index(made)) == made
    assert (made.serial, made.previous) == (4, DIGEST)


def test_the_same_version_gives_way_and_others_stay() -> None:
    made = with_entry(index(entry(), entry(version="2.0")), entry(description="New words"), "")
    assert sorted((each.version, each.description) for each in made.entries) == [
        ("1.0", "New words"),
        ("2.0", "Contract review, in English"),
    ]


def test_words_and_vertical_are_searched() -> None:
    found = index(entry(), entry("triage", vertical="medical", description="Sorts letters"))
    assert [each.name for each in search(found, ["CONTRACT"])] == ["legal-4b"]
    assert [each.name for each in search(found, ["apache", "sorts"])] == ["triage"]
    assert [each.name for each in search(found, [], "legal")] == ["legal-4b"]
    assert search(found, ["contract"], "medical") == ()
    assert len(search(found, [])) == 2


def test_the_newest_is_chosen_unless_a_version_is_named() -> None:
    found = index(entry(version="1.0"), entry(version="1.1", published="2026-11-24T01:00:00Z"))
    assert choose(found, "legal-4b").version == "1.1"
    assert choose(found, "legal-4b:1.0").version == "1.0"
    for missing in ("legal-4b:2.0", "other", ""):
        with pytest.raises(PackageError, match="no package"):
            choose(found, missing)


def test_a_package_is_pulled_by_its_digest_and_not_by_its_tag() -> None:
    assert str(entry().place) == f"registry.example.org/legal/legal-4b@{DIGEST}"


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "../x"},
        {"vertical": "two words"},
        {"vertical": ""},
        {"version": ""},
        {"description": "\x1b[31mred"},
        {"digest": "sha256:12"},
        {"digest": f"sha256:{'2' * 64}"},
        {"reference": "registry.example.org/legal/legal-4b"},
        {"score": Score(engine="x", hits=3, of=2, low=0, high=1)},
        {"licenses": ("MIT\n",)},
    ],
)
def test_what_cannot_be_in_an_index_is_refused(changes: dict[str, Any]) -> None:
    wrong = entry(**changes)
    with pytest.raises(PackageError):
        with_entry(index(), wrong, "")
    with pytest.raises(PackageError) as caught:
        decode_index(encode_index(index(wrong)))
    assert caught.value.code == "hub_index_invalid"
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        bytes(4 * 1024 * 1024 + 1),
        encode_index(index(entry())).replace(b'"schema":1', b'"schema":2'),
        encode_index(index(entry())).replace(b'"serial":3', b'"serial":-1'),
        encode_index(index(entry())).replace(b'"size":10', b'"size":-10'),
        encode_index(index(entry())).replace(b'"consortium"', b'"../"'),
        encode_index(HubIndex(hub="consortium", serial=1, entries=(entry(), entry()))),
    ],
)
def test_what_is_no_index_is_refused(data: bytes) -> None:
    with pytest.raises(PackageError) as caught:
        decode_index(data)
    assert caught.value.code == "hub_index_invalid"


@pytest.mark.parametrize("name", ["", "A", "a b", "-a", "a/b", "a" * 64])
def test_names_of_hubs_are_plain(name: str) -> None:
    with pytest.raises(PackageError):
        check_hub_name(name)


@given(st.binary(max_size=200))
def test_nonsense_is_refused_in_our_words(data: bytes) -> None:
    with pytest.raises(PackageError):
        decode_index(data)
