"""What is noticed of answers, and what of it may be learned from."""

from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, select

from homeport.core.events import RequestFinished
from homeport.core.types import Outcome
from homeport.storage.db import writing
from homeport.storage.feedback import (
    JUDGE,
    MOST_WORDS,
    REASK,
    RETRY,
    Said,
    forget,
    labels,
    notice,
    rate,
    said_of_tiers,
    words_of,
)
from homeport.storage.ingest import insert_events
from homeport.storage.tables import feedback
from tests.storage.events import finished

S = 1_000_000_000
"""A second; an answer takes a millisecond."""


def turn(name: str, at: int, prompt_id: str, **changes: Any) -> RequestFinished:
    scored: dict[str, Any] = {"score": 0.5, "decided": "local", "prompt_id": prompt_id, "features": b"f"}
    return msgspec.structs.replace(finished(name, started_at=at), **{**scored, **changes})


def put(engine: Engine, *events: RequestFinished) -> None:
    with writing(engine) as connection:
        insert_events(connection, [*events])


def noticed(engine: Engine, since: int = 0) -> set[tuple[str, str]]:
    notice(engine, since, 60 * S, 1_000 * S)
    with engine.connect() as connection:
        return {(row.request_id, row.source) for row in connection.execute(select(feedback))}


def test_the_same_again_soon_after_its_answer_is_a_retry(engine: Engine) -> None:
    put(engine, turn("first", 10 * S, "a"), turn("again", 40 * S, "a"), turn("other", 41 * S, "b"))
    assert noticed(engine) == {("first", RETRY)}
    assert notice(engine, 0, 60 * S, 2_000 * S) == 0  # and it is noticed once


@pytest.mark.parametrize(
    "events",
    [
        [turn("first", 10 * S, "a"), turn("late", 71 * S, "a")],
        [turn("first", 10 * S, "a"), turn("at once", 10 * S, "a")],  # several samples of one answer
        [turn("first", 10 * S, "a", outcome=Outcome.FAILED), turn("again", 40 * S, "a")],
        [turn("first", 10 * S, ""), turn("again", 40 * S, "")],
        [turn("only", 10 * S, "a")],
    ],
    ids=["late", "at once", "after a failure", "unknown", "once"],
)
def test_what_is_no_retry(engine: Engine, events: list[RequestFinished]) -> None:
    put(engine, *events)
    assert noticed(engine) == set()


def test_a_refusal_is_of_the_answer_just_before(engine: Engine) -> None:
    put(
        engine,
        turn("old", 10 * S, "a"),
        turn("latest", 200 * S, "a"),
        turn("refuses", 220 * S, "b", follows="a", reask=True),
        turn("goes on", 230 * S, "c", follows="b"),
        turn("of nothing", 240 * S, "d", follows="x", reask=True),
        turn("after", 900 * S, "a"),
    )
    assert noticed(engine) == {("latest", REASK)}


def test_turns_that_were_looked_at_are_not_again(engine: Engine) -> None:
    put(engine, turn("first", 10 * S, "a"), turn("again", 40 * S, "a"))
    assert noticed(engine, since=41 * S) == set()
    assert noticed(engine, since=40 * S) == {("first", RETRY)}


def test_a_source_has_one_word(engine: Engine) -> None:
    put(engine, turn("r1", 1, ""))
    for score in (1.0, 1.0, -1.0):
        rate(engine, "r1", "user", score, "", "key_1", 5)
    assert said_of_tiers(engine, 0) == [Said(tier="local", source="user", rated=1, good=0, bad=1, answers=1)]


def test_a_caller_of_many_names_fills_no_page(engine: Engine) -> None:
    for number in range(MOST_WORDS + 5):
        rate(engine, "r", f"source-{number}", 1.0, "", "key_1", number)
    found = words_of(engine, "r")
    assert [word.at for word in found] == list(range(MOST_WORDS))


def test_what_people_say_counts_before_judges_and_signals(engine: Engine) -> None:
    put(engine, *(turn(name, at, "") for at, name in enumerate(("said", "judged", "noticed", "silent"))))
    for name, source, score in (
        *(("said", RETRY, -0.3), ("said", JUDGE, -1.0), ("said", "user", 0.5), ("said", "review", 1.0)),
        *(("judged", RETRY, -0.3), ("judged", JUDGE, 1.0), ("noticed", REASK, -0.5)),
    ):
        rate(engine, name, source, score, "", "", 5)
    told = [("said", 1.0), ("judged", 1.0), ("noticed", -0.5)]
    assert [(label.request_id, label.score) for label in labels(engine, 0, signals=True)] == told
    assert [(label.request_id, label.score) for label in labels(engine, 0)] == told[:2]


@pytest.mark.parametrize("changes", [{"data_class": "private"}, {"outcome": Outcome.FAILED}, {"started_at": -5}])
def test_what_is_never_learned_from(engine: Engine, changes: dict[str, Any]) -> None:
    put(engine, turn("r1", 1, "", **changes), turn("r2", 2, ""))
    rate(engine, "r1", "user", 1.0, "", "", 5)
    rate(engine, "r2", "user", 1.0, "", "", 5)
    assert [label.request_id for label in labels(engine, 0)] == ["r2"]


def test_old_words_are_forgotten_the_oldest_first(engine: Engine) -> None:
    for at in range(5):
        rate(engine, "r1", f"source-{at}", 1.0, "", "", at)
    assert [forget(engine, 4, 3) for _ in range(3)] == [3, 1, 0]
    with engine.connect() as connection:
        assert connection.execute(select(feedback.c.source)).scalars().all() == ["source-4"]
