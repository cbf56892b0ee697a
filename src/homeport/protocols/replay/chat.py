"""Chats: what a choice says grows in its deltas; the calls of tools side by side, each by its index."""

from collections.abc import Iterator
from typing import Any

from homeport.protocols.answers.parts import field, listed, text_of
from homeport.protocols.answers.places import CallPlaces
from homeport.protocols.replay.base import (
    BROKEN_CALL,
    EMPTY,
    REFUSED,
    UNMERGEABLE,
    UNREADABLE,
    NotTold,
    Told,
    is_json,
    objects,
    pieces,
    says,
    spoken,
    told_object,
)
from homeport.protocols.replay.completion import GrowingLogprobs
from homeport.protocols.replay.merge import Growing, Rule

_CHOICE = {
    "stop_reason": Rule.LAST,
    "matched_stop": Rule.LAST,
    "native_finish_reason": Rule.LAST,
    "token_ids": Rule.LIST,
}
_TEXTS = ("reasoning_content", "reasoning", "content", "refusal")
_MESSAGE = {
    "role": Rule.FIRST,
    "annotations": Rule.LIST,
    "thinking_blocks": Rule.LIST,
    "obfuscation": Rule.DROP,
    **dict.fromkeys(_TEXTS, Rule.TEXT),
}
_BUILT = frozenset({"tool_calls", "function_call", "reasoning_details"})
"""Fields with pieces inside; they are put together apart from the others."""

_FUNCTION = {"arguments": Rule.TEXT, "input": Rule.TEXT}
_CALL = {"id": Rule.FIRST, "index": Rule.DROP, "function": Rule.DROP, "custom": Rule.DROP}
_DETAIL = {"text": Rule.TEXT, "summary": Rule.TEXT, "data": Rule.TEXT}
_CALLED = ("function", "custom")
_HANDLED = frozenset({"index", "message", "logprobs", "finish_reason"})
_REQUIRED: Told = {"role": "assistant", "content": None, "refusal": None}
"""What the message of a whole answer always has, and a stream may leave out."""


class ChatWords:
    """`ChoiceWords` of chats."""

    chunk_object = "chat.completion.chunk"
    whole_object = "chat.completion"

    def growing(self) -> "_Growing":
        return _Growing()

    def deltas(self, choice: Told, index: int) -> Iterator[Told]:
        """See `ChoiceWords.deltas`."""
        bare: Told = {"index": index, "delta": {}, "logprobs": None, "finish_reason": None}
        message, logprobs = told_object(choice.get("message")), choice.get("logprobs")
        texts = {name: message[name] for name in _TEXTS if isinstance(message.get(name), str) and message[name]}
        calls = objects(message["tool_calls"]) if says(message.get("tool_calls")) else []
        rest = {name: value for name, value in message.items() if name not in texts and name != "role" and says(value)}
        rest.pop("tool_calls", None)
        begun = bare | {"delta": _beginning(message)}
        yield begun if "content" in texts else begun | {"logprobs": logprobs}
        for name, text in texts.items():
            for piece, part in spoken(text, logprobs if name == "content" else None):
                yield bare | {"delta": {name: piece}, "logprobs": part}
        if rest:
            yield bare | {"delta": rest}
        for number, call in enumerate(calls):
            for told in _call_pieces(call):
                yield bare | {"delta": {"tool_calls": [{"index": number, **told}]}}
        others = {name: value for name, value in choice.items() if name not in _HANDLED}
        yield {**bare, "finish_reason": choice.get("finish_reason"), **others}

    def defect(self, choice: Told) -> str:
        """See `ChoiceWords.defect`."""
        message = told_object(choice.get("message"))
        if says(message.get("refusal")):
            return REFUSED
        calls = [*listed(message.get("tool_calls")), *([{"function": message.get("function_call")}])]
        if not all(is_json(field(field(call, "function"), "arguments")) for call in calls):
            return BROKEN_CALL
        said = text_of(message.get("content")).strip()
        others = (message.get(name) for name in ("tool_calls", "function_call", "audio", "images"))
        return "" if said or any(map(says, others)) else EMPTY


