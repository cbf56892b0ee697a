"""Chunks of OpenAI's chats and completions.

A chunk has no place that says where a text ends but the choice's finish reason; what is held of it is told before, and
before the model begins to say something of another kind.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from homeport.privacy.restoration.channels import Channels, Event, plain

_TEXTS = frozenset(
    {"content", "text", "refusal", "reasoning", "reasoning_content", "thinking", "transcript", "summary"}
)
_CALLED = frozenset({"arguments", "input"})
_KINDS = {"reasoning": "thought", "reasoning_content": "thought", "reasoning_details": "thought", "thinking": "thought"}
_KINDS |= {"tool_calls": "call", "function_call": "call"}
_OF_EVERY_CHUNK = ("id", "object", "created", "model", "system_fingerprint", "provider")

_Path = tuple[str | tuple[str, Any], ...]
"""Names of fields, and of items of lists what tells them apart, as field and value."""

_Leaf = tuple[_Path, dict[str, Any], str]
"""A text: its path, and the object and field that hold it."""


class ChatWords:
    """`Words` of chats; a completion's text is in the choice itself."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels
        self._head: Event = {}

    def event(self, told: Event) -> tuple[list[Event], Event]:
        """See `Words.event`."""
        self._head = {name: told[name] for name in _OF_EVERY_CHUNK if name in told} or self._head
        before: list[Event] = []
        choices = told.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict):
                before += self._choice(choice)
        return before, told

    def rest(self) -> list[Event]:
        """See `Words.rest`."""
        return [self._chunk(*held) for held in self._channels.flush()]

    def _choice(self, choice: dict[str, Any]) -> Iterator[Event]:
        index = plain(choice.get("index")) or 0
        leaves = list(_leaves_of(choice))
        speaks = {_kind(path) for path, holder, name in leaves if holder[name]}
        done = choice.get("finish_reason") is not None
        yield from self._ended(index, speaks)
        for path, holder, name in leaves:
            holder[name] = self._channels.feed((index, path), holder[name], name=name)
        if done:
            here = {path: (holder, name) for path, holder, name in leaves}
            for key, held in self._channels.flush(lambda key: key[0] == index):
                if key[1] in here:
                    holder, name = here[key[1]]
                    holder[name] += held
                else:
                    yield self._chunk(key, held)

    def _ended(self, index: int | str, speaks: set[str]) -> Iterator[Event]:
        """Words and thoughts end where something of another kind begins; calls may come side by side."""
        for key, held in self._channels.flush(
            lambda key: key[0] == index and (kind := _kind(key[1])) != "call" and bool(speaks - {kind})
        ):
            yield self._chunk(key, held)

    def _chunk(self, key: tuple[int | str, _Path], held: str) -> Event:
        index, path = key
        if path == ("text",):
            choice = {"index": index, "text": held, "logprobs": None, "finish_reason": None}
        else:
            choice = {"index": index, "delta": _built(path, held), "finish_reason": None}
        return {**self._head, "choices": [choice]}


def _leaves_of(choice: dict[str, Any]) -> Iterator[_Leaf]:
    if isinstance(choice.get("text"), str):
        yield ("text",), choice, "text"
    said = choice.get("delta") or choice.get("message")
    if isinstance(said, dict):
        yield from _leaves(said, ())


def _leaves(holder: dict[str, Any], path: _Path) -> Iterator[_Leaf]:
    for name, value in holder.items():
        if isinstance(value, str):
            if name in _TEXTS or (name in _CALLED and path):
                yield (*path, name), holder, name
        elif isinstance(value, dict):
            yield from _leaves(value, (*path, name))
        elif isinstance(value, list):
            yield from _items(value, (*path, name))


def _items(items: Iterable[Any], path: _Path) -> Iterator[_Leaf]:
    for item in items:
        if isinstance(item, dict):
            told_apart = "index" if "index" in item else "type"
            yield from _leaves(item, (*path, (told_apart, plain(item.get(told_apart)))))


def _kind(path: _Path) -> str:
    """`said`, `thought` or `call`."""
    steps = [step for step in path if isinstance(step, str)]
    return _KINDS.get(steps[0], _KINDS.get(steps[-2] if len(steps) > 1 else "", "said"))


def _built(path: _Path, text: str) -> Any:
    """The smallest delta that has a text at a path."""
    value: Any = text
    for step in reversed(path):
        value = {step: value} if isinstance(step, str) else [{step[0]: step[1], **value}]
    return value
