"""Requests: the newest first, by what they have in common or by what was said in them, and live as they end."""

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from homeport.api.admin import off_the_loop
from homeport.api.requests import RequestQuery
from homeport.console.access import may
from homeport.console.answers import Answer, Events, Html
from homeport.console.figures.windows import TOLD, read_moment, read_window
from homeport.console.page import Page
from homeport.console.parts import Parts
from homeport.console.render import Renderer
from homeport.console.sessions import Sessions
from homeport.console.visit import Visit
from homeport.core.errors import CapacityError, InvalidRequest
from homeport.storage.request_filter import RequestFilter
from homeport.storage.request_list import list_requests, read_cursor
from homeport.storage.request_rows import RequestRow

PATH = "/console/requests"
_ROWS = 50
_AT_ONCE = 200
"""So many rows a page keeps of those that come live; of more the latest are shown."""
_PATIENCE_S = 5.0
_LOOK_NS = 5_000_000_000
"""So often it is looked whether who follows is still signed in."""
_EACH = 8
"""Lists that one user may follow at a process, so that nobody takes all places."""
_LAST = (1 << 63) - 1
_FORM = frozenset({"q", "window", "project", "target", "outcome", "after"})
"""What the form shows without being opened."""
_PAST = frozenset({"q", "window", "since", "until", "after"})
"""What says nothing of requests that are still to come."""


class Query(RequestQuery, frozen=True, kw_only=True):
    """The parameters.

    Attributes:
        q: words that were said.
        window: one of `TOLD`; "" for any time.
        since, until: times in UTC, such as `2026-11-23T02:10`; "" for no bound.
        after: where the page begins, as the page before says.
    """

    q: Annotated[str, Meta(max_length=400)] = ""
    window: str = ""
    since: Annotated[str, Meta(max_length=40)] = ""
    until: Annotated[str, Meta(max_length=40)] = ""
    after: Annotated[str, Meta(max_length=80)] = ""

    def at(self, now: int) -> RequestFilter:
        """Raises InvalidRequest."""
        wanted = self.wanted()
        since = read_moment(self.since, "since") if self.since else 0
        until = read_moment(self.until, "until") if self.until else wanted.until
        if self.window:
            since = max(since, read_window(self.window, now).since_ns)
        if until and until <= since:
            raise InvalidRequest("the end is not after the start", param="until", hint="leave one of them empty")
        return msgspec.structs.replace(wanted, since=max(wanted.since, since), until=until)

    @property
    def said(self) -> Mapping[str, Any]:
        """Only what differs from saying nothing, for the address of another page."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value not in ("", 0, 0.0, None)}


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A request of the list. `snippet`: what stands around the words that were looked for."""

    row: RequestRow
    snippet: str = ""


def page(parts: Parts) -> Page:
    desk = _Desk(parts)
    return Page(
        title="Requests",
        path=PATH,
        place=20,
        routes={f"GET {PATH}": desk.show, f"GET {PATH}/tail": desk.tail},
    )


class _Desk:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._renderer = Renderer({})
        self._following: Counter[str] = Counter()

    async def show(self, visit: Visit) -> Answer:
        query = visit.asked(Query)
        lines, following = await off_the_loop(partial(self._found, query, visit.now))
        said = query.said
        values = {
            "title": "Requests",
            "query": query,
            "windows": TOLD,
            "models": self._parts.works.models(),
            "captures": self._parts.settings.capture.enabled,
            "narrow": bool(set(said) - _FORM),
            "lines": lines,
            "new": False,
            "filters": {name: value for name, value in said.items() if name not in _PAST},
            "older": {**said, "after": following} if following else None,
        }
        return Html(template="requests.html", values=values)

    def _found(self, query: Query, now: int) -> tuple[list[Line], str]:
        wanted = query.at(now)
        if query.q:
            before = _place(query.after)
            found = self._parts.works.store.search.page(query.q, wanted, before=before, limit=_ROWS)
            lines = [Line(row=one.row, snippet=one.snippet) for one in found.found]
            return lines, str(found.next or "")
        after = read_cursor(query.after) if query.after else None
        listed = list_requests(self._parts.engine, wanted, after=after, limit=_ROWS)
        return [Line(row=row) for row in listed.rows], str(listed.next or "")

    async def tail(self, visit: Visit) -> Answer:
        return Events(frames=self._frames(visit, visit.asked(Query).wanted()))

    async def _frames(self, visit: Visit, wanted: RequestFilter) -> AsyncGenerator[bytes, None]:
        """Rows as they are put into the list, the newest first, so many at once as came together."""
        guest = _Guest(self._parts.sessions, visit, self._parts.clock.monotonic_ns)
        with self._counted(visit.user.user):
            async with self._parts.works.store.tail.watch(wanted) as watcher:
                yield b"retry: 2000\n\n"
                while (rows := await watcher.next(_PATIENCE_S)) is not None and await guest.may_stay():
                    lost, watcher.dropped = watcher.dropped + max(0, len(rows) - _AT_ONCE), 0
                    lines = [Line(row=row) for row in reversed(rows[-_AT_ONCE:])]
                    if lines:
                        yield event("rows", await off_the_loop(partial(self._rendered, lines)))
                    if lost:
                        yield event("lost", str(lost).encode())
                    if not rows:
                        yield b": nothing came\n\n"

    @contextmanager
    def _counted(self, user: str) -> Iterator[None]:
        """Raises CapacityError tail_full where the user follows too many lists already."""
        if self._following[user] >= _EACH:
            raise CapacityError(f"you follow {_EACH} lists already", code="tail_full", hint="close one of them")
        self._following[user] += 1
        try:
            yield
        finally:
            self._following[user] -= 1

    def _rendered(self, lines: list[Line]) -> bytes:
        return self._renderer.page("request_rows.html", {"lines": lines, "new": True})


class _Guest:
    """Whether who began to follow is still signed in, and may; looked at every few seconds.

    Args:
        now_ns: a clock that never steps back.
    """

    def __init__(self, sessions: Sessions, visit: Visit, now_ns: Callable[[], int]) -> None:
        self._sessions = sessions
        self._visit = visit
        self._now_ns = now_ns
        self._looked = now_ns()

    async def may_stay(self) -> bool:
        if self._now_ns() - self._looked < _LOOK_NS:
            return True
        self._looked = self._now_ns()
        session = await off_the_loop(partial(self._sessions.find, self._visit.token, used=False))
        return session is not None and may(session.role, self._visit.route)


def event(name: str, data: bytes) -> bytes:
    """A server-sent event; each line of the data has its own field (WHATWG HTML, section 9.2)."""
    lines = b"".join(b"data: " + line + b"\n" for line in data.splitlines())
    return b"event: " + name.encode() + b"\n" + lines + b"\n"


def _place(after: str) -> int:
    if not after:
        return 0
    if not (after.isascii() and after.isdecimal() and len(after) < 20 and int(after) <= _LAST):
        raise InvalidRequest("this is no place in the list", code="cursor_invalid", param="after")
    return int(after)
