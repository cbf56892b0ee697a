"""Simulated models, a judge and people: how good answers are is as it was said, and only the simulation can tell."""

import pytest

from bench.quality_answers import graded, grading, is_good, is_right, number_of, question, rating, said, usual_score
from homeport.evaluation.judge import Judged, grading_prompt
from homeport.evaluation.metrics.base import Message
from homeport.evaluation.rubrics import QUALITY
from homeport.evaluation.verdicts import read_grade

NUMBERS = range(4_000)


def test_answers_are_good_as_often_as_it_was_said_and_their_text_says_so() -> None:
    well = [is_good(3, "code", number, 0.8) for number in NUMBERS]
    assert abs(sum(well) / len(well) - 0.8) < 0.03
    assert [is_right(3, said(3, "code", number, 0.8, 0.3)[0]) for number in NUMBERS] == well


def test_a_question_that_is_asked_again_is_answered_by_the_quality_of_then_and_by_other_chance() -> None:
    first = [is_good(3, "code", number, 0.5) for number in NUMBERS]
    again = [is_good(3, "code", number, 0.5, time=1) for number in NUMBERS]
    same = sum(one is other for one, other in zip(first, again, strict=True)) / len(first)
    assert abs(same - 0.5) < 0.03
    assert said(3, "code", 7, 0.5, 0.3, time=1) == said(3, "code", 7, 0.5, 0.3, time=1)


def test_the_judge_is_as_often_right_as_it_was_said_and_reads_the_prompt_that_it_is_sent() -> None:
    for good, bound in ((1.0, 0.85), (0.0, 0.25)):
        texts = [said(3, "code", number, good, 0.0)[0] for number in NUMBERS]
        mean = sum(graded(3, number, text) for number, text in zip(NUMBERS, texts, strict=True)) / len(texts)
        assert abs(mean - bound) < 0.03
    for number in range(40):
        text = said(3, "code", number, 0.5, 0.5)[0]
        judged = Judged(messages=[Message("user", question(number))], answer=text)
        prompt = grading_prompt(judged, QUALITY, "0123456789abcdef")
        assert read_grade(grading(3, prompt.user)).score == graded(3, number, text)


def test_a_judge_that_is_shown_no_answer_says_so() -> None:
    with pytest.raises(ValueError, match="no answer"):
        grading(3, "How good is this?")


def test_people_slip_seldom_and_not_together() -> None:
    for good in (1.0, 0.0):
        texts = [said(3, "code", number, good, 0.3)[0] for number in NUMBERS]
        scores = [(rating(3, "ann", number, text) - 1) / 4 for number, text in zip(NUMBERS, texts, strict=True)]
        assert abs(sum(scores) / len(scores) - usual_score(well=bool(good))) < 0.02
        others = [(rating(3, "ben", number, text) - 1) / 4 for number, text in zip(NUMBERS, texts, strict=True)]
        assert scores != others


def test_a_text_without_a_number_has_one_all_the_same() -> None:
    assert number_of(question(17)) == 17
    assert number_of("def f(): pass") == number_of("def f(): pass") != number_of("def g(): pass")
