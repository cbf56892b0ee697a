"""International bank account numbers whose length and checksum agree (ISO 13616, mod 97).

One whose length agrees and whose checksum does not is told as well where it is called an IBAN: it is mistyped.
"""

import re
from collections.abc import Iterator

from homeport.privacy.recognizers.base import NUMBERS, Span
from homeport.privacy.recognizers.identifiers import said_before, words

NEEDS = NUMBERS

_CANDIDATE = re.compile(
    r"(?:(?<!\w)|(?<=IBAN)|(?<=iban))[A-Za-z]{2}[ .-]?\d{2}(?:[ \n.-]?[A-Za-z0-9]){11,30}", re.ASCII
)
_SAID = words("iban", r"account(?: (?:number|no\.?))?")
# The lengths of SWIFT's IBAN registry.
_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FI FO GL NL SD",
        19: "MK SI",
        20: "AT BA EE KZ LT LU XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
        29: "BR EG PS QA UA",
        30: "JO KW MU YE",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
    for country in countries.split()
}


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`."""
    match = _CANDIDATE.search(text)
    while match:
        span = _span(text, match)
        if span:
            yield span
        # A candidate may reach into the next number: look for that where this one ends.
        match = _CANDIDATE.search(text, span.end if span else match.start() + 2)


def _span(text: str, match: re.Match[str]) -> Span | None:
    start = match.start()
    end = start + _end(match.group())
    if end == start or text[end : end + 1].isalnum():
        return None
    if checksum_agrees(text[start:end]):
        return Span(start, end, 1.0)
    return Span(start, end, 0.6) if said_before(text, start, _SAID, 20) else None


def _end(candidate: str) -> int:
    """Where the number ends that has its country's length; 0 where it is too short or the country has none."""
    left = _LENGTHS.get(candidate[:2].upper(), len(candidate) + 1)
    for place, character in enumerate(candidate):
        left -= character.isalnum()
        if left == 0:
            return place + 1
    return 0


def checksum_agrees(written: str) -> bool:
    """Mod 97 of the number with its first four characters at the end, letters as 10 to 35."""
    number = "".join(filter(str.isalnum, written))
    return int("".join(str(int(character, 36)) for character in number[4:] + number[:4])) % 97 == 1
