"""A batch from its input to its files: every line is a request like any other, and is answered once."""

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from homeport.core.errors import StorageError
from homeport.core.types import Completion, DataClass, Outcome
from homeport.storage.batches import BatchStatus, BatchStore, Tally
from homeport.storage.results import ResultsLog
from tests.fakes.batches import ENDPOINT, Desk, request
from tests.fakes.house import CHAT, KEYS, MID, OWN, PROMPT, House
from tests.fakes.keyring import FixedKeyRing
from tests.fakes.upstream import USAGE, Hang, vectors, whole

OWNERS = FixedKeyRing({key.id: key for key in KEYS.values()})


@pytest.fixture
def house() -> House:
    house = House(MID, keys=OWNERS)
    house.upstreams["mid"].script(whole())
    return house


@pytest.fixture
def desk(house: House, engine: Engine, tmp_path: Path) -> Desk:
    return Desk(house, engine, tmp_path / "files")


async def until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def test_every_line_is_answered_recorded_and_billed(desk: Desk, house: House) -> None:
    batch = await desk.finish(desk.ask([request(name) for name in ("a", "b", "c")]))
    assert (batch.status, batch.total, batch.error_file_id) == (BatchStatus.COMPLETED, 3, None)
    lines = desk.lines(batch.output_file_id)
    assert [line["custom_id"] for line in lines] == ["a", "b", "c"]
    for line in lines:
        assert set(line) == {"id", "custom_id", "response", "error", "homeport"}
        assert line["error"] is None
        assert line["response"]["status_code"] == 200
        assert line["response"]["body"]["choices"][0]["message"]["content"] == "Clause 9."
        assert line["homeport"]["model"] == "mid"
    events = {event.request_id: event for event in house.recorder.events}
    assert {line["response"]["request_id"] for line in lines} == set(events)
    assert len(events) == 3
    assert all((event.key_id, event.outcome) == ("key_open", Outcome.COMPLETED) for event in events.values())
    assert house.observed.events == house.recorder.events
    cost = sum(event.cost for event in events.values())
    assert cost > 0
    assert batch.tally == Tally(
        completed=3, failed=0, cost=cost, input_tokens=3 * USAGE.input_tokens, output_tokens=3 * USAGE.output_tokens,
        cached_input_tokens=3 * USAGE.cached_input_tokens, reasoning_tokens=3 * USAGE.reasoning_tokens,
    )  # fmt: skip
    assert batch.in_progress_at
    assert batch.finalizing_at
    assert batch.completed_at
    assert not list(desk.folder.glob("*.results"))


async def test_its_files_belong_to_its_key_and_have_their_time(desk: Desk) -> None:
    batch = await desk.finish(desk.ask([request("a")], output_seconds=7200))
    assert batch.output_file_id is not None
    file = desk.files.get("key_open", batch.output_file_id)
    assert file is not None
    assert (file.purpose, file.filename) == ("batch_output", f"{batch.id}_output.jsonl")
    assert file.expires_at - file.created_at == 7200 * 1_000_000_000
    assert file.bytes == desk.files.path(file.id).stat().st_size
    assert desk.files.get("key_narrow", batch.output_file_id) is None


async def test_answers_with_line_breaks_stay_one_line(desk: Desk, house: House) -> None:
    pretty = json.dumps({"choices": [{"text": "a\nb"}], "big": 2**70}, indent=2).encode()
    house.upstreams["mid"].script(Completion(body=pretty, usage=USAGE))
    batch = await desk.finish(desk.ask([request("a")]))
    [line] = desk.lines(batch.output_file_id)
    assert line["response"]["body"] == json.loads(pretty)


async def test_what_a_caller_did_wrong_is_an_error_of_its_line(desk: Desk, house: House) -> None:
    bad = [
        request("no messages", {"model": "auto"}),
        request("no model", {**CHAT, "model": "gpt-0"}),
        request("good"),
        request("too hot", {**CHAT, "temperature": 9}),
    ]
    batch = await desk.finish(desk.ask(bad))
    assert batch.status is BatchStatus.COMPLETED
    assert (batch.tally.completed, batch.tally.failed) == (1, 3)
    errors = desk.lines(batch.error_file_id)
    assert [line["custom_id"] for line in errors] == ["no messages", "no model", "too hot"]
    assert [line["response"]["status_code"] for line in errors] == [400, 404, 400]
    assert errors[1]["response"]["body"]["error"]["code"] == "model_not_found"
    assert [line["custom_id"] for line in desk.lines(batch.output_file_id)] == ["good"]
    assert len(house.recorder.events) == 4
    assert desk.slept == []


