"""Dates that are called a date of birth. Other dates tell little of anybody."""

import re
from collections.abc import Iterator

from homeport.privacy.recognizers.base import NUMBERS, Span
from homeport.privacy.recognizers.identifiers import said_after, said_before, words

NEEDS = NUMBERS

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?|januar|februar|märz|mai|juni|juli|oktober|dezember|janvier|février|mars|avril|juin"
    r"|juillet|août|septembre|octobre|novembre|décembre|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre"
    r"|octubre|noviembre|diciembre)"
)
_DAY, _YEAR = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:1[89]|20)\d{2}"
_NUMBERS = rf"{_DAY}([./ -]){_DAY}\1(?:{_YEAR}|\d{{2}})|{_YEAR}([./-]){_DAY}\2{_DAY}"
_NAMED = rf"{_DAY}(?:st|nd|rd|th|\.)?(?: of)?[ -]{_MONTH}\.?,?[ -]{_YEAR}|{_MONTH}\.? {_DAY}(?:st|nd|rd|th)?,? {_YEAR}"
_DATE = re.compile(rf"(?<![\w-])(?<!\d[./])(?:{_NUMBERS}|{_NAMED})(?![\w/-])", re.IGNORECASE)
_SAID = words(
    r"born(?: on| in)?", r"birth ?-?(?:date|day)?", r"b-?day", "dob", "d\\.o\\.b\\.?", "geboren(?: am)?", "geb\\.?",
    "geburtsdatum", r"née?(?: le)?", "naissance", "nacid[oa]", "nacimiento", "nat[oa]", "nascita", "nascid[oa]",
    "nascimento", "geboortedatum", "född", "syntynyt", "urodz\\w{0,10}", "出生", "生年月日",
)  # fmt: skip


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`."""
    for match in _DATE.finditer(text):
        if said_before(text, match.start(), _SAID) or said_after(text, match.end(), _SAID, 16):
            yield Span(match.start(), match.end(), 0.85)
