"""What features read of a text, whatever it is."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.routing.features import FEATURES, LENGTH, MOST_CHARS, SHAPE, Text, measure
from homeport.routing.grams import MOST_TOKENS, grams

NAMES = tuple(FEATURES)


def read(text: str) -> dict[str, float]:
    return dict(zip(NAMES, measure(Text(text), NAMES), strict=True))


def test_a_text_in_numbers() -> None:
    found = read("If 3 boys share 12.5 apples, how many\nare left? Not all_of them: 50%!")
    assert {
        "size": 0.069,
        "lines": 2,
        "sentences": 2,
        "questions": 1,
        "commas": 1,
        "numbers": 3,
        "longest_number": 4,
        "distinct_numbers": 3,
        "per_cents": 1,
        "underscores": 1,
        "dollars": 0,
        "negations": 1,
        "conditions": 2,
        "quantities": 1,
        "judgements": 0,
    }.items() <= found.items()
    assert found["length"] == math.log1p(69)
    assert found["digits"] == 6 / 69


@given(st.text() | st.binary().map(lambda data: data.decode("utf-8", "surrogateescape")))
def test_every_feature_of_every_text_is_a_finite_number(text: str) -> None:
    assert all(map(math.isfinite, read(text).values()))


def test_of_a_long_text_both_ends_are_read_and_the_length_is_that_of_all() -> None:
    long = "a, " * MOST_CHARS
    assert read(long)["length"] == math.log1p(3 * MOST_CHARS)
    assert read(long)["commas"] < MOST_CHARS
    assert read(long + "?")["questions"] == read("?" + long)["questions"] == 1


def test_sets_of_features_are_features() -> None:
    assert {*LENGTH, *SHAPE} <= FEATURES.keys()
    with pytest.raises(KeyError):
        measure(Text(""), ("colour",))


@given(st.text(max_size=300) | st.just("\ud800 lone") | st.text("ab?", min_size=5_000))
def test_grams_have_length_1_and_a_place(text: str) -> None:
    places, values = grams(Text(text).lower, 1 << 12)
    assert len({*places}) == len(places) == len(values) <= 3 * MOST_TOKENS
    assert all(0 <= place < 1 << 12 for place in places)
    assert math.fsum(value * value for value in values) == pytest.approx(1 if values else 0)


def test_neighbours_count_and_repetition_counts_less() -> None:
    dimension = 1 << 18
    assert {*grams("a b", dimension)[0]} != {*grams("b a", dimension)[0]}
    assert len(grams("one two three", dimension)[0]) == 6
    places, values = grams("a " * 8, dimension)
    assert len(places) == 3
    # 8 words, 7 pairs, 6 threes: logarithms, before all are brought to length 1.
    assert values[0] / values[2] == pytest.approx((1 + math.log(8)) / (1 + math.log(6)))


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("größe", 1), ("привет мир", 2), ("漢字", 2), ("😀😀", 2), ("don't", 1), ("x=12", 4), ("…", 1), ("\x00", 1)],
)
def test_words_of_all_scripts(text: str, tokens: int) -> None:
    places, _ = grams(text, 1 << 18)
    assert len(places) >= tokens
    assert (len(places) == 1) == (tokens == 1)
