"""A chat's stream as the events of /v1/responses."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw

from homeport.protocols.responses import chunk
from homeport.protocols.responses.answer import Response
from homeport.protocols.responses.output import Event, Output


class ResponseStream:
    """One answer, event by event. Every method gives the bytes of whole server-sent events.

    Args:
        asked: the request's fields.
        stem: what the ids of the response and its items are made of.
        resumed: the response object of a stream that somebody else began, to be ended here.
        sequence: number of the next event.
    """

    def __init__(
        self, asked: Mapping[str, Raw], stem: str, *, resumed: Mapping[str, Raw] | None = None, sequence: int = 0
    ) -> None:
        self._response = Response(asked, stem, resumed or {})
        self._output = Output(stem)
        self._sequence = sequence
        self._begun = resumed is not None

    def feed(self, data: bytes) -> bytes:
        """The events that one chunk of the chat brings. Raises `BadAnswer` for what is no chunk."""
        answer = chunk.read(data)
        self._response.note(answer)
        events = self._begin()
        for choice in answer.choices or []:
            said = choice.delta or choice.message
            if not choice.index and said is not None:
                events += self._output.say(said, choice.logprobs)
        return self._told(events)

    def finish(self, extra: Mapping[str, Any]) -> bytes:
        """The end of an answer that came to its end. `extra` is added to the response object."""
        events = self._begin() + self._output.close(complete=self._response.is_complete)
        response = self._response.ended(self._output.items())
        return self._told([*events, {"type": f"response.{response['status']}", "response": response | dict(extra)}])

    def fail(self, code: str, message: str) -> bytes:
        """The end of an answer that broke: an `error` event with our code, then `response.failed` with OpenAI's."""
        error = {"type": "error", "code": code, "message": message, "param": None}
        kind = "rate_limit_exceeded" if code == "upstream_rate_limited" else "server_error"
        response = self._response.failed(self._output.items(), kind, message)
        return self._told([*self._begin(), error, {"type": "response.failed", "response": response}])

    def _begin(self) -> list[Event]:
        if self._begun:
            return []
        self._begun = True
        return [{"type": f"response.{what}", "response": self._response.begun()} for what in ("created", "in_progress")]

    def _told(self, events: list[Event]) -> bytes:
        return b"".join(self._event(event) for event in events)

    def _event(self, event: Event) -> bytes:
        numbered = event | {"sequence_number": self._sequence}
        self._sequence += 1
        return f"event: {event['type']}\ndata: ".encode() + msgspec.json.encode(numbered) + b"\n\n"
