"""Signs that cost nothing: what answers say of themselves, and figures of days."""

from math import exp
from random import Random

import msgspec
import pytest

from homeport.drift.baselines import Asked
from homeport.drift.passive import IN_A_ROW, LEAST_DAYS, MOST_DAYS, Signal, of_answers, of_days
from homeport.storage.model_days import ModelDay

USUAL = Asked(batch="2026-03-01", probe="p", output="yes", model="m-1", fingerprint="fp-1", input_tokens=9)


def test_the_same_again_says_nothing() -> None:
    assert of_answers([USUAL] * 5) == ()
    assert of_answers([]) == ()


@pytest.mark.parametrize(
    ("field", "value", "name", "before"),
    [
        ("model", "m-2", "response.model", "m-1"),
        ("fingerprint", "fp-2", "system_fingerprint", "fp-1"),
        ("input_tokens", 11, "input tokens", "9"),
    ],
)
def test_another_name_or_count_is_told_with_its_first_batch(
    field: str, value: str | int, name: str, before: str
) -> None:
    now = msgspec.structs.replace(USUAL, batch="2026-03-02", **{field: value})
    later = msgspec.structs.replace(now, batch="2026-03-03")
    silent = msgspec.structs.replace(USUAL, model="", fingerprint="", input_tokens=0)
    [found] = of_answers([USUAL, silent, now, silent, later])
    assert found == Signal(name=name, before=before, now=str(value), since="2026-03-02")


def test_tokens_are_those_of_one_prompt() -> None:
    other = msgspec.structs.replace(USUAL, probe="q", input_tokens=30)
    assert of_answers([USUAL, other, USUAL, other]) == ()


def days(*lengths: float | None) -> list[ModelDay]:
    return [ModelDay(day=f"2026-03-{1 + place:02}", requests=50, length=length) for place, length in enumerate(lengths)]


USUAL_DAYS = [100.0 + place % 3 for place in range(LEAST_DAYS)]


def test_days_that_are_all_far_from_the_others_are_told_with_the_first_of_them() -> None:
    assert of_days(days(*USUAL_DAYS, 104, 104)) == ()
    for run in ((160, 160), (158, 161, 160)):
        [found] = of_days(days(*USUAL_DAYS, *run))
        assert (found.name, found.before, found.now, found.since) == ("output tokens", "101", "160", "2026-03-15")


def test_one_day_alone_or_days_to_both_sides_say_nothing() -> None:
    assert of_days(days(*USUAL_DAYS, 101, 160)) == ()
    assert of_days(days(*USUAL_DAYS, 160, 101)) == ()
    assert of_days(days(*USUAL_DAYS, 40, 160)) == ()


def test_a_day_without_the_figure_is_passed_over() -> None:
    [found] = of_days(days(*USUAL_DAYS[:5], None, *USUAL_DAYS[5:], 160, None, 160))
    assert found.since == "2026-03-16"


@pytest.mark.parametrize(
    "lengths",
    [(), (1.0,), (None,) * 30, (*USUAL_DAYS[:-1], 160.0, 160.0), (*USUAL_DAYS, 160.0, 160.0, None)],
)
def test_too_few_days_say_nothing(lengths: tuple[float | None, ...]) -> None:
    assert of_days(days(*lengths)) == ()


def test_days_that_are_all_the_same_are_not_alarmed_by_rounding() -> None:
    assert of_days(days(*[100.0] * LEAST_DAYS, 101.0, 101.0)) == ()
    assert len(of_days(days(*[100.0] * LEAST_DAYS, 120.0, 120.0))) == 1


def test_a_few_refusals_where_there_were_none_are_none() -> None:
    def refusing(share: float) -> ModelDay:
        return ModelDay(day="2026-03-30", requests=50, refusals=share)

    assert of_days([refusing(0.0)] * LEAST_DAYS + [refusing(0.02)] * IN_A_ROW) == ()
    [found] = of_days([refusing(0.0)] * LEAST_DAYS + [refusing(0.1)] * IN_A_ROW)
    assert (found.name, found.before, found.now) == ("share of refusals", "0", "0.1")


def test_usual_days_are_seldom_told() -> None:
    """Days that differ by a tenth, and now and then by much more: signals are told once in some years of a model."""
    rng = Random(3)
    usual = [100 * exp(0.1 * rng.gauss(0, 1) * (3 if rng.random() < 0.05 else 1)) for _ in range(5_000)]
    told = sum(bool(of_days(days(*usual[at : at + MOST_DAYS]))) for at in range(len(usual) - MOST_DAYS))
    assert told <= 5
