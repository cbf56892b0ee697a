"""Which dialect answers which path. Only the end of a path counts, so any prefix of a base URL works."""

import re

from homeport.sim.openai import Models, OpenAI
from homeport.sim.reply import Dialect, Refused, Request

_ROUTES: tuple[tuple[str, re.Pattern[str], Dialect], ...] = (
    ("POST", re.compile(r"/(chat/completions|completions|embeddings)$"), OpenAI()),
    ("GET", re.compile(r"/models(/[^:]+)?$"), Models()),
)


def route(request: Request) -> Dialect:
    """The dialect of a request; OpenAI's tells what is wrong with one that has none.

    Raises:
        Refused: 404 or 405.
    """
    matching = [(method, dialect) for method, path, dialect in _ROUTES if path.search(request.path)]
    if not matching:
        raise Refused(404, f"there is nothing at {request.method} {request.path}", openai_code="unknown_url")
    for method, dialect in matching:
        if method == request.method:
            return dialect
    raise Refused(405, f"{request.path} is not for {request.method}", openai_code="method_not_supported")


def refusing(request: Request) -> Dialect:
    """Who refuses a request that cannot be routed: OpenAI, unless its headers are another provider's."""
    return OpenAI()
