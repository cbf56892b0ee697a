"""Each kind of check, on answers that pass, that fail, and that try to be taken for another."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.evaluation.checks import (
    MAX_ANSWER_CHARACTERS,
    Check,
    Choice,
    Contains,
    Exact,
    JsonSchema,
    Number,
    Regex,
    chosen_of,
    judge,
    numbers_of,
    problem_of,
)
from tests.fakes.answering import InProcessReferee

PERSON = JsonSchema(schema={"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}})
COLOURS = Choice(choices=("red", "dark red", "A"))


def passes(check: Check, expected: Any, text: str) -> bool:
    assert not problem_of(check, expected)
    verdict = judge(check, expected, text, InProcessReferee())
    assert verdict.passed or verdict.why
    return verdict.passed


@pytest.mark.parametrize(
    ("check", "expected", "good", "bad"),
    [
        (Exact(), "Paris", " Paris\n", "paris"),
        (Exact(ignore_case=True), ["yes", "STRASSE"], "straße", "no"),
        (Contains(), "paris", "It is Paris.", "It is Rome."),
        (Contains(ignore_case=False), "Paris", "Paris!", "paris"),
        (Contains(all=True), ["a", "b"], "b a", "b"),
        (Contains(), ["a", "b"], "b", "c"),
        (Regex(pattern=r"^\d+$"), None, "12", "x12"),
        (Regex(ignore_case=True), "paris|rome", "ROME", "Oslo"),
        (Number(), 4, "2 + 2 is 4", "4 is 2 + 2"),
        (Number(place="first"), 4, "4 is 2 + 2", "2 + 2 is 4"),
        (Number(tolerance=0.5), 4, "4.5", "4.51"),
        (Number(relative=0.1), -100, "about -110", "about -111"),
        (Number(), 1000, "1,000", "1 000 001"),
        (COLOURS, "red", "Red, or A", "dark red"),
        (COLOURS, "dark red", "DARK RED", "darkred"),
        (COLOURS, "A", "(A)", "a red one"),
        (PERSON, {"name": "x"}, '```json\n{"name": "x"}\n```', '{"name": "y"}'),
        (PERSON, {"name": "x"}, ' {"name": "x"} ', '{"name": 1}'),
    ],
)
def test_what_passes_and_what_fails(check: Check, expected: Any, good: str, bad: str) -> None:
    assert passes(check, expected, good)
    assert not passes(check, expected, bad)
    assert not passes(check, expected, "")


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        (Exact(), 4),
        (Exact(), []),
        (Contains(), [1]),
        (Regex(), None),
        (Regex(), "a" * 5000),
        (Number(), "4"),
        (Number(), True),
        (Number(), float("nan")),
        (Number(), float("inf")),
        (Choice(choices=("a", "b")), "c"),
    ],
)
def test_an_expectation_that_cannot_be_met_is_a_problem(check: Check, expected: Any) -> None:
    assert problem_of(check, expected)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1,000,000.5 and -3e2", (1_000_000.5, -300.0)),
        ("12,34 then 1,2345", (12.0, 34.0, 1.0, 2345.0)),
        ("3-4 and (2)-1, -.5", (3.0, 4.0, 2.0, 1.0, -0.5)),
        ("\u22127 and 7.", (-7.0, 7.0)),
        ("1e999 is too large", ()),
        ("no 1st, NaN, inf", (1.0,)),
    ],
)
def test_numbers_are_found_as_people_write_them(text: str, numbers: tuple[float, ...]) -> None:
    assert numbers_of(text) == numbers


@pytest.mark.parametrize("text", ["NaN", '{"name": NaN}', "[" * 100_000, '"\\ud800"', "{" * 10, "```\n```", "\x00"])
def test_what_is_no_json_fails(text: str) -> None:
    assert not passes(PERSON, {"name": "x"}, text)


def test_what_an_answer_calls_its_fields_can_be_printed() -> None:
    strict = JsonSchema(schema={"additionalProperties": {"type": "string"}})
    verdict = judge(strict, None, '{"\\u001b[31mred": 1}', InProcessReferee())
    assert (verdict.passed, verdict.why.isprintable()) == (False, True)


def test_true_is_not_one() -> None:
    free = JsonSchema(schema={})
    assert passes(free, {"a": [1]}, '{"a": [1.0]}')
    assert not passes(free, {"a": [1]}, '{"a": [true]}')
    assert passes(free, None, "null")
    assert not passes(free, None, "0")


def test_only_the_beginning_of_an_endless_answer_is_looked_at() -> None:
    assert not passes(Contains(), "end", "x" * MAX_ANSWER_CHARACTERS + "end")


@given(st.text())
def test_no_answer_breaks_a_check(text: str) -> None:
    """Whatever comes is judged, and judged alike twice."""
    for check, expected in ((Number(), 4), (COLOURS, "red"), (PERSON, {}), (Exact(), "x"), (Contains(), "x")):
        first = judge(check, expected, text, InProcessReferee())
        assert judge(check, expected, text, InProcessReferee()) == first


@given(st.integers(-(10**12), 10**12))
def test_a_whole_number_is_found_with_and_without_separators(number: int) -> None:
    assert numbers_of(f"it is {number}.") == (float(number),)
    assert numbers_of(f"it is {number:,}.") == (float(number),)


@given(st.lists(st.sampled_from(["red", "green", "blue", "dark green"]), min_size=1))
def test_the_first_choice_that_is_named_counts(named: list[str]) -> None:
    assert chosen_of(("red", "green", "blue", "dark green"), ", ".join(named)) == named[0]
