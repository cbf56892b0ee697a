"""The gap model: what it says of conversations, and what it refuses to be."""

import math
from array import array

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import StorageError
from homeport.core.routing import Prompt, Turn
from homeport.routing.features import FEATURES
from homeport.routing.gap import Curve, GapModel, Weighted, gap_model, squash
from homeport.routing.grams import grams

HARD = "Prove that every bounded sequence of real numbers has a convergent subsequence. " * 12
COMMAS = Weighted(name="commas", mean=1.0, deviation=2.0, weight=0.1)


def model(**changes: object) -> GapModel:
    return msgspec.structs.replace(GapModel(about="a test", base=0.2, features=(COMMAS,)), **changes)


def said(*texts: str, system: str = "") -> Prompt:
    turns = [Turn("system", system), *(turn for text in texts for turn in (Turn("user", text), Turn("assistant", ",")))]
    return Prompt(turns=tuple(turns), chars=sum(map(len, texts)))


def test_a_score_is_the_sum_of_what_moved_it() -> None:
    scored = model().score(said(",,,,,"))
    assert scored.score == pytest.approx(0.2 + 0.1 * (5 - 1) / 2)
    assert dict(scored.contributions) == {"commas": pytest.approx(0.2)}


def test_words_are_weighed_together_and_never_named() -> None:
    weights = array("f", bytes(4 * 1024))
    places, values = grams("secret", 1024)
    weights[places[0]] = 0.5
    scored = model(words=weights.tobytes()).score(said("Secret"))
    assert values == [1.0]
    assert dict(scored.contributions) == {"words_said": pytest.approx(0.5), "commas": pytest.approx(-0.05)}
    assert scored.contributions[0][0] == "words_said"


def test_what_is_far_from_everything_seen_is_not_endless() -> None:
    assert model().score(said("," * 1000)).score < 1.5
    values = [-1e9, -5.0, -4.0, -1.0, 0.0, 3.9, 4.0, 4.1, 100.0, 1e9]
    assert [*map(squash, values)] == sorted({squash(value) for value in values})
    assert squash(-5.0) == -squash(5.0)


def test_a_short_turn_after_a_hard_one_is_not_an_easy_conversation() -> None:
    shipped = gap_model(None)
    hard, short = shipped.score(said(HARD)).score, shipped.score(said("commit it")).score
    later = shipped.score(said(HARD, "yes", "go on", "and now?", "commit it")).score
    assert short < shipped.base < later < hard
    assert shipped.score(said("hi", HARD)).score == hard
    assert shipped.score(said("hi", "hello", HARD, "commit it")).score == later


def test_what_the_application_says_each_time_changes_nothing() -> None:
    shipped = gap_model(None)
    assert shipped.score(said("hi", system=HARD)) == shipped.score(said("hi"))
    assert shipped.score(Prompt(turns=(Turn("system", HARD),))).score == shipped.score(said(HARD)).score


def test_an_empty_conversation_has_a_score() -> None:
    assert math.isfinite(gap_model(None).score(Prompt()).score)


@given(st.lists(st.tuples(st.sampled_from(["system", "user", "assistant", "tool"]), st.text()), max_size=6))
def test_every_conversation_has_a_finite_score_that_is_always_the_same(turns: list[tuple[str, str]]) -> None:
    prompt = Prompt(turns=tuple(Turn(*turn) for turn in turns))
    features = tuple(Weighted(name=name, mean=1.0, deviation=0.5, weight=0.1) for name in FEATURES)
    full = model(features=features, words=array("f", [0.1] * 4096).tobytes())
    scored = full.score(prompt)
    assert math.isfinite(scored.score)
    assert scored == GapModel.decode(full.encode()).score(prompt)


def test_the_one_that_comes_with_homeport_is_the_length_alone() -> None:
    shipped = gap_model(None)
    assert [feature.name for feature in shipped.features] == ["length"]
    assert shipped.features[0].weight > 0
    assert not shipped.words
    assert shipped.chances(0.5) == {}


def test_chances_are_probabilities_at_any_score() -> None:
    curves = (Curve(name="small", intercept=1.0, slope=-2.0), Curve(name="large", intercept=2.0, slope=0.0))
    chances = model(success=curves).chances
    assert chances(0.5) == {"small": 0.5, "large": pytest.approx(0.881, abs=1e-3)}
    assert chances(1e300)["small"] < 1e-200
    assert [*chances(-1e300).values()] == [pytest.approx(1.0), pytest.approx(0.881, abs=1e-3)]


GOOD = model(words=array("f", [0.5, -0.5]).tobytes()).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff\xfe",
        b"[" * 100_000,
        GOOD[:-1],
        GOOD.replace(b'"format":1', b'"format":2'),
        GOOD.replace(b'"commas"', b'"colour"'),
        GOOD.replace(b'"deviation":2.0', b'"deviation":0'),
        GOOD.replace(b'"base":0.2', b'"base":1e999'),
        model(spread=(0.2, 0.1)).encode(),
        model(words=b"\0" * 5).encode(),
        model(words=b"\0" * 12).encode(),
        model(words=array("f", [math.nan]).tobytes()).encode(),
        model(words=array("f", [math.inf]).tobytes()).encode(),
    ],
    ids=lambda data: repr(data[:20]),
)
def test_what_is_no_model_is_told(data: bytes) -> None:
    with pytest.raises(StorageError) as caught:
        gap_model(data)
    assert caught.value.code == "router_part_invalid"
    assert "homeport route" in caught.value.hint


def test_a_good_one_is_read() -> None:
    assert gap_model(GOOD).encode() == GOOD
