"""Every recognizer, shipped or installed, must pass this suite. A new one adds its examples to `EXAMPLES`."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.discovery import discover
from homeport.privacy.recognize import RECOGNIZERS, load_recognizers, plain
from homeport.privacy.recognizers import BY_NAME_ONLY

FOUND = {
    "age": ["⟦42⟧ years old", "⟦7⟧-year-old", "i'm ⟦31⟧ y/o"],
    "au_medicare": ["2123 45670 1", "Medicare ⟦2123456701⟧"],
    "au_tfn": ["123 456 782", "TFN ⟦123456782⟧"],
    "bank_account": ["my account ⟦6872343098⟧", "Account number: ⟦12-3456-789⟧"],
    "be_rrn": ["85.07.30-033.28", "85073003328"],
    "br_cpf": ["111.444.777-35", "11144477735"],
    "ca_sin": ["130 692 544", "130-692-544", "SIN ⟦130692544⟧"],
    "ch_ahv": ["756.9217.0769.85", "7569217076985"],
    "cn_resident_id": ["11010519491231002X", "11010519491231002x"],
    "crypto_wallet": [
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
        "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
        "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
        "0x52908400098527886E0F7030069857D2E4169EE7",
    ],
    "date_of_birth": [
        "born on ⟦2/8/1935⟧",
        "date of birth: ⟦1980-03-12⟧",
        "DOB ⟦12.03.80⟧",
        "geboren am ⟦12. März 1980⟧",
        "⟦March 12th, 1980⟧ birthday",
    ],
    "de_steuer_id": ["86095742719", "IdNr ⟦86 095 742 719⟧"],
    "domain_name": ["example.org", "mail.example.co.uk", "bücher.example"],
    "email": ["a@example.org", "first.last+tag@mail.example.co.uk", "müller@bücher.example", "o'neil@x.xn--p1ai"],
    "es_nif": ["12345678Z", "12.345.678-Z", "X1234567L", "x-1234567-l"],
    "fi_hetu": ["131052-308T", "131052a308t"],
    "fr_nir": ["2 55 08 14 168 025 38", "255081416802538", "2 69 05 2A 004 312 19"],
    "iban": [
        "DE89 3704 0044 0532 0130 00",
        "GB82WEST12345698765432",
        "CH9300762011623852957",
        "NO9386011117947",
        "gb82 west 1234 5698 7654 32",
        "DE89-3704-0044-0532-0130-00",
        "DE89\n3704\n0044\n0532\n0130\n00",
        "\uff24\uff25\uff18\uff19 3704\u00a00044 0532 0130 00",
        "IBAN ⟦DE88370400440532013000⟧",
        "IBAN⟦DE89370400440532013000⟧",
        "DE89.3704.0044.0532.0130.00",
    ],
    "in_aadhaar": ["2341 2341 2346", "Aadhaar ⟦234123412346⟧"],
    "in_pan": ["ABCPE1234F", "abcpe1234f"],
    "ip_address": [
        "192.168.1.7",
        "203.0.113.255",
        "192.168.001.007",
        "2001:db8::1",
        "fe80::1ff:fe23:4567:890a",
        "::ffff:203.0.113.9",
        "⟦203.0.113.9⟧:8080",
        "⟦203.0.113.9⟧/24",
    ],
    "it_codice_fiscale": ["RSSMRA80A01H501U", "rssmra80a01h501u", "RSS MRA 80A01 H501U"],
    "mac_address": ["00:1B:44:11:3A:B7", "00-1b-44-11-3a-b7", "001b.4411.3ab7"],
    "medical_record_number": ["MRN ⟦12345678⟧", "medical record number: ⟦A-1234567⟧", "Patient ID ⟦00-12-34⟧"],
    "nl_bsn": ["111222333", "1112.22.333", "BSN ⟦111222333⟧"],
    "passport": ["passport number ⟦123456789⟧", "Passport: ⟦X1234567⟧", "Reisepass ⟦C01X00T47⟧"],
    "payment_card": [
        "4111 1111 1111 1111",
        "5500-0000-0000-0004",
        "340000000000009",
        "6011000000000004",
        "4111\n1111\n1111\n1111",
        "4111.1111.1111.1111",
        "3400 000000 00009",
        "3474 1597 7307 943",
        "4111 - 1111 - 1111 - 1111",
        "⟦4111 1111 1111 1111⟧ 123",
        "1800-1607-0420-458",
        "\uff14\uff11\uff11\uff11 1111\u20091111\u00a01111",
        "4111\u20121111\u20121111\u20121111",
        "٤١١١١١١١١١١١١١١١",
        "card ⟦630427373398⟧",
        "⟦4634216073375436⟧ is my card",
    ],
    "phone": [
        "+41 44 668 18 00",
        "+442079460958",
        "+46 (0)8 928 571 38",
        "+1-984-182-0190x123",
        "(415) 555-2671",
        "1-415-555-2671",
        "001-415-555-2671",
        "415.555.2671",
        "07700 063 966",
        "0490 75 40 81",
        "03.93.92.16.85",
        "(08) 8747 6301",
        "phone ⟦60-56-85-91⟧",
        "phone ⟦0490-75-40-81⟧",
        "phone ⟦60.56.85.91⟧",
        "⟦9498777106⟧ fax",
        "call me on ⟦9472 7916⟧",
    ],
    "pl_pesel": ["44051401359", "PESEL ⟦44051401359⟧"],
    "se_personnummer": ["811228-9874", "19811228-9874", "8112289874"],
    "secret": [
        "sk-proj-abcdefghijklmnop1234",
        "hp-0123456789abcdef-" + "A" * 43,
        "ghp_" + "a1" * 18,
        "AKIA" + "ABCD1234" * 2,
        "AIza" + "x" * 35,
        "xoxb-1234567890-abc",
        "pypi-" + "AgEI" * 12,
        "SG." + "a" * 22 + "." + "b" * 43,
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
        "-----BEGIN RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----",
        "password=⟦hunter2⟧",
        "Password: ⟦correct-horse⟧",
        "the password is ⟦Tr0ub4dor&3⟧",
        "api_key: ⟦9f8a7b6c5d4e3f2a1b0c⟧",
        "AWS_SECRET_ACCESS_KEY=⟦wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY⟧",
        "postgresql://me:⟦s3cr3t⟧@db/x",
    ],
    "street_address": [
        "⟦12 Main Street⟧, Springfield",
        "8 Rue de la Paix Avenue, Apt. 4",
        "Søndergade 52 ⟦Apt. 656⟧",
        "⟦P.O. Box 12⟧",
    ],
    "title": ["⟦Dr.⟧ Who", "⟦Mrs.⟧ Labrie", "⟦Herr⟧ Kafka"],
    "uk_nhs": ["943 476 5919", "NHS number ⟦9434765919⟧"],
    "uk_nino": ["AB 12 34 56 C", "AB123456C", "ab123456c"],
    "url": ["https://example.org/a?b=c", "http://Example.Org", "www.example.org"],
    "us_bank_routing": ["routing number ⟦021000021⟧", "ABA ⟦0210-0002-1⟧"],
    "us_driver_license": [
        "driver's license number is ⟦F162823540116⟧",
        "Driver License ⟦2270-66-1551⟧",
        "DL: ⟦6940579⟧",
    ],
    "us_itin": ["912-70-1234", "ITIN ⟦912701234⟧"],
    "us_medicare_id": ["1EG4-TE5-MK73", "1EG4TE5MK73"],
    "us_ssn": [
        "078-05-1120",
        "219 09 9999",
        "219.09.9999",
        "219\u201109\u20119999",
        "SSN ⟦078051120⟧",
        "219 - 09 - 9999",
    ],
    "zip_code": ["zip code ⟦94110⟧", "ZIP: ⟦7412 SL⟧", "postcode ⟦SW1A 1AA⟧"],
}
NOT_FOUND = {
    "age": ["42", "i am 12 miles away", "turned 300"],
    "au_medicare": ["2123 45671 1", "7123 45670 1"],
    "au_tfn": ["123 456 783", "111 111 111"],
    "bank_account": ["6872343098", "my account 123", "take account of 12 things"],
    "be_rrn": ["85.07.30-033.29", "85.17.30-033.28"],
    "br_cpf": ["111.444.777-36", "111.111.111-11"],
    "ca_sin": ["130 692 545", "046 454 286", "888 888 888"],
    "ch_ahv": ["756.9217.0769.86", "755.9217.0769.85"],
    "cn_resident_id": ["110105194912310021", "11010519491331002X"],
    "crypto_wallet": [
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
        "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdp",
        "0x52908400098527886E0F7030069857D2E4169EE",
    ],
    "date_of_birth": ["2/8/1935", "on 12 March 1980 the contract ends", "born in 1980", "born 99/99/1980"],
    "de_steuer_id": ["86095742718", "11111111111", "01234567890"],
    "domain_name": ["e.g", "3.14", "a@example.org", "file.txt", "-.org"],
    "email": ["a@b", "@example.org", "user at example.org", "a@-example.org", "a@@example.org"],
    "es_nif": ["12345678A", "X1234567A", "12345678"],
    "fi_hetu": ["131052-308U", "131352-308T"],
    "fr_nir": ["2 55 08 14 168 025 39", "9 55 08 14 168 025 38"],
    "iban": [
        "DE88 3704 0044 0532 0130 00",
        "DE89 3704 0044 0532 0130 0",
        "ZZ89370400440532013000",
        "DE89",
        "XDE89370400440532013000",
    ],
    "in_aadhaar": ["2341 2341 2347", "1341 2341 2346", "2222 2222 2222"],
    "in_pan": ["ABCXE1234F", "ABCPE1234", "AbcPe1234f"],
    "ip_address": [
        "127.0.0.1",
        "0.0.0.0",
        "::1",
        "::",
        "256.1.1.1",
        "std::vector",
        "a::b",
        "10:30:00",
        "1.2.3",
        "1.2.3.4.5",
    ],
    "it_codice_fiscale": ["RSSMRA80A01H501V", "RSSMRA80A01H501"],
    "mac_address": ["00:1B:44:11:3A", "00:1B:44:11:3A:B7:00", "00:00:00:00:00:00", "00:1B-44:11:3A:B7", "10:30:00"],
    "medical_record_number": ["12345678", "MRN 12", "MRN unknown"],
    "nl_bsn": ["111222334", "000000000"],
    "passport": ["123456789", "passport office", "passport 1234"],
    "payment_card": [
        "4111 1111 1111 1112",
        "0000 0000 0000 0000",
        "4111",
        "1" * 40,
        "v4111-1111-1111-1111",
        "1234567890123",
        "0.4111111111111111",
    ],
    "phone": [
        "2024-01-02",
        "12345",
        "1.2.3.4",
        "+1 2",
        "0.415-555-2671",
        "12/1/1981",
        "2000-04-16 11:34:35",
        "078-05-1120",
        "1234567890",
        "$415 555 2671",
    ],
    "pl_pesel": ["44051401358", "44131401359"],
    "se_personnummer": ["811228-9875", "811328-9874"],
    "secret": [
        "sk-short",
        "ask-proj-abcdefghijklmnop1234",
        "AKIA123",
        "-----BEGIN PUBLIC KEY-----",
        "eyJ.eyJ.x",
        "password: ${PASSWORD}",
        "password=<your password>",
        "the password is required",
        "token: abc",
        "the key: it depends",
        "max_tokens=1024",
        "secret: aaaaaaaaaaaa1",
    ],
    "street_address": ["the street", "12 monkeys", "Apt"],
    "title": ["Dr. who", "Mr", "the Dr."],
    "uk_nhs": ["943 476 5918", "111 111 1111"],
    "uk_nino": ["BG 12 34 56 C", "AB 12 34 56 E", "QQ123456C"],
    "url": ["example.org", "https:", "awww.example.org", "http:// x"],
    "us_bank_routing": ["routing 021000022", "routing 991000021"],
    "us_driver_license": ["F162823540116", "driver's license", "driver's license 12"],
    "us_itin": ["812-70-1234", "912-49-1234", "912701234"],
    "us_medicare_id": ["1SG4-TE5-MK73", "0EG4-TE5-MK73", "1EG4TE5MK7"],
    "us_ssn": ["000-12-3456", "666-12-3456", "912-12-3456", "078-00-1120", "078-05-0000", "078-05 1120", "078051120"],
    "zip_code": ["94110", "zip it", "a 12 b"],
}
MARKS = str.maketrans("", "", "⟦⟧")


def told(example: str) -> str:
    """The part of an example that is to be found: what is marked, else all of it."""
    return example.partition("⟦")[2].partition("⟧")[0] if "⟦" in example else example


NAMES = sorted(discover(RECOGNIZERS))
ALL = load_recognizers(NAMES)
HOSTILE = [
    "1" * 200_000,
    "12 " * 60_000,
    "a@" * 100_000,
    "a." * 100_000,
    "1-" * 100_000,
    "ab:" * 60_000,
    "= " * 100_000,
    "password=" * 20_000,
    "://a:" * 40_000,
    "sk-" * 60_000,
    "GB29 NWBK " * 20_000,
    "bc1q" * 50_000,
    "1 Aa Aa Aa " * 18_000,
    "1 " + "a" * 200_000,
    "+1(" * 60_000,
    "19/12/" * 30_000,
    "١٢٣٤ " * 40_000,
    "\u200b" * 200_000,
    "İ" * 100_000 + "password=hunter2",
    "\x00\ud800" * 50_000,
    "eyJ" + "a." * 100_000,
]
"""Texts on which a pattern that goes back and forth would take hours; pytest's own time-out fails the test then."""


