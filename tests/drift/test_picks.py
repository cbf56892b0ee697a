"""Questions with many answers: a model that draws is told from another by the shape of what it says."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from homeport.drift.asking import Question, Reply
from homeport.drift.baselines import Baseline, archive_of, iso
from homeport.drift.live import ask_now, judged
from homeport.drift.picks import PICKED, REPEATS
from homeport.drift.search import Method
from tests.drift.test_live import DAY, NOW

MADE = Baseline(
    name="m", made_at=NOW, method=Method.PICKS, steady=False, probes=PICKED, repeats=REPEATS, seed="s", batch_tokens=1
)


def drawing(favour: Callable[[Random, int], int]) -> Callable[[Question], Reply]:
    """Draws one of twenty answers to each question, by weights of its own."""
    rng = Random(3)

    def answer(question: Question) -> Reply:
        order = Random(question.prompt).sample(range(20), 20)
        return Reply(text=f"{order[favour(rng, 20)]} it is", sampled=True)

    return answer


async def test_a_swap_of_a_model_that_draws_is_noticed(tmp_path: Path) -> None:
    first = drawing(lambda rng, most: min(int(rng.expovariate(0.4)), most - 1))
    other = drawing(lambda rng, most: most - 1 - min(int(rng.expovariate(0.4)), most - 1))
    archive = archive_of(tmp_path, "m")
    archive.begin(MADE)
    for day in range(24):
        answer = first if day < 20 else other

        async def respond(question: Question, answer: Callable[[Question], Reply] = answer) -> Reply:
            return answer(question)

        await ask_now(archive, MADE, respond, iso(NOW + day * DAY), lambda done, of: None)
    told = judged(archive)
    assert told is not None
    [alarm] = told["alarms"]
    assert alarm["since"] == iso(NOW + 20 * DAY)


def test_there_are_eight_picks_and_25_tasks_each_once() -> None:
    assert len(PICKED) == len({probe.prompt for probe in PICKED}) == 33
    assert sum(probe.name.startswith("number") for probe in PICKED) == 8


@pytest.mark.parametrize("probe", PICKED)
def test_they_are_short(probe: object) -> None:
    assert 0 < getattr(probe, "tokens", 0) <= 24
