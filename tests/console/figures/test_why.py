"""Reasons as sentences."""

import pytest

from homeport.console.figures.why import why


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("static:mid", "The policy static chose the tier mid"),
        ("pinned:openai:gpt-5", "The request named openai:gpt-5 itself"),
        ("failover:openai:gpt-5:upstream_timeout", "openai:gpt-5 was to answer and could not (upstream_timeout)"),
        ("session:frontier", "The conversation had begun at the tier frontier"),
        ("explore:local", "It was sent to the tier local to learn"),
        ("hedge:small", "Two models were asked at once, and small was quicker"),
        ("budget:search", "The budget search leaves only models at home"),
        ("again:", "a model was asked again after a failure (nobody knows why)"),
        ("pinned:{0.__class__}", "The request named {0.__class__} itself"),
    ],
)
def test_each_kind(reason: str, said: str) -> None:
    assert why(reason).startswith(said)


@pytest.mark.parametrize("reason", ["", "unheard-of", ":", ":mid"])
def test_what_is_no_reason_says_nothing(reason: str) -> None:
    assert why(reason) == ""
