"""Requests that show what an incident tells of, each with the beginning of what was asked and answered."""

from collections.abc import Callable, Sequence

import msgspec

from homeport.core.captured import Captured
from homeport.core.errors import StorageError
from homeport.inspection.visible import visible_line
from homeport.traces.said import said

MOST = 8
_MOST_CHARS = 280
_LARGEST = 256 << 10
"""Bytes of a request or an answer: a longer one takes time to be read, and has a page of its own."""


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """A request; `asked` and `answered` are "" where nothing was kept, or nobody is to read it here."""

    request_id: str
    asked: str = ""
    answered: str = ""


def examples(request_ids: Sequence[str], get: Callable[[str], Captured | None]) -> tuple[Example, ...]:
    """The first few, with what was kept of them."""
    return tuple(_example(request_id, get) for request_id in request_ids[:MOST])


def unread(request_ids: Sequence[str]) -> tuple[Example, ...]:
    """The first few, without what was said."""
    return tuple(Example(request_id=request_id) for request_id in request_ids[:MOST])


def _example(request_id: str, get: Callable[[str], Captured | None]) -> Example:
    try:
        kept = get(request_id)
    except StorageError:
        kept = None
    if kept is None or max(len(kept.body), len(kept.answer)) > _LARGEST:
        return Example(request_id=request_id)
    told = said(kept)
    asked = next((turn.text for turn in reversed(told.messages) if turn.role == "user"), "")
    return Example(request_id=request_id, asked=_short(asked), answered=_short(told.answer))


def _short(text: str) -> str:
    return visible_line(" ".join(text[: 4 * _MOST_CHARS].split()), _MOST_CHARS)
