"""Numbers of patients and of their records, where they are called so. Every hospital has its own form."""

from collections.abc import Iterator

from homeport.privacy.recognizers.base import NUMBERS, Span
from homeport.privacy.recognizers.identifiers import Identifier, found, number, words

NEEDS = NUMBERS

_KIND = Identifier(
    form=number(r"[A-Za-z]{0,4}-?\d{2,12}(?:-\d{1,6}){0,3}[A-Za-z]?"),
    check=lambda plain: 4 <= sum(map(str.isdigit, plain)) <= 14,
    words=words(
        "mrn", "mr#", "emr", "ehr", "nhi", r"chart[ _-]?(?:number|no\.?|#)",
        r"(?:medical|health|patient|hospital|clinical)[ _-]?"
        r"(?:record|chart|file|case|id|identifier|identification|number|no\.?)(?:[ _-]?(?:number|no\.?|num|id|#))?",
    ),
    beside=0.85,
    grouped=0.0,
    alone=0.0,
)  # fmt: skip


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`."""
    return found(text, _KIND)
