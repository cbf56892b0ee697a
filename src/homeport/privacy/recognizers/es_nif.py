"""Spain's DNI and NIE: eight digits, or X, Y or Z and seven, and the letter of their remainder by 23.

Source: Ministerio del Interior, "Cálculo del dígito de control del NIF/NIE".
"""

from collections.abc import Iterator

from homeport.privacy.recognizers.base import NUMBERS, Span
from homeport.privacy.recognizers.identifiers import Identifier, found, number, words

NEEDS = NUMBERS

_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_FOREIGN = str.maketrans("XYZ", "012")


def _agrees(plain: str) -> bool:
    return _LETTERS[int(plain[:-1].translate(_FOREIGN)) % 23] == plain[-1]


_KIND = Identifier(
    form=number(r"(?:\d{8}|\d{2}\.\d{3}\.\d{3}|[XYZxyz][ -]?\d{7})[ -]?[A-HJ-NP-TV-Za-hj-np-tv-z]"),
    check=_agrees,
    words=words("dni", "nie", "nif", "identidad", "spanish id"),
    grouped=0.85,
    alone=0.85,
)


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`."""
    return found(text, _KIND)
