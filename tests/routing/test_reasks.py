"""What counts as a refusal of the answer before."""

import pytest

from homeport.core.routing import Prompt, Turn
from homeport.routing.reasks import asks_again


def said(text: str, *, before: str = "assistant") -> Prompt:
    return Prompt(turns=(Turn("user", "What is 2 + 2?"), Turn(before, "5"), Turn("user", text)))


@pytest.mark.parametrize(
    "text",
    [
        "No, that's wrong.",
        "no that\N{RIGHT SINGLE QUOTATION MARK}s not what I asked for",
        "Wrong.",
        "Try again",
        "please try it again, with care",
        "Regenerate",
        "This doesn't work: I get an error",
        "Your answer is incorrect",
        "You misunderstood me",
        "Nein, das ist falsch",
        "Réessaie",
        "No, eso está mal",
    ],
)
def test_a_refusal(text: str) -> None:
    assert asks_again(said(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Thanks! And 3 + 3?",
        "No problem, go on.",
        "What is wrong with this code?",
        "Is that right?",
        "That is right, try the next one",
        "Explain what 'try again' means in the retry policy",
        "no" * 10_000,
        " " * 100_000 + "wrong",
    ],
)
def test_no_refusal(text: str) -> None:
    assert not asks_again(said(text))


def test_only_an_answer_can_be_refused() -> None:
    assert not asks_again(Prompt(turns=(Turn("user", "Try again"),)))
    assert not asks_again(said("Try again", before="tool"))
    assert not asks_again(Prompt())
