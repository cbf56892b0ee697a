"""One request from tokens to pieces of text: what the server says, whatever it is said in."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from homeport.engines.children.answer import Counts, Piece, Told
from homeport.engines.children.asked import Asked, Refused, Sampling
from homeport.engines.children.text import Spelling, Stops


class Step(Protocol):
    """One token of a model, see `model.Step`."""

    @property
    def token(self) -> int: ...
    @property
    def logprob(self) -> float | None: ...
    @property
    def top(self) -> tuple[tuple[int, float], ...]: ...


class Speaker(Protocol):
    """What is needed of a model; `model.Model` is one."""

    def render(self, messages: list[dict[str, Any]]) -> str: ...
    def encode(self, text: str, *, special: bool) -> list[int]: ...
    def decode(self, tokens: Sequence[int]) -> str: ...
    def spell(self, token: int) -> str: ...
    def check(self, ids: Sequence[int]) -> None: ...
    def prompt_steps(self, ids: Sequence[int], top: int) -> Sequence[Step]: ...
    def generate(
        self, ids: Sequence[int], sampling: Sampling, top: int | None, cancelled: Callable[[], bool]
    ) -> Iterator[Step]: ...


def tokens_of(model: Speaker, asked: Asked, context: int) -> list[int]:
    """The prompt as tokens.

    Raises:
        Refused: it is empty, longer than the context, or its template refuses it.
    """
    if asked.messages is not None:
        ids = model.encode(model.render(asked.messages), special=False)
    else:
        ids = asked.prompt if isinstance(asked.prompt, list) else model.encode(asked.prompt, special=True)
        model.check(ids)
    if not ids:
        raise Refused("the prompt is empty", param="prompt")
    if len(ids) + (asked.max_tokens != 0) > context:
        message = f"the prompt has {len(ids)} tokens, and the context {context}"
        raise Refused(message, code="context_length_exceeded", param="messages" if asked.messages else "prompt")
    return ids


def speak(
    model: Speaker, asked: Asked, ids: Sequence[int], context: int, counts: Counts, cancelled: Callable[[], bool]
) -> Iterator[Piece]:
    """The answer as it comes; the last piece says why it ends. `counts` follows the tokens."""
    if asked.echo:
        yield _echo(model, asked, ids)
    yield from _answer(model, asked, ids, context, counts, cancelled)


def _answer(
    model: Speaker, asked: Asked, ids: Sequence[int], context: int, counts: Counts, cancelled: Callable[[], bool]
) -> Iterator[Piece]:
    room = context - len(ids)
    most = room if asked.max_tokens is None else min(asked.max_tokens, room)
    if most == 0:
        yield Piece("", finish="length")
        return
    spelling, stops = Spelling(model.decode), Stops(asked.stops)
    for step in model.generate(ids, asked.sampling, asked.top, cancelled):
        counts.completion += 1
        text = stops.push(spelling.push(step.token))
        told = () if asked.top is None else (_told(model, step),)
        if text or told:
            yield Piece(text, told)
        if stops.met:
            yield Piece("", finish="stop")
            return
        if counts.completion >= most:
            yield _last(spelling, stops, "length")
            return
    yield _last(spelling, stops, "stop")


def _last(spelling: Spelling, stops: Stops, finish: str) -> Piece:
    """What was held back; it may have a stop string in it."""
    text = stops.push(spelling.rest()) + stops.rest()
    return Piece(text, finish="stop" if stops.met else finish)


def _echo(model: Speaker, asked: Asked, ids: Sequence[int]) -> Piece:
    steps = () if asked.top is None else model.prompt_steps(ids, asked.top)
    text = asked.prompt if isinstance(asked.prompt, str) else model.decode(ids)
    return Piece(text, tuple(_told(model, step) for step in steps))


def _told(model: Speaker, step: Step) -> Told:
    return Told(model.spell(step.token), step.logprob, tuple((model.spell(token), value) for token, value in step.top))
