"""What is learned of answers and prompts: bounded, conservative, and fading."""

from hypothesis import given
from hypothesis import strategies as st

from homeport.ledger.history import OutputHistory, PromptHistory

ROUTE = ("acme", "mid", "chat/completions")


@given(lengths=st.lists(st.integers(0, 200_000), min_size=8, max_size=64))
def test_nine_of_ten_answers_are_not_longer(lengths: list[int]) -> None:
    history = OutputHistory()
    for tokens in lengths:
        history.note(ROUTE, tokens)
    q90 = history.q90(ROUTE)
    assert q90 is not None
    noted = lengths[: len(lengths) // 8 * 8]
    exact = sorted(noted)[-(-len(noted) * 9 // 10) - 1]
    assert exact <= q90 <= max(1, exact * 1.2 + 1), "a bucket is a quarter of an octave"


def test_few_answers_say_nothing() -> None:
    history = OutputHistory()
    for _ in range(7):
        history.note(ROUTE, 10)
    assert history.q90(ROUTE) is None


def test_old_answers_fade() -> None:
    history = OutputHistory()
    for _ in range(2_000):
        history.note(ROUTE, 10_000)
    for _ in range(4_000):
        history.note(ROUTE, 10)
    assert (history.q90(ROUTE) or 0) < 20


def test_memory_is_bounded() -> None:
    history = OutputHistory()
    for number in range(5_000):
        for _ in range(8):
            history.note(("acme", f"m{number}", "chat/completions"), 10)
    assert len(history._counts) == len(history._q90) == len(history._seen) == 1_024
    assert history.q90(("acme", "m4999", "chat/completions")) is not None


def test_a_prompt_above_its_bound_raises_the_bound() -> None:
    history = PromptHistory()
    assert history.bound("mid", 100) == 100
    history.note("mid", bound=100, estimate=50, tokens=150)
    assert history.bound("mid", 100) == 150
    history.note("mid", bound=100, estimate=50, tokens=20)
    assert history.bound("mid", 100) == 150, "it is never lowered again"
    assert history.bound("other", 100) == 100


@given(estimates=st.lists(st.integers(0, 10_000), min_size=1), template=st.integers(0, 8))
def test_a_presumed_prompt_is_not_shorter_than_its_like(estimates: list[int], template: int) -> None:
    history = PromptHistory()
    for guess in estimates:
        history.note("mid", bound=10**9, estimate=guess, tokens=guess + template)
    assert all(history.presumed("mid", guess) >= guess + template for guess in estimates)
