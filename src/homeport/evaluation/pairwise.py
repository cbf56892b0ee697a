"""A judge compares the answers of two runs, case by case, each pair in both orders.

A judge that only prefers what it sees first contradicts itself, and says a tie. How often the first answer was chosen
is told beside the result: with no preference for a place it is one half.
"""

import asyncio
import math
from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec

from homeport.core.errors import ConfigError
from homeport.core.money import Nano
from homeport.evaluation.answers import Question
from homeport.evaluation.datasets import Dataset, DatasetCase
from homeport.evaluation.experiments import Ask, Respondent
from homeport.evaluation.judge import Preference, choosing_prompt
from homeport.evaluation.metrics.base import Message
from homeport.evaluation.rubrics import Rubric
from homeport.evaluation.runs import Answered, Run
from homeport.evaluation.verdicts import read_choice, settle
from homeport.stats.paired import Interval, mcnemar, mean_interval

_WORTH = {Preference.A: 0.0, Preference.TIE: 0.5, Preference.B: 1.0}


class Pair(msgspec.Struct, frozen=True):
    """One case, and what both runs answered to it."""

    case: DatasetCase
    a: str
    b: str


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """One pair, judged.

    Attributes:
        preference: None where a verdict could not be read, or the judge could not be asked; then `why` says more.
        firsts, chosen: see `verdicts.Pair`.
        cost: nano-dollars, as far as it is known.
    """

    case: str
    preference: Preference | None
    firsts: int
    chosen: int
    cost: int
    why: str = ""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What all pairs come to.

    Attributes:
        b_share: how often b is better, ties counting one half, with the 95 % interval over cases.
        p: how likely so uneven a split of the pairs that are no tie is by chance (sign test, exact).
        first_share: how often a choice fell on the answer that was shown first; None where nothing was chosen.
        left: pairs that were not asked, for what may be spent is spent.
    """

    pairs: int
    a: int
    b: int
    ties: int
    unread: int
    left: int
    b_share: Interval
    p: float
    first_share: float | None
    cost_nanodollars: int


def pairs_of(data: Dataset, a: Run, b: Run) -> list[Pair]:
    """Cases that both runs answered, by their first answers.

    Raises:
        ConfigError: eval_datasets_differ, a run is of another dataset.
    """
    for run in (a, b):
        if (run.head.digest, run.head.cases) != (data.digest, len(data.cases)):
            raise ConfigError(
                f"{run.name} is no run of {data.name}: its cases are others",
                code="eval_datasets_differ",
                hint="name the dataset that both runs were asked, and run again what was asked another one",
            )
    first, second = _firsts(a), _firsts(b)
    both = (case for case in data.cases if case.id in first and case.id in second)
    return [Pair(case, first[case.id], second[case.id]) for case in both]


async def compare_pairs(
    pairs: Sequence[Pair],
    respond: Respondent,
    rubric: Rubric,
    *,
    fence: Callable[[], str],
    max_tokens: int,
    at_once: int = 4,
    most: Nano | None = None,
    told: Callable[[int, int], None] = lambda done, spent: None,
) -> list[Compared]:
    """Ask a judge about each pair, twice.

    Args:
        most: nano-dollars; no pair is begun that would cost more if it cost as much as the dearest before, with those
            in work counted so too. Until one is known, one is asked alone.
        told: how many pairs are judged, and what they cost together.

    Raises:
        HomeportError: nothing more can be asked; what was judged is lost.
    """
    done: list[Compared] = []
    places, spent, dearest, working = max(1, at_once), 0, 0, set[asyncio.Task[Compared]]()
    queue = list(reversed(pairs))
    try:
        while queue or working:
            while queue and len(working) < places and _fits(most, spent, dearest, len(working), known=bool(done)):
                working.add(asyncio.create_task(_judge(queue.pop(), respond, rubric, fence, max_tokens)))
            if not working:
                break
            ended, working = await asyncio.wait(working, return_when=asyncio.FIRST_COMPLETED)
            for one in _results(ended):
                done.append(one)
                spent, dearest = spent + one.cost, max(dearest, one.cost)
            told(len(done), spent)
    finally:
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
    return done


def outcome(compared: Sequence[Compared], of: int) -> Outcome:
    """What pairs come to; `of` is how many there were."""
    read = [one.preference for one in compared if one.preference is not None]
    a, b, ties = (read.count(kind) for kind in (Preference.A, Preference.B, Preference.TIE))
    chosen = sum(one.chosen for one in compared)
    return Outcome(
        pairs=of,
        a=a,
        b=b,
        ties=ties,
        unread=len(compared) - len(read),
        left=of - len(compared),
        b_share=mean_interval(_WORTH[kind] for kind in read),
        p=mcnemar(a, b),
        first_share=sum(one.firsts for one in compared) / chosen if chosen else None,
        cost_nanodollars=sum(one.cost for one in compared),
    )


def plain(found: Outcome) -> dict[str, object]:
    """For programs; without a verdict there is no share."""
    told: dict[str, object] = msgspec.to_builtins(found)
    if math.isnan(found.b_share.value):
        told["b_share"] = None
    return told


def _results(ended: Collection[asyncio.Task[Compared]]) -> list[Compared]:
    """Raises what one of them raised; that of the others is looked at, too, so that nobody is told that it was not."""
    for error in [task.exception() for task in ended]:
        if error is not None:
            raise error
    return [task.result() for task in ended]


def _fits(most: Nano | None, spent: int, dearest: int, working: int, *, known: bool) -> bool:
    if most is None:
        return True
    return (known or not working) and spent + (working + 1) * dearest <= most and spent < most


def _firsts(run: Run) -> Mapping[str, str]:
    scored: list[Answered] = [one for one in run.answers if one.came]
    return {one.case: one.answer for one in sorted(scored, key=lambda one: -one.epoch)}


async def _judge(
    pair: Pair, respond: Respondent, rubric: Rubric, fence: Callable[[], str], max_tokens: int
) -> Compared:
    """Both orders, one after the other."""
    first = await respond(_ask(pair.case, 0, pair.a, pair.b, rubric, fence, max_tokens))
    second = await respond(_ask(pair.case, 1, pair.b, pair.a, rubric, fence, max_tokens))
    cost = sum(reply.cost or 0 for reply in (first, second))
    error = first.error or second.error
    if error:
        return Compared(case=pair.case.id, preference=None, firsts=0, chosen=0, cost=cost, why=error)
    choices = [read_choice(reply.text, reply.finish) for reply in (first, second)]
    found = settle(*choices)
    why = choices[0].label or choices[1].label
    return Compared(
        case=pair.case.id, preference=found.preference, firsts=found.firsts, chosen=found.chosen, cost=cost, why=why
    )


def _ask(
    case: DatasetCase, epoch: int, first: str, second: str, rubric: Rubric, fence: Callable[[], str], max_tokens: int
) -> Ask:
    said = [Message(turn["role"], turn["content"]) for turn in case.chat()] or [Message("user", case.prompt)]
    while True:
        try:
            prompt = choosing_prompt(said, first, second, rubric, fence())
        except ValueError:  # the fence is in the material: the next one is random too
            continue
        question = Question(messages=tuple(prompt.messages()), max_tokens=max_tokens)
        return Ask(case=case, epoch=epoch, question=question)
