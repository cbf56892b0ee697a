"""Social security numbers of the United States, written in three groups.

Source: the Social Security Administration's rules: no group is all zeros, and the first is neither 666 nor 900 to 999.
"""

import re
from collections.abc import Iterator

from homeport.privacy.recognizers.base import Span

_NUMBER = re.compile(r"(?<![\w-])(?!000|666|9)\d{3}([- ])(?!00)\d{2}\1(?!0000)\d{4}(?![\w-])", re.ASCII)


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`. There is no checksum."""
    return (Span(match.start(), match.end(), 0.85) for match in _NUMBER.finditer(text))
