"""Every recognizer, shipped or installed, must pass this suite. A new one adds its examples to `EXAMPLES`."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.discovery import discover
from homeport.privacy.recognize import RECOGNIZERS, load_recognizers

FOUND = {
    "email": ["a@example.org", "first.last+tag@mail.example.co.uk", "müller@bücher.example"],
    "phone": ["+41 44 668 18 00", "+442079460958", "(415) 555-2671", "1-415-555-2671", "415.555.2671"],
    "payment_card": ["4111 1111 1111 1111", "5500-0000-0000-0004", "340000000000009", "6011000000000004"],
    "iban": ["DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432", "CH9300762011623852957", "NO9386011117947"],
    "us_ssn": ["078-05-1120", "219 09 9999"],
    "ip_address": ["192.168.1.7", "203.0.113.255", "2001:db8::1", "fe80::1ff:fe23:4567:890a"],
    "secret": [
        "sk-proj-abcdefghijklmnop1234",
        "hp-0123456789abcdef-" + "A" * 43,
        "ghp_" + "a1" * 18,
        "AKIA" + "ABCD1234" * 2,
        "AIza" + "x" * 35,
        "xoxb-1234567890-abc",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
        "-----BEGIN RSA PRIVATE KEY-----",
    ],
}
NOT_FOUND = {
    "email": ["a@b", "@example.org", "user at example.org", "a@-example.org"],
    "phone": ["2024-01-02", "12345", "1.2.3.4", "+1 2", "0.415-555-2671"],
    "payment_card": ["4111 1111 1111 1112", "0000 0000 0000 0000", "4111", "1" * 40, "v4111-1111-1111-1111"],
    "iban": ["DE88 3704 0044 0532 0130 00", "DE89 3704 0044 0532 0130 0", "ZZ89370400440532013000", "DE89"],
    "us_ssn": ["000-12-3456", "666-12-3456", "912-12-3456", "078-00-1120", "078-05-0000", "078-05 1120", "078051120"],
    "ip_address": ["127.0.0.1", "0.0.0.0", "::1", "256.1.1.1", "std::vector", "a::b", "10:30:00", "1.2.3"],
    "secret": ["sk-short", "ask-proj-abcdefghijklmnop1234", "AKIA123", "-----BEGIN PUBLIC KEY-----", "eyJ.eyJ.x"],
}
NAMES = sorted(discover(RECOGNIZERS))
ALL = load_recognizers()


def test_every_recognizer_has_examples() -> None:
    assert set(NAMES) == set(FOUND) == set(NOT_FOUND)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("frame", ["{}", "see {}.", "({})", "a\n{}\nb", '"{}"', "{} and {}"])
def test_what_it_finds(name: str, frame: str) -> None:
    for example in FOUND[name]:
        text = frame.replace("{}", example)
        found = [text[finding.start : finding.end] for finding in ALL.find_one(name, text)]
        assert found == [example] * text.count(example), text


@pytest.mark.parametrize("name", NAMES)
def test_what_it_leaves(name: str) -> None:
    for example in NOT_FOUND[name]:
        assert ALL.find_one(name, f"see {example} there") == [], example


pieces = st.sampled_from([example for examples in FOUND.values() for example in examples]) | st.text(max_size=8)


@given(st.lists(pieces, max_size=8).map("".join))
def test_findings_lie_in_the_text_in_order_and_apart(text: str) -> None:
    for name in NAMES:
        found = ALL.find_one(name, text)
        assert all(0 <= one.start < one.end <= len(text) and 0 < one.score <= 1 for one in found)
        assert all(one.end <= other.start for one, other in pairwise(found))


def test_findings_of_all_are_told_by_place_and_never_by_text() -> None:
    found = ALL.find("pay a@example.org, DE89 3704 0044 0532 0130 00")
    assert [one.recognizer for one in found] == ["email", "iban"]
    assert set(found[0].__struct_fields__) == {"recognizer", "start", "end", "score"}


def test_only_those_named_are_loaded() -> None:
    some = load_recognizers(["iban"])
    assert some.names == ("iban",)
    assert some.find("a@example.org") == []
