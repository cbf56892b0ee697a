"""The streams of OpenAI's chats and completions: chunks with pieces of choices, the usage, and `[DONE]`.

Source: OpenAI's API reference, "The chat completion chunk object" and "The completion object".
"""

import re
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, Protocol

from homeport.core.types import Frame, Usage
from homeport.protocols.answers.parts import field, listed, value_of
from homeport.protocols.replay.base import (
    CUT,
    DONE,
    EMPTY,
    FAILED,
    FILTERED,
    UNFINISHED,
    UNREADABLE,
    NotTold,
    Told,
    encoded,
    finish_defect,
    objects,
    says,
    told_events,
    told_object,
)
from homeport.protocols.replay.merge import Growing, Rule

_HEAD = ("id", "object", "created", "model", "service_tier", "system_fingerprint")
_TOP = {
    "id": Rule.FIRST,
    "object": Rule.FIRST,
    "created": Rule.FIRST,
    "model": Rule.FIRST,
    "choices": Rule.DROP,
    "obfuscation": Rule.DROP,
    "service_tier": Rule.LAST,
    "system_fingerprint": Rule.LAST,
    "timings": Rule.LAST,
    "usage": Rule.LAST,
}
_FINISHES = {
    **dict.fromkeys(("stop", "tool_calls", "function_call", "eos"), ""),
    **dict.fromkeys(("length", "max_tokens", "model_length"), CUT),
    "content_filter": FILTERED,
}


class GrowingChoice(Protocol):
    """One choice of a stream."""

    finish: Any

    def take(self, piece: Told) -> None:
        """What a chunk says of it, which is taken apart. Raises `NotTold`."""

    def value(self, index: int) -> Told:
        """The choice of a whole answer. Raises `NotTold`."""


class ChoiceWords(Protocol):
    """How one of the two tells a choice. `chunk_object` and `whole_object` are what it calls its answers."""

    chunk_object: str
    whole_object: str

    def growing(self) -> GrowingChoice: ...

    def deltas(self, choice: Told, index: int) -> Iterator[Told]:
        """A whole choice in pieces; the last one says why it ended. Raises `NotTold`."""

    def defect(self, choice: Told) -> str:
        """Why what a choice says is no good; "" where it is."""


class ChunkTelling:
    """`Telling` of both."""

    ends = (re.compile(rb'"usage"\s*+:\s*+(?!null)'), re.compile(rb"\[DONE\]"))

    def __init__(self, words: ChoiceWords) -> None:
        self._words = words

    def id_of(self, event: Any) -> Any:
        """See `Telling.id_of`."""
        return field(event, "id")

    def put_together(self, events: bytes) -> Told:
        """See `Telling.put_together`."""
        answer, choices = Growing(_TOP), dict[int, GrowingChoice]()
        before: Told = {}
        for chunk in told_events(events):
            if says(chunk.get("error")):
                raise NotTold(FAILED)
            for piece in objects(chunk.pop("choices", None) or []):
                self._choice(choices, piece).take(piece)
            if chunk != before:
                answer.take(chunk)
                before = chunk
        if not choices or not all(says(choice.finish) for choice in choices.values()):
            raise NotTold(UNFINISHED)
        return self._whole(answer.value(), choices)

    def _choice(self, choices: dict[int, GrowingChoice], piece: Told) -> GrowingChoice:
        index = piece.get("index") or 0
        if not isinstance(index, int):
            raise NotTold(UNREADABLE)
        if index not in choices:
            choices[index] = self._words.growing()
        return choices[index]

    def _whole(self, top: Told, choices: dict[int, GrowingChoice]) -> Told:
        head = {name: top.pop(name) for name in _HEAD if name in top}
        if head.get("object", "") in ("", self._words.chunk_object):
            head["object"] = self._words.whole_object
        return {**head, "choices": [choices[index].value(index) for index in sorted(choices)], **top}

    def cut(self, body: bytes, usage: Usage | None) -> Iterator[Frame]:
        """See `Telling.cut`."""
        answer = told_object(value_of(body))
        choices = dict(_numbered(objects(answer.get("choices"))))
        columns = [self._words.deltas(choice, index) for index, choice in choices.items()]
        told = [piece for step in zip_longest(*columns) for piece in step if piece is not None]
        head = {name: answer[name] for name in _HEAD if name in answer} | {"object": self._words.chunk_object}
        reports = says(answer.get("usage"))
        rest = {name: value for name, value in answer.items() if name not in (*_HEAD, "choices")}
        counted = rest.pop("usage") if reports else None
        for place, piece in enumerate(told, start=1):
            yield _content({**head, "choices": [piece], **(rest if place == len(told) else {})})
        if reports:
            data = _event({**head, "choices": [], "usage": counted})
            yield Frame(data=data, usage=usage, closing=True, usage_only=True)
        yield Frame(data=b"data: [DONE]\n\n", closing=True)

    def stored_frame(self, event: bytes, data: bytes, usage: Usage | None) -> Frame:
        """See `Telling.stored_frame`."""
        if data.strip() == DONE:
            return Frame(data=event, closing=True)
        chunk = value_of(data) if b'"usage"' in data else None
        if not says(field(chunk, "usage")):
            return Frame(data=event, events=1)
        if listed(field(chunk, "choices")):
            return Frame(data=event, events=1, usage=usage)
        return Frame(data=event, usage=usage, closing=True, usage_only=True)

    def count(self, block: bytes) -> int:
        """See `Telling.count`."""
        return block.count(b"\n\n")

    def defect(self, answer: Told) -> str:
        """See `Telling.defect`."""
        if says(answer.get("error")):
            return FAILED
        choices = objects(answer.get("choices"))
        ends = [finish_defect(choice.get("finish_reason"), _FINISHES) for choice in choices]
        found = [defect for defect in ends if defect] or [self._words.defect(choice) for choice in choices]
        return next((defect for defect in found if defect), "") if choices else EMPTY


def _numbered(choices: list[Told]) -> list[tuple[int, Told]]:
    """The choices by their index. Raises `NotTold` where two have the same, or there is none."""
    found = [
        (index if isinstance(index := choice.get("index"), int) else at, choice) for at, choice in enumerate(choices)
    ]
    if not found or len(dict(found)) < len(found):
        raise NotTold(UNREADABLE)
    return found


def _event(chunk: Told) -> bytes:
    return b"data: " + encoded(chunk) + b"\n\n"


def _content(chunk: Told) -> Frame:
    return Frame(data=_event(chunk), events=1)
