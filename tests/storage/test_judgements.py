"""What a judge says is kept once an epoch, and goes with the output; what waits, and what was spent, is counted."""

from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, insert

from homeport.storage.db import writing
from homeport.storage.ingest import insert_events
from homeport.storage.judgements import (
    JudgeEpoch,
    Judgement,
    add_judgement,
    begin_epoch,
    count_waiting,
    dearest_of,
    judged_in,
    judgements_of,
    known_epochs,
    spent_on_judging,
    waiting_outputs,
)
from homeport.storage.score_tables import scored_outputs
from homeport.storage.scores import forget_scores, prune_scores
from tests.fakes.court import HOLDER, HOME, scored
from tests.storage.events import finished

AT = 1_000


def drawn(engine: Engine, *names: str, draw: float = 0.1, at: int = AT, **more: Any) -> None:
    """Outputs that were scored, and drawn for the judge."""
    with writing(engine) as connection:
        events = [finished(name, started_at=at) for name in names]
        insert_events(connection, [msgspec.structs.replace(event, **{"holder": HOLDER, **more}) for event in events])
        home = more.get("holder", HOLDER).partition("-")[0]
        for name in names:
            connection.execute(insert(scored_outputs).values(**scored(name, at, draw, "open", True, home)))


def judgement(request_id: str, *, epoch: str = "e1", **more: Any) -> Judgement:
    told = {"judged_at": 5, "score": 0.5, "label": "3", "judge_request_id": "req_j", "cost": 7, **more}
    return Judgement(request_id=request_id, epoch=epoch, **told)


def test_each_output_has_one_judgement_an_epoch(engine: Engine) -> None:
    drawn(engine, "r1")
    assert add_judgement(engine, judgement("r1"))
    assert not add_judgement(engine, judgement("r1", score=1.0))
    assert add_judgement(engine, judgement("r1", epoch="e2", judged_at=6, score=None, label="x" * 99))
    [last, first] = judgements_of(engine, "r1")
    assert (first.score, first.cost) == (0.5, 7)
    assert (last.score, last.label) == (None, "x" * 32)


def test_of_what_is_not_there_any_more_nothing_is_kept(engine: Engine) -> None:
    assert not add_judgement(engine, judgement("r1"))
    assert judgements_of(engine, "r1") == []


def test_judgements_go_with_their_output(engine: Engine) -> None:
    drawn(engine, "r1", "r2")
    for name in ("r1", "r2"):
        add_judgement(engine, judgement(name))
    forget_scores(engine, ["r1"])
    assert [len(judgements_of(engine, name)) for name in ("r1", "r2")] == [0, 1]
    prune_scores(engine, AT + 1, 10)
    assert judgements_of(engine, "r2") == []


def test_what_waits_goes_by_the_draw_the_epoch_the_folder_and_the_age(engine: Engine) -> None:
    drawn(engine, "late", draw=0.14)
    drawn(engine, "first", draw=0.01, key_id="key_9")
    drawn(engine, "old", draw=0.001, at=1)
    drawn(engine, "foreign", holder="ffffffffffff-0123456789abcdef")
    found = waiting_outputs(engine, HOME, "e1", AT, 10)
    assert [one.request_id for one in found] == ["first", "late"]
    assert (found[0].key_id, found[0].started_at, found[0].data_class) == ("key_9", AT, "open")
    assert [one.request_id for one in waiting_outputs(engine, HOME, "e1", AT, 1)] == ["first"]
    add_judgement(engine, judgement("first"))
    assert count_waiting(engine, HOME, "e1", AT) == 1
    assert count_waiting(engine, HOME, "e2", AT) == 2


def test_what_was_judged_in_an_epoch_before_another_does_not_wait_when_it_comes_back(engine: Engine) -> None:
    drawn(engine, "both", "first", "second")
    for epoch, names in (("e1", ("both", "first")), ("e2", ("both", "second")), ("e0", ())):
        for name in names:
            assert add_judgement(engine, judgement(name, epoch=epoch))
    for epoch, waits in (("e0", 3), ("e1", 1), ("e2", 1), ("e3", 3)):
        found = [one.request_id for one in waiting_outputs(engine, HOME, epoch, AT, 10)]
        assert (len(found), count_waiting(engine, HOME, epoch, AT)) == (waits, waits)
        assert {"e1": "second", "e2": "first"}.get(epoch, found[0]) == found[0]


def test_an_epoch_that_comes_back_goes_on(engine: Engine) -> None:
    for began_at in (1, 9):
        begin_epoch(
            engine, JudgeEpoch(epoch="e1", began_at=began_at, model="m" * 200, rubric="quality", rubric_version=1)
        )
    [one] = known_epochs(engine)
    assert (one.began_at, one.model) == (1, "m" * 160)


def test_what_came_of_an_epoch(engine: Engine) -> None:
    drawn(engine, "r1", "r2", "r3")
    for name, score in (("r1", 1.0), ("r2", 0.5), ("r3", None)):
        add_judgement(engine, judgement(name, score=score, cost=10 if name == "r1" else 1))
    told = judged_in(engine, "e1")
    assert (told.outputs, told.unread, told.mean, told.cost) == (3, 1, 0.75, 12)
    assert (dearest_of(engine, "e1"), dearest_of(engine, "e2")) == (10, 0)
    assert judged_in(engine, "e2").mean is None


@pytest.mark.parametrize(("since", "spent"), [(0, 12), (50, 5), (60, 0)])
def test_what_was_spent_is_what_the_ledger_says(engine: Engine, since: int, spent: int) -> None:
    with writing(engine) as connection:
        mine = [finished("j1", cost=7, started_at=10), finished("j2", cost=5, started_at=50)]
        other = [finished("r1", cost=100, started_at=55)]
        insert_events(connection, [*(msgspec.structs.replace(one, reason="quality:judge") for one in mine), *other])
    assert spent_on_judging(engine, since, ["j2", "j3"]) == (spent, ["j2"])
