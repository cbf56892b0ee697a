"""Italy's codice fiscale: 16 characters, the last of which checks the others.

Source: Decreto ministeriale 23 dicembre 1976, n. 13813.
"""

from collections.abc import Iterator

from homeport.privacy.recognizers.base import NUMBERS, Span
from homeport.privacy.recognizers.identifiers import Identifier, found, number, words

NEEDS = NUMBERS

_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)


def _agrees(plain: str) -> bool:
    values = [int(character, 36) - (0 if character.isdigit() else 10) for character in plain]
    return (sum(_ODD[value] for value in values[0:15:2]) + sum(values[1:15:2])) % 26 == values[15]


_DIGIT = "[0-9LMNP-Vlmnp-v]"
_KIND = Identifier(
    form=number(
        rf"[A-Za-z]{{3}} ?[A-Za-z]{{3}} ?{_DIGIT}{{2}}[A-EHLMPR-Ta-ehlmpr-t]{_DIGIT}{{2}}"
        rf" ?[A-Za-z]{_DIGIT}{{3}} ?[A-Za-z]"
    ),
    check=_agrees,
    words=words(r"codice fiscale", r"c\.?f\.?"),
    grouped=1.0,
    alone=1.0,
)


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`."""
    return found(text, _KIND)
