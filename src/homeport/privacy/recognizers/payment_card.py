"""Numbers of payment cards: 12 to 19 digits whose Luhn checksum agrees (ISO/IEC 7812-1), by their networks' ranges.

One whose checksum does not agree is told as well where it is called a card: it is mistyped, or made up.
"""

import re
from collections.abc import Iterator

from homeport.privacy.recognizers.base import NUMBERS, Span
from homeport.privacy.recognizers.checksums import luhn, same_digits
from homeport.privacy.recognizers.identifiers import said_after, said_before, words

NEEDS = NUMBERS

_GROUPS = (
    r"\d{12,19}",
    r"(?P<core>\d{4}(?P<one> ?[ .\n-] ?)\d{4}(?P=one)\d{4}(?:(?P=one)\d{1,4})?)(?:(?P=one)\d{1,3})?",
    r"\d{4}(?P<other> ?[ .\n-] ?)\d{6}(?P=other)\d{4,5}",
)
_NUMBER = re.compile(rf"(?<![\w-])(?<!\d[.,/])(?:{'|'.join(_GROUPS)})(?![\w-])(?![.,/]\d)", re.ASCII)
# Visa, Mastercard, American Express, Diners Club, JCB, Discover, UnionPay, RuPay, Mir, Maestro.
_NETWORK = re.compile(
    r"4\d{12}(?:\d{3}){0,2}|(?:5[1-5]|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12,14}\Z|3[47]\d{13}"
    r"|3(?:0[0-5]|095|[689]\d)\d{11}|(?:2131|1800)\d{11}|35(?:2[89]|[3-8]\d)\d{12}"
    r"|6(?:011|22\d|4[4-9]\d|5\d\d)\d{12,15}|(?:60|81|82|508)\d{13,14}|220[0-4]\d{12}|(?:50|5[6-9]|6\d)\d{10,17}"
)
_SAID = words(
    r"(?:credit|debit|payment|bank|prepaid)?[ -]?cards?", "cc", "ccn", "pan", "visa", "master ?card", "maestro",
    "amex", "american express", "diners(?: club)?", "discover", "jcb", "unionpay", "karte", "kreditkarte",
    "kartennummer", "carte", "tarjeta", "carta", "cartão", "kaart", "kort", "karta", "卡号", "信用卡", "カード番号",
)  # fmt: skip


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`. One number in ten passes the checksum by chance."""
    for match in _NUMBER.finditer(text):
        # A group of up to three digits after the fourth group may be a part of it, or its security code.
        for end in dict.fromkeys((match.end(), match.end("core") if match["core"] else match.end())):
            if score := _score(text, match.start(), end):
                yield Span(match.start(), end, score)
                break


def _score(text: str, start: int, end: int) -> float:
    digits = "".join(filter(str.isdigit, text[start:end]))
    if same_digits(digits):
        return 0.0
    networks, agrees = _NETWORK.fullmatch(digits) is not None, luhn(digits)
    if networks and agrees and len(digits) > 12:
        return 0.95
    if not (agrees or networks):
        return 0.0
    if said_before(text, start, _SAID) or said_after(text, end, _SAID):
        return 0.9 if agrees else 0.6
    return 0.3 if agrees else 0.0
