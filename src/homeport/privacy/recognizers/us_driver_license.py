"""Driver's licences of the United States, where they are called so: the states' forms are many, and none is checked."""

from collections.abc import Iterator

from homeport.privacy.recognizers.base import NUMBERS, Span
from homeport.privacy.recognizers.identifiers import Identifier, found, number, words

NEEDS = NUMBERS

_KIND = Identifier(
    form=number(r"[A-Za-z]{0,3}-?\d{2,14}(?:[ -]?\d{2,7}){0,3}[A-Za-z]{0,2}"),
    check=lambda plain: 5 <= sum(map(str.isdigit, plain)) <= 14,
    words=words(
        r"driv(?:er|ing)(?:'?s|s')? ?-?(?:licen[cs]e|permit)(?: (?:number|no\.?|#|id))?",
        r"licen[cs]e (?:number|no\.?|#)",
        "dl",
        "dln",
    ),
    beside=0.75,
    grouped=0.0,
    alone=0.0,
)


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`."""
    return found(text, _KIND)
