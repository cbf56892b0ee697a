"""How often somebody may try to sign in."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from ipaddress import ip_address, ip_network

from homeport.core.errors import RateLimited

_MOST_KNOWN = 10_000
_SECOND = 1_000_000_000
LIMITS = (("address", 20, 300), ("pair", 5, 300), ("name", 50, 3_600))
"""Failures of one address, of one address with one name, and of one name: how many in how many seconds.

Of IPv6 an address is a network of 64 bits."""


class Attempts:
    """Counts failures in this process, in a memory that is bounded: the oldest are forgotten first.

    Args:
        now_ns: a clock that only goes forward, in nanoseconds.
    """

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._failed: OrderedDict[tuple[str, ...], tuple[int, int]] = OrderedDict()

    def check(self, address: str, name: str) -> None:
        """Raises RateLimited sign_in_rate_limited where there were too many."""
        now = self._now_ns()
        for place, most, seconds in _places(address, name):
            began, count = self._failed.get(place, (now, 0))
            wait = began + seconds * _SECOND - now
            if count >= most and wait > 0:
                raise RateLimited(
                    "there were too many wrong passwords",
                    code="sign_in_rate_limited",
                    retry_after_ns=wait,
                    hint=f"wait {-(-wait // (60 * _SECOND))} minutes",
                )

    def failed(self, address: str, name: str) -> None:
        now = self._now_ns()
        for place, _, seconds in _places(address, name):
            began, count = self._failed.pop(place, (now, 0))
            self._failed[place] = (now, 1) if now - began >= seconds * _SECOND else (began, count + 1)
        while len(self._failed) > _MOST_KNOWN:
            self._failed.popitem(last=False)

    def succeeded(self, address: str, name: str) -> None:
        """Takes back what was counted before the password was known to be right."""
        for place, _, _ in _places(address, name):
            began, count = self._failed.pop(place, (0, 0))
            if count > 1:
                self._failed[place] = (began, count - 1)


def network_of(address: str) -> str:
    """Of IPv6 the first 64 bits: whoever has one address there has all of them."""
    try:
        known = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if known.version == 4:
        return str(known)
    return str(known.ipv4_mapped or ip_network((known, 64), strict=False))


def _places(address: str, name: str) -> Sequence[tuple[tuple[str, ...], int, int]]:
    here = network_of(address)
    of = {"address": (here,), "pair": (here, name), "name": (name,)}
    return [((kind, *of[kind]), most, seconds) for kind, most, seconds in LIMITS]
