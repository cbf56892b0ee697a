"""Requests that were kept, described by what differs."""

import json
from typing import Any

from homeport.core.captured import Captured
from homeport.core.types import DataClass, Surface


def kept(body: Any, answer: Any, *, surface: Surface = Surface.CHAT, stream: bool = False, **more: Any) -> Captured:
    """A request and its answer, as JSON unless they are bytes."""
    return Captured(
        **{
            "request_id": "req_1",
            "at": 1_700_000_000 * 10**9,
            "key_id": "key_1",
            "project": "acme",
            "trace_id": "",
            "data_class": DataClass.OPEN,
            "surface": surface,
            "body": body if isinstance(body, bytes) else json.dumps(body).encode(),
            "target": "own",
            "upstream": "own",
            "model": "own-1",
            "local": True,
            "revision": "",
            "answered": surface,
            "stream": stream,
            "status": 200,
            "answer": answer if isinstance(answer, bytes) else json.dumps(answer).encode(),
            **more,
        }
    )


HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e\x00 level=error msg=fake\n"
"""Markup, a terminal's colour, a mark of direction, a NUL and what looks like a line of a log."""
