"""The prompts of a running ledger: each day is looked at once, and other prompts are an incident with examples."""

import random
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine, func, select

from homeport.core.incidents import IncidentKind
from homeport.evaluation.scorecard import Scorecard
from homeport.jobs.inputs import SETTLE_NS, InputRules, InputWatch, standing
from homeport.jobs.scoring import Rules, Scorer
from homeport.storage.bodies import BodyStore
from homeport.storage.db import writing
from homeport.storage.incidents import list_incidents, resolve
from homeport.storage.ingest import insert_events
from homeport.storage.input_tables import input_days, input_features
from homeport.storage.inputs import DAY_NS, forget_inputs, read_inputs, start_of
from tests.drift.prompt_days import CODE, LAW, Ask, WordEmbedder, about, mixed, reader
from tests.fakes.clock import ManualClock
from tests.storage.events import finished
from tests.traces.kept import chat

HOME = "0123456789ab"
FIRST = start_of("2026-03-02")
LAWYERS, CODERS = about(LAW), about(CODE)
EACH = 15


class Project:
    """What a project asks day after day, the ledger and bodies of it, and what watches it."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.clock = ManualClock()
        self.bodies = BodyStore(folder / "captured", keep_days=400, most_bytes=1 << 30)
        rules = Rules(home=HOME, key=b"k" * 32, since_ns=400 * DAY_NS)
        self.scorer = Scorer(engine, self.bodies, Scorecard([], self.clock.monotonic_ns), rules, self.clock)
        self.watch = self.watcher()
        self.day, self.rng = 0, random.Random(1)
        self.said: dict[str, str] = {}

    def watcher(self, **rules: int) -> InputWatch:
        return InputWatch(self.engine, self.bodies, reader(), InputRules(**{"home": HOME, **rules}))  # type: ignore[arg-type]

    def ask(self, *days: Ask, look: bool = True) -> None:
        """Let days pass, each with its prompts, and look an hour after its end."""
        for ask in days:
            events = []
            for number in range(EACH):
                name, at = f"d{self.day}n{number}", FIRST + self.day * DAY_NS + (number + 1) * 10**12
                self.said[name] = ask(self.rng)
                events.append(msgspec.structs.replace(finished(name, started_at=at), holder=f"{HOME}-0123456789abcdef"))
                self.bodies.put(chat(name, prompt=self.said[name], at=at))
            with writing(self.engine) as connection:
                insert_events(connection, events)
            self.day += 1
            if look:
                self.scorer.work(self.now)
                self.watch.look(self.now)

    @property
    def now(self) -> int:
        return FIRST + self.day * DAY_NS + SETTLE_NS

    @property
    def name(self) -> str:
        with self.engine.connect() as connection:
            return str(connection.execute(select(input_days.c.project)).scalars().first())

    def rows(self) -> int:
        with self.engine.connect() as connection:
            return int(connection.execute(select(func.count()).select_from(input_features)).scalar_one())


@pytest.fixture
def project(engine: Engine, tmp_path: Path) -> Project:
    return Project(engine, tmp_path)


def test_code_where_contracts_were_is_an_incident_with_examples_and_then_usual(project: Project) -> None:
    project.ask(*[LAWYERS] * 16)
    assert list_incidents(project.engine) == []
    project.ask(*(mixed(LAWYERS, CODERS, share / 7) for share in range(1, 8)))
    [incident] = list_incidents(project.engine)
    finding = incident.finding
    assert (finding.kind, finding.subject) == (IncidentKind.PROMPTS, project.name)
    assert FIRST + 16 * DAY_NS <= finding.since <= FIRST + 18 * DAY_NS
    assert finding.routes == ("local/smollm2",)
    told = {one.name: one for one in finding.evidence}
    for name in ("prompts at local/smollm2", "prompts of key key_1"):
        assert told[name].before.endswith("(100 %) looked at")
        assert told[name].now.endswith("(100 %) that are new")
    assert len(finding.examples) >= 4
    assert all(set(project.said[name].split()) & set(CODE) for name in finding.examples)
    resolve(project.engine, incident.id, "ada", "the new team is meant to be here", project.now)
    project.ask(*[CODERS] * 12)
    assert len(list_incidents(project.engine)) == 1
    assert standing(project.engine, project.name, WordEmbedder.name).alarms == ()


def test_a_day_is_looked_at_once_and_after_its_end(project: Project) -> None:
    project.ask(LAWYERS, look=False)
    project.scorer.work(project.now)
    assert project.watch.look(project.now - SETTLE_NS + 1) == 0
    assert [project.watch.look(project.now) for _ in range(2)] == [1, 0]
    assert project.rows() == EACH
    [(day, prompts)] = read_inputs(project.engine, project.name, WordEmbedder.name)
    assert (day, len(prompts)) == ("2026-03-02", EACH)


def test_days_that_nobody_looked_at_are_looked_at_later_in_their_order(project: Project) -> None:
    project.ask(*[LAWYERS] * 5, look=False)
    project.scorer.work(project.now)
    assert project.watcher(days=3).look(project.now) == 3, "what is older is let be"
    assert project.watcher(days=10).look(project.now) == 2


def test_a_sample_is_looked_at_of_what_can_be_read(project: Project) -> None:
    project.ask(LAWYERS, look=False)
    project.scorer.work(project.now)
    gone = [f"d0n{number}" for number in range(5)]
    for name in gone:
        project.bodies.remove(name)
    project.watcher(sample=8).look(project.now)
    [(_, prompts)] = read_inputs(project.engine, project.name, WordEmbedder.name)
    assert len(prompts) == 8
    assert not {one.id for one in prompts} & set(gone)
    forget_inputs(project.engine, [prompts[0].id])
    assert project.rows() == 7


def test_a_folder_that_cannot_be_read_is_no_reason_to_stop(project: Project) -> None:
    project.ask(LAWYERS, look=False)
    project.scorer.work(project.now)
    for path in (project.bodies._folder).glob("*/d0n1.*"):  # cut off by whoever wrote it
        path.write_bytes(b"\x78\x9c broken")
    assert project.watch.look(project.now) == 1
    assert project.rows() == EACH - 1
