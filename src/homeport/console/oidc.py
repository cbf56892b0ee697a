"""Signing in at an OpenID provider: OpenID Connect Core 1.0, authorization code flow with PKCE (RFC 7636).

The provider's word counts only where its signature, its issuer, who it is for, until when, and the nonce
of this very attempt are right. What is secret in an attempt follows from the browser's cookie and the
pepper, so nothing is kept between the two requests, whichever process gets them.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from homeport.config.oidc import OidcSettings
from homeport.core.errors import HomeportError, NotAuthenticated, NotPermitted, UpstreamError
from homeport.core.people import Role
from homeport.transport.blocking import BlockingClient, Call, is_safe

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
"""Signatures with a key pair alone: with a shared secret, whoever knows it could sign for the provider."""

_LIMIT = 1 << 20
_LEEWAY_S = 60
_IDLE_S = 10.0
_KEEP_S = 3_600
_AGAIN_S = 60
_DISCOVERY = "/.well-known/openid-configuration"


class Metadata(msgspec.Struct, frozen=True):
    """What is needed of a provider's description of itself."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to sign in. `redirect` is where the provider sends the browser back to."""

    redirect: str
    state: str
    nonce: str
    verifier: str


class Provider:
    """An OpenID provider. Its calls wait for the network: they are made off the loop.

    Args:
        now: seconds since the epoch.

    Raises (each call): NotAuthenticated oidc_refused or oidc_token_invalid; UpstreamError oidc_unavailable.
    """

    def __init__(self, settings: OidcSettings, client: BlockingClient, now: Callable[[], float]) -> None:
        self._settings = settings
        self._client = client
        self._now = now
        self._metadata: tuple[float, Metadata] | None = None
        self._keys: tuple[float, dict[str, Any]] | None = None

    def address(self, attempt: Attempt) -> str:
        """Where the browser goes to sign in."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(attempt.verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": attempt.redirect,
            "scope": " ".join(self._settings.scopes),
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        endpoint = self._described().authorization_endpoint
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"

    def claims(self, attempt: Attempt, code: str) -> Mapping[str, Any]:
        """What the provider says of who came back with a code."""
        return self._checked(self._exchange(attempt, code), attempt.nonce)

    def _exchange(self, attempt: Attempt, code: str) -> str:
        described, secret = self._described(), self._settings.client_secret.get_secret_value()
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": attempt.redirect,
            "code_verifier": attempt.verifier,
        }
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        if secret and "client_secret_basic" in described.token_endpoint_auth_methods_supported:
            # RFC 6749, section 2.3.1: both are form-encoded before they are joined.
            pair = f"{quote(self._settings.client_id, safe='')}:{quote(secret, safe='')}"
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            fields |= {"client_id": self._settings.client_id} | ({"client_secret": secret} if secret else {})
        body = urlencode(fields).encode()
        call = Call(url=described.token_endpoint, method="POST", headers=headers, body=body, idle=_IDLE_S)
        found = self._ask(call)
        token = found.get("id_token")
        if not isinstance(token, str):
            raise NotAuthenticated("the provider did not say who you are", code="oidc_refused")
        return token

    def _checked(self, token: str, nonce: str) -> Mapping[str, Any]:
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        registry = jwt.JWTClaimsRegistry(
            now=int(self._now()),
            leeway=_LEEWAY_S,
            iss={"essential": True, "value": self._settings.issuer},
            aud={"essential": True, "value": self._settings.client_id},
            nonce={"essential": True, "value": nonce},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
        )
        for fresh in (False, True):
            try:
                keys = KeySet.import_key_set(self._key_set(fresh=fresh))  # type: ignore[arg-type]  # as it was read
                claims = jwt.decode(token, keys, algorithms=list(ALGORITHMS)).claims
                registry.validate(claims)
            except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
                if fresh or not self._may_have_new_keys():
                    raise NotAuthenticated(
                        f"the provider's token is not valid ({type(error).__name__})", code="oidc_token_invalid"
                    ) from None
            else:
                return self._for_us(claims)
        raise AssertionError("the second round returns or raises")

    def _for_us(self, claims: Mapping[str, Any]) -> Mapping[str, Any]:
        """OpenID Connect Core 1.0, section 3.1.3.7: a token for several must be made out to us."""
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if several else self._settings.client_id) != self._settings.client_id:
            raise NotAuthenticated("the provider's token is for somebody else", code="oidc_token_invalid")
        return claims

    def _described(self) -> Metadata:
        if self._metadata is None or self._now() - self._metadata[0] > _KEEP_S:
            found = self._ask(Call(url=self._settings.issuer.rstrip("/") + _DISCOVERY, idle=_IDLE_S))
            self._metadata = self._now(), read_metadata(found, self._settings.issuer)
        return self._metadata[1]

    def _key_set(self, *, fresh: bool) -> dict[str, Any]:
        if self._keys is None or fresh or self._now() - self._keys[0] > _KEEP_S:
            self._keys = self._now(), self._ask(Call(url=self._described().jwks_uri, idle=_IDLE_S))
        return self._keys[1]

    def _may_have_new_keys(self) -> bool:
        """Whether it is worth asking again: a wrong token must not make us ask without end."""
        return self._keys is not None and self._now() - self._keys[0] > _AGAIN_S

    def _ask(self, call: Call) -> dict[str, Any]:
        try:
            with self._client.send(call) as reply:
                body, status = reply.read(_LIMIT), reply.status
        except HomeportError as error:
            raise UpstreamError(
                f"the OpenID provider cannot be asked: {error.message}",
                code="oidc_unavailable",
                hint="sign in with a password, or try again",
            ) from error
        if status != 200:
            raise NotAuthenticated(f"the OpenID provider refused (HTTP {status})", code="oidc_refused")
        try:
            return msgspec.json.decode(body, type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise UpstreamError("the OpenID provider does not speak JSON", code="oidc_unavailable") from None


def read_metadata(found: Mapping[str, Any], issuer: str) -> Metadata:
    """The description, where it is of the right provider and none of its addresses can be listened to.

    Raises:
        UpstreamError: oidc_unavailable.
    """
    try:
        metadata = msgspec.convert(found, Metadata)
    except msgspec.ValidationError:
        raise UpstreamError("the OpenID provider does not describe itself", code="oidc_unavailable") from None
    places = (metadata.authorization_endpoint, metadata.token_endpoint, metadata.jwks_uri)
    if metadata.issuer != issuer or not all(is_safe(place) for place in places):
        raise UpstreamError(
            "the OpenID provider describes another one, or one without TLS",
            code="oidc_unavailable",
            hint="write console.oidc.issuer exactly as the provider does",
        )
    return metadata


def role_of(claims: Mapping[str, Any], settings: OidcSettings) -> Role:
    """The role that a provider's word gives: the most of those that are mapped.

    Raises:
        NotPermitted: oidc_role_missing.
    """
    said = claims.get(settings.role_claim)
    values = said if isinstance(said, list) else [said]
    roles = [settings.roles[value] for value in values if isinstance(value, str) and value in settings.roles]
    if roles:
        return max(roles, key=lambda role: role.rank)
    if settings.default_role is None:
        raise NotPermitted(
            "the provider knows you, but gives you no role here",
            code="oidc_role_missing",
            hint="ask an admin to map one of your groups in console.oidc.roles",
        )
    return settings.default_role


def name_of(claims: Mapping[str, Any], settings: OidcSettings) -> str:
    """The user's name here. Raises NotAuthenticated oidc_token_invalid."""
    name = claims.get(settings.name_claim)
    if settings.name_claim == "email" and claims.get("email_verified") in (False, "false"):
        raise NotAuthenticated(
            "the provider has not verified your e-mail address", code="oidc_token_invalid", hint="verify it there first"
        )
    if not isinstance(name, str) or not name:
        raise NotAuthenticated(
            f"the provider's token has no {settings.name_claim}",
            code="oidc_token_invalid",
            hint="ask for it with console.oidc.scopes, or set console.oidc.name_claim",
        )
    return name
