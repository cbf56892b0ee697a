"""What a page answers."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any

import msgspec


class Html(msgspec.Struct, frozen=True, kw_only=True):
    """A page.

    Attributes:
        template: its file in `templates/`.
        values: for the template, beside those of the layout.
        block: only this block of the template, for a part of the page that is fetched anew.
        cookie: a Set-Cookie header.
    """

    template: str
    values: Mapping[str, Any] = {}
    status: int = 200
    block: str = ""
    cookie: str = ""


class Redirect(msgspec.Struct, frozen=True, kw_only=True):
    """Another page is to be asked for. `to` is a path of ours, or what the code names outside, never what was sent."""

    to: str
    cookie: str = ""


class File(msgspec.Struct, frozen=True, kw_only=True):
    """Something to save under a name of our making."""

    name: str
    kind: str
    data: bytes


class Download(msgspec.Struct, frozen=True, kw_only=True):
    """Something to save that is too large to hold. `pieces` are not asked for where the reader leaves."""

    name: str
    kind: str
    pieces: AsyncGenerator[bytes, None]


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    """A static file; the browser may keep it for ever, since its address names its content."""

    kind: str
    data: bytes


class Events(msgspec.Struct, frozen=True, kw_only=True):
    """Server-sent events, each a whole frame, until the reader leaves."""

    frames: AsyncGenerator[bytes, None]


Answer = Html | Redirect | File | Download | Asset | Events
