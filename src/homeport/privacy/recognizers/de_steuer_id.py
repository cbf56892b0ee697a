"""Germany's Steuer-ID: eleven digits, ISO 7064 mod 11,10, of the first ten one twice or three times.

Source: Bundeszentralamt für Steuern, "Steuerliche Identifikationsnummer".
"""

from collections.abc import Iterator

from homeport.privacy.recognizers.base import NUMBERS, Span
from homeport.privacy.recognizers.checksums import mod_11_10
from homeport.privacy.recognizers.identifiers import Identifier, found, number, words

NEEDS = NUMBERS


def _agrees(digits: str) -> bool:
    counts = sorted(digits[:10].count(digit) for digit in set(digits[:10]))
    return digits[0] != "0" and counts[-1] in (2, 3) and counts[:-1] == [1] * (len(counts) - 1) and mod_11_10(digits)


_KIND = Identifier(
    form=number(r"\d{2} ?\d{3} ?\d{3} ?\d{3}"),
    check=_agrees,
    words=words(r"steuer-?(?:id|identifikationsnummer|nummer)?(?:-?nr\.?)?", "idnr", "tin", "tax id"),
    grouped=0.6,
    alone=0.4,
)


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`."""
    return found(text, _KIND)