async def test_the_rules_of_the_key_hold(engine: Engine, tmp_path: Path) -> None:
    """Tiers, data class, life: a batch is no way around them."""
    house = House(MID, OWN, keys=OWNERS)
    for upstream in house.upstreams.values():
        upstream.script(whole())
    desk = Desk(house, engine, tmp_path / "files")
    to_mid = request("a", {**CHAT, "model": "mid"})
    narrow = await desk.finish(desk.ask([to_mid], key_id="key_narrow"))
    private = await desk.finish(desk.ask([to_mid, request("b")], key_id="key_private"))
    marked = await desk.finish(desk.ask([to_mid, request("b")], data_class=DataClass.PRIVATE))
    revoked = await desk.finish(desk.ask([to_mid], key_id="key_gone"))
    assert house.upstreams["mid"].calls == []
    assert desk.lines(narrow.error_file_id)[0]["response"]["status_code"] == 403
    for batch in (private, marked):
        assert desk.lines(batch.error_file_id)[0]["response"]["body"]["error"]["code"] == "private_model_is_remote"
        assert desk.lines(batch.output_file_id)[0]["homeport"]["tier"] == "home"
    assert {event.data_class for event in house.recorder.events[1:]} == {"private"}
    assert desk.lines(revoked.error_file_id)[0]["response"]["body"]["error"]["code"] == "invalid_api_key"
    assert "key_gone" not in {event.key_id for event in house.recorder.events}


async def test_other_surfaces(desk: Desk, house: House) -> None:
    house.upstreams["mid"].script(vectors())
    body = {"model": "auto", "input": PROMPT}
    batch = await desk.finish(desk.ask([request("a", body, url="/v1/embeddings")], endpoint="/v1/embeddings"))
    assert batch.status is BatchStatus.COMPLETED
    assert house.recorder.events[0].surface == "embeddings"


async def test_an_input_that_is_wrong_fails_before_anything_is_spent(desk: Desk, house: House) -> None:
    batch = await desk.finish(desk.ask([request("a"), request("a"), request("b", url="/v1/embeddings")]))
    assert batch.status is BatchStatus.FAILED
    assert [(each.code, each.line) for each in batch.errors] == [("duplicate_custom_id", 2), ("mismatched_endpoint", 3)]
    assert (batch.failed_at is not None, batch.output_file_id, batch.error_file_id) == (True, None, None)
    assert house.calls() == []
    assert not list(desk.folder.glob("*.results"))


async def test_an_input_that_is_gone(desk: Desk) -> None:
    batch_id = desk.ask([request("a")])
    desk.files.path(desk.batch(batch_id).input_file_id).unlink()
    batch = await desk.finish(batch_id)
    assert (batch.status, [each.code for each in batch.errors]) == (BatchStatus.FAILED, ["input_file_missing"])


async def test_no_more_at_once_than_there_are_places(desk: Desk, house: House) -> None:
    house.upstreams["mid"].script(Hang())
    task = desk.run(desk.ask([request(str(number)) for number in range(9)]))
    await until(lambda: len(house.calls()) == 2)
    await asyncio.sleep(0.05)
    assert len(house.calls()) == 2
    desk.stop.set()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_cancelling_ends_what_is_in_progress_and_tells_what_was_not_run(desk: Desk, house: House) -> None:
    house.upstreams["mid"].script(whole(), whole(), Hang())
    batch_id = desk.ask([request(str(number)) for number in range(5)])
    task = desk.run(batch_id)
    await until(lambda: len(house.calls()) == 4)
    assert desk.store.cancel("key_open", batch_id)
    await task
    batch = desk.batch(batch_id)
    assert (batch.status, batch.tally.completed, batch.tally.failed) == (BatchStatus.CANCELLED, 2, 3)
    assert [line["custom_id"] for line in desk.lines(batch.output_file_id)] == ["0", "1"]
    errors = desk.lines(batch.error_file_id)
    assert [(line["custom_id"], line["error"]["code"], line["response"]) for line in errors] == [
        (number, "batch_cancelled", None) for number in ("2", "3", "4")
    ]
    assert house.upstreams["mid"].cancelled == 2
    assert sorted(event.outcome for event in house.recorder.events) == [
        "cancelled",
        "cancelled",
        "completed",
        "completed",
    ]


async def test_cancelled_before_it_began(desk: Desk, house: House) -> None:
    batch_id = desk.ask([request("a")])
    desk.store.cancel("key_open", batch_id)
    batch = await desk.finish(batch_id)
    assert (batch.status, batch.output_file_id, batch.error_file_id) == (BatchStatus.CANCELLED, None, None)
    assert house.calls() == []


async def test_a_batch_past_its_time_tells_what_it_did_and_what_not(desk: Desk, house: House) -> None:
    house.upstreams["mid"].script(whole(), Hang())
    batch_id = desk.ask([request(name) for name in "abc"])
    task = desk.run(batch_id)
    await until(lambda: len(house.calls()) == 3)
    house.clock.advance(25 * 3_600_000_000_000)
    await task
    batch = desk.batch(batch_id)
    assert (batch.status, batch.tally.completed, batch.tally.failed) == (BatchStatus.EXPIRED, 1, 2)
    assert batch.expired_at is not None
    assert [line["error"]["code"] for line in desk.lines(batch.error_file_id)] == ["batch_expired"] * 2


async def test_a_batch_that_nobody_ran_in_time_runs_no_line(desk: Desk, house: House) -> None:
    batch_id = desk.ask([request(name) for name in "ab"])
    house.clock.advance(25 * 3_600_000_000_000)
    batch = await desk.finish(batch_id)
    assert (batch.status, batch.total, batch.tally.failed) == (BatchStatus.EXPIRED, 2, 2)
    assert house.calls() == []


