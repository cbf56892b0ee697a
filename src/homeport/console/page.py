"""What a page is: one file of `pages/` with a function `page`, and one template."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import msgspec

from homeport.console.answers import Answer
from homeport.console.parts import Parts
from homeport.console.visit import Visit

View = Callable[[Visit], Awaitable[Answer]]
"""Answers one route. What it reads from the database it reads `off_the_loop`."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A page and its routes.

    Attributes:
        title: in the navigation and above the page.
        path: where the navigation leads.
        place: where in the navigation it stands; 0: not there.
        routes: `METHOD /path/{name}` -> view; each needs a row in the table of `access.py`.
    """

    title: str
    path: str
    routes: Mapping[str, View]
    place: int = 0


class PageModule(Protocol):
    """A module of `pages/`."""

    def page(self, parts: Parts) -> Page: ...
