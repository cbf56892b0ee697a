"""References to places in a registry: what they say, and what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import PackageError
from homeport.packages.digest import parse_digest
from homeport.packages.reference import parse_reference

DIGEST = f"sha256:{'1' * 64}"


@pytest.mark.parametrize(
    "text",
    [
        "registry.example.org/tiny:1.0",
        "registry.example.org:5000/models/tiny:1.0",
        "localhost/tiny:1.0",
        "127.0.0.1:5000/a/b/c:v1",
        "[::1]:5000/tiny:1.0",
        f"registry.example.org/tiny@{DIGEST}",
        f"registry.example.org/tiny:1.0@{DIGEST}",
    ],
)
def test_a_place_is_read_as_it_is_written(text: str) -> None:
    assert str(parse_reference(text)) == text
    assert parse_reference(f"oci://{text}") == parse_reference(text)


def test_a_pinned_place_says_what_is_there() -> None:
    place = parse_reference("registry.example.org:5000/models/tiny:1.0").pinned(parse_digest(DIGEST))
    assert (place.host, place.repository, place.tag, place.digest) == (
        "registry.example.org:5000",
        "models/tiny",
        "1.0",
        DIGEST,
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tiny",
        "tiny:1.0",
        "models/tiny:1.0",
        "registry.example.org",
        "registry.example.org/tiny",
        "registry.example.org/tiny:",
        "registry.example.org/tiny:1.0@",
        "registry.example.org/Tiny:1.0",
        "registry.example.org/../tiny:1.0",
        "registry.example.org//tiny:1.0",
        "registry.example.org/tiny:1.0:2.0",
        "registry.example.org/tiny:a b",
        "registry.example.org/tiny:1.0?x=y",
        "registry.example.org:0/tiny:1.0",
        "registry.example.org:65536/tiny:1.0",
        "registry.example.org:x/tiny:1.0",
        "user:word@registry.example.org/tiny:1.0",
        "http://registry.example.org/tiny:1.0",
        f"registry.example.org/{'a' * 600}:1.0",
        f"registry.example.org/tiny:{'1' * 129}",
        "registry.example.org/tiny:1.0@sha256:12",
        f"registry.example.org/tiny:1.0@{DIGEST}@{DIGEST}",
    ],
)
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(PackageError) as caught:
        parse_reference(text)
    assert caught.value.code in {"package_reference_invalid", "package_digest_invalid"}
    assert caught.value.hint


@given(st.text(max_size=80))
def test_whatever_is_read_makes_an_address_of_its_own_host(text: str) -> None:
    try:
        place = parse_reference(text)
    except PackageError:
        return
    assert not set("/@?# \\") & set(place.host)
    assert not set("@?# \\") & set(place.repository + place.tag)
    assert ".." not in place.repository.split("/")
