"""What the benchmark of scoring scores."""

import pytest

from bench.scoring import asked, full_model, prompts
from homeport.routing.gap import gap_model
from homeport.routing.prompt import read_prompt


@pytest.mark.parametrize("turns", [1, 3])
def test_every_prompt_is_a_conversation_of_32_kb(turns: int) -> None:
    for name, text in prompts():
        inference = asked(text, turns)
        said = [turn for turn in read_prompt(inference).turns if turn.role == "user"]
        assert len(said) == turns
        assert 25_000 <= len(bytes(inference.fields["messages"])) <= 100_000, name


def test_its_router_is_a_whole_one() -> None:
    model = gap_model(full_model())
    assert len(model.words) == 4 * 262_144
    assert len(model.features) > 20
