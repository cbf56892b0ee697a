"""`Paths` below /console: who asks, whether it may, which page answers, and how that is sent."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from ipaddress import ip_network
from types import ModuleType
from typing import Any
from urllib.parse import urlencode

import msgspec

from homeport.api.admin import off_the_loop
from homeport.api.connection import Connection
from homeport.api.errors import headers_of, status_of
from homeport.api.routes import Methods
from homeport.console.access import LEAST, ROOT, may, permit
from homeport.console.answers import Answer, Asset, Download, Events, File, Html, Redirect
from homeport.console.guard import SECURITY_HEADERS, caller, check_host, check_origin, origin_of
from homeport.console.page import Page
from homeport.console.parts import Parts
from homeport.console.render import Renderer
from homeport.console.routing import Routes
from homeport.console.sessions import new_id, read_cookie
from homeport.console.visit import Form, Visit, read_form, read_query
from homeport.core.discovery import discover, load_each
from homeport.core.errors import HomeportError, InternalError, NotAuthenticated, NotFound, NotPermitted
from homeport.core.people import Role

logger = logging.getLogger(__name__)

PAGES = "homeport.console.pages"
CSRF = "form"
"""The purpose of the proof that each form sends back."""
_LARGEST_FORM = 64 << 10
"""Bytes: strangers can send one, and a long one takes seconds to be read."""
_HTML = {"content-type": "text/html; charset=utf-8"}
_EVENTS = {"content-type": "text/event-stream"}
_FOR_EVER = "private, max-age=31536000, immutable"
_PLAIN = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Not done - Homeport</title></head>
<body><h1>Not done</h1><p>The console cannot show its pages: <code>{code}</code>, request {request_id}.</p>
<p>Next: look for that request in logs/gateway.log; <code>homeport status</code> tells how it goes.</p>
</body></html>
"""
"""For what is left when the templates fail. Its texts are ours."""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """The pages, loaded."""

    pages: Sequence[Page]
    routes: Routes
    renderer: Renderer


