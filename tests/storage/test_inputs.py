"""What prompts were like is kept once, found by day, and goes when it is old or is forgotten. On both databases."""

from typing import Any

import msgspec
from sqlalchemy import Engine

from homeport.core.prompts import PromptFeatures, Reached
from homeport.storage.db import writing
from homeport.storage.ingest import insert_events
from homeport.storage.inputs import (
    DAY_NS,
    Drawn,
    day_of,
    drawn_of,
    forget_inputs,
    keep_inputs,
    known_projects,
    looked_at,
    projects_due,
    prune_inputs,
    reached_between,
    reached_by,
    read_inputs,
    start_of,
)
from homeport.storage.score_tables import scored_outputs
from tests.storage.events import finished

HOME = "0123456789ab"
DAY = "2026-03-01"
NOON = start_of(DAY) + DAY_NS // 2


def features(name: str, digest: bytes = b"12345678") -> PromptFeatures:
    return PromptFeatures(
        id=name, digest=digest, vector=b"\0<", words=b"\1\2\3\4", octaves=5.5, language="en", form="plain text"
    )


def scored(engine: Engine, name: str, at: int = NOON, **more: Any) -> None:
    row = {
        "request_id": name,
        "started_at": at,
        "scored_at": at,
        "project": "acme",
        "tier": "local",
        "target": "m",
        "data_class": "internal",
        "kept": True,
        "low": False,
        "draw": 0.5,
        "judge_probability": 0.15,
        "human_probability": 0.07,
        "for_judge": False,
        "for_human": False,
    }
    with writing(engine) as connection:
        connection.execute(scored_outputs.insert(), [{**row, **more}])


def test_a_day_is_due_until_it_was_looked_at(engine: Engine) -> None:
    scored(engine, "r1")
    scored(engine, "r2", project="beta", kept=False)
    scored(engine, "r3", at=start_of(DAY) + DAY_NS, project="gamma")
    assert projects_due(engine, HOME, DAY) == ["acme"]
    looked_at(engine, HOME, "acme", DAY, 1, NOON)
    looked_at(engine, HOME, "acme", DAY, 1, NOON)
    assert projects_due(engine, HOME, DAY) == []
    assert projects_due(engine, "ffffffffffff", DAY) == ["acme"], "another folder has bodies of its own"


def test_what_is_drawn_is_of_the_day_and_by_its_draw(engine: Engine) -> None:
    for number, drawn in enumerate((0.9, 0.1, 0.5)):
        scored(engine, f"r{number}", draw=drawn)
    scored(engine, "before", at=start_of(DAY) - 1, draw=0.0)
    scored(engine, "other", project="beta", draw=0.0)
    assert drawn_of(engine, "acme", DAY, 2) == [Drawn("r1", NOON), Drawn("r2", NOON)]


def test_features_come_back_as_they_were_and_go(engine: Engine) -> None:
    keep_inputs(engine, "acme", DAY, "words", [features("r1"), features("r2", b"00000000")])
    keep_inputs(engine, "acme", DAY, "words", [features("r1")])
    keep_inputs(engine, "acme", "2026-03-02", "words", [features("r3")])
    keep_inputs(engine, "acme", "2026-03-03", "other", [features("r4")])
    keep_inputs(engine, "beta", DAY, "words", [])
    assert known_projects(engine) == ["acme"]
    assert read_inputs(engine, "acme", "words") == [
        (DAY, [features("r2", b"00000000"), features("r1")]),
        ("2026-03-02", [features("r3")]),
    ]
    assert [day for day, _ in read_inputs(engine, "acme", "words", DAY)] == ["2026-03-02"]
    forget_inputs(engine, ["r1", "never"])
    looked_at(engine, HOME, "acme", DAY, 2, NOON)
    assert prune_inputs(engine, "2026-03-02") == 2
    assert prune_inputs(engine, "2026-03-02") == 0
    assert [day for day, _ in read_inputs(engine, "acme", "words")] == ["2026-03-02"]


def test_where_prompts_went_and_whose_they_were(engine: Engine) -> None:
    told = {"r1": ("m", "key_1"), "r2": ("n", "key_1"), "r3": ("m", "key_1"), "r4": ("m", "key_2")}
    for name, (target, key) in told.items():
        scored(engine, name, target=target)
        with writing(engine) as connection:
            insert_events(connection, [msgspec.structs.replace(finished(name), key_id=key)])
    keep_inputs(engine, "acme", DAY, "words", [features(name) for name in ("r1", "r2", "r3")])
    keep_inputs(engine, "acme", "2026-03-02", "words", [features("r4")])
    before = reached_between(engine, "acme", DAY, "2026-03-02")
    assert before == [Reached("local/m", "key_1", 2), Reached("local/n", "key_1", 1)]
    assert reached_between(engine, "beta", DAY, "2026-03-09") == []
    many = ["r4", *(f"never{number}" for number in range(600)), "r2"]
    assert reached_by(engine, many) == [Reached("local/m", "key_2", 1), Reached("local/n", "key_1", 1)]
    assert reached_by(engine, []) == []


def test_days() -> None:
    assert (day_of(NOON), start_of("1970-01-02")) == (DAY, DAY_NS)
