"""Requests that were kept whole, as small as they can be."""

from typing import Any

import msgspec

from homeport.core.captured import Captured
from homeport.core.types import Surface
from tests.storage.test_bodies import NOW, captured

HOSTILE = (
    "<script>alert('x')</script>\x1b[2J\x1b]0;owned\x07\u202e\u200b\x9b31m\nERROR fake log line {{7*7}} \U0001f4a3"
)


def chat(request_id: str = "req_1", *, prompt: str = "hello", answer: str = "world", **more: Any) -> Captured:
    """A chat, answered as a whole."""
    body = {
        "model": "auto",
        "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": prompt}],
    }
    choice = {"index": 0, "message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}
    return kept(request_id, body, {"choices": [choice]}, **more)


def kept(request_id: str, body: Any, answer: Any, **more: Any) -> Captured:
    """Whatever was sent and answered; bytes are kept as they are."""
    fields = {"surface": Surface.CHAT, "answered": Surface.CHAT, "at": NOW} | more
    return msgspec.structs.replace(
        captured(request_id),
        body=body if isinstance(body, bytes) else msgspec.json.encode(body),
        answer=answer if isinstance(answer, bytes) else msgspec.json.encode(answer),
        **fields,
    )


def events(*chunks: Any) -> bytes:
    """A stream of these chunks."""
    return b"".join(b"data: %b\n\n" % msgspec.json.encode(chunk) for chunk in chunks) + b"data: [DONE]\n\n"
