"""Chat completions.

Source: OpenAI's API reference, "The chat completion object" and "The chat completion chunk object".
"""

from typing import Any

import msgspec
from msgspec import Raw, Struct

from homeport.core.routing import Answer, TokenLogprob
from homeport.protocols.answers.parts import (
    NULL,
    TOP,
    Fields,
    Token,
    choices_without,
    data_events,
    field,
    listed,
    raw,
    read,
    rewritten,
    said,
    text_of,
    tokens_of,
    told_tokens,
    value_of,
)
from homeport.protocols.answers.places import CallPlaces


class _Choice(Struct):
    index: Raw = NULL
    message: Raw = NULL
    delta: Raw = NULL
    logprobs: Raw = NULL
    finish_reason: Raw = NULL


class _Answer(Struct):
    choices: list[Raw] = []


class _Logprobs(Struct):
    content: Raw = NULL


class _ToldLogprobs(Struct, gc=False):
    content: tuple[Token, ...] | None = None


class _ToldChoice(Struct):
    index: int | None = None
    message: Raw = NULL
    delta: Raw = NULL
    logprobs: _ToldLogprobs | None = None
    finish_reason: str | None = None


class _ToldAnswer(Struct):
    choices: list[_ToldChoice] = []


_TOLD = msgspec.json.Decoder(_ToldAnswer)
_ANSWER = msgspec.json.Decoder(_Answer)
_CHOICE = msgspec.json.Decoder(_Choice)
_LOGPROBS = msgspec.json.Decoder(_Logprobs)
_BOOL = msgspec.json.Decoder(bool)
_WORD = b'"logprobs"'


class ChatReading:
    """`AnswerReading` of chats."""

    def asking(self, fields: Fields) -> Fields | None:
        """With the log-probabilities asked for; None where the caller did, or llama.cpp would refuse it."""
        has_tools = bool(listed(value_of(fields.get("tools", NULL))))
        if said(fields, "logprobs", _BOOL) or (has_tools and said(fields, "stream", _BOOL)):
            return None
        return {**fields, "logprobs": Raw(b"true"), "top_logprobs": raw(TOP)}

    def whole(self, body: bytes) -> Answer:
        growing = ChatGrowing("message")
        growing.read(body)
        return growing.answer(whole=True)

    def growing(self) -> "ChatGrowing":
        return ChatGrowing("delta")

    def bare(self, body: bytes) -> bytes:
        return (_bare(body) or body) if _WORD in body else body

    def bare_events(self, block: bytes) -> bytes:
        return rewritten(block, _WORD, _bare)


class ChatGrowing:
    """The first choice of a chat, piece by piece.

    Args:
        part: where a choice has what is said: `message` or `delta`.
    """

    def __init__(self, part: str) -> None:
        self._part = part
        self._texts: list[str] = []
        self._finish = ""
        self._refused = False
        self._calls: dict[int, tuple[list[str], list[str]]] = {}
        self._places = CallPlaces()
        self._tokens: list[TokenLogprob] = []

    def feed(self, block: bytes) -> None:
        for data in data_events(block):
            self.read(data)

    def read(self, data: bytes) -> None:
        """One chunk, or a whole answer: in one pass where it is as it should be, else field by field."""
        if told := read(data, _TOLD):
            for whole in told.choices:
                if not whole.index:
                    self._read_told(whole)
            return
        answer = read(data, _ANSWER)
        for one in answer.choices if answer else ():
            choice = read(one, _CHOICE)
            if choice is not None and value_of(choice.index) in (0, None):
                self._read_choice(choice)

    def _read_told(self, choice: _ToldChoice) -> None:
        self._read_said(value_of(choice.message if self._part == "message" else choice.delta))
        self._finish = choice.finish_reason or self._finish
        if choice.logprobs is not None:
            self._tokens += told_tokens(choice.logprobs.content or ())

    def _read_choice(self, choice: _Choice) -> None:
        self._read_said(value_of(choice.message if self._part == "message" else choice.delta))
        finish = value_of(choice.finish_reason)
        self._finish = finish if isinstance(finish, str) else self._finish
        if bytes(choice.logprobs) != b"null":
            logprobs = read(choice.logprobs, _LOGPROBS)
            self._tokens += tokens_of(logprobs.content) if logprobs else ()

    def _read_said(self, told: Any) -> None:
        self._texts.append(text_of(field(told, "content")))
        self._refused = self._refused or bool(field(told, "refusal"))
        for number, call in enumerate(listed(field(told, "tool_calls"))):
            self._read_call(number, call)

    def _read_call(self, number: int, call: Any) -> None:
        names, arguments = self._calls.setdefault(self._place(number, call), ([], []))
        function = field(call, "function")
        names.append(text_of(field(function, "name")))
        arguments.append(text_of(field(function, "arguments")))

    def _place(self, number: int, call: Any) -> int:
        """Which call is meant; a whole answer has them in order."""
        return number if self._part == "message" else self._places.of(call)

    def answer(self, *, whole: bool) -> Answer:
        calls = list(self._calls.values())
        return Answer(
            text="".join(self._texts),
            finish="content_filter" if self._refused else self._finish,
            tool_calls=tuple("".join(arguments) for _, arguments in calls),
            tools=tuple("".join(names) for names, _ in calls),
            logprobs=tuple(self._tokens),
            whole=whole or bool(self._finish),
        )


def _bare(data: bytes) -> bytes | None:
    return choices_without(data, null=False)
