"""What outputs scored is kept once, with sums that agree, and goes when it is old. On both databases."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, select

from homeport.core.events import RequestFinished
from homeport.storage.db import writing
from homeport.storage.ingest import insert_events
from homeport.storage.judgements import add_judgement
from homeport.storage.labels import Label, put_labels
from homeport.storage.rollups import HOUR
from homeport.storage.score_figures import low_share, metric_figures, metric_times, sample_figures
from homeport.storage.score_tables import scored_outputs, scores
from homeport.storage.scores import (
    LedgerRow,
    Place,
    ScoredOutput,
    StoredScore,
    behind,
    forget_scores,
    keep,
    prune_score_hours,
    prune_scores,
    rows_after,
    scores_of,
    waiting,
)
from tests.storage.events import finished
from tests.storage.test_judgements import judgement

HOME = "0123456789ab"
FORMAT = StoredScore(metric="format", version=1, value=0.0, passed=False, label="no_json", why="it is no JSON")
LENGTH = StoredScore(metric="length", version=2, value=12.5, passed=None, label="", why="")


def ledger(engine: Engine, *events: RequestFinished) -> None:
    with writing(engine) as connection:
        insert_events(connection, list(events))


def event(name: str, at: int = 1, **more: Any) -> RequestFinished:
    return msgspec.structs.replace(finished(name, started_at=at), **more)


def scored(row: LedgerRow, *found: StoredScore, **more: Any) -> ScoredOutput:
    given: dict[str, Any] = {
        "kept": True,
        "broken": False,
        "low": False,
        "draw": 0.25,
        "judge_probability": 0.3,
        "human_probability": 0.1,
        "for_judge": True,
        "for_human": False,
    }
    return ScoredOutput(row=row, scores=found, **{**given, **more})


def rows(engine: Engine, project: str = "default") -> list[LedgerRow]:
    return rows_after(engine, Place(project, 0), 100)


def test_rows_come_in_the_order_of_the_chain_and_the_cursor_moves_with_them(engine: Engine) -> None:
    ledger(engine, event("r1", 30), event("r2", 20), event("r3", 10), event("o1", project="acme"))
    assert behind(engine, HOME, 0) == [Place("acme", 0), Place("default", 0)]
    [place] = [one for one in behind(engine, HOME, 0) if one.project == "default"]
    first = rows_after(engine, place, 2)
    assert [(row.request_id, row.sequence) for row in first] == [("r1", 1), ("r2", 2)]
    assert keep(engine, HOME, place, 2, [scored(row, FORMAT) for row in first], 99)
    assert behind(engine, HOME, 0) == [Place("acme", 0), Place("default", 2)]
    assert waiting(engine, HOME) == 1
    assert [row.request_id for row in rows_after(engine, Place("default", 2), 100)] == ["r3"]
    assert behind(engine, "another-home", 0) == [Place("acme", 0), Place("default", 0)], "each has its own cursors"


def test_a_project_that_is_new_begins_with_what_is_not_old(engine: Engine) -> None:
    ledger(engine, event("r1", 10), event("r2", 20), event("r3", 30))
    assert behind(engine, HOME, 20) == [Place("default", 1)]
    assert behind(engine, HOME, 31) == [Place("default", 3)], "everything is old"


def test_of_two_that_score_the_same_rows_one_is_too_late(connect: Callable[[], Engine]) -> None:
    engine = connect()
    ledger(engine, *(event(f"r{number}") for number in range(6)))
    found, place = rows(engine), Place("default", 0)
    engines = [connect() for _ in range(4)]

    def tried(one: Engine) -> bool:
        return keep(one, HOME, place, 6, [scored(row, FORMAT, LENGTH) for row in found], 99)

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(tried, engines)) == [False, False, False, True]
    assert [row.outputs for row in metric_figures(engine, 0, HOUR)] == [6, 6]
    assert sample_figures(engine, 0, HOUR)[0].outputs == 6


def test_a_row_is_kept_whole_and_told_again(engine: Engine) -> None:
    ledger(engine, event("r1", 7, tier="t", target="m", data_class="private", holder=f"{HOME}-1"))
    [row] = rows(engine)
    keep(engine, HOME, Place("default", 0), 1, [scored(row, LENGTH, FORMAT)], 99)
    assert scores_of(engine, "r1") == [FORMAT, LENGTH]
    assert scores_of(engine, "r2") == []
    with engine.connect() as connection:
        [stored] = connection.execute(select(scored_outputs)).mappings()
    assert dict(stored) == {
        "request_id": "r1",
        "started_at": 7,
        "scored_at": 99,
        "project": "default",
        "tier": "t",
        "target": "m",
        "data_class": "private",
        "kept": True,
        "low": False,
        "draw": 0.25,
        "judge_probability": 0.3,
        "human_probability": 0.1,
        "for_judge": True,
        "for_human": False,
        "home": HOME,
        "labelled": 0,
        "judged_in": "",
    }


def test_what_is_scored_again_keeps_what_was_said_of_it(engine: Engine) -> None:
    ledger(engine, event("r1"))
    [row] = rows(engine)
    for to in (1, 2):
        assert keep(engine, HOME, Place("default", to - 1), to, [scored(row, for_human=True)], 99)
        add_judgement(engine, judgement("r1"))
        put_labels(engine, [Label(request_id="r1", reviewer="ann", labelled_at=1, rating=4)])
    with engine.connect() as connection:
        [stored] = connection.execute(select(scored_outputs.c.judged_in, scored_outputs.c.labelled))
    assert tuple(stored) == ("e1", 1)


def test_the_sums_are_those_of_the_rows(engine: Engine) -> None:
    ledger(engine, *(event(f"r{number}", number * HOUR // 2, target="ab"[number % 2]) for number in range(8)))
    place = 0
    for part in (rows(engine)[:3], rows(engine)[3:]):  # added in two transactions
        outputs = [
            scored(
                row,
                msgspec.structs.replace(LENGTH, value=float(row.sequence)),
                msgspec.structs.replace(FORMAT, passed=row.sequence % 3 == 0),
                low=row.sequence % 2 == 0,
                kept=row.sequence != 8,
            )
            for row in part
        ]
        assert keep(engine, HOME, Place("default", place), part[-1].sequence, outputs, 99)
        place = part[-1].sequence
    by_name = {(row.target, row.metric): row for row in metric_figures(engine, 0, 8 * HOUR)}
    of_a = by_name["a", "length"]  # rows 1, 3, 5 and 7
    assert (of_a.outputs, of_a.judged, of_a.failed, of_a.mean) == (4, 0, 0, 4.0)
    assert of_a.deviation == pytest.approx(2.581988897)
    assert of_a.failed_share is None
    of_b = by_name["b", "format"]  # rows 2, 4, 6 and 8; of these 6 passes
    assert (of_b.judged, of_b.failed, of_b.failed_share) == (4, 3, 0.75)
    assert [row.outputs for row in metric_figures(engine, HOUR, 2 * HOUR)] == [1, 1, 1, 1], "one hour alone"
    assert len(metric_figures(engine, 0, 8 * HOUR, most=2)) == 2
    figures = {row.target: row for row in sample_figures(engine, 0, 8 * HOUR)}
    assert (figures["a"].outputs, figures["a"].low, figures["a"].kept, figures["a"].for_judge) == (4, 0, 4, 4)
    assert (figures["b"].outputs, figures["b"].low, figures["b"].kept) == (4, 4, 3)
    assert low_share(engine, 0, 8 * HOUR, 7) == 4 / 7
    assert low_share(engine, 0, 8 * HOUR, 8) is None


def test_nothing_was_scored(engine: Engine) -> None:
    assert (metric_figures(engine, 0, HOUR), sample_figures(engine, 0, HOUR)) == ((), ())
    assert low_share(engine, 0, HOUR, 1) is None
    assert waiting(engine, HOME) == 0
    assert behind(engine, HOME, 0) == []
    assert prune_scores(engine, HOUR, 10) == prune_score_hours(engine, HOUR) == 0


def test_old_ones_go_the_oldest_first_and_the_sums_stay_until_they_are_old(engine: Engine) -> None:
    ledger(engine, *(event(f"r{number}", number) for number in range(5)))
    outputs = [scored(row, FORMAT, LENGTH) for row in rows(engine)]
    keep(engine, HOME, Place("default", 0), 5, outputs, 99)
    assert prune_scores(engine, 4, 3) == 3
    with engine.connect() as connection:
        assert sorted(connection.execute(select(scores.c.request_id)).scalars()) == ["r3", "r3", "r4", "r4"]
    assert prune_scores(engine, 4, 3) == 1
    assert prune_scores(engine, 4, 3) == 0
    assert metric_figures(engine, 0, HOUR)[0].outputs == 5
    assert prune_score_hours(engine, 0) == 0
    assert prune_score_hours(engine, 1) == 3
    assert metric_figures(engine, 0, HOUR) == ()
    assert behind(engine, HOME, 0) == [], "nothing is scored again"


def test_one_is_forgotten(engine: Engine) -> None:
    ledger(engine, event("r1"), event("r2"))
    keep(engine, HOME, Place("default", 0), 2, [scored(row, FORMAT) for row in rows(engine)], 99)
    forget_scores(engine, ["r1", "never"])
    assert (scores_of(engine, "r1"), scores_of(engine, "r2")) == ([], [FORMAT])


def test_rows_that_are_no_outputs_are_passed_over_with_the_cursor_alone(engine: Engine) -> None:
    ledger(engine, event("r1"))
    assert keep(engine, HOME, Place("default", 0), 1, [], 99)
    assert (behind(engine, HOME, 0), sample_figures(engine, 0, HOUR)) == ([], ())


@pytest.mark.parametrize("since", [0, 5 * HOUR, 24 * HOUR, 47 * HOUR])
@pytest.mark.parametrize("until", [6 * HOUR, 47 * HOUR + 1, 48 * HOUR, 100 * HOUR])
def test_days_and_hours_say_the_same(engine: Engine, since: int, until: int) -> None:
    starts = [hour * HOUR + 7 for hour in (0, 4, 5, 23, 24, 30, 46, 47, 48, 71, 72, 90)]
    ledger(engine, *(event(f"r{place}", at) for place, at in enumerate(starts)))
    found = [scored(row, LENGTH, msgspec.structs.replace(FORMAT, passed=row.sequence % 2 == 0)) for row in rows(engine)]
    assert keep(engine, HOME, Place("default", 0), len(found), found, 1)
    expected = sum(since <= at and at // HOUR * HOUR < until for at in starts)
    assert [one.outputs for one in metric_figures(engine, since, until)] == [expected] * (2 if expected else 0)
    for width in (HOUR, 24 * HOUR):
        times = metric_times(engine, "format", since, until, width)
        assert sum(one.outputs for one in times) == expected
        assert [one.start for one in times] == sorted({one.start for one in times})
        assert all(one.start % width == 0 for one in times)
        assert sum(one.failed for one in times) == sum(
            place % 2 == 0 for place, at in enumerate(starts) if since <= at and at // HOUR * HOUR < until
        )
