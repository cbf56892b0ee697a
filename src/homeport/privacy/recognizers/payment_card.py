"""Numbers of payment cards: 13 to 19 digits whose Luhn checksum agrees (ISO/IEC 7812-1)."""

import re
from collections.abc import Iterator

from homeport.privacy.recognizers.base import Span

_DIGITS = re.compile(r"(?<![\w.-])[2-6](?:[ -]?\d){12,18}(?![\w-])", re.ASCII)


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`. One number in ten passes the checksum by chance."""
    for match in _DIGITS.finditer(text):
        if luhn_agrees([int(digit) for digit in match.group() if digit.isdigit()]):
            yield Span(match.start(), match.end(), 0.95)


def luhn_agrees(digits: list[int]) -> bool:
    """Luhn's checksum: every second digit from the right is doubled; the sum of all digits ends in 0."""
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(doubled) + sum(digits[-1::-2])) % 10 == 0