def _beginning(message: Told) -> Told:
    """The first delta: who speaks, and the fields that stay empty or are yet to be filled."""
    empty = {name: value for name, value in message.items() if not says(value)}
    content = {"content": ""} if isinstance(message.get("content"), str) else {}
    return {"role": message.get("role", "assistant"), **content, **empty}


def _call_pieces(call: Told) -> Iterator[Told]:
    """A call: what it calls first, then what it is called with."""
    given = {name: value for name, value in call.items() if name != "index"}
    for kind in _CALLED:
        called = given.get(kind)
        said = next((name for name in _FUNCTION if isinstance(field(called, name), str)), "")
        if said and isinstance(called, dict):
            yield {**given, kind: {**called, said: ""}}
            yield from ({kind: {said: piece}} for piece in pieces(called[said]))
            return
    yield given


class _Growing:
    """`GrowingChoice` of a chat."""

    def __init__(self) -> None:
        self._choice = Growing(_CHOICE)
        self._message = Growing(_MESSAGE, Rule.ONCE)
        self._called = Growing(_FUNCTION)
        self._calls: dict[int, _Call] = {}
        self._places = CallPlaces()
        self._details: dict[Any, Growing] = {}
        self._logprobs = GrowingLogprobs()
        self.finish: Any = None

    def take(self, piece: Told) -> None:
        """See `GrowingChoice.take`."""
        piece.pop("index", None)
        delta, logprobs = piece.pop("delta", None), piece.pop("logprobs", None)
        self.finish = piece.pop("finish_reason", None) or self.finish
        if logprobs is not None:
            self._logprobs.take(logprobs)
        if piece:  # Of most chunks nothing is left by now, and an answer has hundreds.
            self._choice.take(piece)
        if delta is not None:
            self._say(told_object(delta))

    def _say(self, delta: Told) -> None:
        if _BUILT.isdisjoint(delta):
            self._message.take(delta)
        else:
            self._message.take({name: value for name, value in delta.items() if name not in _BUILT or not says(value)})
            self._build(delta)
        for block in listed(delta.get("thinking_blocks")):
            if not (says(field(block, "signature")) or says(field(block, "data"))):
                raise NotTold(UNMERGEABLE)  # It is a piece of one, and nobody knows of which.

    def _build(self, delta: Told) -> None:
        if says(delta.get("function_call")):
            self._called.take(told_object(delta["function_call"]))
        for call in objects(delta.get("tool_calls") or []):
            self._calls.setdefault(self._places.of(call), _Call()).take(call)
        for detail in objects(delta.get("reasoning_details") or []):
            self._details.setdefault(_place_of(detail), Growing(_DETAIL)).take(detail)

    def value(self, index: int) -> Told:
        """See `GrowingChoice.value`."""
        message = _REQUIRED | self._message.value()
        if self._details:
            message["reasoning_details"] = [detail.value() for detail in self._details.values()]
        if called := self._called.value():
            message["function_call"] = called
        if self._calls:
            message["tool_calls"] = [call.value() for call in self._calls.values()]
        told = {"index": index, "message": message, "logprobs": self._logprobs.value(), "finish_reason": self.finish}
        return {**told, **self._choice.value()}


def _place_of(detail: Told) -> Any:
    """Which piece of reasoning is meant. Raises `NotTold` for one that has no number."""
    if not isinstance(detail.get("index"), int):
        raise NotTold(UNREADABLE)
    return detail["index"]


class _Call:
    """One call of a tool."""

    def __init__(self) -> None:
        self._fields = Growing(_CALL)
        self._called: dict[str, Growing] = {}

    def take(self, piece: Told) -> None:
        """Some servers repeat the name with each piece; one that goes on under another is not understood."""
        self._fields.take(piece)
        for kind in _CALLED:
            if piece.get(kind) is not None:
                self._called.setdefault(kind, Growing(_FUNCTION)).take(told_object(piece[kind]))

    def value(self) -> Told:
        return self._fields.value() | {kind: called.value() for kind, called in self._called.items()}
