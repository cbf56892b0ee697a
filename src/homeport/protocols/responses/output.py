"""The output items of a response, as they grow, and the events that tell it.

A message or a piece of reasoning ends where something else begins. Calls stay open until the answer
ends, because a chat may go on with any of them. A whole answer grows in one step, so it and the stream
of the same answer have the same items.

Source: OpenAI's API reference, "Streaming events" of the Responses API.
"""

from typing import Any, Final

import msgspec

from homeport.protocols.responses.chunk import Call, Logprobs, Said

Event = dict[str, Any]


class _Part:
    """A growing part of an item's content. `kind` is its type; of its events, `response.KIND.delta` and `.done`."""

    def __init__(self, kind: str, place: dict[str, Any]) -> None:
        self.kind: Final = kind
        self._place = place
        self._name = "refusal" if kind == "refusal" else "text"
        self._pieces: list[str] = []
        self._logprobs: list[Any] = []

    def object(self) -> dict[str, Any]:
        told: dict[str, Any] = {"type": self.kind, self._name: "".join(self._pieces)}
        if self.kind == "output_text":
            told["annotations"], told["logprobs"] = [], list(self._logprobs)
        return told

    def added(self) -> Event:
        return {"type": "response.content_part.added", **self._place, "part": self.object()}

    def grow(self, piece: str, logprobs: list[Any]) -> Event:
        self._pieces.append(piece)
        self._logprobs += logprobs
        return self._event("delta", "delta", piece, logprobs)

    def done(self) -> list[Event]:
        told = self.object()
        return [
            self._event("done", self._name, told[self._name], self._logprobs),
            {"type": "response.content_part.done", **self._place, "part": told},
        ]

    def _event(self, what: str, name: str, value: str, logprobs: list[Any]) -> Event:
        told: Event = {"type": f"response.{self.kind}.{what}", **self._place, name: value}
        return told | {"logprobs": logprobs} if self.kind == "output_text" else told


class _Spoken:
    """A message, or reasoning: an item with content."""

    def __init__(self, kind: str, item_id: str, index: int) -> None:
        self.kind: Final = kind
        self.place: Final[dict[str, Any]] = {"item_id": item_id, "output_index": index}
        self.status = "in_progress"
        self._parts: list[_Part] = []

    def object(self) -> dict[str, Any]:
        told: dict[str, Any] = {"id": self.place["item_id"], "type": self.kind, "status": self.status}
        own: dict[str, Any] = {"role": "assistant"} if self.kind == "message" else {"summary": []}
        return {**told, **own, "content": [part.object() for part in self._parts]}

    def grow(self, kind: str, piece: str, logprobs: list[Any]) -> list[Event]:
        if self._parts and self._parts[-1].kind == kind:
            return [self._parts[-1].grow(piece, logprobs)]
        ended = self._parts[-1].done() if self._parts else []
        part = _Part(kind, {**self.place, "content_index": len(self._parts)})
        self._parts.append(part)
        return [*ended, part.added(), part.grow(piece, logprobs)]

    def done(self) -> list[Event]:
        return self._parts[-1].done() if self._parts else []


class _Called:
    """A call of a function, or of a custom tool."""

    kind: Final = "call"

    def __init__(self, call: Call, item_id: str, index: int, default_id: str) -> None:
        self.place: Final[dict[str, Any]] = {"item_id": item_id, "output_index": index}
        self.status = "in_progress"
        self.call_id = call.id or default_id
        self._is_custom = call.custom is not None
        self._name = ""
        self._pieces: list[str] = []

    @property
    def _said(self) -> str:
        """The name of what is said to the tool."""
        return "input" if self._is_custom else "arguments"

    def object(self) -> dict[str, Any]:
        return {
            "id": self.place["item_id"],
            "type": "custom_tool_call" if self._is_custom else "function_call",
            "status": self.status,
            "call_id": self.call_id,
            "name": self._name,
            self._said: "".join(self._pieces),
        }

    def name(self, call: Call) -> None:
        """Some servers repeat the name with each piece."""
        called = call.custom or call.function
        self._name = self._name or (called and called.name) or ""

    def grow(self, call: Call) -> list[Event]:
        called = call.custom or call.function
        piece = (called and (called.input if self._is_custom else called.arguments)) or ""
        if isinstance(piece, dict):
            piece = msgspec.json.encode(piece).decode()
        if not piece:
            return []
        self._pieces.append(piece)
        return [{"type": f"{self._prefix}.delta", **self.place, "delta": piece}]

    def done(self) -> list[Event]:
        told = self.object()
        event: Event = {"type": f"{self._prefix}.done", **self.place, self._said: told[self._said]}
        return [event if self._is_custom else event | {"name": self._name}]

    @property
    def _prefix(self) -> str:
        return "response.custom_tool_call_input" if self._is_custom else "response.function_call_arguments"


class Output:
    """All items. Its methods give the events that tell what they did."""

    def __init__(self, stem: str) -> None:
        self._stem = stem
        self._items: list[_Spoken | _Called] = []
        self._calls: dict[int, _Called] = {}
        self._open: _Spoken | None = None

    def items(self) -> list[dict[str, Any]]:
        return [item.object() for item in self._items]

    def say(self, said: Said, logprobs: Logprobs | None) -> list[Event]:
        """Take a message, or a piece of one."""
        events: list[Event] = []
        if said.thought:
            events += self._speak("reasoning", "reasoning_text", said.thought, [])
        if said.text:
            events += self._speak("message", "output_text", said.text, (logprobs and logprobs.content) or [])
        if said.refusal:
            events += self._speak("message", "refusal", said.refusal, [])
        for call in said.tool_calls or []:
            events += self._call(call)
        return events

    def close(self, *, complete: bool) -> list[Event]:
        """End every item; the last one is incomplete where the answer is. An answer of nothing is an empty message."""
        events = [] if self._items else self._speak("message", "output_text", "", [])
        for item in self._items:
            if item.status == "in_progress":
                is_cut = not complete and item is self._items[-1]
                events += self._close(item, "incomplete" if is_cut else "completed")
        return events

    def _speak(self, kind: str, part: str, piece: str, logprobs: list[Any]) -> list[Event]:
        if self._open is not None and self._open.kind == kind:
            return self._open.grow(part, piece, logprobs)
        events = self._close_spoken()
        prefix = "msg" if kind == "message" else "rs"
        self._open = _Spoken(kind, f"{prefix}_{self._stem}_{len(self._items)}", len(self._items))
        return [*events, self._add(self._open), *self._open.grow(part, piece, logprobs)]

    def _call(self, call: Call) -> list[Event]:
        place = call.index if call.index is not None else len(self._calls) - (not call.id)
        known = self._calls.get(place)
        if known is not None and call.id in (None, "", known.call_id):
            known.name(call)
            return known.grow(call)
        number = len(self._items)
        opened = _Called(call, f"fc_{self._stem}_{number}", number, f"call_{self._stem}_{number}")
        self._calls[place] = opened
        opened.name(call)
        return [*self._close_spoken(), self._add(opened), *opened.grow(call)]

    def _add(self, item: _Spoken | _Called) -> Event:
        self._items.append(item)
        return {"type": "response.output_item.added", "output_index": item.place["output_index"], "item": item.object()}

    def _close_spoken(self) -> list[Event]:
        ended, self._open = self._open, None
        return self._close(ended, "completed") if ended else []

    def _close(self, item: _Spoken | _Called, status: str) -> list[Event]:
        events = item.done()
        item.status = status
        index = item.place["output_index"]
        return [*events, {"type": "response.output_item.done", "output_index": index, "item": item.object()}]
