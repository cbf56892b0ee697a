"""Whether two answers say the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.cache.agreement import agree
from homeport.core.routing import Answer

LONG = "The contract ends with the third clause, which says that each side may leave it after a month. "


def near(*_: str) -> float:
    return 0.95


def far(*_: str) -> float:
    return 0.5


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("The third.", "the third", True),
        ("Paris.", "It is Paris.", True),
        ("Paris.", "It is London.", None),
        ("Yes, you can.", "No, you cannot.", False),
        ("You can do that.", "You can't do that.", False),
        ("It costs 12 dollars.", "It costs 14 dollars.", False),
        ("It costs 1,200 dollars.", "It costs 1200 dollars.", True),
        ("It is -5 degrees.", "It is 5 degrees.", False),
        ("It is -5 degrees.", "It is \u22125 degrees.", True),
        ("Read pages 5-7.", "**Read** pages 5-7", True),
        ("Use C++.", "Use C.", None),
        ("It holds if a > b.", "It holds if a < b.", None),
        ("It costs $5.", "It costs £5.", None),
        (LONG + "It takes 30 days.", LONG + "So it takes 30 days.", True),
        (LONG + "It takes 30 days.", LONG + "It takes 60 days.", False),
        (LONG + "It takes 30 days.", LONG, False),
        ("No. " + LONG, "Yes. " + LONG, False),
        ("好的", "不行", None),
        ("🙂", "🙃", False),
        ("", "", True),
    ],
)
def test_what_must_not_differ(one: str, other: str, same: bool | None) -> None:
    assert agree(Answer(text=one), Answer(text=other), near) is same
    assert agree(Answer(text=other), Answer(text=one), near) is same


def test_long_texts_are_about_the_same() -> None:
    one, other = Answer(text=LONG + "Ask first."), Answer(text=LONG + "Please ask.")
    assert agree(one, other, near) is True
    assert agree(one, other, far) is None


def test_calls_of_tools_are_compared_by_what_they_say() -> None:
    def call(arguments: str, name: str = "find") -> Answer:
        return Answer(text="", tool_calls=(arguments,), tools=(name,))

    assert agree(call('{"a": 1, "b": 2}'), call('{"b":2,"a":1}'), near) is True
    assert agree(call('{"a": 1}'), call('{"a": 2}'), near) is False
    assert agree(call("{}"), call("{}", "other"), near) is False
    assert agree(call('{"a": '), call('{"a": '), near) is True


@given(one=st.text(), other=st.text())
def test_it_is_total_and_the_same_both_ways(one: str, other: str) -> None:
    first, second = Answer(text=one), Answer(text=other)
    assert agree(first, first, far) is True
    assert agree(first, second, far) is agree(second, first, far)
