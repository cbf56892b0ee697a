"""A chat completion as the response object of /v1/responses.

Source: OpenAI's API reference, "The response object".
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw

from homeport.core.errors import BadAnswer
from homeport.protocols.responses import chunk
from homeport.protocols.responses.output import Output
from homeport.protocols.responses.wire import UNREADABLE

_REPEATED: Mapping[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "temperature": None,
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": None,
    "user": None,
}
"""Request fields that an answer repeats, and what they are where they were left out."""

# What was asked for and cannot be had through a chat is told as it is: nothing is kept for later.
_TRUE_OF_EVERY_CHAT: Mapping[str, Any] = {
    "object": "response",
    "background": False,
    "previous_response_id": None,
    "store": False,
    "truncation": "disabled",
}
_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


def from_chat(body: bytes, asked: Mapping[str, Raw], stem: str) -> bytes:
    """A whole chat completion as a response.

    Args:
        asked: the request's fields.
        stem: what the ids of the response and its items are made of.

    Raises:
        BadAnswer: it is not a chat completion, or it has no choice.
    """
    answer = chunk.read(body)
    if not answer.choices or answer.choices[0].message is None:
        raise BadAnswer("the upstream's answer holds no message")
    response = Response(asked, stem)
    response.note(answer)
    output = Output(stem)
    output.say(_with_places(answer.choices[0].message), answer.choices[0].logprobs)
    output.close(complete=response.is_complete)
    return msgspec.json.encode(response.ended(output.items()))


def _with_places(said: chunk.Said) -> chunk.Said:
    """A whole answer's calls are told apart by where they stand."""
    calls = [msgspec.structs.replace(call, index=place) for place, call in enumerate(said.tool_calls or [])]
    return msgspec.structs.replace(said, tool_calls=calls)


class Response:
    """All of a response but its output."""

    def __init__(self, asked: Mapping[str, Raw], stem: str, told: Mapping[str, Raw] | None = None) -> None:
        """`told` are fields of a response that was begun already."""
        self._fields: dict[str, Any] = {
            "id": f"resp_{stem}",
            "created_at": 0,
            "model": asked.get("model", ""),
            "text": _text(asked.get("text")),
            **{name: _given(asked.get(name), default) for name, default in _REPEATED.items()},
            **_TRUE_OF_EVERY_CHAT,
            **(told or {}),
        }
        self._usage: dict[str, Any] | None = None
        self._finish = ""

    def note(self, answer: chunk.Answer) -> None:
        """Take what an answer or a chunk says of the whole."""
        if answer.created is not None:
            self._fields["created_at"] = answer.created
        if answer.model:
            self._fields["model"] = answer.model
        if bytes(answer.service_tier) != b"null":
            self._fields["service_tier"] = answer.service_tier
        self._usage = chunk.usage_object(answer.usage) or self._usage
        for choice in answer.choices or []:
            if not choice.index and choice.finish_reason:
                self._finish = choice.finish_reason

    @property
    def is_complete(self) -> bool:
        return self._finish not in _INCOMPLETE

    def begun(self) -> dict[str, Any]:
        return self._told("in_progress", [], None)

    def ended(self, items: list[dict[str, Any]]) -> dict[str, Any]:
        """The response as it ended: `completed` or `incomplete`."""
        if self.is_complete:
            return self._told("completed", items, self._usage)
        why = {"reason": _INCOMPLETE[self._finish]}
        return self._told("incomplete", items, self._usage) | {"incomplete_details": why}

    def failed(self, items: list[dict[str, Any]], code: str, message: str) -> dict[str, Any]:
        return self._told("failed", items, self._usage) | {"error": {"code": code, "message": message}}

    def _told(self, status: str, items: list[dict[str, Any]], usage: dict[str, Any] | None) -> dict[str, Any]:
        ended = {"status": status, "output": items, "usage": usage}
        return {**self._fields, "error": None, "incomplete_details": None, **ended}


def _given(raw: Raw | None, default: Any) -> Any:
    return default if raw is None or bytes(raw) == b"null" else raw


def _text(raw: Raw | None) -> dict[str, Any]:
    try:
        asked = msgspec.json.decode(raw, type=dict[str, Raw]) if raw is not None else {}
    except UNREADABLE:
        asked = {}
    # Raw: what can be read at the top of a body may be too deep to be written inside a response.
    given = {name: value for name, value in asked.items() if bytes(value) != b"null"}
    return {"format": {"type": "text"}, **given}
