"""Answers of the transformers engine in OpenAI's words: whole, and as chunks of a stream."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from homeport.engines.children.asked import Asked


@dataclass(frozen=True)
class Told:
    """One token: its text, its log-probability (None for the first of a prompt), and the likeliest in its place."""

    text: str
    logprob: float | None
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Piece:
    """What is new in an answer; `finish` is its reason to end, on its last piece."""

    text: str
    told: tuple[Told, ...] = ()
    finish: str | None = None


@dataclass
class Counts:
    """Tokens of a request."""

    prompt: int
    completion: int = 0

    def usage(self) -> dict[str, int]:
        return {
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": self.prompt + self.completion,
        }


@dataclass
class Wording:
    """Puts one answer into words.

    Attributes:
        created: seconds since the epoch.
    """

    asked: Asked
    model: str
    name: str
    created: int
    _offset: int = field(default=0, init=False)
    _begun: bool = field(default=False, init=False)

    def chunk(self, piece: Piece) -> dict[str, Any]:
        """One event of a stream."""
        if self.asked.messages is None:
            return self._head("text_completion") | {"choices": [self._text_choice(piece)]}
        delta: dict[str, str] = {} if self._begun else {"role": "assistant"}
        self._begun = True
        if piece.text or piece.told or piece.finish is None:
            delta["content"] = piece.text
        choice = {"index": 0, "delta": delta, "finish_reason": piece.finish} | self._chat_logprobs(piece.told)
        return self._head("chat.completion.chunk") | {"choices": [choice]}

    def last(self, counts: Counts) -> dict[str, Any]:
        """The event that tells the usage."""
        kind = "text_completion" if self.asked.messages is None else "chat.completion.chunk"
        return self._head(kind) | {"choices": [], "usage": counts.usage()}

    def whole(self, pieces: Sequence[Piece], counts: Counts) -> dict[str, Any]:
        """An answer in one."""
        told = tuple(token for piece in pieces for token in piece.told)
        piece = Piece("".join(piece.text for piece in pieces), told, pieces[-1].finish)
        if self.asked.messages is None:
            return self._head("text_completion") | {"choices": [self._text_choice(piece)], "usage": counts.usage()}
        message = {"role": "assistant", "content": piece.text}
        choice = {"index": 0, "message": message, "finish_reason": piece.finish} | self._chat_logprobs(told)
        return self._head("chat.completion") | {"choices": [choice], "usage": counts.usage()}

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.name, "object": kind, "created": self.created, "model": self.model}

    def _text_choice(self, piece: Piece) -> dict[str, Any]:
        choice: dict[str, Any] = {"index": 0, "text": piece.text, "finish_reason": piece.finish, "logprobs": None}
        if self.asked.top is not None and piece.told:
            offsets = []
            for told in piece.told:
                offsets.append(self._offset)
                self._offset += len(told.text)
            choice["logprobs"] = {
                "tokens": [told.text for told in piece.told],
                "token_logprobs": [told.logprob for told in piece.told],
                "top_logprobs": [None if told.logprob is None else dict(told.top) for told in piece.told],
                "text_offset": offsets,
            }
        return choice

    def _chat_logprobs(self, told: Sequence[Told]) -> dict[str, Any]:
        if self.asked.top is None:
            return {"logprobs": None}
        return {"logprobs": {"content": [_chat_token(token) for token in told]}}


def _chat_token(told: Told) -> dict[str, Any]:
    top = [_candidate(text, logprob) for text, logprob in told.top]
    return _candidate(told.text, told.logprob) | {"top_logprobs": top}


def _candidate(text: str, logprob: float | None) -> dict[str, Any]:
    return {"token": text, "logprob": logprob, "bytes": list(text.encode(errors="replace"))}
