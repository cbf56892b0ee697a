"""A chat stream as the events of a Messages stream, chunk by chunk.

The blocks of a Messages stream come one after the other; the calls of a chat stream may come in any
order. So one block is open at a time. What belongs to another waits until the open one can take no
more: a text can always be closed, a call when its arguments are a whole JSON object, or at the end.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Raw, Struct

from homeport.core.errors import BadAnswer
from homeport.core.types import Usage
from homeport.protocols.anthropic.answer import (
    Call,
    CalledFunction,
    Said,
    call_id,
    message_head,
    stop_reason,
    thinking_block,
    value_of,
)
from homeport.protocols.anthropic.reading import json_object, read_answer
from homeport.protocols.anthropic.usage import messages_usage, usage_of_chat

MAX_HELD = 16 << 20
"""Characters of arguments that one answer may have: they are kept until they are whole."""

_NULL = Raw(b"null")

Events = Iterator[dict[str, Any]]


class _ChunkChoice(Struct):
    index: int = 0
    delta: Said | None = None
    finish_reason: str | None = None
    stop_reason: Raw = _NULL


class _Chunk(Struct):
    choices: list[_ChunkChoice] | None = None
    id: str | None = None
    model: str | None = None
    usage: Raw = _NULL


_CHUNK = msgspec.json.Decoder(_Chunk)


class _Block:
    """A block of the answer; `parts` are the pieces that are not told yet, `told` those of a call that are."""

    def __init__(self, kind: str, *, id: str = "", name: str = "", seal: dict[str, str] | None = None) -> None:  # noqa: A002 (the wire's word)
        self.kind = kind
        self.id = id
        self.name = name
        self.seal = seal
        self.parts: list[str] = []
        self.told: list[str] = []
        self._length = 0
        self._look_again_at = 0

    def is_whole(self) -> bool:
        """It can take no more: closing it loses nothing."""
        if self.kind != "tool_use":
            return True
        # Not at each "}" of a long text, for that would take the square of its length.
        if self._length < self._look_again_at or not "".join(self.told[-2:]).rstrip().endswith("}"):
            return False
        self._look_again_at = self._length * 5 // 4 + 1
        return json_object("".join(self.told).strip()) is not None

    def tell(self) -> list[str]:
        """The pieces that are to be told now."""
        parts, self.parts = self.parts, []
        if self.kind == "tool_use":
            self.told += parts
            self._length += sum(map(len, parts))
        return parts

    def start(self) -> dict[str, Any]:
        match self.kind:
            case "tool_use":
                return {"type": self.kind, "id": self.id, "name": self.name, "input": {}}
            case "thinking":
                return {"type": self.kind, "thinking": "", "signature": ""}
            case "text":
                return {"type": self.kind, "text": ""}
        return dict(self.seal or {})

    def delta(self, text: str) -> dict[str, Any]:
        match self.kind:
            case "tool_use":
                return {"type": "input_json_delta", "partial_json": text}
            case "thinking":
                return {"type": "thinking_delta", "thinking": text}
        return {"type": "text_delta", "text": text}


class MessageEvents:
    """Writes the events; each has its name in `type`."""

    def __init__(self, *, input_tokens: int = 0, answer_id: str = "") -> None:
        """Make a writer for one answer.

        Args:
            input_tokens: an estimate for the first event; the last but one has the true count.
            answer_id: what the ids in it are made of; "" for that of the first chunk, which may be empty.
        """
        self._estimate = input_tokens
        self._id = answer_id
        self._begun = False
        self._index = 0
        self._held = 0
        self._open: _Block | None = None
        self._waiting: list[_Block] = []
        self._calls: dict[int, _Block] = {}
        self._closed: set[int] = set()
        self._finish: str | None = None
        self._matched = _NULL
        self._refused = False
        self._usage: Usage | None = None
        self._pieces = 0

    def feed(self, data: bytes) -> Events:
        """The events that the data of one chunk makes.

        Raises:
            BadAnswer: no chunk of a chat stream; arguments for a call that was whole; too much to keep.
        """
        chunk = read_answer(data, _CHUNK)
        if not self._begun:
            yield self._message_start(chunk.id or "", chunk.model or "")
        self._usage = usage_of_chat(value_of(chunk.usage)) or self._usage
        for choice in chunk.choices or []:
            if choice.index == 0:
                yield from self._say(choice.delta or Said())
                self._finish = choice.finish_reason or self._finish
                self._matched = choice.stop_reason if bytes(choice.stop_reason) != b"null" else self._matched

    def end(self, usage: Usage | None = None) -> Events:
        """The end of the message: what waited, why it ended, and the usage. Never raises.

        Args:
            usage: what the whole stream used; None for what its chunks said, or else an estimate.
        """
        if not self._begun:
            yield self._message_start("", "")
        while self._open or self._waiting:
            yield from self._next()
        reason, sequence = stop_reason(self._finish, self._matched, called=bool(self._calls), refused=self._refused)
        usage = usage or self._usage or Usage(input_tokens=self._estimate, output_tokens=self._pieces)
        delta = {"stop_reason": reason, "stop_sequence": sequence}
        yield {"type": "message_delta", "delta": delta, "usage": messages_usage(usage)}
        yield {"type": "message_stop"}

    def _message_start(self, chat_id: str, model: str) -> dict[str, Any]:
        self._begun, self._id = True, self._id or chat_id
        usage = messages_usage(Usage(input_tokens=self._estimate))
        ends: dict[str, Any] = {"content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
        return {"type": "message_start", "message": {**message_head(self._id, model), **ends}}

    def _say(self, delta: Said) -> Events:
        yield from self._text("thinking", delta.thought)
        for block in delta.thinking_blocks or []:
            yield from self._seal(thinking_block(block))
        yield from self._text("text", delta.text)
        if delta.refusal:
            self._refused = True
            yield from self._text("text", delta.refusal)
        for call in delta.tool_calls or []:
            yield from self._call(call)

    def _text(self, kind: str, text: str) -> Events:
        if not text:
            return
        last = self._waiting[-1] if self._waiting else self._open
        if last is None or last.kind != kind or last.seal:
            last = _Block(kind)
            yield from self._add(last)
        yield from self._tell(last, text)

    def _seal(self, seal: dict[str, str] | None) -> Events:
        """A signature closes the thinking that was streamed before it; a block of its own is told as it is."""
        last = self._waiting[-1] if self._waiting else self._open
        if seal and seal["type"] == "thinking" and last and last.kind == "thinking":
            last.seal = seal
        elif seal and seal["type"] == "thinking":
            block = _Block("thinking", seal=seal)
            yield from self._add(block)
            yield from self._tell(block, seal["thinking"])
        elif seal:
            yield from self._add(_Block(seal["type"], seal=seal))

    def _call(self, call: Call) -> Events:
        function = call.function or CalledFunction()
        index = self._index_of(call, function)
        if index not in self._calls:
            block = _Block("tool_use", id=call.id or call_id(self._id, index), name=function.name or "")
            self._calls[index] = block
            yield from self._add(block)
        block = self._calls[index]
        if not block.name and function.name:
            block.name = function.name
            yield from self._advance()
        if index in self._closed and (function.arguments or "").strip():
            raise BadAnswer("the upstream's stream goes on with the arguments of a call that was whole")
        if index not in self._closed and function.arguments:
            yield from self._tell(block, function.arguments)

    def _index_of(self, call: Call, function: CalledFunction) -> int:
        """Which call is meant. Some servers number none, or all of them 0, and tell them apart by their ids."""
        index = call.index if call.index is not None else max(self._calls, default=0)
        known = self._calls.get(index)
        if known is None or not call.id or call.id == known.id or not function.name:
            return index
        same = [number for number, block in self._calls.items() if block.id == call.id]
        return same[0] if same else max(self._calls) + 1

    def _add(self, block: _Block) -> Events:
        self._waiting.append(block)
        yield from self._advance()

    def _tell(self, block: _Block, text: str) -> Events:
        self._pieces += 1
        if block.kind == "tool_use" or block is not self._open:
            self._held += len(text)
        if self._held > MAX_HELD:
            raise BadAnswer(f"the upstream's stream has arguments of more than {MAX_HELD} characters")
        block.parts.append(text)
        if block is self._open:
            yield from self._told(block)
        yield from self._advance()

    def _advance(self) -> Events:
        """Open the next block if the open one can take no more and the next one has a name."""
        while self._waiting and (self._open is None or self._open.is_whole()) and self._is_named(self._waiting[0]):
            yield from self._next()

    @staticmethod
    def _is_named(block: _Block) -> bool:
        return block.kind != "tool_use" or bool(block.name)

    def _next(self) -> Events:
        """Close the open block, and open the next one if there is one."""
        if self._open:
            yield from self._close(self._open)
        self._open = self._waiting.pop(0) if self._waiting else None
        if self._open:
            yield {"type": "content_block_start", "index": self._index, "content_block": self._open.start()}
            yield from self._told(self._open)

    def _told(self, block: _Block) -> Events:
        for part in block.tell():
            yield {"type": "content_block_delta", "index": self._index, "delta": block.delta(part)}

    def _close(self, block: _Block) -> Events:
        if block.kind == "thinking" and block.seal:
            delta = {"type": "signature_delta", "signature": block.seal["signature"]}
            yield {"type": "content_block_delta", "index": self._index, "delta": delta}
        self._closed.update(index for index, known in self._calls.items() if known is block)
        yield {"type": "content_block_stop", "index": self._index}
        self._index += 1