def test_every_recognizer_has_examples() -> None:
    assert set(NAMES) == set(FOUND) == set(NOT_FOUND)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("frame", ["{}", "see {}.", "({})", "a\n{}\nb", '"{}"', "{} and {}"])
def test_what_it_finds(name: str, frame: str) -> None:
    for example in FOUND[name]:
        text = frame.replace("{}", example.translate(MARKS))
        found = [text[finding.start : finding.end] for finding in ALL.find_one(name, text)]
        assert found == [told(example)] * frame.count("{}"), text


@pytest.mark.parametrize("name", NAMES)
def test_what_it_leaves(name: str) -> None:
    for example in NOT_FOUND[name]:
        assert ALL.find_one(name, f"see {example} there") == [], example


@pytest.mark.parametrize("name", NAMES)
def test_it_is_linear_and_total(name: str) -> None:
    for text in HOSTILE:
        found = ALL.find_one(name, text)
        assert all(0 <= one.start < one.end <= len(text) for one in found)


pieces = st.sampled_from([example.translate(MARKS) for examples in FOUND.values() for example in examples])
pieces |= st.text(max_size=8)


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
    assert set(NAMES) - set(load_recognizers().names) == BY_NAME_ONLY
    some = load_recognizers(["iban"])
    assert some.names == ("iban",)
    assert some.find("a@example.org") == []


@given(st.text(max_size=60))
def test_a_plain_text_is_as_long_as_it_was(text: str) -> None:
    assert len(plain(text)) == len(text)
    assert plain(plain(text)) == plain(text)


def test_where_numbers_are_far_apart_each_is_found_in_its_place() -> None:
    numbers = ["4111 1111 1111 1111", "078-05-1120", "DE89 3704 0044 0532 0130 00"]
    text = (" x" * 500 + " ").join(["", *numbers, ""])
    assert [text[one.start : one.end] for one in ALL.find(text) if one.score > 0.8] == numbers


def test_every_recognizer_is_on_its_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "recognizers.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == set(NAMES)
