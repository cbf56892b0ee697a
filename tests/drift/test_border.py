"""Which candidates are near the border, and which of them are chosen."""

import math

import pytest

from homeport.drift.border import Measured, choose, margin, nearest, one_sided


def test_the_margin_is_that_of_the_two_likeliest_tokens() -> None:
    assert margin({"no": -1.2, "yes": -1.0, "maybe": -3.0}) == pytest.approx(0.2)


@pytest.mark.parametrize(
    "told",
    [{}, {"yes": -1.0}, {"yes": -1.0, " yes": -1.1}, {"yes": -1.0, "": -1.1, "no": -1.2}, {" ": -1.0, "a": -1.0}],
)
def test_a_swap_that_would_not_be_seen_has_no_margin(told: dict[str, float]) -> None:
    assert margin(told) is None


@pytest.mark.parametrize(("answers", "found"), [("ab", 0.0), ("aaab", 0.5), ("aa", 1.0), ("abcd", 0.0)])
def test_how_one_sided_answers_are(answers: str, found: float) -> None:
    assert one_sided(answers) == found


def measured(name: str, *margins: float, answers: str = "aaa") -> Measured:
    return Measured(prompt=name, answers=tuple(answers), margins=margins)


def test_the_nearest_come_first_by_what_all_times_said() -> None:
    found = nearest([measured("far", 0.5), measured("near", 0.1, 0.2), measured("edited", answers="aab")], 2)
    assert [one.prompt for one in found] == ["near", "edited"]
    assert found[0].decided == pytest.approx(0.15)
    assert math.isclose(found[1].decided, 1 / 3)


def test_answers_that_repeat_go_before_nearer_ones_that_do_not() -> None:
    found = choose(
        [measured("b", 0.3), measured("wavers", 0.0, 0.1), measured("edited", 0.0, answers="aba"), measured("a", 0.1)],
        3,
    )
    assert [(probe.name, probe.prompt, probe.margin) for probe in found] == [
        ("border-01", "a", 0.1),
        ("border-02", "b", 0.3),
        ("border-03", "edited", 0.0),
    ]
    assert [probe.prompt for probe in choose([measured("b", 0.3), measured("a", 0.1)], 1)] == ["a"]
