"""Hourly looks: what is usual, what passes, and what stays."""

from pathlib import Path

import pytest

from homeport.drift.asking import Question, Reply
from homeport.drift.baselines import Archive, archive_of, read_lines
from homeport.drift.detectors import Verdict
from homeport.drift.looks import LOOKED_AT, Looked, can_look, look
from homeport.drift.search import Method
from tests.drift.test_live import NOW, baseline
from tests.fakes.undecided import UndecidedModel

HOUR = 3_600 * 10**9
MADE = baseline(UndecidedModel(), Method.LOGPROBS)


class Passing:
    """Another model for so many questions, then the usual one again."""

    def __init__(self, questions: int) -> None:
        self._left = questions
        self._usual, self._other = UndecidedModel("a"), UndecidedModel("b", moved=0.4)

    async def __call__(self, question: Question) -> Reply:
        self._left -= 1
        return await (self._other if self._left >= 0 else self._usual)(question)


@pytest.fixture
async def archive(tmp_path: Path) -> Archive:
    """With twelve usual looks."""
    archive = archive_of(tmp_path, "m")
    archive.begin(MADE)
    model = UndecidedModel("a")
    found = [(await look(archive, MADE, model, NOW + hour * HOUR)).verdict for hour in range(12)]
    assert found == [Verdict.LEARNED] * 6 + [Verdict.USUAL] * 6
    assert len(model.asked) == 12 * LOOKED_AT
    return archive


async def test_what_stays_is_a_change_and_the_new_model_is_learned(archive: Archive) -> None:
    other = UndecidedModel("b", moved=0.4)
    found = await look(archive, MADE, other, NOW + 20 * HOUR)
    assert (found.verdict, found.mismatches) == (Verdict.CHANGE, (True,) * 8)
    assert list(read_lines(archive.bursts, Looked)) == [found]
    assert (await look(archive, MADE, other, NOW + 21 * HOUR)).verdict is Verdict.LEARNED


async def test_what_clears_is_transient_and_not_learned_from(archive: Archive) -> None:
    before = archive.looks.read_bytes()
    found = await look(archive, MADE, Passing(3 * LOOKED_AT), NOW + 20 * HOUR)
    assert (found.verdict, found.mismatches) == (Verdict.TRANSIENT, (True, True, False, False, False))
    assert archive.looks.read_bytes() == before
    assert (await look(archive, MADE, UndecidedModel("a"), NOW + 21 * HOUR)).verdict is Verdict.USUAL


async def test_what_is_not_answered_is_not_judged(archive: Archive) -> None:
    model = UndecidedModel("a")
    model.down = True
    assert (await look(archive, MADE, model, NOW + 20 * HOUR)).verdict is Verdict.UNJUDGED


def test_texts_are_not_looked_at() -> None:
    assert can_look(MADE)
    assert not can_look(baseline(UndecidedModel(), Method.EDITS))
