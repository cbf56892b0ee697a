"""Whether an engine's answers repeat: the same questions again and again, idle and loaded, cold and warm.

An engine that is asked greedily with a seed should give one answer. It may not: a sum of floating-point numbers depends
on its order, the order on the size of a batch, and the batch on the neighbours and on what was cached
(docs/explanation/determinism.md). So a profile that claims to be deterministic is probed, not believed.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from homeport.evaluation.answers import Answer, Answerer, Question, Told, least_margin
from homeport.evaluation.parity import Divergence, diverge
from homeport.evaluation.results import Build, Share, share_of

_BACKGROUND_TOKENS = 16
_WORDS = ("river", "copper", "seven", "window", "market", "quiet", "garden", "engine", "paper", "harbour", "winter")
_BACKGROUND_WORDS = 24


class Condition(msgspec.Struct, frozen=True):
    """Under what is asked.

    Attributes:
        loaded: other requests are in work all the time.
        warm: the same question was asked just before; else another one, and the engine is told not to use what it has.
    """

    loaded: bool
    warm: bool

    @property
    def name(self) -> str:
        return f"{'loaded' if self.loaded else 'idle'}, {'warm' if self.warm else 'cold'}"


CONDITIONS = tuple(Condition(loaded, warm) for loaded in (False, True) for warm in (False, True))


class Border(msgspec.Struct, frozen=True, kw_only=True):
    """A question that is replayed; `margin` is the smallest of its first answer's tokens, in nats."""

    id: str
    question: Question
    margin: float | None
    answer: Answer


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """The first answer that was not the first one."""

    id: str
    replay: int
    divergence: Divergence


class Repeats(msgspec.Struct, frozen=True, kw_only=True):
    """What came under a condition.

    Attributes:
        identical: answers with the same text as the first, which was given idle and cold.
        logprobs: of those, the ones with the same log-probabilities, to the last digit that is told.
        distinct: the most different answers that one question had.
    """

    condition: str
    identical: Share
    logprobs: Share
    distinct: int
    first_difference: Difference | None


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """A profile that was probed.

    Attributes:
        margins: of the questions that were replayed, by id: how near each is to another answer.
    """

    profile: str
    build: Build
    margins: Mapping[str, float | None]
    repeats: tuple[Repeats, ...]

    @property
    def deterministic(self) -> bool:
        return all(repeat.identical.hits == repeat.identical.of for repeat in self.repeats)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How much is asked.

    Attributes:
        replays: answers under each condition, spread over the questions.
        questions: how many, those whose first answer is nearest to another one.
        max_tokens: of each replayed answer, where the question does not ask for less.
        background: requests in work beside, where it is loaded.
        cold: fields of a request that make an engine forget; engines pass by those they do not know.
    """

    replays: Annotated[int, Meta(ge=1, le=100_000)] = 50
    questions: Annotated[int, Meta(ge=1, le=1000)] = 5
    max_tokens: Annotated[int, Meta(ge=1, le=4096)] = 64
    background: Annotated[int, Meta(ge=0, le=64)] = 2
    cold: Mapping[str, Any] = msgspec.field(default_factory=lambda: {"cache_prompt": False})


async def nearest(questions: Mapping[str, Question], answer: Answerer, plan: Plan, told: Told) -> tuple[Border, ...]:
    """The questions whose greedy answer is nearest to another one: where noise would show first.

    A question without a margin, because the engine tells no log-probabilities, comes last.
    """
    found: list[Border] = []
    for name, whole in questions.items():
        question = msgspec.structs.replace(whole, max_tokens=min(whole.max_tokens, plan.max_tokens))
        given = await answer(question)
        found.append(Border(id=name, question=question, margin=least_margin(given.tokens), answer=given))
        told(len(found), len(questions))
    found.sort(key=lambda border: float("inf") if border.margin is None else border.margin)
    return tuple(found[: plan.questions])


async def probe(
    borders: Sequence[Border], answer: Answerer, plan: Plan, rng: Random, told: Told
) -> tuple[Repeats, ...]:
    """Replay questions under every condition.

    Raises:
        UpstreamError: the engine does not answer.
    """
    first = {border.id: await _asked_cold(border.question, answer, plan, rng) for border in borders}
    repeats = []
    for number, condition in enumerate(CONDITIONS):

        def tell(done: int, of: int, before: int = number * plan.replays) -> None:
            told(before + done, len(CONDITIONS) * of)

        async with _background(answer, plan.background if condition.loaded else 0, rng):
            answers = await _replay(borders, answer, condition, plan, rng, tell)
        repeats.append(_repeats(condition, first, answers))
    return tuple(repeats)


async def _replay(
    borders: Sequence[Border], answer: Answerer, condition: Condition, plan: Plan, rng: Random, told: Told
) -> list[tuple[str, Answer]]:
    answers = []
    for replay in range(plan.replays):
        border = borders[replay % len(borders)]
        if condition.warm:
            await answer(border.question)
            given = await answer(border.question)
        else:
            given = await _asked_cold(border.question, answer, plan, rng)
        answers.append((border.id, given))
        told(replay + 1, plan.replays)
    return answers


async def _asked_cold(question: Question, answer: Answerer, plan: Plan, rng: Random) -> Answer:
    """After another question, and told to forget. A salt of its own is what vLLM takes for that."""
    await answer(_unrelated(rng, max_tokens=1))
    fields = {**question.fields, **plan.cold, "cache_salt": f"{rng.getrandbits(128):032x}"}
    return await answer(msgspec.structs.replace(question, fields=fields))


@asynccontextmanager
async def _background(answer: Answerer, count: int, rng: Random) -> AsyncIterator[None]:
    """So many requests in work, each another one, until it is left; what fails of them ends the probe."""
    seeds = [rng.getrandbits(64) for _ in range(count)]
    tasks = [asyncio.create_task(_ask_on(answer, Random(seed))) for seed in seeds]  # noqa: S311 no secret
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        failed = [one for one in await asyncio.gather(*tasks, return_exceptions=True) if isinstance(one, Exception)]
    if failed:
        raise failed[0]


async def _ask_on(answer: Answerer, rng: Random) -> None:
    while True:
        await answer(_unrelated(rng))


def _unrelated(rng: Random, max_tokens: int = _BACKGROUND_TOKENS) -> Question:
    words = " ".join(rng.choice(_WORDS) for _ in range(rng.randint(2, _BACKGROUND_WORDS)))
    message = {"role": "user", "content": f"Tell a story with these words: {words} {rng.getrandbits(32)}."}
    return Question(messages=(message,), max_tokens=max_tokens)


def _repeats(condition: Condition, first: Mapping[str, Answer], answers: Sequence[tuple[str, Answer]]) -> Repeats:
    same = [given.text == first[name].text for name, given in answers]
    told = [given.logprobs == first[name].logprobs for name, given in answers if given.text == first[name].text]
    texts = {name: {first[name].text} for name in first}
    for name, given in answers:
        texts[name].add(given.text)
    return Repeats(
        condition=condition.name,
        identical=share_of(same),
        logprobs=share_of(told),
        distinct=max(map(len, texts.values()), default=0),
        first_difference=next(_differences(first, answers), None),
    )


def _differences(first: Mapping[str, Answer], answers: Sequence[tuple[str, Answer]]) -> Iterator[Difference]:
    for replay, (name, given) in enumerate(answers):
        if parted := diverge(first[name], given):
            yield Difference(id=name, replay=replay, divergence=parted)
