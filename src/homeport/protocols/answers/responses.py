"""OpenAI's responses.

Source: OpenAI's API reference, "The response object" and "Streaming events" of the Responses API.
"""

from typing import Any

import msgspec
from msgspec import Raw

from homeport.core.routing import Answer, TokenLogprob
from homeport.protocols.answers.parts import (
    FIELDS,
    ITEMS,
    NULL,
    TOP,
    Fields,
    data_events,
    field,
    listed,
    raw,
    read,
    rewritten,
    text_of,
    tokens_of,
    value_of,
)

_INCLUDE = "message.output_text.logprobs"
_WORD = b'"logprobs"'
_EMPTY = Raw(b"[]")
_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed"})


class ResponsesReading:
    """`AnswerReading` of responses."""

    def asking(self, fields: Fields) -> Fields | None:
        include = listed(value_of(fields.get("include", NULL)))
        if _INCLUDE in include or value_of(fields.get("top_logprobs", NULL)):
            return None
        return {**fields, "include": raw([*include, _INCLUDE]), "top_logprobs": raw(TOP)}

    def whole(self, body: bytes) -> Answer:
        growing = ResponsesGrowing()
        growing.end(value_of(body))
        return growing.answer(whole=True)

    def growing(self) -> "ResponsesGrowing":
        return ResponsesGrowing()

    def bare(self, body: bytes) -> bytes:
        return (_bare_response(body) or body) if _WORD in body else body

    def bare_events(self, block: bytes) -> bytes:
        return rewritten(block, _WORD, _bare_event)


class ResponsesGrowing:
    """A response, event by event."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._finish = ""
        self._refused = False
        self._calls: dict[int, tuple[str, list[str]]] = {}
        self._tokens: list[TokenLogprob] = []

    def feed(self, block: bytes) -> None:
        for data in data_events(block):
            self._read(value_of(data))

    def _read(self, event: Any) -> None:
        kind, place = text_of(field(event, "type")), field(event, "output_index")
        if kind in _ENDS:
            self._texts, self._tokens, self._calls = [], [], {}
            self.end(field(event, "response"))
        elif kind == "response.output_text.delta":
            self._texts.append(text_of(field(event, "delta")))
            self._tokens += tokens_of(raw(listed(field(event, "logprobs"))))
        elif kind == "response.refusal.delta":
            self._refused = True
        elif kind == "response.output_item.added" and isinstance(place, int):
            self._add_call(place, field(event, "item"))
        elif kind == "response.function_call_arguments.delta" and isinstance(place, int) and place in self._calls:
            self._calls[place][1].append(text_of(field(event, "delta")))

    def end(self, response: Any) -> None:
        """The response as it is in the end."""
        for place, item in enumerate(listed(field(response, "output"))):
            for part in listed(field(item, "content")) if field(item, "type") == "message" else ():
                self._texts.append(text_of(field(part, "text")))
                self._refused = self._refused or field(part, "type") == "refusal"
                self._tokens += tokens_of(raw(listed(field(part, "logprobs"))))
            self._add_call(place, item)
        why = field(field(response, "incomplete_details"), "reason")
        cut = {"max_output_tokens": "length", "content_filter": "content_filter"}.get(text_of(why), "length")
        ordinary = "tool_calls" if self._calls else "stop"
        self._finish = cut if field(response, "status") == "incomplete" else ordinary

    def _add_call(self, place: int, item: Any) -> None:
        if field(item, "type") == "function_call":
            self._calls[place] = (text_of(field(item, "name")), [text_of(field(item, "arguments"))])

    def answer(self, *, whole: bool) -> Answer:
        calls = [self._calls[place] for place in sorted(self._calls)]
        return Answer(
            text="".join(self._texts),
            finish="content_filter" if self._refused else self._finish,
            tool_calls=tuple("".join(parts) for _, parts in calls),
            tools=tuple(name for name, _ in calls),
            logprobs=tuple(self._tokens),
            whole=whole or bool(self._finish),
        )


def _bare_event(data: bytes) -> bytes | None:
    event = read(data, FIELDS)
    if event is None:
        return None
    for name, bare in (("response", _bare_response), ("item", _bare_item), ("part", _bare_part)):
        if name in event:
            event[name] = Raw(bare(event[name]) or event[name])
    if "logprobs" in event:
        event["logprobs"] = _EMPTY
    return msgspec.json.encode(event)


def _bare_response(data: bytes) -> bytes | None:
    return _with_list(data, "output", _bare_item)


def _bare_item(data: bytes) -> bytes | None:
    return _with_list(data, "content", _bare_part)


def _bare_part(data: bytes) -> bytes | None:
    part = read(data, FIELDS)
    if part is None:
        return None
    return msgspec.json.encode({**part, "logprobs": _EMPTY} if "logprobs" in part else part)


def _with_list(data: bytes, name: str, bare: Any) -> bytes | None:
    holder = read(data, FIELDS)
    items = read(holder[name], ITEMS) if holder and name in holder else None
    if holder is None or items is None:
        return None
    return msgspec.json.encode({**holder, name: [Raw(bare(item) or item) for item in items]})
