"""Signing in at an OpenID provider: there, and back."""

import base64
import binascii

from homeport.api.admin import off_the_loop
from homeport.console.answers import Answer, Redirect
from homeport.console.guard import local_path
from homeport.console.oidc import Attempt, Provider, name_of, role_of
from homeport.console.page import Page
from homeport.console.parts import Parts
from homeport.console.sessions import new_id
from homeport.console.visit import Visit
from homeport.core.audit import Actor, Origin
from homeport.core.errors import NotAuthenticated, NotFound
from homeport.core.people import Role
from homeport.transport.blocking import BlockingClient

_CALLBACK = "/console/oidc/callback"


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
        if self._settings is not None:
            self._provider = Provider(self._settings, BlockingClient(), lambda: parts.clock.wall_ns() / 1e9)

    async def start(self, visit: Visit) -> Answer:
        self._wanted()
        token = new_id()
        attempt = self._attempt(visit, token, local_path(visit.query.get("next", "")))
        address = await off_the_loop(lambda: self._provider.address(attempt))
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
        actor = await off_the_loop(lambda: self._admitted(visit, attempt))
        token = await off_the_loop(lambda: self._parts.sessions.begin(actor))
        return Redirect(to=further, cookie=self._parts.cookie(token))

    def _admitted(self, visit: Visit, attempt: Attempt) -> Actor:
        settings = self._settings
        assert settings is not None
        claims = self._provider.claims(attempt, visit.query["code"])
        name, role = name_of(claims, settings), role_of(claims, settings)
        actor = _actor(visit, name, role)
        self._parts.users.by(actor).admit(name, f"{settings.issuer}#{claims['sub']}", role)
        return actor

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


def _actor(visit: Visit, name: str, role: Role) -> Actor:
    return Actor(name=name, origin=Origin.CONSOLE, role=str(role), address=visit.address, request_id=visit.request_id)
