"""What was said as it is shown: whole, to be seen, and bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from homeport.console.figures.spoken import (
    MOST_CALLS,
    MOST_CHARS,
    MOST_IN_ALL,
    MOST_OPTIONS,
    MOST_TOKENS,
    options_of,
    spoken,
)
from homeport.traces.said import Message, Said, ToolCall
from homeport.traces.tokens import Alternative, SaidToken
from tests.console.pages.reading import HOSTILE
from tests.traces.kept import kept


def told(**changes: object) -> Said:
    nothing = {"messages": (), "answer": "", "tool_calls": (), "finish": "", "tokens": ()}
    return Said(**{**nothing, **changes})  # type: ignore[arg-type]  # what a test changes is of the right type


def token(text: str, logprob: float, *others: tuple[str, float]) -> SaidToken:
    return SaidToken(token=text, logprob=logprob, others=tuple(Alternative(*other) for other in others))


def test_a_token_says_what_else_could_have_stood_there() -> None:
    [found] = spoken(told(tokens=(token("Paris", -0.105, ("Paris", -0.105), (" Rome", -2.3)),))).tokens
    assert (found.text, found.shade, found.told) == ("Paris", 8, "Paris 90.0%   \u00b7Rome 10.0%")


@pytest.mark.parametrize(("logprob", "shade"), [(0.0, 9), (7.0, 9), (-0.7, 4), (-1e9, 0)])
def test_shades_go_from_hardly_likely_to_certain(logprob: float, shade: int) -> None:
    [found] = spoken(told(tokens=(token("a", logprob),))).tokens
    assert found.shade == shade
    assert 0 <= found.probability <= 1


def test_what_cannot_be_seen_is_named() -> None:
    said = told(
        messages=(Message(HOSTILE, HOSTILE),),
        answer=HOSTILE,
        tool_calls=(ToolCall(HOSTILE, HOSTILE),),
        finish=HOSTILE,
        tokens=(token(HOSTILE, -1, (HOSTILE + "x", -2)),),
    )
    found = spoken(said)
    texts = (*found.turns[0].__struct_fields__, found.answer, *found.calls[0], found.finish)
    texts += (found.turns[0].role, found.turns[0].text, found.tokens[0].text, found.tokens[0].told)
    assert not any(hidden in text for text in texts for hidden in ("\x1b", "\u202e"))


def test_nothing_is_endless() -> None:
    found = spoken(
        told(
            messages=(Message("user", "a" * (MOST_CHARS + 1)), *[Message("user", "b")] * 300),
            tokens=(token("a", -1),) * (MOST_TOKENS + 3),
        )
    )
    assert found.turns[0].text == "a" * MOST_CHARS + "\u2026"
    assert (len(found.turns), found.further_turns) == (200, 101)
    assert (len(found.tokens), found.further_tokens) == (MOST_TOKENS, 3)


def test_neither_turns_nor_calls_nor_options_are_endless() -> None:
    found = spoken(
        told(
            messages=(Message("user", "a" * MOST_CHARS),) * 30,
            tool_calls=(ToolCall("t", "{}"),) * (MOST_CALLS + 7),
        )
    )
    assert sum(len(turn.text) for turn in found.turns) == MOST_IN_ALL
    assert (len(found.turns), found.further_turns) == (10, 20)
    assert (len(found.calls), found.further_calls) == (MOST_CALLS, 7)
    options = options_of(kept("req_1", {f"x{number}": number for number in range(MOST_OPTIONS + 2)}, b""))
    assert len(options) == MOST_OPTIONS + 1
    assert options[-1].value == "2 further fields are not shown"


def test_options_are_what_is_not_said() -> None:
    one = kept("req_1", {"model": "auto", "messages": [], "temperature": 0.5, "<b>\x1b": 1}, b"")
    assert [(option.name, option.value) for option in options_of(one)] == [
        ("model", '"auto"'),
        ("temperature", "0.5"),
        ("<b>\u27e8U+001B\u27e9", "1"),
    ]


@given(some.binary(max_size=100))
def test_no_bytes_make_it_raise(body: bytes) -> None:
    options_of(kept("req_1", body, b""))
