"""The openai package's files and batches, unchanged, against the running program."""

import json
import time
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.e2e.program import Program

pytestmark = pytest.mark.slow
OVER = {"completed", "failed", "expired", "cancelled"}


@pytest.fixture
def client(program: Program) -> Any:
    with openai.OpenAI(base_url=program.url, api_key=program.key, max_retries=0) as made:
        yield made


def jsonl(*requests: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(request).encode() + b"\n" for request in requests)


def chat(custom_id: str, model: str = "mid", **fields: Any) -> dict[str, Any]:
    body = {"model": model, "max_tokens": 8, "messages": [{"role": "user", "content": "Hello"}], **fields}
    return {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body}


def wait(client: Any, batch_id: str) -> Any:
    deadline = time.monotonic() + 90
    while (batch := client.batches.retrieve(batch_id)).status not in OVER:
        assert time.monotonic() < deadline, batch
        time.sleep(0.1)
    return batch


def lines(client: Any, file_id: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in client.files.content(file_id).text.splitlines()]


def test_a_batch_from_upload_to_answers(client: Any, tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    path.write_bytes(jsonl(chat("one"), chat("two", "local"), chat("bad", temperature=9), chat("three", "frontier")))
    with path.open("rb") as source:
        uploaded = client.files.create(file=source, purpose="batch")
    assert (uploaded.filename, uploaded.bytes, uploaded.purpose) == (path.name, path.stat().st_size, "batch")
    created = client.batches.create(
        input_file_id=uploaded.id,
        endpoint="/v1/chat/completions",
        completion_window="24h",
        metadata={"for": "a test"},
    )
    assert created.status == "validating"
    batch = wait(client, created.id)
    assert batch.status == "completed", batch
    counts = batch.request_counts
    assert (counts.total, counts.completed, counts.failed) == (4, 3, 1)
    assert batch.metadata == {"for": "a test"}
    answers = lines(client, batch.output_file_id)
    assert [answer["custom_id"] for answer in answers] == ["one", "two", "three"]
    assert all(answer["response"]["body"]["choices"][0]["message"]["content"] for answer in answers)
    [error] = lines(client, batch.error_file_id)
    assert (error["custom_id"], error["response"]["status_code"]) == ("bad", 400)
    assert batch.usage.input_tokens > 0


def test_each_line_is_a_row_of_the_ledger_and_their_sum_is_what_the_batch_cost(client: Any, program: Program) -> None:
    before = program.cost()["cost_nanodollars"]
    uploaded = client.files.create(file=("in.jsonl", jsonl(*[chat(str(n)) for n in range(5)])), purpose="batch")
    created = client.batches.create(input_file_id=uploaded.id, endpoint="/v1/chat/completions", completion_window="24h")
    batch = wait(client, created.id)
    cost = batch.model_extra["homeport"]["cost_nanodollars"]
    assert cost > 0
    assert program.cost()["cost_nanodollars"] - before == cost


def test_files_and_batches_are_listed_page_by_page(client: Any) -> None:
    made = [client.files.create(file=("in.jsonl", jsonl(chat("a"))), purpose="batch").id for _ in range(3)]
    listed = [file.id for file in client.files.list(limit=2, purpose="batch")]
    assert listed[:3] == made[::-1]
    batches = [
        client.batches.create(input_file_id=file_id, endpoint="/v1/chat/completions", completion_window="24h").id
        for file_id in made
    ]
    assert [batch.id for batch in client.batches.list(limit=2)][:3] == batches[::-1]
    for batch_id in batches:
        assert wait(client, batch_id).status == "completed"
    assert client.files.delete(made[0]).deleted is True
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(made[0])


def test_a_batch_that_is_cancelled(client: Any) -> None:
    requests = [chat(str(number), "local", max_tokens=200) for number in range(40)]
    uploaded = client.files.create(file=("in.jsonl", jsonl(*requests)), purpose="batch")
    created = client.batches.create(input_file_id=uploaded.id, endpoint="/v1/chat/completions", completion_window="24h")
    with pytest.raises(openai.BadRequestError) as in_use:
        client.files.delete(uploaded.id)
    assert in_use.value.code == "file_in_use"
    assert client.batches.cancel(created.id).status == "cancelling"
    batch = wait(client, created.id)
    assert batch.status == "cancelled"
    assert batch.request_counts.completed < 40
    with pytest.raises(openai.BadRequestError) as too_late:
        client.batches.cancel(wait(client, made_over(client)).id)
    assert too_late.value.code == "batch_not_cancellable"


def made_over(client: Any) -> str:
    uploaded = client.files.create(file=("in.jsonl", jsonl(chat("a"))), purpose="batch")
    created = client.batches.create(input_file_id=uploaded.id, endpoint="/v1/chat/completions", completion_window="24h")
    return str(wait(client, created.id).id)


def test_an_input_that_is_wrong(client: Any) -> None:
    uploaded = client.files.create(file=("in.jsonl", b"no JSON\n"), purpose="batch")
    created = client.batches.create(input_file_id=uploaded.id, endpoint="/v1/chat/completions", completion_window="24h")
    batch = wait(client, created.id)
    assert (batch.status, batch.errors.data[0].code, batch.errors.data[0].line) == ("failed", "invalid_json_line", 1)


def test_errors_are_the_librarys_own(client: Any) -> None:
    with pytest.raises(openai.BadRequestError):
        client.files.create(file=("in.jsonl", b"{}"), purpose="assistants")
    with pytest.raises(openai.NotFoundError):
        client.files.content("file-none")
    with pytest.raises(openai.NotFoundError):
        client.batches.retrieve("batch_none")
    with pytest.raises(openai.BadRequestError):
        client.batches.create(input_file_id="x", endpoint="/v1/videos", completion_window="24h")
