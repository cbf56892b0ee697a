"""Addresses of the Internet Protocol, versions 4 and 6, but for those that name no one: loopback and unspecified."""

import ipaddress
import re
from collections.abc import Iterator

from homeport.privacy.recognizers.base import Span

_CANDIDATE = re.compile(
    r"(?<![\w.:])(?:(?:\d{1,3}\.){3}\d{1,3}|(?=[0-9a-fA-F]{0,4}:)[0-9a-fA-F:]{3,39})(?![\w:]|\.\w)", re.ASCII
)
_LONG_GROUP = re.compile(r"[0-9a-fA-F]{3}")


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`. Four numbers with dots may be a version as well."""
    for match in _CANDIDATE.finditer(text):
        if _names_someone(match.group()):
            yield Span(match.start(), match.end(), 0.6 if "." in match.group() else 0.9)


def _names_someone(candidate: str) -> bool:
    # `a::b` is an address by the letter, and the name of something in a program by all experience.
    if ":" in candidate and _LONG_GROUP.search(candidate) is None:
        return False
    try:
        address = ipaddress.ip_address(candidate)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified)
