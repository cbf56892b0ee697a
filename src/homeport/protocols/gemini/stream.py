"""Gemini's streams as OpenAI's, and back. Each event of Gemini's is a whole answer of what is new."""

from typing import Any

import msgspec
from msgspec import Raw, Struct

from homeport.core.errors import BadAnswer, StreamCut
from homeport.core.types import Usage
from homeport.protocols.gemini.answer import (
    ChatAnswer,
    ChatChoice,
    candidate,
    carried,
    chat_parts,
    finish_reason,
    gemini_head,
    gemini_usage,
    head,
    logprobs,
    read_chat,
    refusal,
    said,
)
from homeport.protocols.gemini.usage import chat_usage, read_usage
from homeport.protocols.gemini.wire import Candidate, Response, read_response

Chunk = dict[str, Any]


class ChatChunks:
    """Makes chat chunks of Gemini's events. There is no end marker: a stream is over when each candidate has a reason.

    Attributes:
        usage: the last usage that an event reported; it counts from the start of the stream.
        finished: every candidate so far gave its finish reason, or the prompt was blocked.
    """

    def __init__(self, *, model: str, answer_id: str, created: int) -> None:
        """The arguments are those of `chat_completion`."""
        self._model = model
        self._id = answer_id
        self._created = created
        self._calls: dict[int, int] = {}
        self._ended: dict[int, bool] = {}
        self._last = Response()
        self.usage: Usage | None = None

    @property
    def finished(self) -> bool:
        return bool(self._ended) and all(self._ended.values())

    def feed(self, data: bytes) -> list[Chunk]:
        """The chunks of one event.

        Raises:
            BadAnswer: it is no event of this API, or the model broke off.
        """
        response = self._last = read_response(data)
        # Every event names the answer, but nothing says that it must.
        self._id, self._model = response.response_id or self._id, response.model_version or self._model
        self.usage = read_usage(response.usage_metadata) or self.usage
        choices = [choice for said in response.candidates for choice in self._choices(said)]
        if words := refusal(response):
            self._ended[0] = True
            delta = {"role": "assistant", "content": None, "refusal": words}
            choices = [{"index": 0, "delta": delta, "finish_reason": "content_filter"}]
        return [self._head() | {"choices": [choice]} for choice in choices]

    def close(self) -> Chunk | None:
        """The usage chunk; None where no usage was reported.

        Raises:
            StreamCut: the answer did not come to its end.
        """
        if not self.finished:
            raise StreamCut("the upstream's stream ended before the answer did", hint="try again")
        return self._head() | {"usage": chat_usage(self.usage)} if self.usage else None

    def _head(self) -> Chunk:
        return head(self._last, "chat.completion.chunk", model=self._model, answer_id=self._id, created=self._created)

    def _choices(self, new: Candidate) -> list[dict[str, Any]]:
        delta = said(new, self._id, self._calls.get(new.index, 0))
        begins = new.index not in self._ended
        self._number(new.index, delta)
        finish = finish_reason(new, has_calls=bool(self._calls.get(new.index)))
        self._ended[new.index] = finish is not None or self._ended.get(new.index, False)
        if not begins:
            del delta["role"]
        if delta.get("content", "") is None and not begins:
            del delta["content"]
        probabilities = {"logprobs": told} if (told := logprobs(new.logprobs_result)) else {}
        choice = {"index": new.index, "delta": delta, **probabilities, "finish_reason": finish, **carried(new)}
        if finish and "tool_calls" in delta:
            # OpenAI says why it ended in a chunk of its own, and clients take the calls to be complete by it.
            return [choice | {"finish_reason": None}, {"index": new.index, "delta": {}, "finish_reason": finish}]
        return [choice] if begins or delta or finish or probabilities or "extra_content" in choice else []

    def _number(self, index: int, delta: dict[str, Any]) -> None:
        """Count calls through the stream: their `index` tells the deltas of one from those of another."""
        start = self._calls.get(index, 0)
        for number, call in enumerate(delta.get("tool_calls", []), start):
            call["index"] = number
        self._calls[index] = start + len(delta.get("tool_calls", []))


class _CallDelta(Struct):
    index: int = 0
    id: str | None = None
    function: dict[str, Any] | None = None
    extra_content: Any = None


class _Delta(Struct):
    content: str | None = None
    reasoning_content: str | None = None
    refusal: str | None = None
    extra_content: Any = None
    tool_calls: list[_CallDelta] | None = None
    images: Any = None


class GeminiEvents:
    """Makes Gemini's events of chat chunks. A call is told whole, when its choice is finished."""

    def __init__(self) -> None:
        self._calls: dict[int, dict[int, dict[str, Any]]] = {}
        self._open: set[int] = set()
        self._begun = False

    def feed(self, data: bytes) -> list[bytes]:
        """The events of one chunk, as JSON.

        Raises:
            BadAnswer: it is no chunk, or its calls make no sense.
        """
        answer = read_chat(data)
        usage = gemini_usage(answer.usage)
        events = [event for choice in answer.choices for event in self._events(answer, choice, usage)]
        if usage and not answer.choices:
            events = [gemini_head(answer) | usage]
        return [msgspec.json.encode(event) for event in events]

    def close(self) -> None:
        """Raises StreamCut where a choice is not finished."""
        if self._open or not self._begun:
            raise StreamCut("the upstream's stream ended before the answer did", hint="try again")

    def _events(self, answer: ChatAnswer, choice: ChatChoice, usage: dict[str, Any]) -> list[dict[str, Any]]:
        self._begun = True
        self._open.add(choice.index)
        parts = self._parts(choice)
        if choice.finish_reason:
            self._open.discard(choice.index)
            parts += self._finished_calls(choice.index)
        elif not parts and choice.logprobs is None:
            return []
        return [gemini_head(answer) | {"candidates": [candidate(choice, parts)]} | usage]

    def _parts(self, choice: ChatChoice) -> list[Any]:
        try:
            delta = msgspec.json.decode(choice.delta, type=_Delta | None) or _Delta()
        except msgspec.DecodeError as error:
            raise BadAnswer("the upstream's chunk holds no delta") from error
        calls = self._calls.setdefault(choice.index, {})
        for call in delta.tool_calls or []:
            _add(calls.setdefault(call.index, {"function": {"name": "", "arguments": ""}}), call)
        message = {name: value for name in _SAID if (value := getattr(delta, name))}
        return chat_parts(Raw(msgspec.json.encode(message))) if message else []

    def _finished_calls(self, index: int) -> list[Any]:
        calls = self._calls.pop(index, {})
        message = {"tool_calls": [calls[number] for number in sorted(calls)]}
        return chat_parts(Raw(msgspec.json.encode(message))) if calls else []


_SAID = ("content", "reasoning_content", "refusal", "extra_content", "images")


def _add(call: dict[str, Any], delta: _CallDelta) -> None:
    function = delta.function or {}
    for name in ("name", "arguments"):
        if isinstance(piece := function.get(name), str):
            call["function"][name] += piece
    if delta.id:
        call["id"] = delta.id
    if delta.extra_content is not None:
        call["extra_content"] = delta.extra_content
