"""Completions of a text. llama.cpp tells probabilities as in a chat, others as OpenAI's older API has them.

Source: OpenAI's API reference, "The completion object".
"""

from typing import Any

import msgspec
from msgspec import Raw, Struct

from homeport.core.routing import Answer, TokenLogprob
from homeport.protocols.answers.parts import (
    NULL,
    TOP,
    Fields,
    choices_without,
    data_events,
    field,
    listed,
    raw,
    read,
    rewritten,
    text_of,
    tokens_of,
    value_of,
)


class _Choice(Struct):
    index: Raw = NULL
    text: Raw = NULL
    logprobs: Raw = NULL
    finish_reason: Raw = NULL


class _Answer(Struct):
    choices: list[Raw] = []


class _Logprobs(Struct):
    content: Raw = NULL


_ANSWER = msgspec.json.Decoder(_Answer)
_CHOICE = msgspec.json.Decoder(_Choice)
_LOGPROBS = msgspec.json.Decoder(_Logprobs)
_WORD = b'"logprobs"'


class CompletionReading:
    """`AnswerReading` of completions."""

    def asking(self, fields: Fields) -> Fields | None:
        return {**fields, "logprobs": raw(TOP)} if value_of(fields.get("logprobs", NULL)) is None else None

    def whole(self, body: bytes) -> Answer:
        growing = CompletionGrowing()
        growing.read(body)
        return growing.answer(whole=True)

    def growing(self) -> "CompletionGrowing":
        return CompletionGrowing()

    def bare(self, body: bytes) -> bytes:
        return (_bare(body) or body) if _WORD in body else body

    def bare_events(self, block: bytes) -> bytes:
        return rewritten(block, _WORD, _bare)


class CompletionGrowing:
    """The first choice, piece by piece."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._finish = ""
        self._tokens: list[TokenLogprob] = []

    def feed(self, block: bytes) -> None:
        for data in data_events(block):
            self.read(data)

    def read(self, data: bytes) -> None:
        """One chunk, or a whole answer."""
        answer = read(data, _ANSWER)
        for one in answer.choices if answer else ():
            choice = read(one, _CHOICE)
            if choice is not None and value_of(choice.index) in (0, None):
                self._texts.append(text_of(value_of(choice.text)))
                finish = value_of(choice.finish_reason)
                self._finish = finish if isinstance(finish, str) else self._finish
                self._tokens += _tokens(choice.logprobs)

    def answer(self, *, whole: bool) -> Answer:
        logprobs = tuple(self._tokens)
        return Answer(
            text="".join(self._texts), finish=self._finish, logprobs=logprobs, whole=whole or bool(self._finish)
        )


def _tokens(logprobs: Raw) -> list[TokenLogprob]:
    if bytes(logprobs) == b"null":
        return []
    as_chat = read(logprobs, _LOGPROBS)
    if as_chat is not None and bytes(as_chat.content) != b"null":
        return tokens_of(as_chat.content)
    told = value_of(logprobs)
    tokens, probabilities = listed(field(told, "tokens")), listed(field(told, "token_logprobs"))
    tops = listed(field(told, "top_logprobs"))
    return [
        TokenLogprob(str(token), float(logprob), _runner_up(token, tops[place] if place < len(tops) else None))
        for place, (token, logprob) in enumerate(zip(tokens, probabilities, strict=False))
        if _is_number(logprob)
    ]


def _runner_up(chosen: Any, top: Any) -> float | None:
    others = [float(logprob) for token, logprob in _pairs(top) if token != chosen and _is_number(logprob)]
    return max(others) if others else None


def _pairs(top: Any) -> list[tuple[str, Any]]:
    return list(top.items()) if isinstance(top, dict) else []


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _bare(data: bytes) -> bytes | None:
    return choices_without(data, null=True)
