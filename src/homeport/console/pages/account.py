"""One's own account: the password, and signing out everywhere."""

import contextlib

from homeport.api.admin import off_the_loop
from homeport.console import passwords
from homeport.console.answers import Answer, Html, Redirect
from homeport.console.few import Few
from homeport.console.page import Page
from homeport.console.parts import Parts
from homeport.console.sessions import new_id
from homeport.console.visit import Visit
from homeport.core.errors import HomeportError, NotPermitted
from homeport.storage.users import StoredUser


def page(parts: Parts) -> Page:
    """Without a place in the navigation: the name above each page leads here."""
    desk = _Desk(parts)
    return Page(
        title="Account",
        path="/console/account",
        routes={
            "GET /console/account": desk.show,
            "POST /console/account/password": desk.change,
            "POST /console/account/sign-out": desk.leave,
        },
    )


class _Desk:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._checking = Few("password", 1, 8)

    async def show(self, visit: Visit) -> Answer:
        return _shown(visit)

    async def change(self, visit: Visit) -> Answer:
        name, form = visit.user.user, visit.form
        old, new = (form.fields.get(field, ("",))[-1] for field in ("old", "new"))
        try:
            user = await self._change(visit, old, new)
            token = await off_the_loop(lambda: self._parts.sessions.begin(visit.actor, user))
        except HomeportError as error:
            return _shown(visit, error)
        if name == "admin":
            with contextlib.suppress(OSError):
                self._parts.home.console_password.unlink()
        return Redirect(to="/console/account?done=password", cookie=self._parts.cookie(token))

    async def leave(self, visit: Visit) -> Answer:
        registry = self._parts.users.by(visit.actor)
        await off_the_loop(lambda: registry.end_sessions(visit.user.user))
        return Redirect(to="/console/sign-in", cookie=self._parts.cookie(new_id()))

    async def _change(self, visit: Visit, old: str, new: str) -> StoredUser:
        attempts, name = self._parts.attempts, visit.user.user
        attempts.check(visit.address, name)
        attempts.failed(visit.address, name)  # until it is known to be right: tries at the same time count too
        user = await off_the_loop(lambda: self._parts.users.find(name))
        kept = "" if user is None else user.password
        if not await self._checking.run(lambda: passwords.matches(old, kept)) or user is None:
            raise NotPermitted("the old password is wrong", code="password_wrong")
        attempts.succeeded(visit.address, name)
        registry = self._parts.users.by(visit.actor)
        return await off_the_loop(lambda: registry.set_password(name, new, shown=user))


def _shown(visit: Visit, error: HomeportError | None = None) -> Html:
    values = {"title": "Account", "done": visit.query.get("done") == "password", "error": error}
    return Html(template="account.html", values=values, status=400 if error else 200)
