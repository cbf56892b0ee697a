"""France's NIR (social security number): 13 characters and a key, 97 less their remainder by 97.

Source: INSEE, "Numéro d'inscription au répertoire". 2A and 2B of Corsica count as 19 and 18.
"""

from collections.abc import Iterator

from homeport.privacy.recognizers.base import NUMBERS, Span
from homeport.privacy.recognizers.identifiers import Identifier, found, number, words

NEEDS = NUMBERS


def _agrees(plain: str) -> bool:
    corsican = plain[:13].replace("2A", "19", 1) if plain[5:7] == "2A" else plain[:13].replace("2B", "18", 1)
    number_of = plain[:13] if plain[:13].isdigit() else corsican
    return number_of.isdigit() and 97 - int(number_of) % 97 == int(plain[13:])


_KIND = Identifier(
    form=number(r"[1278][ .]?\d{2}[ .]?(?:0[1-9]|1[0-2]|[2-9]\d)[ .]?(?:\d{2}|2[ABab])[ .]?\d{3}[ .]?\d{3}[ .-]?\d{2}"),
    check=_agrees,
    words=words("nir", r"s[eé]curit[eé] sociale", "ssn", "insee", r"num[eé]ro de s[eé]cu"),
    grouped=0.95,
    alone=0.6,
)


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`."""
    return found(text, _KIND)
