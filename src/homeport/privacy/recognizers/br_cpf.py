"""Brazil's CPF: nine digits and two that check them, mod 11.

Source: Receita Federal, Cadastro de Pessoas Físicas.
"""

from collections.abc import Iterator

from homeport.privacy.recognizers.base import NUMBERS, Span
from homeport.privacy.recognizers.checksums import same_digits, weighed
from homeport.privacy.recognizers.identifiers import Identifier, found, number, words

NEEDS = NUMBERS


def _agrees(digits: str) -> bool:
    first = weighed(digits, range(10, 1, -1)) * 10 % 11 % 10
    second = weighed(digits, range(11, 1, -1)) * 10 % 11 % 10
    return not same_digits(digits) and digits[9:] == f"{first}{second}"


_KIND = Identifier(
    form=number(r"\d{3}\.\d{3}\.\d{3}-\d{2}|\d{9}-?\d{2}"),
    check=_agrees,
    words=words("cpf", "cadastro de pessoas"),
    grouped=0.95,
    alone=0.55,
)


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`."""
    return found(text, _KIND)
