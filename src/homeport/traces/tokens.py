"""The tokens of a kept answer with their log-probabilities, and what might have stood in their places.

Sources: OpenAI's API reference, "The chat completion object" (`logprobs.content`), "The response object".
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from homeport.core.captured import Captured
from homeport.core.types import Surface
from homeport.protocols.answers.parts import data_events, field, listed, value_of

MOST = 20_000
_ALTERNATIVES = 20
_LEAST = 1e9


class Alternative(msgspec.Struct, frozen=True):
    """Another token that the model thought of, and its log-probability in nats."""

    token: str
    logprob: float


class SaidToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token that was said. `others`: the likeliest at its place, itself among them where it was one of these."""

    token: str
    logprob: float
    others: tuple[Alternative, ...] = ()


def tokens_of(captured: Captured) -> tuple[SaidToken, ...]:
    """In order, at most `MOST`; none where the answer tells no log-probabilities."""
    parts = data_events(captured.answer) if captured.stream else (captured.answer,)
    told = (value_of(part) for part in parts if b"logprob" in part)
    listing = _of_response if captured.answered is Surface.RESPONSES else _of_choice
    tokens: list[SaidToken] = []
    for part in told:
        tokens += [token for one in listing(part) if (token := _token(one)) is not None]
    return tuple(tokens[:MOST])


def _of_choice(part: Any) -> list[Any]:
    """Of the first choice of a chat or a completion, or of a piece of one."""
    first = next((one for one in listed(field(part, "choices")) if field(one, "index") in (0, None)), None)
    return listed(field(field(first, "logprobs"), "content"))


def _of_response(part: Any) -> list[Any]:
    if field(part, "type") == "response.output_text.delta":
        return listed(field(part, "logprobs"))
    return list(_of_outputs(part))


def _of_outputs(response: Any) -> Iterator[Any]:
    for item in listed(field(response, "output")):
        for content in listed(field(item, "content")):
            yield from listed(field(content, "logprobs"))


def _token(told: Any) -> SaidToken | None:
    one = _alternative(told)
    if one is None:
        return None
    others = (_alternative(other) for other in listed(field(told, "top_logprobs"))[:_ALTERNATIVES])
    kept = tuple(other for other in others if other is not None)
    return SaidToken(token=one.token, logprob=one.logprob, others=kept)


def _alternative(told: Any) -> Alternative | None:
    token, logprob = field(told, "token"), field(told, "logprob")
    if not isinstance(token, str) or not isinstance(logprob, int | float) or isinstance(logprob, bool):
        return None
    if not -_LEAST <= logprob <= _LEAST:
        return None
    return Alternative(token, float(logprob))
