"""International bank account numbers whose length and checksum agree (ISO 13616, mod 97)."""

import re
from collections.abc import Iterator

from homeport.privacy.recognizers.base import Span

_CANDIDATE = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}", re.ASCII)
# The lengths of SWIFT's IBAN registry.
_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FI FO GL NL",
        19: "MK SI",
        20: "AT BA EE KZ LT LU XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HU LB PL SV",
        29: "BR EG PS QA UA",
        30: "JO KW MU",
        31: "MT SC",
        32: "LC",
    }.items()
    for country in countries.split()
}


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`."""
    for match in _CANDIDATE.finditer(text):
        end = _end(match.group())
        is_whole = not text[match.start() + end : match.start() + end + 1].isalnum()
        if end and is_whole and _checksum_agrees(match.group()[:end].replace(" ", "")):
            yield Span(match.start(), match.start() + end, 1.0)


def _end(candidate: str) -> int:
    """Where the number ends that has its country's length; 0 where it is too short or the country has none."""
    left = _LENGTHS.get(candidate[:2], len(candidate) + 1)
    for place, character in enumerate(candidate):
        left -= character != " "
        if left == 0:
            return place + 1
    return 0


def _checksum_agrees(number: str) -> bool:
    return int("".join(str(int(character, 36)) for character in number[4:] + number[:4])) % 97 == 1
