"""What a registry asks for before it answers, and what we answer to that.

Sources: RFC 9110, 11.6.1 (`WWW-Authenticate`); distribution's token authentication specification.
"""

import base64
import re
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

import msgspec

from homeport.core.errors import BadAnswer, PackageError
from homeport.packages.access import Credential
from homeport.transport.blocking import BlockingClient, Call, follow, is_loopback, is_safe
from homeport.transport.deadlines import origin

_MAX_HEADER = 8192
_MAX_ANSWER = 65_536
_PART = re.compile(
    r"""[\s,]*(?:(?P<key>[A-Za-z0-9_-]+)\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^\s,"]+))"""
    r"""|(?P<scheme>[A-Za-z][A-Za-z0-9-]*)(?![^\s,]))""",
    re.ASCII,
)
_TOKEN = re.compile(r"[\x21-\x7e]{1,32768}", re.ASCII)


class Challenge(msgspec.Struct, frozen=True, kw_only=True):
    """One way to prove who we are. `scheme` and the names of parameters are in lower case."""

    scheme: str
    parameters: Mapping[str, str] = {}


class _Token(msgspec.Struct, frozen=True):
    token: str = ""
    access_token: str = ""


def parse_challenges(header: str) -> tuple[Challenge, ...]:
    """Read a `WWW-Authenticate`; what is no challenge ends it, and what is longer than 8 KiB is none."""
    found: list[tuple[str, dict[str, str]]] = []
    at = 0
    while len(header) <= _MAX_HEADER and (part := _PART.match(header, at)):
        at = part.end()
        if part["scheme"]:
            found.append((part["scheme"].lower(), {}))
        elif found:
            quoted = part["quoted"]
            value = part["plain"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            found[-1][1].setdefault(part["key"].lower(), value)
    return tuple(Challenge(scheme=scheme, parameters=parameters) for scheme, parameters in found)


def answer_challenge(
    client: BlockingClient, registry: str, header: str, scope: str, credential: Credential | None
) -> str:
    """The `Authorization` that the registry at the URL `registry` asks for; "" where we have none.

    Args:
        scope: what we want to do, such as `repository:models/smollm2:pull`; where the registry names
            what it wants, that is asked for.

    Raises:
        PackageError: registry_credentials_in_clear or registry_realm_refused.
        UpstreamError: the realm cannot be asked.
    """
    challenges = {challenge.scheme: challenge for challenge in reversed(parse_challenges(header))}
    if "bearer" in challenges:
        return _bearer(client, registry, challenges["bearer"].parameters, scope, credential)
    if "basic" in challenges and credential is not None and credential.username:
        return _basic(registry, credential)
    return ""


def _basic(url: str, credential: Credential) -> str:
    if not is_safe(url):
        raise PackageError(
            f"the password for {origin(url)} would cross the network unencrypted",
            code="registry_credentials_in_clear",
            hint="use the registry by https, or remove its credentials",
        )
    pair = f"{credential.username}:{credential.password}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"


def _bearer(
    client: BlockingClient, registry: str, asked: Mapping[str, str], scope: str, credential: Credential | None
) -> str:
    realm = _realm(registry, asked.get("realm", ""))
    wanted = {"service": asked.get("service", ""), "scope": asked.get("scope") or scope}
    query = urlencode({name: value for name, value in wanted.items() if value})
    headers = {"accept": "application/json"}
    if credential is not None and credential.username:
        headers["authorization"] = _basic(realm, credential)
    with follow(client, Call(url=f"{realm}{'&' if '?' in realm else '?'}{query}", headers=headers)) as reply:
        return f"Bearer {_token(reply.read(_MAX_ANSWER), realm)}" if reply.status == 200 else ""


def _realm(registry: str, realm: str) -> str:
    """Where tokens come from. The registry names it, so it must not be a place to listen to, or inside our house."""
    try:
        parts = urlsplit(realm)
        named = parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc
        allowed = named and not parts.fragment and is_safe(realm)
        inside = named and is_loopback(realm) and not is_loopback(registry)
    except ValueError:
        allowed = inside = False
    if not allowed or inside:
        raise PackageError(
            f"{origin(registry)} sends us to {realm[:100]!a} for a token",
            code="registry_realm_refused",
            hint="passwords are told by https only, and to this machine only where the registry is on it",
        )
    return realm


def _token(data: bytes, realm: str) -> str:
    try:
        answer = msgspec.json.decode(data, type=_Token)
        token = answer.token or answer.access_token
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        token = ""
    if not _TOKEN.fullmatch(token):
        raise BadAnswer(f"{origin(realm)} answered without a token", hint="try again later")
    return token
