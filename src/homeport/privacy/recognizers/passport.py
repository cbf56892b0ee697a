"""Numbers of passports, where they are called so: up to nine letters and digits (ICAO Doc 9303)."""

from collections.abc import Iterator

from homeport.privacy.recognizers.base import NUMBERS, Span
from homeport.privacy.recognizers.identifiers import Identifier, found, number, words

NEEDS = NUMBERS

_KIND = Identifier(
    form=number(r"[A-Za-z]{0,2}\d{6,9}|\d{2}[A-Za-z]{2}\d{5}|[CFGHJKLMNPRTVWXYZcfghjklmnprtvwxyz][0-9A-Za-z]{8}"),
    check=lambda plain: sum(map(str.isdigit, plain)) >= 5,
    words=words(
        "passports?",
        "passeport",
        "reisepass",
        "pasaporte",
        "passaporto",
        "passaporte",
        "paspoort",
        "pass(?:port)? (?:number|no)",
    ),
    beside=0.8,
    grouped=0.0,
    alone=0.0,
)


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`."""
    return found(text, _KIND)
