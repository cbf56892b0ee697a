"""Recorded answers as somebody who answers: from a run, or from plain lines `{"id", "answer"}`."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from homeport.core.errors import ConfigError
from homeport.core.money import Nano
from homeport.evaluation.experiments import Ask, Reply
from homeport.evaluation.jsonlines import LineError, decoder_of, numbered_lines
from homeport.evaluation.runs import MAX_ANSWERS, MAX_EPOCHS, MAX_RUN_LINE_BYTES, read_run

_MISSING = "eval_answer_missing"
_RUN = b'"homeport_run"'
_HEAD_BYTES = 4096


class RecordedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A line. Fields that it does not know are passed by."""

    id: Annotated[str, Meta(min_length=1, max_length=128)]
    answer: str
    epoch: Annotated[int, Meta(ge=0, lt=MAX_EPOCHS)] = 0
    cost_nanodollars: Annotated[int, Meta(ge=0, le=10**18)] | None = None
    latency_ms: Annotated[float, Meta(ge=0, le=1e12)] | None = None


class RecordedRespondent:
    """A `Respondent` that only remembers."""

    def __init__(self, answers: Mapping[tuple[str, int], Reply]) -> None:
        self._answers = answers

    async def __call__(self, ask: Ask) -> Reply:
        missing = Reply(error=_MISSING, why="no answer is recorded")
        return self._answers.get((ask.case.id, ask.epoch), missing)


def read_recorded(path: Path) -> RecordedRespondent:
    """Read a file.

    Raises:
        ConfigError: recorded_answers_invalid, with the line; as `read_run` where it is a run.
    """
    try:
        with path.open("rb") as file:
            if _RUN in file.readline(_HEAD_BYTES):
                return _of_run(path)
            file.seek(0)
            return RecordedRespondent(_read(numbered_lines(file, MAX_RUN_LINE_BYTES)))
    except LineError as error:
        raise _invalid(path, f"line {error.number}: {error.why}") from None
    except OSError as error:
        raise _invalid(path, f"it cannot be read: {error.strerror}") from error


def _read(lines: Iterator[tuple[int, bytes]]) -> dict[tuple[str, int], Reply]:
    decode = decoder_of(RecordedAnswer)
    found: dict[tuple[str, int], Reply] = {}
    for number, line in lines:
        one = decode(number, line)
        if (one.id, one.epoch) in found:
            raise LineError(number, f"the case {one.id!a} was answered before in epoch {one.epoch}")
        if len(found) >= MAX_ANSWERS:
            raise LineError(number, f"there are more than {MAX_ANSWERS} answers")
        cost = None if one.cost_nanodollars is None else Nano(one.cost_nanodollars)
        found[one.id, one.epoch] = Reply(text=one.answer, cost=cost, latency_ms=one.latency_ms)
    return found


def _of_run(path: Path) -> RecordedRespondent:
    """Its answers again, to be scored otherwise."""
    return RecordedRespondent(
        {
            one.place: Reply(
                text=one.answer,
                cost=None if one.cost_nanodollars is None else Nano(one.cost_nanodollars),
                latency_ms=one.latency_ms,
                finish=one.finish,
                model=one.model,
                tier=one.tier,
                request_id=one.request_id,
                cached=one.cached,
            )
            for one in read_run(path).answers
            if one.came
        }
    )


def _invalid(path: Path, what: str) -> ConfigError:
    return ConfigError(
        f"the recorded answers {ascii(path.name)[:100]} cannot be used: {what}"[:400],
        code="recorded_answers_invalid",
        hint='each line is {"id": "...", "answer": "..."}, or the file is one of homeport eval run',
    )
