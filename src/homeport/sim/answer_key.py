"""Right and wrong answers: how well a simulated model does is known, so what stands before it can be measured."""

from collections.abc import Mapping, Sequence

import msgspec

from homeport.core.errors import InvalidRequest
from homeport.providers.simulated.draft import Ask
from homeport.providers.simulated.text import digest


class Row(msgspec.Struct, frozen=True):
    """A question, as it stands in the last user message, and its right answer."""

    prompt: str
    answer: str


class AnswerKey:
    """Answers questions that it knows.

    Args:
        accuracy: the share of right answers by model; others are right always. Which questions a model gets
            wrong depends on the seed, the model and the question alone; it then gives another question's answer.
    """

    def __init__(self, rows: Sequence[Row], accuracy: Mapping[str, float]) -> None:
        self._answers = {row.prompt: row.answer for row in rows}
        self._all = sorted({row.answer for row in rows})
        self._accuracy = accuracy

    def answer(self, ask: Ask, seed: int) -> str | None:
        """None for a question that it does not know."""
        right = self._answers.get(ask.prompt)
        if right is None:
            return None
        name = digest(seed, ask.model, ask.prompt)
        if int(name[:12], 16) / 16**12 < self._accuracy.get(ask.model, 1.0):
            return right
        wrong = [other for other in self._all if other != right]
        return wrong[int(name[12:24], 16) % len(wrong)] if wrong else "I do not know."


def read_rows(data: bytes) -> tuple[Row, ...]:
    """Rows of JSON lines.

    Raises:
        InvalidRequest: sim_answers_invalid, with the line.
    """
    rows = []
    for number, line in enumerate(data.splitlines(), 1):
        if line.strip():
            try:
                rows.append(msgspec.json.decode(line, type=Row))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise InvalidRequest(
                    f"line {number} of the answers: {error}",
                    code="sim_answers_invalid",
                    hint='each line is {"prompt": "...", "answer": "..."}',
                ) from error
    return tuple(rows)
