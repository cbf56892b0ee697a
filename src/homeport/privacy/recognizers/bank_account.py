"""Numbers of bank accounts that are called so: 6 to 17 digits. No country's numbers are checked; an IBAN is."""

from collections.abc import Iterator

from homeport.privacy.recognizers.base import NUMBERS, Span
from homeport.privacy.recognizers.identifiers import Identifier, found, number, words

NEEDS = NUMBERS

_KIND = Identifier(
    form=number(r"\d{6,17}|\d{2,6}(?:[ -]\d{2,6}){1,4}"),
    check=lambda digits: 6 <= len(digits) <= 17,
    words=words(
        r"(?:bank |checking |savings |current |my |your |an? )?(?:account|acct|a/c)(?: ?(?:number|num|no\.?|#))?",
        "kontonummer", "konto", "compte", "cuenta", "conto", "rekening",
    ),
    beside=0.65,
    grouped=0.0,
    alone=0.0,
)  # fmt: skip


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`."""
    return found(text, _KIND)
