"""The search for border inputs: asks candidates until enough of them are near the border, or the time is over."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from random import Random

import msgspec

from homeport.core.errors import HomeportError
from homeport.drift.asking import Question, Reply, Respondent
from homeport.drift.border import WANTED, Measured, Probe, choose, margin, nearest
from homeport.drift.candidates import edits
from homeport.drift.picks import PICKED

TIGHT = 0.01
"""With as many candidates as are wanted below this margin, no nearer ones are looked for."""

AT_ONCE = 4

_KEPT = 3
"""So many times as many as are wanted are asked again."""
_ROUNDS = 3
_FIRST_EDITS = 4
_TRIED = 8
_IN_A_ROW = 8


class Method(StrEnum):
    """What probes are: border inputs found by log-probabilities or by edits, or questions with many answers."""

    LOGPROBS = "log-probabilities"
    EDITS = "edits"
    PICKS = "picks"


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Probes, and what finding them took.

    Attributes:
        steady: whether every answer was the same when it was asked again.
        asked, input_tokens, output_tokens: questions, and what the answers say they used.
    """

    method: Method
    probes: tuple[Probe, ...]
    steady: bool
    asked: int
    input_tokens: int
    output_tokens: int


Over = Callable[[], bool]
"""Whether the time is over."""

Told = Callable[[int, int], None]
"""How many questions were asked, and of how many at most."""


class Search:
    """One search.

    Args:
        at_once: questions in work at a time, where it does not matter what an answer is computed beside.
        rng: shuffles what is asked again.
    """

    def __init__(self, respond: Respondent, over: Over, told: Told, rng: Random, at_once: int = AT_ONCE) -> None:
        self._respond, self._over, self._told = respond, over, told
        self._rng, self._at_once = rng, at_once
        self._asked = self._input = self._output = self._failed = 0
        self._most, self._sure = 0, True

    async def find(self, prompts: Sequence[str], wanted: int = WANTED, method: Method | None = None) -> Found:
        """Probes among candidates.

        Args:
            method: None to find out which suits the model.

        Raises:
            HomeportError: border_not_found, where nothing is answered, or no candidate is near the border.
        """
        self._most = len(prompts) + _KEPT * wanted * _ROUNDS
        method = method or await self._method(prompts[:_TRIED])
        self._sure = method is Method.LOGPROBS
        if method is Method.PICKS:
            return self._found(method, PICKED, steady=False)
        near = await (self._by_logprobs if method is Method.LOGPROBS else self._by_edits)(prompts, wanted)
        again = await self._again(near)
        probes = choose(again, wanted)
        if len(probes) < wanted:
            raise _not_found(f"only {len(probes)} of {wanted} probes were found among {len(prompts):,} candidates")
        names = {probe.prompt for probe in probes}
        return self._found(method, probes, steady=all(one.repeats for one in again if one.prompt in names))

    async def _method(self, prompts: Sequence[str]) -> Method:
        """What the model tells: log-probabilities, or answers that repeat, or none of both."""
        told = [[await self._ask(prompt) for _ in range(_ROUNDS)] for prompt in prompts]
        replies = [reply for of in told for reply in of if not reply.error]
        if not replies:
            raise _not_found("nothing was answered")
        if 2 * sum(margin(reply.logprobs) is not None for reply in replies) >= len(replies):
            return Method.LOGPROBS
        waver = sum(len({reply.text for reply in of}) > 1 for of in told)
        drawn = any(reply.sampled for reply in replies) or 2 * waver > len(told)
        return Method.PICKS if drawn else Method.EDITS

    async def _by_logprobs(self, prompts: Sequence[str], wanted: int) -> list[Measured]:
        measured: list[Measured] = []
        for some in _pieces(prompts, self._at_once):
            replies = await asyncio.gather(*map(self._ask, some))
            measured += [one for one in map(_measured, some, replies) if one is not None]
            if self._over() or sum(one.decided < TIGHT for one in measured) >= 2 * wanted:
                break
        return nearest(measured, _KEPT * wanted)

    async def _by_edits(self, prompts: Sequence[str], wanted: int) -> list[Measured]:
        """Each by a few edits first, by all of them where these made a difference."""
        divided: list[str] = []
        for prompt in prompts:
            answers = await self._answers(edits(prompt)[:_FIRST_EDITS])
            divided += [prompt] if len({*answers}) > 1 else []
            if self._over() or len(divided) >= 2 * _KEPT * wanted:
                break
        measured = [
            Measured(prompt=prompt, answers=answers)
            for prompt in divided
            if (answers := await self._answers(edits(prompt)))
        ]
        return nearest(measured, _KEPT * wanted)

    async def _answers(self, prompts: Sequence[str]) -> tuple[str, ...]:
        replies = await asyncio.gather(*map(self._ask, prompts))
        return tuple(reply.text.strip() for reply in replies if not reply.error)

    async def _again(self, near: Sequence[Measured]) -> list[Measured]:
        """What is near, asked several times, one after the other and each time in another order."""
        replies: dict[str, list[Reply]] = {one.prompt: [] for one in near}
        for _ in range(_ROUNDS):
            for prompt in self._rng.sample([*replies], len(replies)):
                reply = await self._ask(prompt)
                replies[prompt] += [] if reply.error else [reply]
        return [_repeated(one, replies[one.prompt]) for one in near if replies[one.prompt]]

    async def _ask(self, prompt: str) -> Reply:
        reply = await self._respond(Question(prompt=prompt, sure=self._sure))
        self._asked += 1
        self._input += reply.input_tokens
        self._output += reply.output_tokens
        self._failed = self._failed + 1 if reply.error else 0
        if self._failed >= _IN_A_ROW:
            raise _not_found(f"{_IN_A_ROW} questions in a row were not answered: {reply.why or reply.error}"[:400])
        self._told(self._asked, max(self._most, self._asked))
        return reply

    def _found(self, method: Method, probes: tuple[Probe, ...], *, steady: bool) -> Found:
        return Found(
            method=method,
            probes=probes,
            steady=steady,
            asked=self._asked,
            input_tokens=self._input,
            output_tokens=self._output,
        )


def _measured(prompt: str, reply: Reply) -> Measured | None:
    found = None if reply.error else margin(reply.logprobs)
    return None if found is None else Measured(prompt=prompt, answers=(reply.text.strip(),), margins=(found,))


def _repeated(one: Measured, replies: Sequence[Reply]) -> Measured:
    """What is near by edits stays as near as these said; its answers are those to the prompt itself."""
    margins = [found for reply in replies if (found := margin(reply.logprobs)) is not None]
    answers = tuple(reply.text.strip() for reply in replies)
    if margins:
        return Measured(prompt=one.prompt, answers=answers, margins=tuple(margins))
    return Measured(prompt=one.prompt, answers=answers, margins=(one.decided,))


def _pieces(prompts: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (prompts[start : start + size] for start in range(0, len(prompts), size))


def _not_found(what: str) -> HomeportError:
    return HomeportError(
        f"border inputs were not found: {what}",
        code="border_not_found",
        hint="give it more: --candidates 3000 --minutes 20, or a file of short prompts: --prompts FILE",
    )