async def test_a_worker_that_dies_leaves_its_answers_to_the_next(desk: Desk, house: House) -> None:
    """What is in the log is not run again; what was in progress is, and both requests are in the ledger."""
    house.upstreams["mid"].script(whole("first"), whole("first"), Hang())
    batch_id = desk.ask([request(str(number)) for number in range(5)])
    task = desk.run(batch_id)
    await until(lambda: len(house.calls()) == 4)
    task.cancel()  # no code of ours knows the difference to a kill: nothing is written on the way out
    await asyncio.gather(task, return_exceptions=True)
    assert desk.batch(batch_id).status is BatchStatus.IN_PROGRESS
    house.upstreams["mid"].script(whole("second"))
    batch = await desk.finish(batch_id)
    assert (batch.status, batch.tally.completed) == (BatchStatus.COMPLETED, 5)
    texts = [line["response"]["body"]["choices"][0]["message"]["content"] for line in desk.lines(batch.output_file_id)]
    assert texts == ["first", "first", "second", "second", "second"]
    outcomes = [event.outcome for event in house.recorder.events]
    assert outcomes.count(Outcome.COMPLETED) == 5
    assert outcomes.count(Outcome.CANCELLED) == 2


async def test_a_worker_that_dies_between_the_files_and_the_end(
    desk: Desk, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files of the second attempt are those of the first."""
    move, failures = BatchStore.move, iter([True])

    def die_once(store: BatchStore, batch_id: str, to: BatchStatus, *allowed: BatchStatus, **values: object) -> bool:
        if to is BatchStatus.COMPLETED and next(failures, False):
            raise OperationalError("UPDATE", {}, Exception("gone"))
        return move(store, batch_id, to, *allowed, **values)

    monkeypatch.setattr(BatchStore, "move", die_once)
    batch_id = desk.ask([request("a"), request("b", {"model": "auto"})])
    with pytest.raises(OperationalError):
        await desk.run(batch_id)
    first = {path.name: path.read_bytes() for path in desk.folder.glob("file-*")}
    assert (len(first), desk.batch(batch_id).status) == (3, BatchStatus.FINALIZING)
    batch = await desk.finish(batch_id)
    assert batch.status is BatchStatus.COMPLETED
    assert {path.name: path.read_bytes() for path in desk.folder.glob("file-*")} == first
    assert {batch.output_file_id, batch.error_file_id} < first.keys()
    page = desk.files.page("key_open", purpose="batch_output", after=None, limit=10, order="asc")
    assert len(page.files) == 2
    assert len(house.recorder.events) == 2


async def test_told_to_stop_it_leaves_the_rest_for_later(desk: Desk, house: House) -> None:
    house.upstreams["mid"].script(whole(), Hang())
    batch_id = desk.ask([request(str(number)) for number in range(4)])
    task = desk.run(batch_id)
    await until(lambda: len(house.calls()) == 3)
    release = house.upstreams["mid"]
    desk.stop.set()
    for _ in range(3):
        await asyncio.sleep(0.01)
    assert not task.done()  # what is in progress has its seconds
    assert len(release.calls) == 3
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert desk.batch(batch_id).status is BatchStatus.IN_PROGRESS
    desk.stop.clear()
    house.upstreams["mid"].script(whole())
    assert (await desk.finish(batch_id)).tally.completed == 4


async def test_one_worker_at_a_time(desk: Desk, house: House) -> None:
    house.upstreams["mid"].script(Hang())
    batch_id = desk.ask([request("a")])
    task = desk.run(batch_id)
    await until(lambda: len(house.calls()) == 1)
    await desk.run(batch_id)
    assert len(house.calls()) == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_an_answer_waits_for_a_disk_that_is_full(
    desk: Desk, house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    append, refusals = ResultsLog.append, iter([True, True])

    def refuse_twice(log: ResultsLog, result: Any) -> None:
        if next(refusals, False):
            raise StorageError("no space", code="files_unwritable")
        append(log, result)

    monkeypatch.setattr(ResultsLog, "append", refuse_twice)
    batch = await desk.finish(desk.ask([request("a")]))
    assert (batch.status, len(house.calls())) == (BatchStatus.COMPLETED, 1)
    assert len(desk.slept) == 2
    assert PROMPT not in caplog.text


async def test_a_defect_in_one_line_holds_no_other_up(
    desk: Desk, house: House, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def __init__(self) -> None:
            self.calls = 0

        async def run(self, exchange: Any) -> None:
            self.calls += 1
            if self.calls == 1:
                raise ZeroDivisionError
            await whole_pipeline.run(exchange)

    whole_pipeline = house.pipeline
    house.pipeline = Broken()  # type: ignore[assignment] # a pipeline with a defect
    batch = await desk.finish(desk.ask([request("a"), request("b")]))
    assert (batch.status, batch.tally.completed, batch.tally.failed) == (BatchStatus.COMPLETED, 1, 1)
    assert desk.lines(batch.error_file_id)[0]["error"]["code"] == "internal_error"
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert ENDPOINT not in caplog.text
