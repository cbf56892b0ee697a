"""People's ages, as they are told in English. Form alone."""

import re
from collections.abc import Iterator

from homeport.privacy.recognizers.base import Span
from homeport.privacy.recognizers.identifiers import said_after, said_before, words

_NUMBER = re.compile(r"\d(?<![\w.,$€£/-].)\d{0,2}(?![\w,%$€£/]|\.\d|-\d)", re.ASCII)
_AFTER = re.compile(r"(?:[ -]?(?:years?|months?|weeks?|yrs?)[ -](?:old|of age)|[ -]?y/?o)(?![a-z])", re.IGNORECASE)
_BEFORE = words(
    r"(?:just |will |'ll )?turn(?:ed|s|ing)?",
    r"aged?(?: of)?(?: is)?:?",
    "when (?:he|she|they|i) (?:was|were)",
    "i'?m",
    "i am",
)
_OLDEST = 125


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`."""
    for match in _NUMBER.finditer(text):
        if int(match.group()) > _OLDEST:
            continue
        if _AFTER.match(text, match.end()):
            yield Span(match.start(), match.end(), 0.5)
        elif said_before(text, match.start(), _BEFORE, 14) and not said_after(text, match.end(), _UNITS, 10):
            yield Span(match.start(), match.end(), 0.4)


_UNITS = words("minutes?", "hours?", "days?", "miles?", "km", "m", "%", "dollars?", "percent", "degrees?", "times?")
