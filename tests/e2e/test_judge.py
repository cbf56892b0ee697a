"""A running program asks its judge about every output that is drawn, once, also where the jobs worker is killed."""

import json
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import Engine, select

from homeport.config.home import Home
from homeport.storage.db import open_database, sqlite_url
from homeport.storage.opinion_tables import judgements
from homeport.storage.score_tables import scored_outputs
from homeport.storage.tables import requests
from homeport.telemetry import semconv as names
from tests.e2e.program import Program
from tests.fakes.collector import HttpCollector, attributes
from tests.fakes.openai_server import USAGE, OpenAIServer

pytestmark = pytest.mark.slow

CONFIG = """\
telemetry: {{export: {{endpoint: "{collector}"}}, traces: {{enabled: true}}}}
capture: {{enabled: true}}
evaluation:
  enabled: true
  sampling: {{judge: 1.0, human: 0.5}}
  judge: {{model: judge, key: {key}, most_usd_per_day: 1, concurrency: 2}}
prices:
  - {{model: "ours:judge", input_per_mtok: 1, output_per_mtok: 10}}
providers:
  p: {{provider: simulated}}
  j: {{provider: openai_compatible, base_url: "{url}"}}
tiers:
  - {{name: product, targets: [{{model: m, provider: p}}]}}
  - {{name: judges, targets: [{{model: judge-1, name: judge, provider: j, price: "ours:judge"}}]}}
"""
ASKED = 10
COST = 11 * 1_000 + 4 * 10_000
"""Nano-dollars of one grade; three of its prompt's tokens are from a cache, at the same price."""


class GradingServer(OpenAIServer):
    """Gives the grade 4 to all that is asked."""

    def whole(self, request: web.Request, fields: dict[str, Any], *, usage: bool) -> dict[str, Any]:
        message = {"role": "assistant", "content": "It is right.\nGRADE: 4"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return {"id": "j", "object": "chat.completion", "created": 1, "model": "judge-1", "choices": [choice]} | {
            "usage": USAGE
        }


@pytest.fixture
async def server() -> AsyncIterator[GradingServer]:
    async with GradingServer(delay=0.2) as server:
        yield server


class Judged:
    """A program with a judge, and what its database says."""

    def __init__(self, folder: Path, server: GradingServer, collector: HttpCollector) -> None:
        self.program = Program(folder / "home")
        self.program.home.mkdir(mode=0o700)
        words = {"url": server.base_url, "collector": collector.url}
        (self.program.home / "homeport.yaml").write_text(CONFIG.format(key="key_0", **words))
        told = json.loads(self.program.run("keys", "create", "the judge", "--json"))
        self.key = str(told["id"])
        (self.program.home / "homeport.yaml").write_text(CONFIG.format(key=self.key, **words))

    @property
    def engine(self) -> Engine:
        return open_database(sqlite_url(Home(self.program.home).database))

    def rows(self, *columns: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return [*connection.execute(select(*columns))]

    def ask(self, count: int) -> None:
        for number in range(count):
            assert self.program.chat(f"Tell me of {number}.", model="m")[0] == 200

    def standing(self) -> dict[str, Any]:
        return dict(json.loads(self.program.run("quality", "judge", "--json")))


@pytest.fixture
def collector() -> Iterator[HttpCollector]:
    with HttpCollector() as running:
        yield running


def events_of_judge(collector: HttpCollector) -> dict[str, Any]:
    """By the id of the request that each is about."""
    told = [(attributes(one.attributes), one) for one in collector.events]
    return {about[names.REQUEST_ID]: one for about, one in told if about[names.EVALUATION_SOURCE] == "judge"}


async def test_each_output_is_judged_once_and_its_cost_is_in_the_ledger_and_its_grade_in_its_trace(
    tmp_path: Path, server: GradingServer, collector: HttpCollector
) -> None:
    judged = Judged(tmp_path, server, collector)
    program = judged.program
    program.start()
    try:
        judged.ask(ASKED // 2)
        await program.eventually(lambda: len(judged.rows(judgements)) > 0)
        [worker] = program.children("jobs")
        os.kill(worker, signal.SIGKILL)
        judged.ask(ASKED // 2)
        await program.eventually(lambda: len(judged.rows(judgements)) == ASKED)
        await program.eventually(lambda: len(events_of_judge(collector)) == ASKED)
    finally:
        assert program.stop() == 0, program.output()
    found = judged.rows(judgements)
    assert {(row.score, row.label, row.cost) for row in found} == {(0.75, "4", COST)}
    ledger = judged.rows(requests.c.request_id, requests.c.reason, requests.c.cost, requests.c.key_id)
    mine = [row for row in ledger if row.reason == "quality:judge"]
    assert {row.key_id for row in mine} == {judged.key}
    assert ASKED <= len(mine) <= ASKED + 2, "what was under way when it was killed may be paid twice"
    assert {row.judge_request_id for row in found} <= {row.request_id for row in mine}
    assert len(judged.rows(scored_outputs)) == ASKED, "the judge's own answers are no outputs"
    told = judged.standing()
    assert told["epochs"][0]["outputs"] == ASKED
    assert told["standing"]["model"] == "judge"
    assert set(Counter(row.reason for row in ledger)) == {"quality:judge", "pinned:m"}
    calls = {(span.trace_id, span.span_id): span.name for span in collector.spans}
    sent = events_of_judge(collector)
    assert set(sent) == {row.request_id for row in found}
    assert {calls[one.trace_id, one.span_id] for one in sent.values()} == {"chat m"}
    assert {one.event_name for one in sent.values()} == {"gen_ai.evaluation.result"}
    about = attributes(next(iter(sent.values())).attributes)
    assert (about["gen_ai.evaluation.name"], about["gen_ai.evaluation.score.value"]) == ("judge", 0.75)
    assert (about["gen_ai.evaluation.score.label"], names.EVALUATION_EXPLANATION in about) == ("4", False)


OWN = """
capture: {enabled: true, private: true}
evaluation:
  enabled: true
  sampling: {judge: 1.0, human: 0.5}
  judge: {model: smollm2, most_usd_per_day: 1, concurrency: 1, max_tokens: 64, only_grade: true}
"""


async def test_a_real_model_judges_private_answers_at_home(new_program: Callable[[], Program]) -> None:
    program = new_program()
    program.run("init", str(program.home / "homeport.yaml"))
    with (program.home / "homeport.yaml").open("a") as file:
        file.write(OWN)
    program.start()
    found: list[Any] = []

    def all_judged() -> bool:
        with open_database(sqlite_url(Home(program.home).database)).connect() as connection:
            found[:] = connection.execute(
                select(judgements, requests.c.data_class, requests.c.local).join(
                    requests, requests.c.request_id == judgements.c.judge_request_id
                )
            )
        return len(found) == 2

    try:
        body = {"model": "smollm2", "max_tokens": 24, "messages": [{"role": "user", "content": "What is a lease?"}]}
        for headers in ({}, {"x-homeport-data-class": "private"}):
            key = {"authorization": f"Bearer {program.key}"}
            assert program.post("/chat/completions", body, {**key, **headers})[0] == 200
        await program.eventually(all_judged)
    finally:
        assert program.stop() == 0, program.output()
    assert {row.local for row in found} == {True}
    assert sorted(row.data_class for row in found) == ["open", "private"]
    assert all(row.cost > 0 for row in found), "its machine costs something"
    assert {row.label for row in found} <= {"1", "2", "3", "4", "5"}
    assert all(row.score is not None for row in found)
