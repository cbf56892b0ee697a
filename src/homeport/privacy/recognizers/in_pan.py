"""India's permanent account number: five letters, of which the fourth says whose it is, four digits and a letter.

Source: Income Tax Department, rule 114. How its last letter is worked out is not published.
"""

from collections.abc import Iterator

from homeport.privacy.recognizers.base import NUMBERS, Span
from homeport.privacy.recognizers.identifiers import Identifier, always, found, number, words

NEEDS = NUMBERS

_KIND = Identifier(
    form=number(r"[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]|[a-z]{3}[abcfghjlpt][a-z]\d{4}[a-z]"),
    check=always,
    words=words("pan", "permanent account"),
    alone=0.7,
)


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`."""
    return found(text, _KIND)
