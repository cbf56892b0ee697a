"""Fitting and choosing how: on rows of which the truth is known."""

import math
import os
import random
from pathlib import Path

import pytest

from homeport.core.errors import ConfigError
from homeport.core.routing import Prompt, Turn
from homeport.routing.fit import CANDIDATES, Sample, fit, fit_curve, read_sample
from homeport.routing.gap import GapModel
from homeport.routing.rows import Row, Rows, read_rows
from homeport.routing.selection import choose, choose_for_others, cross_validate, fit_rows
from homeport.stats.ranking import apgr
from tests.routing.recorded_answers import recorded

DATA = Path(os.environ.get("HOMEPORT_DATA") or Path(__file__).parents[3] / "shared" / "data") / "routing"


def rows(count: int, seed: int = 1) -> Rows:
    """The made-up rows, without a file's detour."""
    found = recorded(count, seed)
    names = ("small", "middle", "large")
    return Rows(
        models=names,
        rows=tuple(
            Row(prompt=str(row["prompt"]), quality=tuple(row["models"][name]["correct"] for name in names))  # type: ignore[index]
            for row in found
        ),
    )


def by_length(count: int, seed: int) -> Sample:
    """Requests that gain by the strong model if they are long; their words say nothing."""
    dice = random.Random(seed)
    found = []
    for _ in range(count):
        length = dice.randrange(1, 60)
        text = " ".join(f"{dice.choice('bcdfgh')}{dice.choice('aeiou')}" for _ in range(length))
        found.append(Row(prompt=text, quality=(float(dice.random() > length / 60), 1.0)))
    return read_sample(Rows(models=("weak", "strong"), rows=tuple(found)))


@pytest.mark.parametrize("candidate", CANDIDATES, ids=lambda candidate: candidate.name)
def test_plain_scores_are_those_of_the_fit(candidate: object) -> None:
    known = rows(200)
    sample = read_sample(known)
    fitted = fit([sample], candidate)  # type: ignore[arg-type]
    model = GapModel.decode(fitted.model("a test").encode())
    for row, expected in zip(known.rows, fitted.predict(sample).tolist(), strict=True):
        assert model.score_text(row.prompt).score == pytest.approx(expected, abs=1e-5)
    assert model.score(Prompt(turns=(Turn("user", known.rows[0].prompt),))) == model.score_text(known.rows[0].prompt)


def test_words_are_chosen_where_they_tell_and_the_length_is_not_enough() -> None:
    fitted = fit_rows(rows(600), "a test")
    assert fitted.configuration.words
    assert len(fitted.validation.chosen) == 5
    sample = read_sample(rows(1_000, seed=9))
    unseen = [fitted.model.score_text(row.prompt).score for row in rows(1_000, seed=9).rows]
    assert apgr(unseen, sample.weak.tolist(), sample.strong.tolist()) > 0.65
    assert fitted.model.spread[0] == min(fitted.validation.scores)


def test_chances_are_those_of_rows_with_such_scores() -> None:
    fitted = fit_rows(rows(900), "a test")
    easy, hard = (fitted.model.score_text(word).score for word in ("weather a b c d e f g", "integral a b c d e f g"))
    assert [curve.name for curve in fitted.model.success] == ["small", "middle", "large"]
    assert fitted.model.chances(easy)["small"] == pytest.approx(0.93, abs=0.1)
    assert fitted.model.chances(hard)["small"] == pytest.approx(0.45, abs=0.15)
    assert fitted.model.chances(hard)["large"] == pytest.approx(0.95, abs=0.05)


def test_cross_validation_of_noise_finds_nothing() -> None:
    dice = random.Random(5)
    noise = [
        Row(prompt=row.prompt, quality=(float(dice.random() < 0.6), float(dice.random() < 0.8)))
        for row in rows(900).rows
    ]
    sample = read_sample(Rows(models=("weak", "strong"), rows=tuple(noise)))
    scores = cross_validate(sample, seed=0).scores.tolist()
    assert abs(apgr(scores, sample.weak.tolist(), sample.strong.tolist()) - 0.5) < 0.09


def test_groups_stay_together() -> None:
    known = rows(300)
    # Each group has a word of its own that says all: of use only to those that have seen the group.
    dice = random.Random(3)
    hard = {f"group{place}": dice.random() < 0.5 for place in range(12)}
    told = tuple(
        Row(prompt=f"{group} {row.prompt[-5:]}", quality=(float(not hard[group]), 1.0), group=group)
        for row, group in zip(known.rows, [*hard] * 25, strict=True)
    )
    sample = read_sample(Rows(models=("weak", "strong"), rows=told))
    seen, unseen = (
        apgr(
            cross_validate(sample, seed=0, grouped=grouped).scores.tolist(),
            sample.weak.tolist(),
            sample.strong.tolist(),
        )
        for grouped in (False, True)
    )
    assert seen > 0.7 > unseen


def test_for_other_requests_the_simplest_that_carries_over_is_chosen() -> None:
    samples = [by_length(400, seed) for seed in (1, 2)]
    assert choose_for_others(samples, seed=0).name == "length"
    # On what has a word that tells, the length alone is further off than chance explains.
    telling = [read_sample(rows(500, seed=seed)) for seed in (1, 2)]
    assert choose_for_others(telling, seed=0).words


def test_the_choice_and_the_fit_are_the_same_each_time() -> None:
    sample = read_sample(rows(200))
    assert choose(sample, seed=3) == choose(sample, seed=3)
    one, two = (fit_rows(rows(200), "a test", seed=3).model.encode() for _ in range(2))
    assert one == two


def test_each_sample_counts_the_same() -> None:
    large, small = by_length(900, 1), by_length(90, 2)
    base = fit([large, small], CANDIDATES[0]).base
    means = [float((sample.strong - sample.weak).mean()) for sample in (large, small)]
    assert base == pytest.approx(sum(means) / 2)


def test_too_few_rows_and_rows_without_a_gap_are_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        fit_rows(rows(59), "a test")
    assert caught.value.code == "rows_too_few"
    same = Rows(models=("a", "b"), rows=tuple(Row(prompt=f"{place}", quality=(1.0, 1.0)) for place in range(99)))
    with pytest.raises(ConfigError) as caught:
        fit_rows(same, "a test")
    assert caught.value.code == "rows_without_gap"


def test_rows_that_are_all_alike_are_fitted_all_the_same() -> None:
    alike = Rows(models=("a", "b"), rows=tuple(Row(prompt="same", quality=(0.0, 1.0)) for _ in range(80)))
    model = fit_rows(alike, "a test").model
    assert model.score_text("anything else, and 12 more").score == pytest.approx(1.0, abs=0.2)
    assert GapModel.decode(model.encode()) == model


def test_a_curve_of_answers_that_were_all_right_is_finite() -> None:
    sample = by_length(100, 1)
    curve = fit_curve("strong", sample.features[:, 0], sample.strong)
    assert math.isfinite(curve.slope)
    assert curve.at(3.0) > 0.95


@pytest.mark.skipif(not DATA.is_dir(), reason="the reference data is not here (HOMEPORT_DATA)")
def test_on_recorded_answers_it_ranks_better_than_what_was_published() -> None:
    sample = read_sample(read_rows(DATA / "routellm_gsm8k.jsonl.gz"))
    scores = cross_validate(sample, seed=0).scores.tolist()
    assert apgr(scores, sample.weak.tolist(), sample.strong.tolist()) >= 0.63
