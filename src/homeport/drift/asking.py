"""What a probe asks of a model, what comes back, and who answers: the seam between an audit and whoever is audited."""

from collections.abc import Mapping
from typing import Protocol

import msgspec


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One question.

    Attributes:
        tokens: the longest answer.
        sure: whether log-probabilities are wanted.
    """

    prompt: str
    tokens: int = 1
    sure: bool = True


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What came of asking.

    Attributes:
        logprobs: of the first token, by token; empty where none are told.
        sampled: the model takes no temperature of 0, so the answer was drawn.
        model, fingerprint: what the answer calls its model and its system (`system_fingerprint`); "" for nothing.
        seconds: until the whole answer was there.
        error: code of what failed; "" where there is an answer.
        why: what it said, in a few words.
    """

    text: str = ""
    logprobs: Mapping[str, float] = {}
    sampled: bool = False
    model: str = ""
    fingerprint: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0
    request_id: str = ""
    error: str = ""
    why: str = ""


class Respondent(Protocol):
    """Whom questions go to: greedily where the model allows it.

    Raises:
        HomeportError: nothing more can be asked: the key is wrong, there is no such model, a budget is used up.
    """

    async def __call__(self, question: Question, /) -> Reply: ...
