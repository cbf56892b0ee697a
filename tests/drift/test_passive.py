"""Signs that cost nothing: what answers say of themselves, and figures of days."""

import msgspec
import pytest

from homeport.drift.baselines import Asked
from homeport.drift.passive import LEAST_DAYS, Day, Signal, of_answers, of_days

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


def days(*lengths: float | None) -> list[Day]:
    return [Day(day=f"2026-03-{1 + place:02}", requests=50, length=length) for place, length in enumerate(lengths)]


def test_a_day_that_is_far_from_the_others_is_told() -> None:
    usual = [100 + place % 3 for place in range(LEAST_DAYS)]
    assert of_days(days(*usual, 104)) == ()
    [found] = of_days(days(*usual, 160))
    assert (found.name, found.before, found.now, found.since) == ("output tokens", "101", "160", "2026-03-08")


@pytest.mark.parametrize("lengths", [(), (1.0,), (100.0,) * LEAST_DAYS, (100.0,) * LEAST_DAYS + (None,)])
def test_too_few_days_say_nothing(lengths: tuple[float | None, ...]) -> None:
    assert of_days(days(*lengths)) == ()


def test_days_that_are_all_the_same_are_not_alarmed_by_rounding() -> None:
    assert of_days(days(*[100.0] * 9, 101.0)) == ()
    assert len(of_days(days(*[100.0] * 9, 120.0))) == 1
