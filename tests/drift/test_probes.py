"""Answers sorted into batches, and how alike these are."""

import math
from collections.abc import Iterator, Mapping

import numpy as np
import pytest

from homeport.core.errors import ConfigError
from homeport.drift.probes import MOST_BATCHES, MOST_CELLS, Recorded, collect
from homeport.drift.recording import Row
from homeport.drift.similarity import WINDOW
from homeport.drift.traits import TABLE_WEIGHT, table, traits


def row(batch: int, output: str, probe: str = "a", logprobs: Mapping[str, float] | None = None) -> Row:
    return Row(seconds=float(batch), batch=f"b{batch}", probe=probe, output=output, logprobs=logprobs or {})


def distance(recorded: Recorded, one: int, other: int, probe: int = 0) -> float:
    same = recorded.similarity
    pair = same.between(np.array([one]), np.array([other]))[probe, 0, 0]
    return float(same.own[probe, one] + same.own[probe, other] - 2 * pair)


def test_batches_are_in_the_order_of_time_whatever_that_of_rows() -> None:
    rows = [row(day, word, probe) for day in range(4) for word in ("x", "y y") for probe in ("p", "q")]
    straight, turned = collect(rows), collect(rows[::-1])
    assert straight.batches == turned.batches == ("b0", "b1", "b2", "b3")
    assert (straight.probes, turned.probes) == (("p", "q"), ("q", "p"))
    assert np.array_equal(straight.similarity.band, turned.similarity.band[::-1])
    assert straight.similarity.rows.tolist() == [[2, 2, 2, 2]] * 2


def test_a_time_that_is_written_in_two_ways_is_one_batch() -> None:
    two = [row(5, "x"), Row(seconds=5.0, batch="other", probe="a", output="y", logprobs={})]
    assert collect(two).batches == ("b5",)


def test_the_same_answers_are_at_no_distance_and_others_at_the_whole() -> None:
    words = [*["yes"] * 4, *["Definitely not, for reasons that are told below"] * 4]
    recorded = collect([row(day, words[4 * day + place]) for day in (0, 1) for place in range(4)])
    again = collect([row(day, "yes") for day in (0, 1) for _ in range(4)])
    assert distance(again, 0, 1) == pytest.approx(0)
    assert distance(recorded, 0, 1) == pytest.approx(2)
    assert again.similarity.own == pytest.approx(np.ones((1, 2)))


def test_space_is_no_difference_and_a_beginning_is_half_of_it() -> None:
    recorded = collect([row(0, "It is Paris,\n of course."), row(1, " It is Paris, of course.")])
    assert distance(recorded, 0, 1) == pytest.approx(0)
    apart = collect([row(0, "It is Paris, of course."), row(1, "It is Paris, of cOurse.")])
    assert distance(apart, 0, 1) == pytest.approx(1)


def test_one_odd_answer_of_ten_is_expected_of_chance() -> None:
    """The product within a batch leaves out that of an answer with itself, so noise is no distance on average."""
    rng = np.random.default_rng(2)
    words = np.array(["yes", "no, it is not"])
    rows = [row(day, str(word)) for day in range(400) for word in words[rng.integers(2, size=10)]]
    recorded = collect(rows)
    found = [distance(recorded, day, day + 1) for day in range(399)]
    assert np.mean(found) == pytest.approx(0, abs=0.02)


def test_batches_far_apart_are_not_compared() -> None:
    recorded = collect([row(day, "x") for day in range(3 * WINDOW)])
    band = recorded.similarity.band[0]
    assert band[WINDOW - 1 :].min() == pytest.approx(1)
    assert [int((band[day] > 0).sum()) for day in (0, 1, 5)] == [1, 2, 6]


def test_a_probe_that_was_not_asked_is_alike_to_nothing() -> None:
    recorded = collect([row(0, "x", "p"), row(0, "x", "q"), row(1, "x", "p"), row(2, "x", "q"), row(2, "x", "p")])
    assert recorded.similarity.rows.tolist() == [[1, 1, 1], [1, 0, 1]]
    assert recorded.similarity.band[1, 1].tolist() == [0.0] * WINDOW
    assert recorded.similarity.band[1, 2, :3].tolist() == [1, 0, 1]


def test_tables_tell_more_than_what_was_sampled() -> None:
    usual = {"a": math.log(0.7), "b": math.log(0.2)}
    slightly = {"a": math.log(0.68), "b": math.log(0.22)}
    recorded = collect([row(0, "a", logprobs=usual), row(1, "b", logprobs=usual), row(2, "a", logprobs=slightly)])
    assert distance(recorded, 0, 1) == pytest.approx(0, abs=1e-4)
    assert distance(recorded, 0, 2) > 0.05


def test_what_few_rows_tell_is_not_compared() -> None:
    rows = [row(day, "x") for day in range(3)]
    recorded = collect([*rows, row(0, "y", logprobs={"x": -0.1})])
    assert recorded.similarity.rows.tolist() == [[2, 1, 1]]


@pytest.mark.parametrize(
    "logprobs", [{"a": -0.1}, {"a": 0.01}, {"a": -1e300, "b": -5}, {"a": -0.0, "b": -0.0}, {"rest": -1.0}]
)
def test_any_table_is_of_the_same_length(logprobs: dict[str, float]) -> None:
    assert math.fsum(value * value for value in table(logprobs).values()) == pytest.approx(TABLE_WEIGHT)


def test_traits_of_odd_texts() -> None:
    assert len({traits(text) for text in ("", "a", "\ud800", "a" * 100, "a" * 101, "\u0000")}) == 6
    assert traits("a" * 100)[1:] == traits("a" * 101)[1:]


def test_more_than_can_be_compared_is_refused() -> None:
    def batches() -> Iterator[Row]:
        return (row(day, "x") for day in range(MOST_BATCHES + 1))

    def probes() -> Iterator[Row]:
        yield from (row(day, "x", "0") for day in range(MOST_BATCHES))
        yield from (row(0, "x", str(probe)) for probe in range(1, MOST_CELLS // MOST_BATCHES + 1))

    for rows in (batches, probes):
        with pytest.raises(ConfigError) as raised:
            collect(rows())
        assert raised.value.code == "recording_too_large"
