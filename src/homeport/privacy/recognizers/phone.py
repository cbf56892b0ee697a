"""Telephone numbers: with `+` (E.164), North America's, and other countries' by their groups or by words.

National numbers look like many other numbers. So groups alone count where the first begins with 0 or is in
parentheses; any other form counts beside words such as `phone`, `call` or `fax`.
"""

import re
from collections.abc import Iterator

from homeport.privacy.recognizers.base import NUMBERS, Span
from homeport.privacy.recognizers.identifiers import said_after, said_before, words

NEEDS = NUMBERS

_SEPARATOR = r"[ \t./-]{0,2}"
_CANDIDATE = re.compile(
    rf"(?<![\w+])(?<!\d[.,:])(?<!\d-)(?<![$€£#])(?:\+|00)?\(?\d(?:(?:{_SEPARATOR}|\)[ -]?| ?\()\d){{5,16}}"
    r"(?: ?(?:x|ext\.?|extension) ?\d{1,6})?(?![\d%°])(?![.,:]\d)(?!-\d)",
    re.ASCII,
)
_PLAIN = r"(?:(?P<ext>(?: ?(?:x|ext\.?|extension) ?\d{1,6})?))\Z"
_NORTH_AMERICA = re.compile(
    r"(?:(?:\+?1|001)[ .-]?)?(?:\([2-9]\d{2}\)[ .-]{0,2}|[2-9]\d{2}[ .-]{1,2})[2-9]\d{2}[ .-]\d{4}" + _PLAIN, re.ASCII
)
_GROUPS = re.compile(
    r"(?:0\d{1,4}|00\d{1,3})(?:[ ./-]\(?\d{2,4}\)?){2,5}|0\d{2,4}[ /-]\d{5,8}"
    r"|\(0?\d{1,4}\)[ -]?\d{3,4}(?:[ -]\d{3,4})?(?:[ -]\d{2,4})?" + _PLAIN,
    re.ASCII,
)
_DATE = re.compile(
    r"(?:(?:19|20)\d{2}([./-])(?:0?[1-9]|1[0-2])\1(?:0?[1-9]|[12]\d|3[01])"
    r"|\d{1,2}([./ -])\d{1,2}\2(?:19|20)\d{2})(?!\d)"
    r"|(?:19|20)\d{2}-(?:19|20)\d{2}\Z",
    re.ASCII,
)
# Four pairs of digits are more often a number of France than an address.
_ADDRESS = re.compile(r"(?!\d\d(?:\.\d\d){3}\Z)\d{1,3}(?:\.\d{1,3}){3}\Z", re.ASCII)
_SSN = re.compile(r"\d{3}-\d{2}-\d{4}\Z", re.ASCII)
_BEFORE = words(
    r"(?:tele)?phone", r"tel\.?", "telefono?", r"t[eé]l[eé]phone", r"t[eé]l[eé]fono", "telefon", "mobile", "mob",
    "cell", "cellular", "handy", "fax", "desk", "landline", "hotline", "whatsapp", "sms", r"text(?:ed|s|ing)?",
    "voicemail",
    r"call(?:ed|s|ing)?", r"dial(?:led)?", "ring", r"reach(?:ed)?(?: (?:me|us|him|her|them))?", r"contact(?:s|ed)?",
    "answering", "pager", "messages?", "registered", r"my number(?: is)?", "电话", "電話", "手机", "телефон", "тел",
)  # fmt: skip
_AFTER = words("office", "fax", "mobile", "cell", "home", "work", "desk", "phone", "tel")
_MOST_DIGITS = 15


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`. No plan has a checksum: other numbers may look the same."""
    for match in _CANDIDATE.finditer(text):
        start, end = match.span()
        start += match.group()[0] == "(" and ")" not in match.group()
        if score := _score(text, start, end):
            yield Span(start, end, score)


def _score(text: str, start: int, end: int) -> float:
    written = text[start:end]
    digits = sum(map(str.isdigit, re.split("[xe]", written, maxsplit=1)[0]))
    if not 6 <= digits <= _MOST_DIGITS or any(other.match(written) for other in (_DATE, _ADDRESS, _SSN)):
        return 0.0
    if written[0] == "+" and digits >= 8:
        return 0.9
    if _NORTH_AMERICA.match(written):
        return 0.7
    if digits >= 7 and (said_before(text, start, _BEFORE, 24) or said_after(text, end, _AFTER, 8)):
        return 0.75
    return 0.6 if digits >= 8 and _GROUPS.fullmatch(written) else 0.0
