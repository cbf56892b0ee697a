"""The job that asks audited models: spread over the day, going on where it was, and an incident where one changed."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine

from homeport.core.incidents import Finding, IncidentKind
from homeport.core.told import Severity
from homeport.drift.asking import Respondent
from homeport.drift.baselines import Archive, Baseline, archive_of, iso
from homeport.drift.live import latest_batch
from homeport.drift.search import Method
from homeport.jobs.paired_check import Hints
from homeport.jobs.probing import SETTLE_NS, SOURCE, ModelAuditor, Often, round_of, standing
from homeport.storage.baselines import Baseline as QualityBaseline
from homeport.storage.baselines import CaseAnswer, JudgedOutput, add_cases, begin_baseline, keep_answer
from homeport.storage.db import writing
from homeport.storage.incidents import list_incidents, report, resolve
from homeport.storage.ingest import insert_events
from homeport.storage.model_days import LEAST
from homeport.storage.quality_days import RouteName
from tests.drift.test_live import DAY, baseline
from tests.fakes.undecided import UndecidedModel
from tests.storage.events import finished

MIDNIGHT = 20_000 * DAY
HOUR = DAY // 24


async def here(work: Callable[[int], Sequence[Finding]], now: int) -> Sequence[Finding]:
    return work(now)


class Audited:
    """One audited model whose days a test lets pass."""

    def __init__(self, engine: Engine, folder: Path, method: Method, often: Often) -> None:
        self.model: Respondent = UndecidedModel("a")
        made = baseline(UndecidedModel("a"), method)
        self.archive, self.made = archive_of(folder, "m"), made
        self.archive.begin(made)
        self._engine, self._often, self.hints = engine, often, Hints()
        self.restart()

    def restart(self) -> None:
        """As a worker that was ended and started again."""
        self._auditor = ModelAuditor(
            self._engine,
            self._all,
            lambda made: self.model,
            lambda name: (RouteName("far", name),),
            self._often,
            self.hints,
        )

    def _all(self) -> Sequence[tuple[Archive, Baseline]]:
        return [(self.archive, self.made)]

    async def pass_by(self, start: int, until: int, step: int) -> None:
        for now in range(start, until, step):
            await round_of(self._auditor, now, here)


async def test_a_day_is_a_batch_and_each_question_is_asked_once(engine: Engine, tmp_path: Path) -> None:
    audited = Audited(engine, tmp_path, Method.EDITS, Often(looks=0))
    model = audited.model
    assert isinstance(model, UndecidedModel)
    await audited.pass_by(MIDNIGHT, MIDNIGHT + 12 * HOUR, HOUR)
    asked = len(model.asked)
    assert 3 <= asked <= 17, "about half of the questions in half of the day"
    audited.restart()
    await audited.pass_by(MIDNIGHT + 12 * HOUR, MIDNIGHT + DAY, HOUR // 2)
    await audited.pass_by(MIDNIGHT + DAY - 1, MIDNIGHT + DAY, 1)
    assert [question.prompt for question in model.asked].count(model.asked[0].prompt) == 1
    assert len(model.asked) == 20
    assert latest_batch(audited.archive) == "", "the batch is open until its day is over"
    await audited.pass_by(MIDNIGHT + DAY, MIDNIGHT + DAY + 1, 1)
    assert latest_batch(audited.archive) == iso(MIDNIGHT)


async def test_a_change_becomes_an_incident_once_and_again_only_after_it_was_resolved(
    engine: Engine, tmp_path: Path
) -> None:
    audited = Audited(engine, tmp_path, Method.EDITS, Often(looks=0))
    await audited.pass_by(MIDNIGHT, MIDNIGHT + 20 * DAY + 1, HOUR)
    assert list_incidents(engine) == []
    audited.model = UndecidedModel("b", moved=0.3)
    await audited.pass_by(MIDNIGHT + 20 * DAY + 1, MIDNIGHT + 26 * DAY, HOUR)
    [incident] = list_incidents(engine)
    assert (incident.finding.kind, incident.finding.subject) == (IncidentKind.MODEL, "m")
    assert incident.finding.routes == ("far/m",)
    assert incident.opened_at <= MIDNIGHT + 24 * DAY + 1
    resolve(engine, incident.id, "ada", "it was announced", MIDNIGHT + 26 * DAY)
    await audited.pass_by(MIDNIGHT + 26 * DAY, MIDNIGHT + 32 * DAY, HOUR)
    assert list_incidents(engine, unresolved=True) == []


async def test_models_that_tell_log_probabilities_are_looked_at_each_hour(engine: Engine, tmp_path: Path) -> None:
    audited = Audited(engine, tmp_path, Method.LOGPROBS, Often(looks=24))
    await audited.pass_by(MIDNIGHT, MIDNIGHT + 10 * HOUR, HOUR // 60)
    looked = {line.batch for line in audited.archive.rows(audited.archive.looks)}
    assert len(looked) in (9, 10)
    audited.restart()
    audited.model = UndecidedModel("b", moved=0.4)
    await audited.pass_by(MIDNIGHT + 10 * HOUR, MIDNIGHT + 11 * HOUR + 59, HOUR // 60)
    [incident] = list_incidents(engine)
    assert "a burst of ten" in incident.finding.sentence


@pytest.mark.parametrize("often", [Often(looks=0), Often(looks=24)])
async def test_a_model_that_is_down_stops_nothing(engine: Engine, tmp_path: Path, often: Often) -> None:
    audited = Audited(engine, tmp_path, Method.LOGPROBS, often)
    model = UndecidedModel("a")
    model.down = True
    audited.model = model
    await audited.pass_by(MIDNIGHT, MIDNIGHT + 2 * DAY, HOUR)
    assert latest_batch(audited.archive) == ""
    model.down = False
    await audited.pass_by(MIDNIGHT + 2 * DAY, MIDNIGHT + 3 * DAY + HOUR, HOUR)
    assert latest_batch(audited.archive) == iso(MIDNIGHT + 2 * DAY)


def callers_asked(engine: Engine, day: int, output_tokens: int) -> None:
    like = msgspec.structs.replace(finished("r"), target="m", output_tokens=output_tokens)
    rows = [
        msgspec.structs.replace(like, request_id=f"r-{day}-{number}", started_at=MIDNIGHT + day * DAY + number)
        for number in range(LEAST)
    ]
    with writing(engine) as connection:
        insert_events(connection, rows)


async def test_what_the_ledger_counts_is_told_once_and_is_no_incident(
    engine: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    audited = Audited(engine, tmp_path, Method.EDITS, Often(looks=0))
    for day in range(19):
        callers_asked(engine, day, 100 + day % 3 if day < 16 else 200)
    await audited.pass_by(MIDNIGHT + 16 * DAY, MIDNIGHT + 18 * DAY, HOUR)
    assert "output tokens" not in caplog.text, "one day says nothing"
    await audited.pass_by(MIDNIGHT + 18 * DAY, MIDNIGHT + 18 * DAY + SETTLE_NS, HOUR)
    assert "output tokens" not in caplog.text, "the day may not be complete"
    await audited.pass_by(MIDNIGHT + 18 * DAY + SETTLE_NS, MIDNIGHT + 20 * DAY, HOUR)
    assert caplog.text.count("m: output tokens was 101, is 200 since ") == 1
    assert list_incidents(engine) == []


async def test_it_is_evidence_of_a_change_that_the_probes_noticed(engine: Engine, tmp_path: Path) -> None:
    audited = Audited(engine, tmp_path, Method.EDITS, Often(looks=0))
    for day in range(24):
        callers_asked(engine, day, 100 + day % 3 if day < 20 else 200)
    await audited.pass_by(MIDNIGHT, MIDNIGHT + 20 * DAY + 1, HOUR)
    audited.model = UndecidedModel("b", moved=0.3)
    await audited.pass_by(MIDNIGHT + 20 * DAY + 1, MIDNIGHT + 24 * DAY + HOUR, HOUR)
    [incident] = list_incidents(engine)
    told = {one.name: (one.before, one.now) for one in incident.finding.evidence}
    assert told["output tokens"] == ("101", "200")


def test_what_was_explained_is_looked_at_no_more(engine: Engine, tmp_path: Path) -> None:
    audited = Audited(engine, tmp_path, Method.EDITS, Often(looks=0))
    for day in range(20):
        callers_asked(engine, day, 100 if day < 17 else 200)
    now, routes = (
        MIDNIGHT + 20 * DAY + SETTLE_NS,
        [RouteName("far", "m"), RouteName("near", "m"), RouteName("far", "n")],
    )
    pair = (audited.archive, audited.made)
    [signal] = standing(engine, pair, routes, 0.001, now).signals
    assert signal.name == "output tokens of m", "two models stand behind the name"
    incident = report(engine, Finding(kind=IncidentKind.MODEL, subject="m", since=1, sentence="It changed."), 1)
    resolve(engine, incident.id, "ada", "announced", MIDNIGHT + 18 * DAY)
    assert standing(engine, pair, routes, 0.001, now).signals == ()


FAR = RouteName("far", "m")


def asked_again(engine: Engine, day: int, worse: int, better: int, inputs: int = 100) -> None:
    """A check of the audited route."""
    made = QualityBaseline(tier="far", target="m", since=MIDNIGHT, until=MIDNIGHT + 14 * DAY, epoch="e")
    begin_baseline(engine, made)
    chosen = [JudgedOutput(f"c-{day}-{number}", MIDNIGHT, 0.5) for number in range(inputs)]
    add_cases(engine, made, chosen)
    for number, one in enumerate(chosen):
        now = 0.0 if number < worse else 1.0 if number < worse + better else 0.5
        keep_answer(engine, made, CaseAnswer(request_id=one.request_id, check_at=MIDNIGHT + day * DAY, now=now))


async def test_a_change_has_inputs_asked_again_until_somebody_looked_into_it(engine: Engine, tmp_path: Path) -> None:
    audited = Audited(engine, tmp_path, Method.EDITS, Often(looks=0))
    await audited.pass_by(MIDNIGHT, MIDNIGHT + 20 * DAY + 1, HOUR)
    asked_again(engine, 15, worse=40, better=0)
    assert FAR not in audited.hints
    audited.model = UndecidedModel("b", moved=0.3)
    await audited.pass_by(MIDNIGHT + 20 * DAY + 1, MIDNIGHT + 24 * DAY + HOUR, HOUR)
    [incident] = list_incidents(engine)
    assert FAR in audited.hints
    assert incident.finding.sentence.endswith("+00:00."), "what was asked again before it says nothing of it"
    audited.restart()
    audited.hints.hint(SOURCE, [])
    await audited.pass_by(MIDNIGHT + 24 * DAY + HOUR, MIDNIGHT + 24 * DAY + 2 * HOUR, HOUR)
    assert FAR in audited.hints, "it is known again after the worker was ended"
    resolve(engine, incident.id, "ada", "announced", MIDNIGHT + 24 * DAY + 2 * HOUR)
    await audited.pass_by(MIDNIGHT + 24 * DAY + 2 * HOUR, MIDNIGHT + 24 * DAY + 4 * HOUR, HOUR)
    assert FAR not in audited.hints


@pytest.mark.parametrize(
    ("worse", "better", "said", "severity"),
    [
        (30, 5, ", and its answers are worse.", Severity.CRITICAL),
        (5, 5, "; whether its answers are worse is not known yet.", Severity.WARNING),
        (0, 0, "; its answers are changed, and not worse.", Severity.WARNING),
    ],
)
async def test_the_incident_says_within_an_hour_whether_it_is_worse(
    engine: Engine, tmp_path: Path, worse: int, better: int, said: str, severity: Severity
) -> None:
    audited = Audited(engine, tmp_path, Method.EDITS, Often(looks=0))
    await audited.pass_by(MIDNIGHT, MIDNIGHT + 20 * DAY + 1, HOUR)
    audited.model = UndecidedModel("b", moved=0.3)
    await audited.pass_by(MIDNIGHT + 20 * DAY + 1, MIDNIGHT + 24 * DAY + 1, HOUR)
    asked_again(engine, 24, worse, better)
    await audited.pass_by(MIDNIGHT + 24 * DAY + HOUR, MIDNIGHT + 24 * DAY + 2 * HOUR + 1, HOUR)
    [incident] = list_incidents(engine)
    assert incident.finding.sentence.endswith(said)
    assert incident.finding.severity is severity
    [told] = [one for one in incident.finding.evidence if one.name == "same inputs asked again, far/m"]
    assert told.now.startswith(f"{worse} worse, {better} better, by ")
