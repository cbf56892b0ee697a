"""Anthropic's messages: blocks that grow one after the other between the message's beginning and its end.

Source: Anthropic's API reference, "Messages" and "Streaming messages".
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Raw

from homeport.core.types import Frame, Usage
from homeport.protocols.answers.parts import field, listed, text_of, value_of
from homeport.protocols.anthropic.reading import json_object
from homeport.protocols.anthropic.usage import merged
from homeport.protocols.replay.base import (
    CUT,
    EMPTY,
    FAILED,
    REFUSED,
    UNFINISHED,
    UNMERGEABLE,
    UNREADABLE,
    NotTold,
    Told,
    finish_defect,
    named,
    objects,
    pieces,
    says,
    told_events,
    told_object,
)

_FINISHES = {
    **dict.fromkeys(("end_turn", "stop_sequence", "tool_use"), ""),
    **dict.fromkeys(("max_tokens", "model_context_window_exceeded"), CUT),
    "refusal": REFUSED,
    "pause_turn": UNFINISHED,
}
_ENDING = ("stop_reason", "stop_sequence", "stop_details", "container")
_JOINED = {"text_delta": "text", "thinking_delta": "thinking"}
_CLOSING = frozenset({"message_delta", "message_stop"})
_SILENT = frozenset({"thinking", "redacted_thinking"})


class MessagesTelling:
    """`Telling` of messages."""

    ends = (re.compile(rb"message_delta"), re.compile(rb"message_stop"))

    def put_together(self, events: bytes) -> Told:
        """See `Telling.put_together`."""
        growing = _GrowingMessage()
        for event in told_events(events):
            growing.take(event)
        if not growing.done or not growing.message:
            raise NotTold(UNFINISHED)
        return growing.value()

    def cut(self, body: bytes, usage: Usage | None) -> Iterator[Frame]:
        """See `Telling.cut`."""
        message = told_object(value_of(body))
        return _frames(message, objects(message.get("content")), _inputs(body), usage)

    def stored_frame(self, event: bytes, data: bytes, usage: Usage | None) -> Frame:
        """See `Telling.stored_frame`."""
        kind = text_of(field(value_of(data), "type")) if b"message_" in data else ""
        if kind not in _CLOSING:
            return Frame(data=event, events=self.count(data))
        return Frame(data=event, usage=usage if kind == "message_delta" else None, closing=True)

    def count(self, block: bytes) -> int:
        """See `Telling.count`."""
        return block.count(b'"content_block_delta"')

    def defect(self, answer: Told) -> str:
        """See `Telling.defect`."""
        if says(answer.get("error")) or answer.get("type") == "error":
            return FAILED
        blocks = objects(answer.get("content"))
        if defect := finish_defect(answer.get("stop_reason"), _FINISHES):
            return defect
        return "" if any(map(_says, blocks)) else EMPTY

    def id_of(self, event: Any) -> Any:
        """See `Telling.id_of`."""
        message = field(event, "message")
        return field(event if message is None else message, "id")


class _GrowingMessage:
    """A message, event by event."""

    def __init__(self) -> None:
        self.message: Told = {}
        self._usage: dict[str, Any] = {}
        self._blocks: dict[int, _GrowingBlock] = {}
        self.done = False

    def take(self, event: Told) -> None:
        """Events of kinds that are not known, such as `ping`, belong to no message."""
        match event.get("type"):
            case "error":
                raise NotTold(FAILED)
            case "message_start":
                self.message = dict(told_object(event.get("message")))
                self._usage = merged({}, self.message.get("usage"))
            case "content_block_start":
                self._blocks[_index(event)] = _GrowingBlock(told_object(event.get("content_block")))
            case "content_block_delta":
                self._block(event).take(told_object(event.get("delta")))
            case "message_delta":
                self._end(event)
            case "message_stop":
                self.done = True

    def _block(self, event: Told) -> "_GrowingBlock":
        index = _index(event)
        if index not in self._blocks:
            raise NotTold(UNREADABLE)
        return self._blocks[index]

    def _end(self, event: Told) -> None:
        self.message |= told_object(event.get("delta") or {})
        self.message |= {name: value for name, value in event.items() if name not in ("type", "delta", "usage")}
        self._usage = merged(self._usage, event.get("usage"))

    def value(self) -> Told:
        if self._usage:
            self.message["usage"] = told_object(self.message.get("usage") or {}) | self._usage
        return self.message | {"content": [self._blocks[index].value() for index in sorted(self._blocks)]}


class _GrowingBlock:
    """A block of content."""

    def __init__(self, begun: Told) -> None:
        self._block = begun
        self._texts: dict[str, list[str]] = {}

    def take(self, delta: Told) -> None:
        kind = text_of(delta.get("type"))
        if kind in _JOINED:
            self._text(_JOINED[kind], delta)
        elif kind == "input_json_delta":
            self._text("partial_json", delta)
        elif kind == "signature_delta":
            self._block["signature"] = delta.get("signature")
        elif kind == "citations_delta":
            self._block["citations"] = [*listed(self._block.get("citations")), delta.get("citation")]
        else:
            raise NotTold(UNMERGEABLE)

    def _text(self, name: str, delta: Told) -> None:
        piece = delta.get(name)
        if not isinstance(piece, str):
            raise NotTold(UNREADABLE)
        self._texts.setdefault(name, []).append(piece)

    def value(self) -> Told:
        joined = {name: "".join(parts) for name, parts in self._texts.items()}
        given = joined.pop("partial_json", "")
        told = self._block | {name: f"{self._block.get(name) or ''}{text}" for name, text in joined.items()}
        return told | {"input": _input(given)} if given.strip() else told


def _input(text: str) -> Raw:
    """What a tool is given, as it was written. Raises `NotTold` where it is no object."""
    given = json_object(text)
    if given is None:
        raise NotTold(UNREADABLE)
    return given


def _index(event: Told) -> int:
    index = event.get("index")
    if not isinstance(index, int):
        raise NotTold(UNREADABLE)
    return index


_CONTENT = msgspec.json.Decoder(dict[str, Raw])
_BLOCKS = msgspec.json.Decoder(list[dict[str, Raw]])


def _inputs(body: bytes) -> list[str]:
    """What is given to the tool in each block, as it was written; "" for a block that calls none."""
    blocks = _BLOCKS.decode(_CONTENT.decode(body)["content"])
    given = [json_object(bytes(block.get("input", b""))) for block in blocks]
    return [bytes(one).decode() if one is not None else "" for one in given]


def _frames(message: Told, blocks: list[Told], inputs: list[str], usage: Usage | None) -> Iterator[Frame]:
    reported = message.get("usage")
    begun = message | {"content": [], "stop_reason": None, "stop_sequence": None}
    if isinstance(reported, dict):
        begun["usage"] = reported | ({"output_tokens": 1} if "output_tokens" in reported else {})
    yield Frame(data=named({"type": "message_start", "message": begun}))
    for index, (block, given) in enumerate(zip(blocks, inputs, strict=True)):
        start, deltas = _cut(block, given)
        yield Frame(data=named({"type": "content_block_start", "index": index, "content_block": start}))
        for delta in deltas:
            yield Frame(data=named({"type": "content_block_delta", "index": index, "delta": delta}), events=1)
        yield Frame(data=named({"type": "content_block_stop", "index": index}))
    ending = {"stop_reason": None, "stop_sequence": None}
    ending |= {name: message[name] for name in _ENDING if name in message}
    told = {"usage": reported} if isinstance(reported, dict) else {}
    yield Frame(data=named({"type": "message_delta", "delta": ending, **told}), usage=usage, closing=True)
    yield Frame(data=named({"type": "message_stop"}), closing=True)


def _cut(block: Told, given: str) -> tuple[Told, list[Told]]:
    """A block as it begins, and its deltas. A block of a kind that is not known is all there from its beginning."""
    start, deltas = dict(block), list[Told]()
    for kind, name in _JOINED.items():
        if isinstance(block.get(name), str) and block.get("type") == name:
            start[name] = ""
            deltas += [{"type": kind, name: piece} for piece in pieces(block[name])]
    if given:
        start["input"] = {}
        deltas += [{"type": "input_json_delta", "partial_json": piece} for piece in ("", *pieces(given))]
    if isinstance(block.get("signature"), str) and block["signature"]:
        start["signature"] = ""
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    if citations := listed(block.get("citations")):
        start["citations"] = []
        deltas += [{"type": "citations_delta", "citation": citation} for citation in citations]
    return start, deltas


def _says(block: Told) -> bool:
    """Whether a block is more than thoughts, or a text of nothing."""
    if block.get("type") == "text":
        return bool(str(block.get("text") or "").strip())
    return text_of(block.get("type")) not in _SILENT
