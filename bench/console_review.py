"""What `bench.console` looks at of reviews: every request is scored, and a part of them judged and labelled."""

import random
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from rich.console import Console as Terminal
from sqlalchemy import Engine, insert, select

from bench.request_words import kept
from homeport.evaluation.sampling import Shares
from homeport.storage.bodies import BodyStore
from homeport.storage.db import writing
from homeport.storage.labels import Label, put_labels
from homeport.storage.opinion_tables import judge_epochs, judgements
from homeport.storage.review_queue import QueueRules, waiting
from homeport.storage.score_tables import scored_outputs
from homeport.storage.tables import requests

EPOCH = "4c1d"
REVIEWERS = ("ann", "bob", "eve", "bench")
LABELLED, READABLE = 20_000, 200
_AT_ONCE = 20_000
_PLACE = ("request_id", "started_at", "project", "tier", "target", "data_class")

Row = dict[str, Any]


def fill_reviewed(engine: Engine, bodies: BodyStore, console: Terminal) -> None:
    """All of it; what is said is kept of the first that wait."""
    begun, dice = time.perf_counter(), random.Random(6)
    with writing(engine) as connection:
        epoch = {"epoch": EPOCH, "began_at": 1, "model": "judge", "rubric": "quality", "rubric_version": 1}
        connection.execute(insert(judge_epochs), [epoch])
    for part in _parts(engine):
        rows = [_scored(row, dice) for row in part]
        judged = [_judged(row) for row in rows if row["for_judge"]]
        with writing(engine) as connection:
            connection.execute(insert(scored_outputs), rows)
            if judged:
                connection.execute(insert(judgements), judged)
    now = time.time_ns()
    _label(engine, now)
    for one in waiting(engine, QueueRules(), now, READABLE):
        bodies.put(kept(one.request_id, one.started_at))
    console.print(f"all is scored after {time.perf_counter() - begun:.0f} s")


def _parts(engine: Engine) -> Iterator[Sequence[Row]]:
    query = select(*(requests.c[name] for name in _PLACE)).order_by(requests.c.started_at)
    with engine.connect() as connection:
        source = (dict(row) for row in connection.execution_options(yield_per=_AT_ONCE).execute(query).mappings())
        while part := list(islice(source, _AT_ONCE)):
            yield part


def _scored(row: Row, dice: random.Random) -> Row:
    draw, shares = dice.random(), Shares()
    return {
        **row,
        "scored_at": row["started_at"] + 1,
        "kept": True,
        "low": False,
        "draw": draw,
        "judge_probability": shares.judge,
        "human_probability": shares.human,
        "for_judge": draw < shares.judge,
        "for_human": draw < shares.human,
        "judged_in": EPOCH if draw < shares.judge else "",
    }


def _judged(row: Row) -> Row:
    of_it = {"epoch": EPOCH, "judged_at": row["scored_at"], "score": 0.75, "label": "4"}
    return {"request_id": row["request_id"], **of_it, "judge_request_id": "req_judge", "cost": 1_000}


def _label(engine: Engine, now: int) -> None:
    """As people do, in the order of the queue."""
    made = []
    for place, one in enumerate(waiting(engine, QueueRules(), now, LABELLED)):
        for reviewer in range(one.needs):
            name = REVIEWERS[(place + reviewer) % len(REVIEWERS)]
            made.append(Label(request_id=one.request_id, reviewer=name, labelled_at=now - place, rating=4))
    put_labels(engine, made)
