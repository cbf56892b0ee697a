"""Users of the console: who may sign in, and what they may."""

from collections.abc import Callable
from typing import Any

from homeport.api.admin import off_the_loop
from homeport.api.errors import status_of
from homeport.console import passwords
from homeport.console.answers import Answer, Html, Redirect
from homeport.console.page import Page
from homeport.console.parts import Parts
from homeport.console.visit import Visit
from homeport.core.errors import HomeportError, InvalidRequest
from homeport.core.people import Role


def page(parts: Parts) -> Page:
    desk = _Desk(parts)
    return Page(
        title="Users",
        path="/console/users",
        place=110,
        routes={
            "GET /console/users": desk.show,
            "POST /console/users": desk.add,
            "POST /console/users/{name}/role": desk.set_role,
            "POST /console/users/{name}/password": desk.set_password,
            "POST /console/users/{name}/sign-out": desk.sign_out,
            "POST /console/users/{name}/remove": desk.remove,
        },
    )


class _Desk:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def show(self, visit: Visit) -> Answer:
        return await self._page(visit)

    async def add(self, visit: Visit) -> Answer:
        name, password = visit.form.one("name"), passwords.new_password()
        registry = self._parts.users.by(visit.actor)
        return await self._told(visit, lambda: registry.add(name, role_of(visit), password), name, password)

    async def set_password(self, visit: Visit) -> Answer:
        name, password = visit.words["name"], passwords.new_password()
        registry = self._parts.users.by(visit.actor)
        return await self._told(visit, lambda: registry.set_password(name, password), name, password)

    async def set_role(self, visit: Visit) -> Answer:
        registry = self._parts.users.by(visit.actor)
        return await self._done(visit, lambda: registry.set_role(visit.words["name"], role_of(visit)))

    async def sign_out(self, visit: Visit) -> Answer:
        registry = self._parts.users.by(visit.actor)
        return await self._done(visit, lambda: registry.end_sessions(visit.words["name"]))

    async def remove(self, visit: Visit) -> Answer:
        registry = self._parts.users.by(visit.actor)
        return await self._done(visit, lambda: registry.remove(visit.words["name"]))

    async def _done(self, visit: Visit, change: Callable[[], object]) -> Answer:
        try:
            await off_the_loop(change)
        except HomeportError as error:
            return await self._page(visit, error=error)
        return Redirect(to="/console/users?done=changed")

    async def _told(self, visit: Visit, change: Callable[[], object], name: str, password: str) -> Answer:
        """The page with the password, which is told this once; so it is no redirect."""
        try:
            await off_the_loop(change)
        except HomeportError as error:
            return await self._page(visit, error=error)
        return await self._page(visit, told=(name, password))

    async def _page(self, visit: Visit, **more: Any) -> Html:
        error: HomeportError | None = more.get("error")
        values = {
            "title": "Users",
            "users": await off_the_loop(self._parts.users.every),
            "roles": [str(role) for role in Role],
            "told": more.get("told"),
            "done": visit.query.get("done") == "changed",
            "error": error,
        }
        return Html(template="users.html", values=values, status=status_of(error)[0] if error else 200)


def role_of(visit: Visit) -> Role:
    """The role that a form says. Raises InvalidRequest."""
    try:
        return Role(visit.form.one("role"))
    except ValueError:
        raise InvalidRequest("there is no such role", param="role", hint=f"use: {', '.join(Role)}") from None
