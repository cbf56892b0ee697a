"""Addresses of Bitcoin, whose checksum agrees, and of Ethereum, by their form.

Sources: Bitcoin's base58check; BIP-173 and BIP-350 (bech32, bech32m); Ethereum's Yellow Paper, 40 hexadecimal digits.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence

from homeport.privacy.recognizers.base import Span

NEEDS = ("1", "3", "bc1", "BC1", "0x")

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_CANDIDATE = re.compile(
    r"[13b0B](?<!\w\w)(?:(?<=[13])[1-9A-HJ-NP-Za-km-z]{25,34}|(?<=b)c1[02-9ac-hj-np-z]{11,71}"
    r"|(?<=B)C1[02-9AC-HJ-NP-Z]{11,71}|(?<=0)x[0-9a-fA-F]{40})(?!\w)",
    re.ASCII,
)


def find(text: str) -> Iterator[Span]:
    """See `RecognizerModule.find`."""
    for match in _CANDIDATE.finditer(text):
        address = match.group()
        if address.startswith("0x"):
            yield Span(match.start(), match.end(), 0.8)
        elif _bech32_agrees(address.lower()) if address[0] in "bB" else _base58_agrees(address):
            yield Span(match.start(), match.end(), 1.0)


def _base58_agrees(address: str) -> bool:
    number = 0
    for character in address:
        number = number * 58 + _BASE58.index(character)
    if number >> 200:
        return False
    data = number.to_bytes(25, "big")
    return hashlib.sha256(hashlib.sha256(data[:21]).digest()).digest()[:4] == data[21:]


def _bech32_agrees(address: str) -> bool:
    values = [3, 3, 0, 2, 3, *map(_BECH32.index, address[3:])]
    return _polymod(values) in (1, 0x2BC830A3)


def _polymod(values: Sequence[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator if top >> bit & 1 else 0
    return check
