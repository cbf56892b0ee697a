"""Signing in at an OpenID provider: there, and back."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from homeport.api.admin import off_the_loop
from homeport.console.answers import Answer, Redirect
from homeport.console.few import Few
from homeport.console.guard import local_path
from homeport.console.oidc import Attempt, Provider, name_of, role_of
from homeport.console.page import Page
from homeport.console.parts import Parts
from homeport.console.sessions import new_id
from homeport.console.visit import Visit
from homeport.core.errors import NotAuthenticated, NotFound
from homeport.transport.blocking import BlockingClient

_CALLBACK = "/console/oidc/callback"
_AT_ONCE, _WAITING = 4, 30
"""A provider that is slow holds up nobody who does something else."""


def page(parts: Parts) -> Page:
    """Without a place in the navigation."""
    desk = _Desk(parts)
    return Page(
        title="Sign in",
        path="/console/oidc/start",
        routes={"GET /console/oidc/start": desk.start, f"GET {_CALLBACK}": desk.come_back},
    )


class _Desk:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._settings = parts.settings.console.oidc
        self._asking = Few("openid", _AT_ONCE, _WAITING)
        if self._settings is not None:
            self._provider = Provider(self._settings, BlockingClient(), lambda: parts.clock.wall_ns() / 1e9)

    async def start(self, visit: Visit) -> Answer:
        self._wanted()
        further = local_path(visit.query.get("next", ""))
        if visit.session is not None:  # a link of somebody else's signs nobody out
            return Redirect(to=further)
        token = new_id()
        attempt = self._attempt(visit, token, further)
        address = await self._asking.run(lambda: self._provider.address(attempt))
        return Redirect(to=address, cookie=self._parts.cookie(token))

    async def come_back(self, visit: Visit) -> Answer:
        self._wanted()
        further = _further(visit.query.get("state", ""))
        attempt = self._attempt(visit, visit.token, further)
        if not self._parts.sessions.proves(visit.token, f"oidc state {further}", _proof(visit.query.get("state", ""))):
            raise NotAuthenticated(
                "this is no answer to a question of ours", code="oidc_state_wrong", hint="sign in anew"
            )
        if "error" in visit.query or not visit.query.get("code"):
            raise NotAuthenticated("the provider did not let you in", code="oidc_refused", hint="sign in anew")
        claims = await self._asking.run(lambda: self._provider.claims(attempt, visit.query["code"]))
        token = await off_the_loop(lambda: self._admitted(visit, claims))
        return Redirect(to=further, cookie=self._parts.cookie(token))

    def _admitted(self, visit: Visit, claims: Mapping[str, Any]) -> str:
        """The id of the session that begins."""
        settings = self._settings
        assert settings is not None
        name, role = name_of(claims, settings), role_of(claims, settings)
        actor = visit.by(name, role)
        user = self._parts.users.by(actor).admit(name, f"{settings.issuer}#{claims['sub']}", role)
        return self._parts.sessions.begin(actor, user)

    def _attempt(self, visit: Visit, token: str, further: str) -> Attempt:
        """What is secret in it follows from the cookie, so the browser that comes back must be the one that went."""
        proof = self._parts.sessions.proof
        place = base64.urlsafe_b64encode(further.encode()).decode()
        return Attempt(
            redirect=f"{visit.origin}{_CALLBACK}",
            state=f"{proof(token, f'oidc state {further}')}.{place}",
            nonce=proof(token, "oidc nonce"),
            verifier=proof(token, "oidc verifier"),
        )

    def _wanted(self) -> None:
        if self._settings is None:
            raise NotFound("nobody signs in at an OpenID provider here", hint="set console.oidc")


def _proof(state: str) -> str:
    return state.partition(".")[0]


def _further(state: str) -> str:
    """Where somebody wanted to go, as a state says; the first page for one that is none."""
    try:
        return local_path(base64.urlsafe_b64decode(state.partition(".")[2]).decode())
    except (binascii.Error, ValueError):
        return local_path("")
