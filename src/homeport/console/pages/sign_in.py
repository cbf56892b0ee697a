"""Signing in with a name and a password, and signing out."""

import logging

from homeport.api.admin import off_the_loop
from homeport.api.errors import status_of
from homeport.console import passwords
from homeport.console.answers import Answer, Html, Redirect
from homeport.console.few import Few
from homeport.console.guard import local_path
from homeport.console.page import Page
from homeport.console.parts import Parts
from homeport.console.sessions import new_id
from homeport.console.visit import Visit
from homeport.core.errors import CapacityError, HomeportError, NotAuthenticated
from homeport.storage.users import StoredUser

logger = logging.getLogger(__name__)

_AT_ONCE, _WAITING = 1, 20
"""A password takes 32 MiB, and a core for a quarter of a second: strangers get one core, and requests the others."""


def page(parts: Parts) -> Page:
    """Without a place in the navigation."""
    desk = _Desk(parts)
    return Page(
        title="Sign in",
        path="/console/sign-in",
        routes={
            "GET /console/sign-in": desk.show,
            "POST /console/sign-in": desk.sign_in,
            "POST /console/sign-out": desk.sign_out,
        },
    )


class _Desk:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._checking = Few("password", _AT_ONCE, _WAITING)
        oidc = parts.settings.console.oidc
        self._provider = oidc.name if oidc is not None else ""

    async def show(self, visit: Visit) -> Answer:
        return self._form(visit, visit.query.get("next", ""))

    async def sign_in(self, visit: Visit) -> Answer:
        name, further = visit.form.one("name")[:256], visit.form.one("next")
        try:
            user = await self._checked(visit, name, visit.form.fields.get("password", ("",))[-1])
            token = await off_the_loop(lambda: self._parts.sessions.begin(visit.by(user.name, user.role), user))
        except HomeportError as error:
            return self._form(visit, further, error)
        return Redirect(to=local_path(further), cookie=self._parts.cookie(token))

    async def sign_out(self, visit: Visit) -> Answer:
        await off_the_loop(lambda: self._parts.sessions.end(visit.token, visit.actor))
        return Redirect(to="/console/sign-in", cookie=self._parts.cookie(new_id()))

    async def _checked(self, visit: Visit, name: str, password: str) -> StoredUser:
        attempts = self._parts.attempts
        attempts.check(visit.address, name)
        attempts.failed(visit.address, name)  # until it is known to be right: tries at the same time count too
        user = await off_the_loop(lambda: self._parts.users.find(name))
        kept = "" if user is None else user.password
        try:
            right = await self._checking.run(lambda: passwords.matches(password, kept))
        except CapacityError:
            attempts.succeeded(visit.address, name)  # nothing was tried
            raise
        if user is None or not right:
            # Not the name: somebody may have typed the password there.
            logger.warning("a wrong name or password from %s, request %s", visit.address, visit.request_id)
            raise NotAuthenticated("the name or the password is wrong", code="sign_in_refused")
        attempts.succeeded(visit.address, name)
        return user

    def _form(self, visit: Visit, further: str, error: HomeportError | None = None) -> Html:
        values = {"title": "Sign in", "next": local_path(further), "error": error, "provider": self._provider}
        return Html(template="sign_in.html", values=values, status=status_of(error)[0] if error else 200)
