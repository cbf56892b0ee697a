"""kill -9 on the jobs worker in the middle of a batch: no answer is lost, and none that was kept is made again."""

import json
import os
import signal
import sqlite3
import time
from typing import Any

import openai
import pytest

from tests.e2e.program import Program

pytestmark = pytest.mark.slow
LINES = 60


def jsonl() -> bytes:
    lines = [
        {
            "custom_id": f"line-{number}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {
                "model": "mid",
                "max_tokens": 8,
                "messages": [{"role": "user", "content": f"Number {number}"}],
            },
        }
        for number in range(LINES)
    ]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def rows(program: Program) -> dict[str, str]:
    """Request id -> outcome, of the whole ledger."""
    program.cost()  # brings the journal into the database
    connection = sqlite3.connect(program.home / "homeport.db")
    try:
        return dict(connection.execute("SELECT request_id, outcome FROM requests").fetchall())
    finally:
        connection.close()


def wait(client: Any, batch_id: str, enough: int) -> Any:
    deadline = time.monotonic() + 120
    while True:
        batch = client.batches.retrieve(batch_id)
        if batch.status == "completed" or batch.request_counts.completed >= enough:
            return batch
        assert time.monotonic() < deadline, batch
        time.sleep(0.05)


def test_kill_9_on_the_worker_twice(own_program: Program) -> None:
    program = own_program
    with openai.OpenAI(base_url=program.url, api_key=program.key, max_retries=0) as made:
        client: Any = made
        uploaded = client.files.create(file=("in.jsonl", jsonl()), purpose="batch")
        batch_id = client.batches.create(
            input_file_id=uploaded.id, endpoint="/v1/chat/completions", completion_window="24h"
        ).id
        kept: dict[str, str] = {}
        for enough in (5, 20):
            wait(client, batch_id, enough)
            (worker,) = program.children("jobs --supervised")
            os.kill(worker, signal.SIGKILL)
            kept |= results(program, batch_id)
        batch = wait(client, batch_id, LINES)
        while batch.status != "completed":
            batch = wait(client, batch_id, LINES + 1)
        answers = [json.loads(line) for line in client.files.content(batch.output_file_id).text.splitlines()]

    assert [answer["custom_id"] for answer in answers] == [f"line-{number}" for number in range(LINES)]
    assert (batch.request_counts.total, batch.request_counts.completed) == (LINES, LINES)
    final = {answer["custom_id"]: answer["response"]["request_id"] for answer in answers}
    assert len(kept) >= 20
    assert {name: final[name] for name in kept} == kept
    ledger = rows(program)
    assert set(final.values()) <= set(ledger)
    # Those in progress at a kill were run again: at most as many as run at once, at each of the two.
    assert LINES <= len(ledger) <= LINES + 2 * 2
    assert batch.model_extra["homeport"]["cost_nanodollars"] > 0
    assert not list((program.home / "files").glob("*.results"))


def results(program: Program, batch_id: str) -> dict[str, str]:
    """Custom id -> request id of the answers that are kept; a torn last one is none."""
    path = program.home / "files" / f"{batch_id}.results"
    found = {}
    for record in path.read_bytes().splitlines(keepends=True) if path.exists() else []:
        if record.endswith(b"\n"):
            entry = json.loads(record)["entry"]
            found[entry["custom_id"]] = entry["response"]["request_id"]
    return found
