"""OpenAI's responses: the last event of a stream has all of it, and the others tell how it came to be.

Source: OpenAI's API reference, "Streaming events" of the Responses API.
"""

import re
from collections.abc import Iterator
from typing import Any

from homeport.core.types import Frame, Usage
from homeport.protocols.answers.parts import field, listed, text_of, value_of
from homeport.protocols.replay.base import (
    BROKEN_CALL,
    CUT,
    EMPTY,
    FAILED,
    FILTERED,
    ODD_FINISH,
    REFUSED,
    UNFINISHED,
    NotTold,
    Told,
    is_json,
    named,
    objects,
    pieces,
    says,
    spoken,
    told_events,
    told_object,
)

_ENDS = frozenset({"response.completed", "response.incomplete"})
_FAILURES = frozenset({"response.failed", "response.cancelled", "error"})
_PART_TEXTS = {"output_text": "text", "refusal": "refusal", "reasoning_text": "text"}
_CALLS = {
    "function_call": ("arguments", "response.function_call_arguments"),
    "mcp_call": ("arguments", "response.mcp_call_arguments"),
    "custom_tool_call": ("input", "response.custom_tool_call_input"),
}
_WHY = {"max_output_tokens": CUT, "content_filter": FILTERED}

_Place = dict[str, Any]


class ResponsesTelling:
    """`Telling` of responses."""

    ends = (re.compile(rb'"response\.completed"'), re.compile(rb'"response\.incomplete"'))

    def put_together(self, events: bytes) -> Told:
        """The response at the end; one that leaves its items out gets those that were told to be done."""
        items: dict[int, Any] = {}
        for event in told_events(events):
            kind, place = text_of(event.get("type")), event.get("output_index")
            if kind in _FAILURES:
                raise NotTold(FAILED)
            if kind == "response.output_item.done" and isinstance(place, int):
                items[place] = event.get("item")
            if kind in _ENDS:
                response = told_object(event.get("response"))
                return response | {"output": response.get("output") or [items[place] for place in sorted(items)]}
        raise NotTold(UNFINISHED)

    def cut(self, body: bytes, usage: Usage | None) -> Iterator[Frame]:
        """See `Telling.cut`."""
        response = told_object(value_of(body))
        return _frames(response, objects(response.get("output")), usage)

    def stored_frame(self, event: bytes, data: bytes, usage: Usage | None) -> Frame:
        """See `Telling.stored_frame`."""
        if any(end.search(data) for end in self.ends) and text_of(field(value_of(data), "type")) in _ENDS:
            return Frame(data=event, usage=usage, closing=True)
        return Frame(data=event, events=self.count(data))

    def count(self, block: bytes) -> int:
        """See `Telling.count`."""
        return block.count(b'.delta"')

    def defect(self, answer: Told) -> str:
        """See `Telling.defect`."""
        if says(answer.get("error")) or answer.get("status") == "failed":
            return FAILED
        if answer.get("status") == "incomplete":
            return _WHY.get(text_of(field(answer.get("incomplete_details"), "reason")), ODD_FINISH)
        items = objects(answer.get("output"))
        if answer.get("status") is None or any(
            end.get("status") not in ("completed", None) for end in (answer, *items)
        ):
            return UNFINISHED
        return _items_defect(items)

    def id_of(self, event: Any) -> Any:
        """None: `previous_response_id` and the ids of items are what a next request goes by, so they stay."""
        return None


