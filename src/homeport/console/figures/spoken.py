"""What a kept request says, as the page of a request shows it: all of it to be seen, and none of it endless."""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import msgspec

from homeport.core.captured import Captured
from homeport.inspection.visible import shown, visible
from homeport.protocols.answers.parts import value_of
from homeport.traces.said import Message, Said
from homeport.traces.tokens import SaidToken

MOST_CHARS = 40_000
MOST_TOKENS = 2_000
MOST_IN_ALL = 400_000
"""Characters of all turns together: what cannot be seen takes time to be named."""
MOST_CALLS = 100
MOST_OPTIONS = 100
_MOST_TURNS = 200
_SHADES = 9
_SPOKEN = frozenset({"messages", "input", "prompt", "system", "instructions"})


class Turn(msgspec.Struct, frozen=True):
    """One turn. `role` is the caller's own word for who speaks."""

    role: str
    text: str


class SpokenToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token of the answer.

    Attributes:
        probability: that it was said.
        shade: from 0, hardly likely, to 9, certain.
        told: it and what else could have stood there, in a line.
    """

    text: str
    probability: float
    shade: int
    told: str


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation and its answer. `further`: turns, calls or tokens that are not shown."""

    turns: tuple[Turn, ...]
    further_turns: int
    answer: str
    finish: str
    calls: tuple[tuple[str, str], ...]
    further_calls: int
    tokens: tuple[SpokenToken, ...]
    further_tokens: int


class Option(msgspec.Struct, frozen=True):
    """A field of the request beside what is said, such as its temperature, as JSON."""

    name: str
    value: str


def spoken(said: Said) -> Spoken:
    """What is shown of it."""
    turns, calls, tokens = _first(said.messages), said.tool_calls[:MOST_CALLS], said.tokens[:MOST_TOKENS]
    return Spoken(
        turns=tuple(Turn(shown(turn.role, 40), shown(turn.text, MOST_CHARS)) for turn in turns),
        further_turns=len(said.messages) - len(turns),
        answer=shown(said.answer, MOST_CHARS),
        finish=shown(said.finish, 40),
        calls=tuple((shown(call.name, 200), shown(call.arguments, MOST_CHARS // 10)) for call in calls),
        further_calls=len(said.tool_calls) - len(calls),
        tokens=tuple(map(_token, tokens)),
        further_tokens=len(said.tokens) - len(tokens),
    )


def options_of(kept: Captured) -> tuple[Option, ...]:
    """What a request says beside its turns, in the order in which it says it."""
    fields = value_of(kept.body)
    said: Mapping[str, Any] = fields if isinstance(fields, dict) else {}
    others = [name for name in said if name not in _SPOKEN]
    told = [Option(shown(name, 80), shown(_as_json(said[name]), 400)) for name in others[:MOST_OPTIONS]]
    if further := len(others) - len(told):
        told.append(Option("\u2026", f"{further} further fields are not shown"))
    return tuple(told)


def _first(messages: Sequence[Message]) -> Sequence[Message]:
    """The turns that are shown, from the first; each of them is cut at `MOST_CHARS`."""
    sizes = accumulate(min(len(turn.text), MOST_CHARS) for turn in messages[:_MOST_TURNS])
    return messages[: bisect_right(list(sizes), MOST_IN_ALL)]


def _as_json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _token(token: SaidToken) -> SpokenToken:
    probability = _probability(token.logprob)
    others = [other for other in token.others if other.token != token.token]
    named = [(token.token, probability), *((other.token, _probability(other.logprob)) for other in others)]
    return SpokenToken(
        text=shown(token.token, 200),
        probability=probability,
        shade=round(probability * _SHADES),
        told="   ".join(f"{visible(text, 40)} {chance:.1%}" for text, chance in named),
    )


def _probability(logprob: float) -> float:
    """No probability is above 1, whatever is told."""
    return math.exp(min(0.0, max(-700.0, logprob)))
