"""Whether a request comes from a page of ours: its host, its origin and where it wants to go. Pure."""

import re
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from urllib.parse import urlsplit

from homeport.core.errors import InvalidRequest, NotPermitted

Network = IPv4Network | IPv6Network

SECURITY_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}
"""Of every answer. The referrer goes to ourselves alone; with none at all, browsers would call forms' origin `null`."""

_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9._-]{1,253}))(?::[0-9]{1,5})?")
_LOCAL = frozenset({"localhost", "localhost.localdomain"})


def check_host(host: str | None, public_url: str, listens_on: str) -> None:
    """Whether the Host header names us.

    A name that somebody else's DNS leads here would make their pages ours (DNS rebinding), so a name must be known:
    that of `console.public_url`, or that of `server.host`. Addresses need no DNS, and are taken where no
    public URL is said.

    Raises:
        InvalidRequest: host_unknown.
    """
    name = name_in(host or "")
    if public_url:
        right = (host or "").lower() == urlsplit(public_url).netloc.lower()
    else:
        right = name in _LOCAL or name == listens_on.lower() or _is_address(name)
    if not right:
        raise InvalidRequest(
            "the console is not known by this name", code="host_unknown", hint="set console.public_url to its address"
        )


def check_origin(origin: str | None, fetch_site: str | None, expected: str) -> None:
    """Whether a form was sent from a page of ours; a browser tells so in headers that no page can set.

    Raises:
        NotPermitted: request_cross_site.
    """
    right = fetch_site in (None, "same-origin") and (
        origin == expected if origin is not None else fetch_site == "same-origin"
    )
    if not right:
        raise NotPermitted(
            "this was not sent from a page of the console", code="request_cross_site", hint="open the console itself"
        )


def origin_of(host: str, public_url: str, scheme: str) -> str:
    """Scheme and host of our own pages, as a browser writes them."""
    parts = urlsplit(public_url) if public_url else None
    return f"{parts.scheme}://{parts.netloc}".lower() if parts is not None else f"{scheme}://{host}".lower()


def caller(address: str, forwarded: str | None, proxies: Sequence[Network]) -> str:
    """Where a browser is: of what proxies of ours say (X-Forwarded-For) the last address that is none of theirs.

    What stands before it anybody can have written there.
    """
    seen = address
    for said in reversed([*(forwarded or "").split(","), address]):
        try:
            known = ip_address(said.strip())
        except ValueError:
            return seen
        known = getattr(known, "ipv4_mapped", None) or known
        seen = str(known)
        if not any(known in network for network in proxies):
            return seen
    return seen


def local_path(text: str) -> str:
    """A place to go on to after signing in: a path of the console, whatever was asked for."""
    inside = text.startswith("/console/") and text.isascii() and text.isprintable() and " " not in text
    if not inside or any(sign in text for sign in ("\\", "//", "/..", "#")):
        return "/console"
    return text


def name_in(host: str) -> str:
    """The name in a Host header, without the port and without the brackets of an IPv6 address; "" where it is none."""
    found = _HOST.fullmatch(host)
    return (found[1] or found[2]).lower() if found else ""


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