def _frames(response: Told, items: list[Told], usage: Usage | None) -> Iterator[Frame]:
    if response.get("status") not in ("completed", "incomplete"):
        raise NotTold(UNFINISHED)
    begun = response | {"status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
    told: list[Told] = [{"type": f"response.{what}", "response": begun} for what in ("created", "in_progress")]
    for index, item in enumerate(items):
        told += _item(item, index)
    for number, event in enumerate(told):
        data = named(event | {"sequence_number": number})
        yield Frame(data=data, events=int(event["type"].endswith(".delta")))
    last = {"type": f"response.{response['status']}", "response": response, "sequence_number": len(told)}
    yield Frame(data=named(last), usage=usage, closing=True)


def _item(item: Told, index: int) -> Iterator[Told]:
    """An item as it begins, how it grows, and as it ends. One of a kind that is not known is there at once."""
    begun, grown = dict(item), list[Told]()
    if "status" in item:
        begun["status"] = "in_progress"
    place = {"item_id": item.get("id"), "output_index": index}
    for name in ("summary", "content"):
        if parts := listed(item.get(name)):
            begun[name] = []
            for number, part in enumerate(objects(parts)):
                grown += _summary(part, place, number) if name == "summary" else _part(part, place, number)
    name, prefix = _CALLS.get(str(item.get("type")), ("", ""))
    if name and isinstance(item.get(name), str):
        begun[name] = ""
        grown += _called(item, place, name, prefix)
    yield {"type": "response.output_item.added", "output_index": index, "item": begun}
    yield from grown
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _called(item: Told, place: _Place, name: str, prefix: str) -> Iterator[Told]:
    for piece in pieces(item[name]):
        yield {"type": f"{prefix}.delta", **place, "delta": piece}
    named_too = {"name": item.get("name")} if prefix == "response.function_call_arguments" else {}
    yield {"type": f"{prefix}.done", **place, **named_too, name: item[name]}


def _summary(part: Told, place: _Place, number: int) -> Iterator[Told]:
    place, text = place | {"summary_index": number}, part.get("text")
    yield {"type": "response.reasoning_summary_part.added", **place, "part": {**part, "text": ""}}
    if isinstance(text, str):
        for piece in pieces(text):
            yield {"type": "response.reasoning_summary_text.delta", **place, "delta": piece}
        yield {"type": "response.reasoning_summary_text.done", **place, "text": text}
    yield {"type": "response.reasoning_summary_part.done", **place, "part": part}


def _part(part: Told, place: _Place, number: int) -> Iterator[Told]:
    place, kind = place | {"content_index": number}, str(part.get("type"))
    name = _PART_TEXTS.get(kind, "")
    text = part.get(name) if name else None
    emptied: Told = {lists: [] for lists in ("annotations", "logprobs") if listed(part.get(lists))}
    told = isinstance(text, str)
    yield {"type": "response.content_part.added", **place, "part": part | ({name: "", **emptied} if told else {})}
    if isinstance(text, str):
        yield from _text(part, text, kind, name, place)
    yield {"type": "response.content_part.done", **place, "part": part}


def _text(part: Told, text: str, kind: str, name: str, place: _Place) -> Iterator[Told]:
    """The text of a part, with its log-probabilities and notes where it has any."""
    logprobs = listed(part.get("logprobs"))
    for piece, share in spoken(text, {"content": logprobs} if logprobs else None):
        with_it = {"logprobs": listed(field(share, "content"))} if kind == "output_text" else {}
        yield {"type": f"response.{kind}.delta", **place, "delta": piece, **with_it}
    for number, note in enumerate(listed(part.get("annotations"))):
        said = {"annotation_index": number, "annotation": note}
        yield {"type": "response.output_text.annotation.added", **place, **said}
    ends = {"logprobs": logprobs} if kind == "output_text" else {}
    yield {"type": f"response.{kind}.done", **place, name: text, **ends}


def _items_defect(items: list[Told]) -> str:
    parts = [part for item in items if item.get("type") == "message" for part in listed(item.get("content"))]
    if any(field(part, "type") == "refusal" for part in parts):
        return REFUSED
    if not all(is_json(item.get("arguments")) for item in items):
        return BROKEN_CALL
    said = any(str(field(part, "text") or "").strip() for part in parts)
    return "" if said or any(item.get("type") not in ("message", "reasoning") for item in items) else EMPTY
