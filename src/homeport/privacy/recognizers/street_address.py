"""Postal addresses by the words that streets and flats have in a few languages. Form alone, and far from complete."""

import re
from collections.abc import Iterator

from homeport.privacy.recognizers.base import Span

_KINDS = (
    r"street|st|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|place|pl|square|sq|terrace|way|highway|hwy"
    r"|parkway|pkwy|circle|cir|trail|alley|crescent|close|grove"
)
_ENDS = r"gade|gata|gatan|vej|veien|vägen|weg|straße|strasse|straat|laan|tie|katu|kuja"
_ADDRESS = re.compile(
    rf"\d(?<!\w\d)\d{{0,5}}[A-Za-z]? (?:[^\W\d_][\w'.-]{{0,30}} ){{1,4}}(?:{_KINDS})\b\.?"
    r"(?:[, \n]{1,3}(?:apt|suite|unit|flat|ste)\.? ?#?\w{1,6})?"
    rf"|\d(?<!\w\d)\d{{0,5}} [^\W\d_][\w'-]{{2,30}}(?:{_ENDS}) \d{{1,4}}"
    r"|P(?<!\w.)(?:\.? ?O\.? ?Box|SC) \d{1,6}(?:, Box \d{1,6})?"
    r"|(?:A(?<!\w.)pt|S(?<!\w.)uite|U(?<!\w.)nit)\.? #?\d{1,5}\w?\b",
    re.IGNORECASE,
)


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`."""
    return (Span(match.start(), match.end(), 0.4) for match in _ADDRESS.finditer(text))
