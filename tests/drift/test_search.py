"""The search on imagined models: those that tell how sure they are, those that do not, and those that draw."""

from random import Random

import pytest

from homeport.core.errors import HomeportError
from homeport.drift.candidates import candidates
from homeport.drift.picks import PICKED
from homeport.drift.search import TIGHT, Found, Method, Search
from tests.fakes.undecided import UndecidedModel

PROMPTS = candidates(1_500, 11)


async def find(
    model: UndecidedModel, *, count: int = 1_500, seconds: int = 10**9, method: Method | None = None
) -> Found:
    def over() -> bool:
        return len(model.asked) >= seconds

    return await Search(model, over, lambda done, of: None, Random(1)).find(PROMPTS[:count], 20, method)


async def test_log_probabilities_lead_to_the_border() -> None:
    model = UndecidedModel()
    found = await find(model)
    assert (found.method, found.steady, len(found.probes)) == (Method.LOGPROBS, True, 20)
    assert max(abs(model.margin(probe.prompt)) for probe in found.probes) < 0.05
    assert found.asked == len(model.asked)
    assert (found.input_tokens, found.output_tokens) == (9 * found.asked, found.asked)
    assert [probe.margin for probe in found.probes] == sorted(probe.margin or 0 for probe in found.probes)


async def test_another_precision_answers_a_part_of_them_otherwise() -> None:
    found = await find(UndecidedModel())
    other = UndecidedModel("b")
    differ = [(other.margin(probe.prompt) > 0) != (probe.answer == "yes") for probe in found.probes]
    usual = [(other.margin(prompt) > 0) != (UndecidedModel().margin(prompt) > 0) for prompt in PROMPTS[:500]]
    assert sum(differ) / len(differ) > 5 * sum(usual) / len(usual)


async def test_without_them_edits_lead_nearer_than_chance() -> None:
    model = UndecidedModel(tells=False)
    found = await find(model)
    assert found.method is Method.EDITS
    near = sum(abs(model.margin(probe.prompt)) for probe in found.probes) / 20
    assert near < 0.1 < sum(abs(model.margin(prompt)) for prompt in PROMPTS) / len(PROMPTS) / 4


async def test_edits_that_are_wanted_ask_for_no_log_probabilities() -> None:
    model = UndecidedModel()
    found = await find(model, method=Method.EDITS)
    assert found.method is Method.EDITS
    assert not any(question.sure for question in model.asked)


async def test_a_model_that_draws_gets_questions_with_many_answers() -> None:
    found = await find(UndecidedModel(drawn=True, tells=False))
    assert (found.method, found.probes, found.steady) == (Method.PICKS, PICKED, False)
    assert found.asked == 24


async def test_drawn_answers_with_log_probabilities_are_looked_at_by_these() -> None:
    model = UndecidedModel(drawn=True)
    found = await find(model)
    assert (found.method, found.steady) == (Method.LOGPROBS, True)
    assert max(abs(model.margin(probe.prompt)) for probe in found.probes) < 0.05


async def test_when_the_time_is_over_it_takes_what_there_is() -> None:
    model = UndecidedModel()
    found = await find(model, seconds=200)
    assert len(found.probes) == 20
    assert found.asked < 200 + 4 + 180
    nearer = await find(UndecidedModel())
    assert max(probe.margin or 0 for probe in nearer.probes) < max(probe.margin or 0 for probe in found.probes)


async def test_it_ends_early_where_enough_are_near() -> None:
    model = UndecidedModel()
    model.margin = lambda prompt: TIGHT / 2  # type: ignore[method-assign]  # a model that is never decided
    assert (await find(model)).asked < 300


async def test_a_model_that_is_down() -> None:
    model = UndecidedModel()
    model.down = True
    with pytest.raises(HomeportError, match="it is down") as caught:
        await find(model)
    assert caught.value.code == "border_not_found"
    assert len(model.asked) == 8


async def test_a_model_that_is_always_decided() -> None:
    model = UndecidedModel(tells=False)
    model.margin = lambda prompt: 3.0  # type: ignore[method-assign]  # a model that is always decided
    with pytest.raises(HomeportError, match="only 0 of 20"):
        await find(model, count=60)
