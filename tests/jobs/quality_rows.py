"""Days of a route as rows: what was scored, what the judge said, and the sums of hours."""

from typing import Any

from sqlalchemy import Engine, insert

from homeport.storage.db import insert_new, writing
from homeport.storage.opinion_tables import judge_epochs, judgements
from homeport.storage.rollups import DAY, HOUR
from homeport.storage.score_tables import sample_hours, score_hours, scored_outputs

START = 19_000 * DAY
EPOCH = "e1"


def add_epoch(engine: Engine, epoch: str = EPOCH, began_at: int = START) -> None:
    row = {"epoch": epoch, "began_at": began_at, "model": "judge", "rubric": "good", "rubric_version": 1}
    with writing(engine) as connection:
        connection.execute(insert(judge_epochs), [row])


def add_day(
    engine: Engine,
    number: int,
    *,
    target: str = "m",
    outputs: int = 400,
    judged_good: int = 48,
    judged: int = 60,
    low: int = 20,
    epoch: str = EPOCH,
) -> None:
    """One day: `judged` of the outputs were drawn for the judge, and each of the low ones was refused."""
    start = START + number * DAY
    place = {"tier": "t", "target": target}
    drawn = [{"request_id": f"{target}-{number}-{at}", **_output(start, place, at, low)} for at in range(judged)]
    said = [_judgement(row["request_id"], start, at < judged_good, epoch) for at, row in enumerate(drawn)]
    sums = {"outputs": outputs, "kept": outputs, "low": low, "broken": 0, "for_judge": judged, "for_human": 0}
    failed = {"outputs": outputs, "judged": outputs, "failed": low, "total": 0.0, "squares": 0.0}
    with writing(engine) as connection:
        if drawn:
            connection.execute(insert_new(connection, scored_outputs), drawn)
            connection.execute(insert(judgements), said)
        connection.execute(insert(sample_hours), [{"start": start + 3 * HOUR, **place, **sums}])
        hour = {"start": start + 3 * HOUR, **place, "metric": "refusal", "version": 1, **failed}
        connection.execute(insert(score_hours), [hour])


def _output(start: int, place: dict[str, str], at: int, low: int) -> dict[str, Any]:
    return {
        "started_at": start + 3 * HOUR + at,
        "scored_at": start + 4 * HOUR,
        "project": "default",
        **place,
        "data_class": "open",
        "kept": True,
        "low": at < low // 10,
        "draw": 0.01,
        "judge_probability": 0.15,
        "human_probability": 0.07,
        "for_judge": True,
        "for_human": False,
    }


def _judgement(request_id: str, start: int, good: bool, epoch: str) -> dict[str, Any]:
    return {
        "request_id": request_id,
        "epoch": epoch,
        "judged_at": start + 5 * HOUR,
        "score": 1.0 if good else 0.0,
        "label": "good" if good else "bad",
        "judge_request_id": "",
        "cost": 0,
    }
