"""Anthropic's messages, which tell no probabilities.

Source: Anthropic's API reference, "Messages" and "Streaming messages".
"""

from typing import Any

from homeport.core.routing import Answer
from homeport.protocols.answers.parts import Fields, data_events, field, listed, raw, text_of, value_of

_FINISH = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


class MessagesReading:
    """`AnswerReading` of messages."""

    def asking(self, fields: Fields) -> Fields | None:
        return None

    def whole(self, body: bytes) -> Answer:
        growing = MessagesGrowing()
        message = value_of(body)
        for place, block in enumerate(listed(field(message, "content"))):
            growing.open(place, block)
        growing.stop(field(message, "stop_reason"))
        return growing.answer(whole=True)

    def growing(self) -> "MessagesGrowing":
        return MessagesGrowing()

    def bare(self, body: bytes) -> bytes:
        return body

    def bare_events(self, block: bytes) -> bytes:
        return block


class MessagesGrowing:
    """A message, block by block."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._finish = ""
        self._calls: dict[int, tuple[str, list[str]]] = {}

    def feed(self, block: bytes) -> None:
        for data in data_events(block):
            self._read(value_of(data))

    def _read(self, event: Any) -> None:
        place = field(event, "index")
        match field(event, "type"):
            case "content_block_start" if isinstance(place, int):
                self.open(place, field(event, "content_block"))
            case "content_block_delta":
                self._texts.append(text_of(field(field(event, "delta"), "text")))
                if isinstance(place, int) and place in self._calls:
                    self._calls[place][1].append(text_of(field(field(event, "delta"), "partial_json")))
            case "message_delta":
                self.stop(field(field(event, "delta"), "stop_reason"))

    def open(self, place: int, block: Any) -> None:
        """A block, or its beginning."""
        if field(block, "type") == "text":
            self._texts.append(text_of(field(block, "text")))
        elif field(block, "type") == "tool_use":
            given = field(block, "input")
            # An empty one is told at the beginning of a stream, before its parts come.
            arguments = [bytes(raw(given)).decode()] if given else []
            self._calls[place] = (text_of(field(block, "name")), arguments)

    def stop(self, reason: Any) -> None:
        """Why it ended, in a chat's words."""
        if isinstance(reason, str):
            self._finish = _FINISH.get(reason, "stop")

    def answer(self, *, whole: bool) -> Answer:
        whole = whole or bool(self._finish)
        calls = [self._calls[place] for place in sorted(self._calls)]
        return Answer(
            text="".join(self._texts),
            finish=self._finish,
            tool_calls=tuple("".join(parts) or ("{}" if whole else "") for _, parts in calls),
            tools=tuple(name for name, _ in calls),
            whole=whole,
        )
