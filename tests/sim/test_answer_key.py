"""A simulated model that is known to be right so often."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import InvalidRequest
from homeport.providers.simulated.draft import Ask
from homeport.sim.answer_key import AnswerKey, Row, read_rows
from homeport.sim.server import SimServer
from homeport.sim.settings import Settings
from tests.fakes.sim import ask

ROWS = tuple(Row(prompt=f"What is {n} + {n}?", answer=str(2 * n)) for n in range(1_000))


@pytest.fixture
async def informed() -> AsyncIterator[SimServer]:
    async with SimServer(Settings(answers=ROWS, accuracy={"never": 0.0})) as server:
        yield server


async def said(sim: SimServer, prompt: str, **fields: Any) -> str:
    body = {"model": "always", "messages": [{"role": "user", "content": prompt}], **fields}
    return str((await ask(sim, body)).fields["choices"][0]["message"]["content"])


async def test_the_right_answer_and_a_wrong_one(informed: SimServer) -> None:
    assert await said(informed, "What is 21 + 21?") == "42"
    assert await said(informed, "What is 21 + 21?", model="never") not in ("42", "")


async def test_other_questions_are_answered_as_always(informed: SimServer) -> None:
    assert (await said(informed, "And why?")).startswith("Simulated")


async def test_bounds_hold(informed: SimServer) -> None:
    assert await said(informed, "What is 21 + 21?", max_tokens=1) == "42"
    assert await said(informed, "What is 21 + 21?", stop="2") == "4"


@pytest.mark.parametrize("share", [0.0, 0.2, 0.9, 1.0])
def test_the_share_of_right_answers(share: float) -> None:
    key = AnswerKey(ROWS, {"m": share})
    right = [key.answer(Ask(model="m", texts=(row.prompt,)), 0) == row.answer for row in ROWS]
    assert sum(right) / len(ROWS) == pytest.approx(share, abs=0.04)


def test_one_question_alone_can_be_answered_wrongly() -> None:
    assert AnswerKey(ROWS[:1], {"m": 0.0}).answer(Ask(model="m", texts=(ROWS[0].prompt,)), 0) == "I do not know."


@pytest.mark.parametrize(
    "line", [b"{", b"[]", b'{"prompt": "a"}', b'{"prompt": 1, "answer": "b"}', b"\xff", b"[" * 5_000]
)
def test_a_line_that_is_no_row_is_named(line: bytes) -> None:
    with pytest.raises(InvalidRequest, match="line 2") as caught:
        read_rows(b'{"prompt": "a", "answer": "b"}\n' + line)
    assert caught.value.code == "sim_answers_invalid"


@given(st.binary(max_size=200))
def test_reading_rows_gives_rows_or_says_why(data: bytes) -> None:
    with contextlib.suppress(InvalidRequest):
        assert all(isinstance(row, Row) for row in read_rows(data))
