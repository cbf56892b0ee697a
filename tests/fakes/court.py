"""Outputs that wait for a judge, and a judge in the real request path over a real database."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Engine, insert

from homeport.api.openai import OpenAIDialect
from homeport.core.money import Nano
from homeport.core.types import DataClass, Key, Target
from homeport.evaluation.rubrics import QUALITY
from homeport.jobs.judge_calls import Questions
from homeport.jobs.judge_purse import Purse
from homeport.jobs.judging import Judging, Round, Terms
from homeport.pipeline.pipeline import Runner
from homeport.storage.bodies import BodyStore
from homeport.storage.db import writing
from homeport.storage.ingest import insert_events
from homeport.storage.judgements import Judgement, judgements_of
from homeport.storage.score_tables import scored_outputs
from tests.fakes.house import House
from tests.fakes.keyring import FixedKeyRing
from tests.storage.events import finished
from tests.traces.kept import chat

HOME = "0123456789ab"
HOLDER = f"{HOME}-0123456789abcdef"
HOUR = 3_600 * 1_000_000_000
ASKER, PAYER = "key_1", "key_payer"
KEYS = {name: Key(id=name, name=name) for name in (ASKER, PAYER)}


class Court:
    """A house in which `judges` answer by the name `judge`, and a state folder with outputs."""

    def __init__(
        self,
        engine: Engine,
        folder: Path,
        *judges: Target,
        key: str | None = PAYER,
        most: int | None = None,
        keys: Sequence[Key] = (),
        pipeline: Runner | None = None,
        house: House | None = None,
        **terms: Any,
    ) -> None:
        self.engine = engine
        ring = FixedKeyRing({**KEYS, **{one.id: one for one in keys}})
        self.house = house or House(*judges, aliases={"judge": judges[0].tier}, keys=ring)
        self.bodies = BodyStore(folder / "captured", keep_days=7, most_bytes=1 << 30)
        wanted = {"home": HOME, "model": "judge", "rubric": QUALITY, "concurrency": 2, "longest": 400}
        self.terms = Terms(**{**wanted, "since_ns": 24 * HOUR, **terms})
        self._key = key
        self._most = most
        self._pipeline = pipeline or self.house.pipeline
        self._ingested = 0
        self.judging = self.made()

    @property
    def now(self) -> int:
        return self.house.clock.wall

    def made(self) -> Judging:
        """The judge as another start of the process has it."""
        questions = Questions(
            self._pipeline,
            OpenAIDialect(),
            model="judge",
            key=self._key,
            max_tokens=400,
            temperature=0.0,
            only_grade=self.terms.only_grade,
        )
        self.purse = Purse(self.engine, None if self._most is None else Nano(self._most))
        fences = (f"{number:016x}" for number in itertools.count(0xFACADE))
        return Judging(
            self.engine,
            self.bodies,
            questions,
            self.purse,
            self.terms,
            targets=lambda: self.house.catalogue.resolve("judge")[0],
            clock=self.house.clock,
            fence=lambda: next(fences),
        )

    def drawn(
        self,
        *names: str,
        draw: float = 0.1,
        said: str | None = "Yes.",
        data_class: DataClass = DataClass.OPEN,
        hidden: bool = False,
        for_judge: bool = True,
        **more: Any,
    ) -> None:
        """Outputs of an hour ago that were scored; nothing of them was kept where nothing is said."""
        at = self.now - HOUR
        events = [finished(name, started_at=at) for name in names]
        told = {"holder": HOLDER, "data_class": data_class.value, **more}
        with writing(self.engine) as connection:
            insert_events(connection, [msgspec.structs.replace(event, **told) for event in events])
            for name in names:
                row = scored(name, at, draw, data_class, for_judge, told["holder"].partition("-")[0])
                connection.execute(insert(scored_outputs).values(**row))
        for name in names if said is not None else ():
            kept = chat(name, prompt="May I?", answer=said or "", at=at)
            self.bodies.put(msgspec.structs.replace(kept, data_class=data_class, hidden=hidden))

    async def rounds(self, most: int = 20) -> list[Round]:
        """Rounds until there is nothing to do; the ledger is filled after each."""
        done = []
        for _ in range(most):
            done.append(await self.judging.round())
            self.ingest()
            if done[-1].state != "worked":
                break
        return done

    def ingest(self) -> None:
        """Bring what the house recorded into the ledger."""
        events = self.house.recorder.events[self._ingested :]
        self._ingested += len(events)
        with writing(self.engine) as connection:
            insert_events(connection, [msgspec.structs.replace(event, holder=HOLDER) for event in events])

    def said_of(self, name: str) -> Judgement:
        """The only judgement of an output."""
        [one] = judgements_of(self.engine, name)
        return one

    def labels(self, *names: str) -> list[tuple[float | None, str]]:
        return [(one.score, one.label) for one in map(self.said_of, names)]


def scored(name: str, at: int, draw: float, data_class: str, for_judge: bool, home: str = HOME) -> dict[str, Any]:
    """A row of `scored_outputs`."""
    return {
        "request_id": name,
        "started_at": at,
        "scored_at": at,
        "project": "default",
        "tier": "local",
        "target": "smollm2",
        "data_class": str(data_class),
        "kept": True,
        "low": False,
        "draw": draw,
        "judge_probability": 0.15,
        "human_probability": 0.07,
        "for_judge": for_judge,
        "for_human": False,
        "home": home,
    }
