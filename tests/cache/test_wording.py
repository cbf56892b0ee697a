"""Words that only hold for now, for one person, or after others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.cache.wording import has_unseen, is_follow_up, is_fresh, is_personal

FRESH = """
What is the weather in Oslo?
Who won the game yesterday?
Latest news on the merger
What time is it in Tokyo?
what's the date?
What day is it?
What's the current interest rate?
Is the shop open now?
Is the API down?
What is the price of gold?
How much does the L plan cost?
How many days until Christmas?
Who is winning the election?
Show the sales of last week
What happened three days ago?
What are people saying this week?
Wie ist das Wetter heute?
Quel temps fait-il aujourd'hui ?
¿Qué hora es ahora?
今天天气怎么样
сколько сейчас времени
""".strip().splitlines()

LASTING = """
How do I cancel the subscription?
What is the capital of Norway?
Explain how a transformer works
Translate "good evening" to French
When was the Treaty of Westphalia signed?
Write a poem about winter
What is photosynthesis?
Is Python dynamically typed?
Where do pandas live?
What is the value of pi to ten digits?
Can dogs eat grapes?
""".strip().splitlines()


@pytest.mark.parametrize(
    "text", [*FRESH, "What\u2019s today\u2019s menu?", "\uff34\uff4f\uff44\uff41\uff59 in history"]
)
def test_fresh(text: str) -> None:
    assert is_fresh(text)
    assert is_fresh(text.upper())


@pytest.mark.parametrize("text", LASTING)
def test_lasting(text: str) -> None:
    assert not is_fresh(text)
    assert not has_unseen(text)


@pytest.mark.parametrize(
    "text", ["Where is my order?", "I'd like a refund", "Tell us about it", "WE WANT OUT", "call me"]
)
def test_personal(text: str) -> None:
    assert is_personal(text)


@pytest.mark.parametrize("text", ["Where is the US embassy?", "Cancel the subscription", "mystery, item, women"])
def test_impersonal(text: str) -> None:
    assert not is_personal(text)


FOLLOW_UPS = ["Why?", "continue", "Go on", "And what about the larger plan?", "Can you say that again?", "Yes, do so"]


@pytest.mark.parametrize("text", [*FOLLOW_UPS, "Explain the above in a table", "Make it a bit shorter please"])
def test_follow_up(text: str) -> None:
    assert is_follow_up(text)


def test_a_question_that_stands_alone_is_no_follow_up() -> None:
    assert not is_follow_up("Who founded the city of Oslo?")


HIDDEN = ["a\0b", "a\u200bb", "a\u202eb", "a\U000e0041b", "a\ufe01b", "a\U000e0101b", "a\u3164b", "a\u2800b", "a\x1bb"]


@pytest.mark.parametrize(
    "text", [*HIDDEN, "a\ud800b", "a\ue000b", "z\u0301\u0302\u0303\u0304o", "ok \U0001f600\ufe0f\ufe0f"]
)
def test_what_is_not_seen(text: str) -> None:
    assert has_unseen(text)


@pytest.mark.parametrize(
    "text",
    [
        "naïve\u00a0café",
        "a\tb\r\nc",
        "日本語です",
        "Grüße ❤\ufe0f",
        "\u0422\u0438\u0301\u0445\u043e",
        "नमस्ते",
        "e\u0301",
    ],
)
def test_what_is_seen(text: str) -> None:
    assert not has_unseen(text)


@given(st.text(max_size=2_000))
def test_they_are_total(text: str) -> None:
    for ask in (is_fresh, is_personal, is_follow_up, has_unseen):
        assert ask(text) in (True, False)
