"""A Messages stream as chunks of a chat stream, event by event."""

from collections.abc import Iterator
from typing import Any

from homeport.core.errors import BadAnswer
from homeport.core.types import Usage
from homeport.protocols.anthropic.answer import Block, finish_reason, thinking_block, value_of
from homeport.protocols.anthropic.events import Delta, Event, Start
from homeport.protocols.anthropic.reading import json_object
from homeport.protocols.anthropic.usage import chat_usage, merged, usage_of_messages

MAX_HELD = 16 << 20
"""Characters of thinking that one answer may have: they are kept until the signature comes."""


class _Open:
    """A block that has begun and not ended."""

    def __init__(self, block: Block, call: int) -> None:
        self.block = block
        self.call = call
        self.thoughts: list[str] = [block.thinking or ""]
        self.signature = block.signature or ""
        self.has_input = False


class ChatChunks:
    """Writes the chunks that a whole answer would have been cut into.

    Attributes:
        usage: the totals reported so far.
        done: the message came to its end.
    """

    def __init__(self, *, created: int = 0) -> None:
        """`created` is in seconds since the epoch."""
        self._created = created
        self._start = Start()
        self._reported: dict[str, Any] = {}
        self._blocks: dict[int, _Open] = {}
        self._calls = 0
        self._held = 0
        self.done = False

    @property
    def usage(self) -> Usage | None:
        return usage_of_messages(self._reported)

    def feed(self, event: Event) -> Iterator[dict[str, Any]]:
        """The chunks that an event makes; none for a ping, and for kinds that are not known.

        The last one, at `message_stop`, has no choices and the usage.

        Raises:
            BadAnswer: a tool is called without a name, or its input comes before it.
        """
        match event.type:
            case "message_start":
                self._begin(event.message or Start())
                yield self._chunk({"role": "assistant", "content": ""})
            case "content_block_start" if event.content_block:
                yield from self._open(event.index, event.content_block)
            case "content_block_delta" if event.delta:
                yield from self._piece(event.index, event.delta)
            case "content_block_stop":
                yield from self._close(self._blocks.pop(event.index, None))
            case "message_delta":
                self._reported = merged(self._reported, value_of(event.usage))
                yield from self._end(event.delta or Delta())
            case "message_stop":
                self.done = True
                usage = self.usage
                yield {**self._head(), "choices": [], "usage": chat_usage(usage) if usage else None}

    def _begin(self, message: Start) -> None:
        self._start = message
        self._reported = merged({}, value_of(message.usage))

    def _open(self, index: int, block: Block) -> Iterator[dict[str, Any]]:
        self._blocks[index] = _Open(block, self._calls)
        if block.type == "tool_use":
            if not block.id or not block.name:
                raise BadAnswer("the upstream's stream calls a tool without an id or a name")
            self._calls += 1
            function = {"name": block.name, "arguments": ""}
            call = {"index": self._blocks[index].call, "id": block.id, "type": "function", "function": function}
            yield self._chunk({"tool_calls": [call]})
        elif block.text:
            yield self._chunk({"content": block.text})
        elif block.thinking:
            yield self._chunk({"reasoning_content": block.thinking})

    def _piece(self, index: int, delta: Delta) -> Iterator[dict[str, Any]]:
        block = self._blocks.get(index)
        if delta.type == "text_delta" and delta.text:
            yield self._chunk({"content": delta.text})
        elif delta.type == "thinking_delta" and delta.thinking:
            self._keep(block, delta.thinking)
            yield self._chunk({"reasoning_content": delta.thinking})
        elif delta.type == "signature_delta" and block:
            block.signature += delta.signature or ""
        elif delta.type == "input_json_delta" and delta.partial_json:
            if block is None or block.block.type != "tool_use":
                raise BadAnswer("the upstream's stream has input for a tool that it does not call")
            block.has_input = True
            yield self._input(block, delta.partial_json)

    def _keep(self, block: _Open | None, thought: str) -> None:
        self._held += len(thought)
        if self._held > MAX_HELD:
            raise BadAnswer(f"the upstream's stream thinks longer than {MAX_HELD} characters")
        if block is not None:
            block.thoughts.append(thought)

    def _close(self, opened: _Open | None) -> Iterator[dict[str, Any]]:
        if opened is None:
            return
        block = opened.block
        if block.type == "tool_use" and not opened.has_input:
            whole = json_object(bytes(block.input)) or b"{}"
            yield self._input(opened, bytes(whole).decode())
        seal = thinking_block(
            Block(type=block.type, thinking="".join(opened.thoughts), signature=opened.signature, data=block.data)
        )
        if seal:
            yield self._chunk({"thinking_blocks": [seal]})

    def _end(self, delta: Delta) -> Iterator[dict[str, Any]]:
        if delta.stop_reason is None:
            return
        details = delta.stop_details
        refusal = details.explanation if details and delta.stop_reason == "refusal" else None
        chunk = self._chunk({"refusal": refusal} if refusal else {}, finish_reason(delta.stop_reason))
        if delta.stop_sequence is not None:
            chunk["choices"][0]["stop_reason"] = delta.stop_sequence
        yield chunk

    def _input(self, block: _Open, text: str) -> dict[str, Any]:
        return self._chunk({"tool_calls": [{"index": block.call, "function": {"arguments": text}}]})

    def _head(self) -> dict[str, Any]:
        start = self._start
        return {"id": start.id, "object": "chat.completion.chunk", "created": self._created, "model": start.model}

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**self._head(), "choices": [choice]}
