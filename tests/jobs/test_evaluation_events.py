"""Events of what was said are sent once each, when it can be taken back no more, and again where they got lost."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from homeport.jobs.evaluation_events import BATCH, SETTLE_NS, EvaluationEvents, EventRules
from homeport.storage.evaluated import Said
from homeport.storage.labels import undo_label
from homeport.storage.review_queue import QueueRules
from homeport.telemetry.evaluations import Evaluation
from tests.storage.evaluated import HOME, SPAN, TRACE, add_score, add_traced
from tests.storage.reviewed import MINUTE, NOW, add_epoch, add_judgements, add_labels

BEGAN = NOW - MINUTE
LATER = NOW + SETTLE_NS
HOLD = QueueRules().hold_ns


class Post:
    """A collector that takes events, or does not."""

    def __init__(self) -> None:
        self.batches: list[list[Evaluation]] = []
        self.takes = True

    def __call__(self, found: Sequence[Evaluation]) -> bool:
        if self.takes:
            self.batches.append(list(found))
        return self.takes

    @property
    def events(self) -> list[Evaluation]:
        return [one for batch in self.batches for one in batch]


def no_words(_: Said) -> str:
    return ""


@pytest.fixture
def post() -> Post:
    return Post()


def made(engine: Engine, folder: Path, post: Post, **more: Any) -> EvaluationEvents:
    """As a process has it that began a minute before anything was said, or goes on where it was."""
    events = EvaluationEvents(engine, folder / "sent.json", EventRules(home=HOME, hold_ns=HOLD, **more), post, no_words)
    if not (folder / "sent.json").exists():
        assert events.work(BEGAN) == 0
    return events


def test_a_verdict_is_told_once(engine: Engine, tmp_path: Path, post: Post) -> None:
    add_traced(engine, "r1")
    add_epoch(engine, "e1")
    add_judgements(engine, "e1", {"r1": 0.75})
    events = made(engine, tmp_path, post)
    assert events.work(LATER - 1) == 0, "others may still write it"
    assert events.work(LATER) == 1
    assert events.work(LATER + MINUTE) == 0
    assert made(engine, tmp_path, post).work(LATER + 2 * MINUTE) == 0, "nor after another start"
    [one] = post.events
    assert (one.trace_id, one.span_id, one.request_id, one.at) == (TRACE, SPAN, "r1", NOW)
    assert (one.source, one.name, one.version, one.value, one.error) == ("judge", "judge", "helpful@1", 0.75, "")


def test_a_verdict_without_a_grade_is_an_error(engine: Engine, tmp_path: Path, post: Post) -> None:
    add_traced(engine, "r1")
    add_epoch(engine, "e1")
    add_judgements(engine, "e1", {"r1": None})
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE judgements SET label = 'no_grade'")
    made(engine, tmp_path, post).work(LATER)
    [one] = post.events
    assert (one.value, one.label, one.error) == (None, "", "no_grade")


def test_a_label_is_told_when_it_cannot_be_taken_back(engine: Engine, tmp_path: Path, post: Post) -> None:
    add_traced(engine, "r1", "r2")
    add_labels(engine, "ann", {"r1": 1, "r2": 4})
    events = made(engine, tmp_path, post)
    assert events.work(LATER + HOLD - MINUTE) == 0
    assert events.work(LATER + HOLD + MINUTE) == 2
    assert [(one.source, one.name, one.value, one.label) for one in post.events] == [
        ("human", "human", 0.0, "1"),
        ("human", "human", 0.75, "4"),
    ]
    assert undo_label(engine, "ann", LATER + HOLD + MINUTE) is None


def test_of_metrics_what_is_wanted(engine: Engine, tmp_path: Path) -> None:
    add_traced(engine, "r1")
    add_score(engine, "r1", "format", passed=True)
    add_score(engine, "r1", "refusal", passed=False)
    told = {}
    for wanted in ("none", "failed", "all"):
        post, folder = Post(), tmp_path / wanted
        folder.mkdir()
        made(engine, folder, post, metrics=wanted).work(LATER)
        told[wanted] = [(one.name, one.label) for one in post.events]
    failed = ("refusal", "fail")
    assert told == {"none": [], "failed": [failed], "all": [("format", "pass"), failed]}


def test_what_does_not_arrive_is_sent_again_for_a_day(
    engine: Engine, tmp_path: Path, post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    add_traced(engine, "r1")
    add_epoch(engine, "e1")
    add_judgements(engine, "e1", {"r1": 0.5})
    events = made(engine, tmp_path, post)
    post.takes = False
    assert [events.work(LATER + minute * MINUTE) for minute in range(3)] == [0, 0, 0]
    assert caplog.text.count("telemetry.traces.evaluations: false") == 1
    post.takes = True
    assert events.work(LATER + 3 * MINUTE) == 1
    add_traced(engine, "r2")
    add_judgements(engine, "e1", {"r2": 0.5}, at=LATER + 4 * MINUTE)
    post.takes = False
    assert events.work(LATER + 5 * MINUTE) == 0
    post.takes = True
    assert events.work(LATER + 25 * 60 * MINUTE) == 0
    assert [one.request_id for one in post.events] == ["r1"], "a day was over"


def test_many_go_in_batches(engine: Engine, tmp_path: Path, post: Post) -> None:
    names = [f"r{number}" for number in range(BATCH + 5)]
    add_traced(engine, *names)
    add_epoch(engine, "e1")
    add_judgements(engine, "e1", dict.fromkeys(names, 1.0))
    assert made(engine, tmp_path, post).work(LATER) == BATCH + 5
    assert [len(batch) for batch in post.batches] == [BATCH, 5]


@pytest.mark.parametrize("written", [b"", b"{", b'{"until": "x"}', b"\xff"])
def test_a_file_that_cannot_be_read_begins_anew(engine: Engine, tmp_path: Path, post: Post, written: bytes) -> None:
    add_traced(engine, "r1")
    add_epoch(engine, "e1")
    add_judgements(engine, "e1", {"r1": 0.5})
    (tmp_path / "sent.json").write_bytes(written)
    events = made(engine, tmp_path, post)
    assert events.work(LATER) == 0
    add_traced(engine, "r2")
    add_judgements(engine, "e1", {"r2": 0.5}, at=LATER + MINUTE)
    assert events.work(LATER + 2 * MINUTE) == 1
