"""What evaluation is handed: somebody who answers, and what was answered, token by token."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec


class Runner(msgspec.Struct, frozen=True):
    """A token that was not taken, and the natural logarithm of its probability."""

    token: str
    logprob: float


class Token(msgspec.Struct, frozen=True):
    """One token of an answer.

    Attributes:
        text: as the engine spells it.
        logprob: natural logarithm of its probability.
        runners: the likeliest tokens that were not taken, best first; empty where the engine does not tell.
    """

    text: str
    logprob: float
    runners: tuple[Runner, ...] = ()

    @property
    def margin(self) -> float | None:
        """By how much it was likelier than the best of the others, in nats; None where no other is told."""
        return self.logprob - self.runners[0].logprob if self.runners else None

    def logprob_of(self, text: str) -> float | None:
        """Of this token or of a runner-up; None where the engine did not tell it."""
        if text == self.text:
            return self.logprob
        return next((runner.logprob for runner in self.runners if runner.token == text), None)


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked: a chat, or a text to go on with where there are no messages.

    Attributes:
        max_tokens: the longest answer.
        fields: more fields of the request, such as `cache_prompt`.
    """

    messages: tuple[Mapping[str, str], ...] = ()
    prompt: str = ""
    max_tokens: int = 64
    fields: Mapping[str, Any] = {}


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came.

    Attributes:
        tokens: empty where the engine tells no log-probabilities.
        prompt_tokens: of the rendered prompt; 0 where the engine does not say.
        finish: why it ended: "stop" or "length".
        rendered: the prompt with the chat template applied; None where the engine cannot tell.
    """

    text: str
    tokens: tuple[Token, ...] = ()
    prompt_tokens: int = 0
    finish: str = ""
    rendered: str | None = None

    @property
    def logprobs(self) -> tuple[float, ...]:
        return tuple(token.logprob for token in self.tokens)


class Answerer(Protocol):
    """Asks greedily (temperature 0, a fixed seed), with log-probabilities where the engine has them.

    Raises:
        UpstreamError: no answer came.
    """

    async def __call__(self, question: Question) -> Answer: ...


class Told(Protocol):
    """Is told how far a long step is: so many of so many."""

    def __call__(self, done: int, of: int) -> None: ...


def least_margin(tokens: Sequence[Token]) -> float | None:
    """How near an answer was to being another: the smallest margin of its tokens; None where none is told."""
    return min((margin for token in tokens if (margin := token.margin) is not None), default=None)
