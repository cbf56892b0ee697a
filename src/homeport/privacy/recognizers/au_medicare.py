"""Australia's Medicare number: eight digits, the first from 2 to 6, a check digit, and the card's issue.

Source: Services Australia, "Medicare card number"; weights 1, 3, 7 and 9, mod 10.
"""

from collections.abc import Iterator

from homeport.privacy.recognizers.base import NUMBERS, Span
from homeport.privacy.recognizers.checksums import weighed
from homeport.privacy.recognizers.identifiers import Identifier, found, number, words

NEEDS = NUMBERS

_KIND = Identifier(
    form=number(r"[2-6]\d{3}([ -]?)\d{5}\1\d(?:[ /-]?\d)?"),
    check=lambda digits: weighed(digits[:8], (1, 3, 7, 9, 1, 3, 7, 9)) % 10 == int(digits[8]),
    words=words("medicare"),
    grouped=0.6,
)


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`."""
    return found(text, _KIND)
