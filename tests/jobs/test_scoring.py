"""Every output is scored once, from what was kept or from the ledger alone, and drawn as its scores say."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, select

from homeport.core.events import RequestFinished
from homeport.core.purposes import OURS
from homeport.core.types import Outcome
from homeport.embeddings.static import StaticEmbedder
from homeport.evaluation.metrics.base import Measure, Sample, Score
from homeport.evaluation.sampling import Shares
from homeport.evaluation.scorecard import Scorecard, can_live, load_metrics
from homeport.jobs.scoring import BATCH, SETTLE_NS, Rules, Scorer
from homeport.storage.bodies import BodyStore
from homeport.storage.db import writing
from homeport.storage.ingest import insert_events
from homeport.storage.rollups import HOUR
from homeport.storage.score_figures import SampleFigure, metric_figures, sample_figures
from homeport.storage.score_tables import scored_outputs
from homeport.storage.scores import scores_of, waiting
from tests.fakes.answering import InProcessReferee
from tests.fakes.clock import ManualClock
from tests.storage.events import finished
from tests.traces.kept import chat

HOME = "0123456789ab"
HOLDER = f"{HOME}-0123456789abcdef"
SECOND = 1_000_000_000
OVERSAMPLED = frozenset({"format", "refusal", "truncation"})
REFUSAL = "I'm sorry, but I can't assist with that."


class Works:
    """A ledger, kept bodies and a scorer over them; `now` is long after what is answered."""

    def __init__(self, engine: Engine, folder: Path, **rules: Any) -> None:
        self.engine = engine
        self.clock = ManualClock()
        self.bodies = BodyStore(folder / "captured", keep_days=7, most_bytes=1 << 30)
        self.rules = Rules(**{"home": HOME, "key": b"k" * 32, "oversampled": OVERSAMPLED, **rules})
        self.scorer = self.made()

    def made(self, *more: Measure) -> Scorer:
        metrics = load_metrics(None, referee=InProcessReferee(), embedder=lambda: StaticEmbedder().embed)
        live = [metric for metric in metrics if can_live(metric)]
        card = Scorecard([*live, *more], self.clock.monotonic_ns)
        return Scorer(self.engine, self.bodies, card, self.rules, self.clock)

    @property
    def now(self) -> int:
        return self.clock.wall

    def ended(self, *names: str, said: str | None = "Yes.", **more: Any) -> None:
        """Requests that ended an hour ago, kept whole where something was said."""
        at = self.now - HOUR
        events = [event(name, at, **more) for name in names]
        with writing(self.engine) as connection:
            insert_events(connection, events)
        for name in names if said is not None else ():
            self.bodies.put(chat(name, prompt="May I?", answer=said or "", at=at))

    def figures(self) -> SampleFigure:
        [one] = sample_figures(self.engine, 0, self.now)
        return one

    def labels(self, name: str) -> dict[str, str]:
        return {one.metric: one.label for one in scores_of(self.engine, name)}


def event(name: str, at: int, **more: Any) -> RequestFinished:
    return msgspec.structs.replace(finished(name, started_at=at), **{"holder": HOLDER, **more})


@pytest.fixture
def works(engine: Engine, tmp_path: Path) -> Works:
    return Works(engine, tmp_path)


def test_what_was_kept_is_read_once(works: Works) -> None:
    works.ended("r1", "r2")
    works.ended("r3", said=REFUSAL)
    assert [works.scorer.work(works.now) for _ in range(2)] == [3, 0]
    assert works.labels("r1") == dict.fromkeys(
        ["latency", "length", "refusal", "repetition", "toxicity", "truncation"], ""
    )
    assert works.labels("r3")["refusal"] == "refused"
    figures = works.figures()
    assert (figures.outputs, figures.kept, figures.low, figures.broken) == (3, 3, 1, 0)
    by_name = {one.metric: one for one in metric_figures(works.engine, 0, works.now)}
    assert (by_name["refusal"].judged, by_name["refusal"].failed) == (3, 1)
    assert by_name["latency"].mean == 1.0, "a millisecond"


def test_what_was_not_kept_has_the_figures_of_the_ledger_and_is_drawn_for_nothing(
    engine: Engine, tmp_path: Path
) -> None:
    works = Works(engine, tmp_path, shares=Shares(judge=1.0, human=1.0))
    works.ended("r1", said=None)
    works.ended("r2")
    assert works.scorer.work(works.now) == 2
    assert works.labels("r1") == {"latency": "", "length": ""}
    figures = works.figures()
    assert (figures.outputs, figures.kept, figures.for_judge, figures.for_human) == (2, 1, 1, 1)


def test_what_is_no_output_or_another_ones_is_passed_over(works: Works) -> None:
    works.ended("r1", outcome=Outcome.FAILED, status=502)
    works.ended("r2", outcome=Outcome.CANCELLED)
    works.ended("r3", surface="embeddings")
    works.ended("r4", holder="ffffffffffff-0123456789abcdef")
    works.ended("r5", holder="")
    for number, purpose in enumerate(OURS):
        works.ended(f"own{number}", reason=purpose)
    assert works.scorer.work(works.now) == 0
    assert sample_figures(works.engine, 0, works.now) == ()
    assert waiting(works.engine, HOME) == 0


def test_a_request_that_ended_just_now_waits_until_it_is_written_down(works: Works) -> None:
    works.ended("r1")
    with writing(works.engine) as connection:
        insert_events(connection, [event("r2", works.now - SECOND)])
    works.ended("r3")
    assert works.scorer.work(works.now) == 1
    assert waiting(works.engine, HOME) == 2
    works.bodies.put(chat("r2", at=works.now - SECOND))
    works.clock.advance(SETTLE_NS)
    assert works.scorer.work(works.now) == 2
    assert "refusal" in works.labels("r2")


def test_a_clock_that_was_set_back_holds_nothing_up(works: Works) -> None:
    with writing(works.engine) as connection:
        insert_events(connection, [event("r1", works.now + 10 * HOUR)])
    assert works.scorer.work(works.now) == 1


def test_what_was_there_before_is_passed_over_where_it_is_old(engine: Engine, tmp_path: Path) -> None:
    works = Works(engine, tmp_path, since_ns=HOUR // 2)
    works.ended("r1")
    assert works.scorer.work(works.now) == 0
    with writing(works.engine) as connection:
        insert_events(connection, [event("r2", works.now - HOUR // 4)])
    assert works.scorer.work(works.now) == 1


def test_more_than_a_batch_of_several_projects(works: Works) -> None:
    works.ended(*(f"a{number}" for number in range(BATCH + 7)), said=None)
    works.ended(*(f"b{number}" for number in range(5)), said=None, project="acme")
    assert works.scorer.work(works.now) == BATCH + 12
    assert works.figures().outputs == BATCH + 12
    assert waiting(works.engine, HOME) == 0


def test_a_round_ends_in_time_and_the_next_goes_on(works: Works) -> None:
    def slow(sample: Sample) -> Score:
        works.clock.advance(SECOND // 5)
        return Score(1.0)

    works.ended(*(f"r{number}" for number in range(6)))
    scorer = works.made(Measure(name="own", measure=slow))
    rounds = [scorer.work(works.now) for _ in range(4)]
    assert rounds == [2, 2, 2, 0]
    assert works.figures().outputs == 6


def test_a_scorer_that_died_before_its_commit_begins_where_it_was(works: Works) -> None:
    works.ended("r1", "r2")

    def die(sample: Sample) -> Score:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        works.made(Measure(name="own", measure=die)).work(works.now)
    assert works.scorer.work(works.now) == 2
    assert works.figures().outputs == 2


def test_a_metric_that_fails_is_told_and_stops_nothing(works: Works) -> None:
    def fail(sample: Sample) -> Score:
        raise ValueError("no")

    works.ended("r1")
    assert works.made(Measure(name="own", measure=fail)).work(works.now) == 1
    assert works.figures().broken == 1
    assert "refusal" in works.labels("r1")


def test_a_body_that_cannot_be_read_is_one_that_was_not_kept(works: Works, tmp_path: Path) -> None:
    works.ended("r1")
    [path] = (tmp_path / "captured").glob("[0-9]*/*")
    path.write_bytes(b"broken")
    assert works.scorer.work(works.now) == 1
    assert works.figures().kept == 0


def test_schemas_and_tools_of_a_request_are_followed(works: Works) -> None:
    schema = {"type": "object", "required": ["name"]}
    body = {
        "messages": [{"role": "user", "content": "Who?"}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}},
    }
    works.ended("r1", said='{"town": "Rome"}')
    kept = works.bodies.get("r1")
    assert kept is not None
    works.bodies.put(msgspec.structs.replace(kept, body=json.dumps(body).encode()))
    works.scorer.work(works.now)
    assert works.labels("r1")["format"] == "schema"


def drawn(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        return [*connection.execute(select(scored_outputs)).mappings()]


def test_low_outputs_are_drawn_more_often_once_it_is_known_how_many_there_are(works: Works) -> None:
    works.ended(*(f"a{number}" for number in range(190)))
    works.ended(*(f"b{number}" for number in range(20)), said=REFUSAL)
    works.scorer.work(works.now)
    assert {row["judge_probability"] for row in drawn(works.engine)} == {0.15}
    works.clock.advance(2 * 60 * SECOND)
    works.ended("c0", said=REFUSAL)
    works.ended("c1")
    works.scorer.work(works.now)
    [low, other] = [row for row in drawn(works.engine) if row["request_id"] in ("c0", "c1")]
    assert (bool(low["low"]), bool(other["low"])) == (True, False)
    share = 20 / 210
    assert low["judge_probability"] == pytest.approx(
        0.6
    )  # four times the share, which is less than .15 * (.6 + .4 / share)
    assert other["judge_probability"] == pytest.approx((0.15 - share * 0.6) / (1 - share))
    assert low["human_probability"] == pytest.approx(0.28)


@pytest.mark.parametrize(("by_trace", "together"), [(True, True), (False, False)])
def test_requests_of_a_trace_are_drawn_together_where_that_is_wanted(
    engine: Engine, tmp_path: Path, by_trace: bool, together: bool
) -> None:
    works = Works(engine, tmp_path, by_trace=by_trace)
    works.ended("r1", "r2", trace_id="trace")
    works.ended("r3")
    works.scorer.work(works.now)
    draws = {row["request_id"]: row["draw"] for row in drawn(engine)}
    assert (draws["r1"] == draws["r2"]) is together
    assert draws["r3"] != draws["r1"]
