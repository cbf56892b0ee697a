"""Outputs that were drawn for people, and what a judge and people say of them, put into the database as they are."""

from typing import Any

from sqlalchemy import Engine, insert

from homeport.storage.db import writing
from homeport.storage.labels import Label, put_labels
from homeport.storage.opinion_tables import judge_epochs, judgements
from homeport.storage.score_tables import scored_outputs, scores

NOW = 1_700_000_000 * 10**9
MINUTE = 60 * 10**9


def output(name: str, *, doubled: bool = False, at: int = NOW - MINUTE, **more: Any) -> dict[str, Any]:
    """One that was drawn for people; `doubled`: for two of them."""
    return {
        "request_id": name,
        "started_at": at,
        "scored_at": at + 1,
        "project": "default",
        "tier": "mid",
        "target": "small",
        "data_class": "public",
        "kept": True,
        "low": False,
        "draw": 0.001 if doubled else 0.06,
        "judge_probability": 0.15,
        "human_probability": 0.07,
        "for_judge": True,
        "for_human": True,
        **more,
    }


def add_outputs(engine: Engine, *rows: dict[str, Any]) -> None:
    with writing(engine) as connection:
        connection.execute(insert(scored_outputs), list(rows))


def add_scores(engine: Engine, metric: str, values: dict[str, float], version: int = 1) -> None:
    rows = [
        {
            "request_id": name,
            "metric": metric,
            "version": version,
            "value": value,
            "passed": None,
            "label": "",
            "why": "",
        }
        for name, value in values.items()
    ]
    with writing(engine) as connection:
        connection.execute(insert(scores), rows)


def add_epoch(engine: Engine, epoch: str, began_at: int = 1) -> None:
    row = {"epoch": epoch, "began_at": began_at, "model": "judge", "rubric": "helpful", "rubric_version": 1}
    with writing(engine) as connection:
        connection.execute(insert(judge_epochs), [row])


def add_judgements(engine: Engine, epoch: str, said: dict[str, float | None], at: int = NOW) -> None:
    rows = [
        {
            "request_id": name,
            "epoch": epoch,
            "judged_at": at,
            "score": score,
            "label": "",
            "judge_request_id": f"judge_{name}",
            "cost": 1,
        }
        for name, score in said.items()
    ]
    with writing(engine) as connection:
        connection.execute(insert(judgements), rows)


def add_labels(engine: Engine, reviewer: str, said: dict[str, int], at: int = NOW) -> None:
    made = [
        Label(request_id=name, reviewer=reviewer, labelled_at=at + place, rating=rating)
        for place, (name, rating) in enumerate(said.items())
    ]
    put_labels(engine, made)
