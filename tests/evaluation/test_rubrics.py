"""Grades of one epoch have the same judge, rubric and prompt; the shipped rubric has not changed under its version."""

from hashlib import sha256

import msgspec
import pytest

from homeport.evaluation.rubrics import QUALITY, Epoch, Rubric, score_of

EPOCH = Epoch(model="judge: j=m@r", rubric=QUALITY, prompt_version=1)


def test_the_epoch_is_the_same_for_the_same() -> None:
    assert EPOCH.digest == Epoch(model="judge: j=m@r", rubric=QUALITY, prompt_version=1).digest
    assert len(EPOCH.digest) == 16


@pytest.mark.parametrize(
    "other",
    [
        msgspec.structs.replace(EPOCH, model="judge: j=m@s"),
        msgspec.structs.replace(EPOCH, prompt_version=2),
        msgspec.structs.replace(EPOCH, only_grade=True),
        msgspec.structs.replace(EPOCH, rubric=Rubric(name="own", version=1, text=QUALITY.text)),
        msgspec.structs.replace(EPOCH, rubric=Rubric(name="quality", version=2, text=QUALITY.text)),
        msgspec.structs.replace(EPOCH, rubric=Rubric(name="quality", version=1, text=QUALITY.text + ".")),
    ],
)
def test_whatever_changes_begins_another_one(other: Epoch) -> None:
    assert other.digest != EPOCH.digest


def test_grades_are_spread_from_0_to_1() -> None:
    assert [score_of(grade) for grade in (1, 2, 3, 4, 5)] == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_who_changes_the_shipped_rubric_raises_its_version() -> None:
    texts = {1: "00865db13a02242f"}
    assert sha256(QUALITY.text.encode()).hexdigest()[:16] == texts[QUALITY.version]
