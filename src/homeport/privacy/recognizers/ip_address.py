"""Addresses of the Internet Protocol, versions 4 and 6, but for those that name no one: loopback and unspecified."""

import ipaddress
import re
from collections.abc import Iterator

from homeport.privacy.recognizers.base import Span
from homeport.privacy.recognizers.identifiers import said_before, words

NEEDS = (".", ":")

_V4 = r"\d{1,3}(?:\.\d{1,3}){3}"
_CANDIDATE = re.compile(
    rf"[0-9a-fA-F:](?<![\w.:].)(?:(?<=\d)\d{{0,2}}(?:\.\d{{1,3}}){{3}}(?![\w]|\.\d|:(?:[a-zA-Z]|\d{{6}}))"
    rf"|(?:(?<=:):|[0-9a-fA-F]{{0,3}}:)[0-9a-fA-F:]{{1,38}}(?:(?<=:){_V4})?(?![\w:]|\.\w))",
    re.ASCII,
)
_LONG_GROUP = re.compile(r"[0-9a-fA-F]{3}")
_VERSIONS = words("version", "release", "build", "ver", "v", "section", "chapter", "firmware", "driver")


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`. Four numbers with dots may be a version as well."""
    for match in _CANDIDATE.finditer(text):
        if _names_someone(match.group()):
            yield Span(match.start(), match.end(), _score(text, match))


def _score(text: str, match: re.Match[str]) -> float:
    if ":" in match.group():
        return 0.9
    return 0.3 if said_before(text, match.start(), _VERSIONS, 16) else 0.7


def _names_someone(candidate: str) -> bool:
    # `a::b` is an address by the letter, and the name of something in a program by all experience.
    if ":" in candidate and "." not in candidate and _LONG_GROUP.search(candidate) is None:
        return False
    plain = candidate if ":" in candidate else ".".join(part.lstrip("0") or "0" for part in candidate.split("."))
    try:
        address = ipaddress.ip_address(plain)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified)