class Console:
    """Pages are imported, and the templates with them, when the first one is asked for.

    Args:
        parts: what the pages are made of.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._loading = asyncio.Lock()
        self._shown: Shown | None = None
        self._proxies = [ip_network(text) for text in parts.settings.console.trusted_proxies]

    def find(self, path: str) -> Methods | None:
        if path != ROOT and not path.startswith(f"{ROOT}/"):
            return None
        return {method: self._handler(method) for method in ("GET", "POST")}

    def _handler(self, method: str) -> Callable[[Connection, str], Any]:
        async def handle(connection: Connection, request_id: str) -> None:
            token = read_cookie(connection.header(b"cookie"), secure=self._parts.secure)
            visit = self._stranger(connection, token or new_id(), request_id)
            cookie = "" if token else self._parts.cookie(visit.token)
            try:
                shown = await self._loaded()
                visit = await self._known(connection, visit, method)
                answer = await self._answer(shown, method, connection, visit)
                await self._send(shown, connection, visit, answer, cookie)
            except Exception as error:  # whatever it is, a person is told on a page, with the headers of all pages
                if connection.started or connection.disconnected:
                    raise
                await self._tell(connection, visit, _said(error, request_id), cookie)

        return handle

    async def _tell(self, connection: Connection, visit: Visit, error: HomeportError, cookie: str) -> None:
        """The page of an error; of a defect in what every page is made of the same in plain words."""
        status, _ = status_of(error)
        values = {"title": "Not done", "error": error, "status": status}
        try:
            page = Html(template="error.html", values=values, status=status)
            await self._send(await self._loaded(), connection, visit, page, cookie)
        except Exception:  # the pages themselves are broken, which must not be told to a person as JSON
            if connection.started:
                raise
            logger.exception("the console cannot show its pages, request %s", visit.request_id)
            await connection.start(status, {**SECURITY_HEADERS, **_HTML})
            await connection.finish(_PLAIN.format(code=error.code, request_id=visit.request_id).encode())

    async def _loaded(self) -> Shown:
        async with self._loading:
            if self._shown is None:
                self._shown = await off_the_loop(self._load)
            return self._shown

    def _load(self) -> Shown:
        modules: Mapping[str, ModuleType] = load_each(PAGES, discover(PAGES))
        pages = sorted((module.page(self._parts) for module in modules.values()), key=lambda page: page.place)
        return Shown(pages=pages, routes=Routes(pages), renderer=self._parts.skin.renderer)

    def _stranger(self, connection: Connection, token: str, request_id: str) -> Visit:
        return Visit(
            route="",
            path=connection.path,
            words={},
            query={},
            form=Form(),
            token=token,
            session=None,
            csrf=self._parts.sessions.proof(token, CSRF),
            address=caller(connection.address, connection.header(b"x-forwarded-for"), self._proxies),
            request_id=request_id,
            now=self._parts.clock.wall_ns(),
            origin="",
            partial=connection.header(b"hx-request") == "true",
        )

    async def _known(self, connection: Connection, visit: Visit, method: str) -> Visit:
        """The visit with who makes it, so that an error is told on a page with the navigation too."""
        server, host = self._parts.settings.server, connection.header(b"host") or ""
        public_url = self._parts.settings.console.public_url or ""
        check_host(host, public_url, server.host)
        used = method == "POST" or not (visit.partial or connection.header(b"accept") == "text/event-stream")
        session = await off_the_loop(lambda: self._parts.sessions.find(visit.token, used=used))
        return msgspec.structs.replace(visit, session=session, origin=origin_of(host, public_url, connection.scheme))

    async def _answer(self, shown: Shown, method: str, connection: Connection, visit: Visit) -> Answer:
        if connection.path in (ROOT, f"{ROOT}/"):
            return Redirect(to=self._first(shown))
        match = shown.routes.find(method, connection.path)
        if match is None or match.route not in LEAST:
            raise NotFound("there is no such page", hint=f"begin at {ROOT}")
        visit = msgspec.structs.replace(visit, route=match.route, words=match.words, query=read_query(connection.query))
        if refused := _admit(visit, method):
            return refused
        if method == "POST":
            form = await self._checked_form(connection, visit)
            # A form may take its time, and who sends it may have been signed out or lowered meanwhile.
            session = await off_the_loop(lambda: self._parts.sessions.find(visit.token))
            visit = msgspec.structs.replace(visit, form=form, session=session)
            if refused := _admit(visit, method):
                return refused
        return await match.view(visit)

    async def _checked_form(self, connection: Connection, visit: Visit) -> Form:
        check_origin(connection.header(b"origin"), connection.header(b"sec-fetch-site"), visit.origin)
        form = read_form(await connection.read_body(_LARGEST_FORM))
        shown = form.one("csrf") or connection.header(b"x-csrf-token") or ""
        if not self._parts.sessions.proves(visit.token, CSRF, shown):
            raise NotPermitted(
                "this form is from another session", code="form_outdated", hint="load the page again, and send it anew"
            )
        return form

    def _first(self, shown: Shown) -> str:
        return next(page.path for page in shown.pages if page.place)

    async def _send(self, shown: Shown, connection: Connection, visit: Visit, answer: Answer, cookie: str) -> None:
        headers = {**SECURITY_HEADERS, "x-homeport-request-id": visit.request_id}
        if not isinstance(answer, Asset) and (cookie := getattr(answer, "cookie", "") or cookie):
            headers["set-cookie"] = cookie
        match answer:
            case Html():
                values = {**self._layout(shown, visit), **answer.values}
                body = await off_the_loop(lambda: shown.renderer.page(answer.template, values, answer.block))
                await connection.start(answer.status, {**_HTML, **_when(answer), **headers})
                await connection.finish(body)
            case Redirect():
                await connection.start(303, {**headers, **_led(answer.to, visit)})
                await connection.finish()
            case File():
                await connection.start(200, {**headers, **_saved(answer)})
                await connection.finish(answer.data)
            case Download():
                await _flow(connection, {**headers, **_saved(answer)}, answer.pieces)
            case Asset():
                await connection.start(200, {**headers, "content-type": answer.kind, "cache-control": _FOR_EVER})
                await connection.finish(answer.data)
            case Events():
                await _flow(connection, {**headers, **_EVENTS}, answer.frames)

    def _layout(self, shown: Shown, visit: Visit) -> Mapping[str, Any]:
        role = visit.session.role if visit.session is not None else None
        return {
            "visit": visit,
            "navigation": [page for page in shown.pages if page.place and _leads(role, page)],
            "can": lambda route: role is not None and may(role, route),
            "error": None,
        }


def _said(error: Exception, request_id: str) -> HomeportError:
    if isinstance(error, HomeportError):
        return error
    logger.error("unexpected error in the console, request %s", request_id, exc_info=error)
    return InternalError("an unexpected error happened", hint="look for this request in logs/gateway.log")


async def _flow(connection: Connection, headers: Mapping[str, str], pieces: AsyncGenerator[bytes, None]) -> None:
    """Send what comes, for as long as somebody reads; a first piece that fails is told as an error is."""
    async with contextlib.aclosing(pieces):
        await connection.read_body()  # there is none, but whoever leaves from now on ends this
        first = await anext(pieces, b"")
        await connection.start(200, headers)
        await connection.send(first)
        async for piece in pieces:
            await connection.send(piece)
        await connection.finish()


def _saved(answer: File | Download) -> Mapping[str, str]:
    return {"content-type": answer.kind, "content-disposition": f'attachment; filename="{answer.name}"'}


def _admit(visit: Visit, method: str) -> Answer | None:
    """Where whoever is not signed in is led. Raises NotAuthenticated or NotPermitted."""
    if LEAST[visit.route] is None:
        return None
    if visit.session is None:
        if method == "GET":
            wanted = f"{visit.path}?{urlencode(visit.query)}" if visit.query else visit.path
            return Redirect(to=f"{ROOT}/sign-in?{urlencode({'next': wanted})}")
        raise NotAuthenticated("sign in first", code="sign_in_needed", hint=f"open {ROOT}/sign-in")
    permit(visit.session.role, visit.route)
    return None


def _leads(role: Role | None, page: Page) -> bool:
    return role is not None and may(role, f"GET {page.path}")


def _when(answer: Html) -> Mapping[str, str]:
    """When to ask again."""
    error = answer.values.get("error")
    told = headers_of(error, answer.status) if error is not None else {}
    return {name: value for name, value in told.items() if name == "retry-after"}


def _led(to: str, visit: Visit) -> Mapping[str, str]:
    """htmx follows a redirect by itself, and would put the whole page into a part of one."""
    return {"hx-redirect": to} if visit.partial else {"location": to}
