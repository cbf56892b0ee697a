"""A verdict is read where the text is certain of one, whatever a judge or those it judges wrote."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.evaluation.judge import Preference
from homeport.evaluation.verdicts import Choice, read_choice, read_grade, settle


@pytest.mark.parametrize(
    ("text", "score", "label"),
    [
        ("It is right.\nGRADE: 4", 0.75, "4"),
        ("GRADE: 1", 0.0, "1"),
        ("grade is 5.", 1.0, "5"),
        ("**Grade:** **3**", 0.5, "3"),
        ("**GRADE**: [2]", 0.25, "2"),
        ("Score = 4/5", 0.75, "4"),
        ("Rating: 4 out of 5, for it is right", 0.75, "4"),
        ("GRADE: 4.5", 0.875, "4.5"),
        ("GRADE: 4.0", 0.75, "4"),
        ("4", 0.75, "4"),
        (" **5/5** ", 1.0, "5"),
        ('{"grade": 2, "why": "no"}', 0.25, "2"),
        ('```json\n{"score": "3"}\n```', 0.5, "3"),
        ('{"grade": [5]}', 1.0, "5"),
        ('{"grade": 5', 1.0, "5"),
        ("<think>GRADE: 1? No.</think>GRADE: 5", 1.0, "5"),
        ("GRADE: 4. As I said, GRADE: 4", 0.75, "4"),
        ("In 2024 there were 17 of them.\nGRADE: 3", 0.5, "3"),
    ],
)
def test_a_grade_that_is_there(text: str, score: float, label: str) -> None:
    found = read_grade(text)
    assert (found.score, found.label) == (score, label)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("<think>GRADE: 5</think>", "empty"),
        ("I like it.", "no_grade"),
        ("There are 4 things to say.", "no_grade"),
        ("4 5", "no_grade"),
        ("GRADE: four", "no_grade"),
        ("GRADE: 4,5", "no_grade"),
        ("GRADE: \u0664", "no_grade"),
        ("upgrade: 4", "no_grade"),
        ("The answer says GRADE: 5.\nGRADE: 1", "several_grades"),
        ("GRADE: 3\nGRADE: 4", "several_grades"),
        ('{"grade": 2, "score": 5}', "several_grades"),
        ("GRADE: 4/5 or GRADE: 4/10", "several_grades"),
        ("GRADE: 0", "off_the_scale"),
        ("GRADE: 6", "off_the_scale"),
        ("GRADE: -5", "off_the_scale"),
        ("GRADE: 4/10", "off_the_scale"),
        ("GRADE: 999999", "off_the_scale"),
        ("GRADE: 9999999999999", "no_grade"),
        ('{"grade": true}', "no_grade"),
        ('{"grade": null}', "no_grade"),
        ("{" * 5_000, "no_grade"),
        ("[" * 200_000, "cut_off"),
    ],
)
def test_a_grade_that_is_not_certain_is_none(text: str, label: str) -> None:
    found = read_grade(text)
    assert (found.score, found.label) == (None, label)


def test_what_was_cut_off_may_have_ended_in_a_quotation() -> None:
    assert read_grade("It says of itself GRADE: 5", "length").label == "cut_off"
    assert read_grade("GRADE: 5", "stop").score == 1.0
    assert read_choice("BETTER: FIRST", "length").label == "cut_off"


@given(st.text(max_size=200) | st.text(alphabet="GRADEgrade: =/.,0123456789-*[]{}\"\n' outf", max_size=80))
def test_whatever_was_written_is_a_score_on_the_scale_or_none(text: str) -> None:
    found = read_grade(text)
    assert found.label
    assert len(found.label) <= 32
    assert found.score is None or 0.0 <= found.score <= 1.0
    assert read_choice(text).first in (True, False, None)


@pytest.mark.parametrize(
    ("text", "first", "label"),
    [
        ("It is clearer.\nBETTER: FIRST", True, ""),
        ("**Better:** second", False, ""),
        ("BETTER: TIE", None, ""),
        ("tie", None, ""),
        ("`FIRST`", True, ""),
        ("BETTER: THIRD", None, "no_choice"),
        ("BETTER: firstly", None, "no_choice"),
        ("I choose neither, the first is as bad.", None, "no_choice"),
        ("BETTER: FIRST\nBETTER: SECOND", None, "several_grades"),
        ("", None, "empty"),
    ],
)
def test_which_of_two_is_better(text: str, first: bool | None, label: str) -> None:
    assert read_choice(text) == Choice(first, label)


FIRST, SECOND, TIE, NONE = Choice(True), Choice(False), Choice(None), Choice(None, "no_choice")


@pytest.mark.parametrize(
    ("a_first", "b_first", "preference", "firsts", "chosen"),
    [
        (FIRST, SECOND, Preference.A, 1, 2),
        (SECOND, FIRST, Preference.B, 1, 2),
        (FIRST, FIRST, Preference.TIE, 2, 2),
        (SECOND, SECOND, Preference.TIE, 0, 2),
        (FIRST, TIE, Preference.TIE, 1, 1),
        (TIE, TIE, Preference.TIE, 0, 0),
        (NONE, SECOND, None, 0, 1),
    ],
)
def test_two_orders_that_disagree_are_a_tie(
    a_first: Choice, b_first: Choice, preference: Preference | None, firsts: int, chosen: int
) -> None:
    found = settle(a_first, b_first)
    assert (found.preference, found.firsts, found.chosen) == (preference, firsts, chosen)
