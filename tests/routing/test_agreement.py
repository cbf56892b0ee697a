"""Whether two answers say the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.routing import Answer
from homeport.routing.agreement import agree, overlap

LONG = "The contract ends on the last day of the month in which either side gives notice in writing to the other."


def said(text: str, *calls: tuple[str, str]) -> Answer:
    return Answer(text=text, tools=tuple(name for name, _ in calls), tool_calls=tuple(told for _, told in calls))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Clause 9.", " clause  9", True),
        ("**42**", "42.", True),
        ("42", "43", False),
        ("-5", "5", False),
        ("3.5", "35", False),
        ("Yes", "Yes, it does", False),
        ("", "...", True),
        ("第九条", "第九条。", True),
        ("第九条", "第八条", False),
        (LONG, LONG.replace("either side", "one of the sides").replace("other", "counterpart"), True),
        (
            LONG,
            "It goes on for ever, unless a court in London says that it was void from the day it was signed.",
            False,
        ),
        (LONG, "Clause 9.", False),
        (
            "合同在任何一方以书面形式通知另一方的当月最后一天终止",
            "合同在一方以书面形式通知另一方的当月最后一天终止",
            True,
        ),
    ],
)
def test_texts(one: str, other: str, same: bool) -> None:
    assert agree(said(one), said(other)) is same
    assert agree(said(other), said(one)) is same


def test_calls_of_tools() -> None:
    call = ("mail", '{"to": "a", "cc": 1}')
    assert agree(said("", call), said("", ("mail", '{"cc":1,"to":"a"}')))
    assert not agree(said("", call), said("", ("mail", '{"to": "b", "cc": 1}')))
    assert not agree(said("", call), said("", ("post", call[1])))
    assert not agree(said("", call), said(""))
    assert agree(said("", ("mail", "{")), said("", ("mail", "{")))


def test_overlap_by_hand() -> None:
    assert overlap(["a", "a", "b"], ["a", "b", "c"]) == pytest.approx(2 * 2 / 6)
    assert overlap([], []) == 1.0


@given(st.text(max_size=200), st.text(max_size=200))
def test_it_is_one_question_from_both_sides(one: str, other: str) -> None:
    assert agree(said(one), said(one))
    assert agree(said(one), said(other)) == agree(said(other), said(one))


def test_hostile_answers_are_read_in_time() -> None:
    deep = ("mail", "[" * 100_000)
    assert agree(said("x" * 5_000_000, deep), said("x" * 5_000_000, deep))
    assert not agree(said("", ("mail", "\ud800")), said("", ("mail", "{}")))
