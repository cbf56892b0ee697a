"""Sweden's personnummer: a date of birth and four digits, Luhn's checksum over the last ten.

Source: Skatteverket, SKV 704. In a coordination number the day is 60 higher.
"""

from collections.abc import Iterator

from homeport.privacy.recognizers.base import NUMBERS, Span
from homeport.privacy.recognizers.checksums import luhn
from homeport.privacy.recognizers.identifiers import Identifier, found, number, words

NEEDS = NUMBERS


def _agrees(digits: str) -> bool:
    last = digits[-10:]
    return 1 <= int(last[2:4]) <= 12 and (1 <= int(last[4:6]) <= 31 or 61 <= int(last[4:6]) <= 91) and luhn(last)


_KIND = Identifier(
    form=number(r"(?:19|20)?\d{6}[-+]?\d{4}"),
    check=_agrees,
    words=words("personnummer", "samordningsnummer", "personal identity number", "pnr"),
    grouped=0.9,
    alone=0.4,
)


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`."""
    return found(text, _KIND)
