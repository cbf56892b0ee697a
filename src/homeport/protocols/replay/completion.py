"""Completions of a text: the text of a choice grows in the choice itself."""

from collections.abc import Iterator
from typing import Any

from homeport.protocols.replay.base import EMPTY, UNREADABLE, NotTold, Told, spoken
from homeport.protocols.replay.merge import Growing, Rule

_CHOICE = {
    "text": Rule.TEXT,
    "index": Rule.DROP,
    "logprobs": Rule.DROP,
    "finish_reason": Rule.LAST,
    "stop_reason": Rule.LAST,
    "token_ids": Rule.LIST,
}
_HANDLED = frozenset({"text", "index", "logprobs", "finish_reason"})


class CompletionWords:
    """`ChoiceWords` of completions."""

    chunk_object = "text_completion"
    whole_object = "text_completion"

    def growing(self) -> "_Growing":
        return _Growing()

    def deltas(self, choice: Told, index: int) -> Iterator[Told]:
        """See `ChoiceWords.deltas`."""
        text = choice.get("text")
        if not isinstance(text, str):
            raise NotTold(UNREADABLE)
        for piece, logprobs in spoken(text, choice.get("logprobs")):
            yield {"index": index, "text": piece, "logprobs": logprobs, "finish_reason": None}
        rest = {name: value for name, value in choice.items() if name not in _HANDLED}
        yield {"index": index, "text": "", "logprobs": None, "finish_reason": choice.get("finish_reason"), **rest}

    def defect(self, choice: Told) -> str:
        """See `ChoiceWords.defect`."""
        text = choice.get("text")
        return "" if isinstance(text, str) and text.strip() else EMPTY


class _Growing:
    """`GrowingChoice` of a completion."""

    def __init__(self) -> None:
        self._fields = Growing(_CHOICE)
        self._logprobs = GrowingLogprobs()
        self.finish: Any = None

    def take(self, piece: Told) -> None:
        self._fields.take(piece)
        self._logprobs.take(piece.get("logprobs"))
        self.finish = piece.get("finish_reason") or self.finish

    def value(self, index: int) -> Told:
        grown = {"text": ""} | self._fields.value()
        grown.pop("finish_reason", None)
        told = {"index": index, "text": grown.pop("text"), "logprobs": self._logprobs.value()}
        return {**told, "finish_reason": self.finish, **grown}


class GrowingLogprobs:
    """The log-probabilities of a choice: lists that belong to its tokens."""

    def __init__(self) -> None:
        self._fields: Growing | None = None

    def take(self, piece: Any) -> None:
        """Those of a piece. Raises `NotTold`."""
        if piece is None:
            return
        if not isinstance(piece, dict):
            raise NotTold(UNREADABLE)
        self._fields = self._fields or Growing({}, Rule.LIST)
        self._fields.take(piece)

    def value(self) -> Told | None:
        """All of them; None where none are told."""
        return self._fields.value() if self._fields else None
