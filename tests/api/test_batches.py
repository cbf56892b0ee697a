"""`/v1/batches` over the real application: what is asked for is checked, kept and shown to its key alone."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from homeport.api.app import App
from homeport.api.batches import Batches
from homeport.core.types import DataClass, Key, Scope, Surface
from homeport.storage.batches import Batch, BatchProblem, BatchStatus, BatchStore, Tally, problems_json
from homeport.storage.files import FileStore, StoredFile, new_file_id
from tests.fakes.house import KEYS, OPEN, PRIVATE, House
from tests.fakes.keyring import FixedKeyRing
from tests.fakes.wire import Caller

BATCHES_ONLY, CHAT_ONLY = "hp-batches-token", "hp-chat-token"
RING = FixedKeyRing(
    {
        **KEYS,
        BATCHES_ONLY: Key(id="key_batches", name="batches", scopes=frozenset({Scope.BATCHES})),
        CHAT_ONLY: Key(id="key_chat", name="chat", scopes=frozenset({Scope.CHAT})),
    }
)
SECOND = 1_000_000_000
CHAT = "/v1/chat/completions"
EXPIRY = "output_expires_after"


class Desk:
    """The application with batches."""

    def __init__(self, engine: Engine, folder: Path, max_open: int = 5) -> None:
        folder.mkdir(mode=0o700)
        self.house = House(keys=RING)
        now = self.house.clock.wall_ns
        self.store, self.files = BatchStore(engine, now), FileStore(engine, folder, now)
        surfaces = (Surface.CHAT, Surface.EMBEDDING)
        self.app = App(
            pipeline=self.house.pipeline,
            keys=RING,
            catalogue=self.house.catalogue,
            metrics=self.house.metrics,
            readiness=lambda: (True, {}),
            clock=self.house.clock,
            max_body=5000,
            families=(Batches(RING, self.store, self.files, surfaces=surfaces, max_open=max_open, wall_ns=now),),
        )

    def file(self, key_id: str = "key_open", purpose: str = "batch", data_class: DataClass = DataClass.OPEN) -> str:
        now = self.house.clock.wall_ns()
        draft = self.files.draft()
        draft.write(b"{}")
        file = StoredFile(
            id=new_file_id(), key_id=key_id, purpose=purpose, filename="in.jsonl", bytes=0,
            data_class=data_class, created_at=now, expires_at=now + 3600 * SECOND,
        )  # fmt: skip
        return self.files.keep(draft, file).id

    async def ask(
        self, method: str, path: str, body: bytes = b"", *, token: str | None = OPEN, query: str = "", **headers: str
    ) -> Caller:
        sent = [(name.replace("_", "-"), value) for name, value in headers.items()]
        sent += [("authorization", f"Bearer {token}")] if token is not None else []
        caller = Caller(f"/v1{path}", method=method, headers=sent, body=[body])
        caller.scope["query_string"] = query.encode()
        return await caller.call(self.app)

    async def create(self, *, token: str = OPEN, headers: dict[str, str] | None = None, **fields: Any) -> Caller:
        said = {"endpoint": CHAT, "completion_window": "24h", **fields}
        said.setdefault("input_file_id", self.file())
        return await self.ask("POST", "/batches", json.dumps(said).encode(), token=token, **(headers or {}))

    def row(self, caller: Caller) -> Batch:
        assert caller.status == 200, caller.json
        batch = self.store.read(caller.json["id"])
        assert batch is not None
        return batch


@pytest.fixture
def desk(engine: Engine, tmp_path: Path) -> Desk:
    return Desk(engine, tmp_path / "files")


async def test_a_batch_is_shown_as_openai_shows_it(desk: Desk) -> None:
    file_id = desk.file()
    made = await desk.create(input_file_id=file_id, metadata={"who": "me"})
    now = desk.house.clock.wall_ns() // SECOND
    zero = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    details = {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    times = ("in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")
    assert (made.status, made.json) == (
        200,
        {
            "id": made.json["id"], "object": "batch", "endpoint": CHAT, "input_file_id": file_id,
            "output_file_id": None, "error_file_id": None, "completion_window": "24h", "status": "validating",
            "errors": None, "created_at": now, "expires_at": now + 86_400,
            **{f"{name}_at": None for name in times},
            "request_counts": {"total": 0, "completed": 0, "failed": 0}, "usage": {**zero, **details},
            "metadata": {"who": "me"},
            "homeport": {"data_class": "open", "cost_usd": "0.000000000", "cost_nanodollars": 0},
        },
    )  # fmt: skip
    assert (await desk.ask("GET", f"/batches/{made.json['id']}")).json == made.json
    assert (await desk.ask("GET", "/batches")).json["data"] == [made.json]


async def test_how_far_it_is_and_what_is_wrong_is_shown(desk: Desk) -> None:
    batch = desk.row(await desk.create())
    tally = Tally(completed=3, failed=1, input_tokens=10, output_tokens=5, cost=1234)
    desk.store.note(batch.id, tally)
    problem = BatchProblem(code="invalid_json_line", message="no", line=4)
    desk.store.move(batch.id, BatchStatus.FAILED, BatchStatus.VALIDATING, errors=problems_json([problem]), total=9)
    shown = (await desk.ask("GET", f"/batches/{batch.id}")).json
    assert shown["request_counts"] == {"total": 9, "completed": 3, "failed": 1}
    assert shown["usage"]["total_tokens"] == 15
    assert shown["homeport"]["cost_usd"] == "0.000001234"
    assert shown["failed_at"] == desk.house.clock.wall_ns() // SECOND
    assert shown["errors"] == {
        "object": "list",
        "data": [{"code": "invalid_json_line", "message": "no", "line": 4, "param": None}],
    }


@pytest.mark.parametrize(
    ("fields", "param", "code", "status"),
    [
        ({"endpoint": "/v1/videos"}, "endpoint", "endpoint_not_supported", 400),
        ({"endpoint": "chat/completions"}, "endpoint", "endpoint_not_supported", 400),
        ({"endpoint": "/v1/chat/completions/"}, "endpoint", "endpoint_not_supported", 400),
        ({"endpoint": "/v1/responses"}, "endpoint", "endpoint_not_supported", 400),
        ({"endpoint": 7}, "endpoint", "invalid_value", 400),
        ({"completion_window": "1h"}, "completion_window", "invalid_value", 400),
        ({"completion_window": None}, "completion_window", "invalid_value", 400),
        ({"input_file_id": "file-none"}, "input_file_id", "file_not_found", 404),
        ({"input_file_id": "../homeport.db"}, "input_file_id", "file_not_found", 404),
        ({"input_file_id": ""}, "input_file_id", "invalid_value", 400),
        ({"input_file_id": "x" * 65}, "input_file_id", "invalid_value", 400),
        ({"metadata": {"a": 1}}, "metadata[...]", "invalid_value", 400),
        ({"metadata": {"a": "x" * 513}}, "metadata[...]", "invalid_value", 400),
        ({"metadata": {"k" * 65: "v"}}, None, "invalid_value", 400),
        ({"metadata": {str(number): "" for number in range(17)}}, "metadata", "invalid_value", 400),
        (
            {"output_expires_after": {"anchor": "now", "seconds": 3600}},
            "output_expires_after.anchor",
            "invalid_value",
            400,
        ),
        (
            {"output_expires_after": {"anchor": "created_at", "seconds": 1}},
            "output_expires_after.seconds",
            "invalid_value",
            400,
        ),
    ],
)
async def test_what_is_refused(desk: Desk, fields: dict[str, Any], param: str | None, code: str, status: int) -> None:
    caller = await desk.create(**fields)
    assert (caller.status, caller.error["code"]) == (status, code)
    assert param is None or caller.error["param"] == param
    assert desk.store.open() == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b"[]", "invalid_value"),
        (b"{", "invalid_json"),
        (b'{"endpoint":"\xff"}', "invalid_utf8"),
        (b'{"x":' * 5000, "request_too_large"),
        (b'{"x":' + b"[" * 4000, "json_too_deep"),
        (b"NaN", "invalid_json"),
        (b"x" * 5001, "request_too_large"),
    ],
)
async def test_bodies_that_are_none(desk: Desk, body: bytes, code: str) -> None:
    assert (await desk.ask("POST", "/batches", body)).error["code"] == code


async def test_another_keys_file_is_not_there(desk: Desk) -> None:
    caller = await desk.create(input_file_id=desk.file("key_private"))
    assert (caller.status, caller.error["code"]) == (404, "file_not_found")


async def test_what_a_batch_gave_is_no_input(desk: Desk) -> None:
    caller = await desk.create(input_file_id=desk.file(purpose="batch_output"))
    assert (caller.status, caller.error["param"]) == (400, "input_file_id")


async def test_another_key_cannot_tell_it_from_nothing(desk: Desk) -> None:
    batch_id = (await desk.create()).json["id"]
    for method, path in (("GET", f"/batches/{batch_id}"), ("POST", f"/batches/{batch_id}/cancel")):
        other = await desk.ask(method, path, token=PRIVATE)
        nothing = await desk.ask(method, path.replace("batch_", "batch_0"), token=PRIVATE)
        assert (other.status, other.error["message"]) == (nothing.status, nothing.error["message"])
        assert (other.status, other.error["code"]) == (404, "batch_not_found")
    assert (await desk.ask("GET", "/batches", token=PRIVATE)).json["data"] == []
    assert desk.store.status(batch_id) is BatchStatus.VALIDATING


@pytest.mark.parametrize(
    ("token", "status", "code"),
    [(None, 401, "missing_api_key"), ("hp-wrong", 401, "invalid_api_key"), (CHAT_ONLY, 403, "scope_missing")],
)
async def test_who_may_not(desk: Desk, token: str | None, status: int, code: str) -> None:
    for method, path in (("GET", ""), ("POST", ""), ("GET", "/batch_1"), ("POST", "/batch_1/cancel")):
        caller = await desk.ask(method, f"/batches{path}", token=token)
        assert (caller.status, caller.error["code"]) == (status, code)


async def test_a_key_needs_the_scope_of_its_lines_too(desk: Desk) -> None:
    caller = await desk.create(token=BATCHES_ONLY, input_file_id=desk.file("key_batches"))
    assert (caller.status, caller.error["code"]) == (403, "scope_missing")


async def test_the_strictest_data_class_counts(desk: Desk) -> None:
    private_file = desk.file(data_class=DataClass.PRIVATE)
    marked = {"x_homeport_data_class": "private"}
    assert desk.row(await desk.create()).data_class is DataClass.OPEN
    assert desk.row(await desk.create(input_file_id=private_file)).data_class is DataClass.PRIVATE
    assert desk.row(await desk.create(headers=marked)).data_class is DataClass.PRIVATE
    by_key = await desk.create(token=PRIVATE, input_file_id=desk.file("key_private"))
    assert desk.row(by_key).data_class is DataClass.PRIVATE
    loosened = await desk.create(input_file_id=private_file, headers={"x_homeport_data_class": "open"})
    assert desk.row(loosened).data_class is DataClass.PRIVATE


async def test_a_bound_on_open_batches(desk: Desk) -> None:
    for _ in range(5):
        assert (await desk.create()).status == 200
    caller = await desk.create()
    assert (caller.status, caller.error["code"], caller.headers["retry-after"]) == (503, "too_many_batches", "60")


async def test_cancelling(desk: Desk) -> None:
    batch = desk.row(await desk.create())
    cancelled = await desk.ask("POST", f"/batches/{batch.id}/cancel")
    assert (cancelled.status, cancelled.json["status"]) == (200, "cancelling")
    again = await desk.ask("POST", f"/batches/{batch.id}/cancel")
    assert again.json == cancelled.json
    desk.store.move(batch.id, BatchStatus.CANCELLED, BatchStatus.CANCELLING)
    assert (await desk.ask("POST", f"/batches/{batch.id}/cancel")).json["status"] == "cancelled"


@pytest.mark.parametrize("status", ["completed", "failed", "expired", "finalizing"])
async def test_what_is_past_being_cancelled(desk: Desk, status: str) -> None:
    batch = desk.row(await desk.create())
    desk.store.move(batch.id, BatchStatus(status), BatchStatus.VALIDATING)
    caller = await desk.ask("POST", f"/batches/{batch.id}/cancel")
    assert (caller.status, caller.error["code"]) == (400, "batch_not_cancellable")


async def test_pages(desk: Desk) -> None:
    ids = []
    for _ in range(3):
        ids.append((await desk.create()).json["id"])
        desk.house.clock.advance(SECOND)
    first = (await desk.ask("GET", "/batches", query="limit=2")).json
    assert ([batch["id"] for batch in first["data"]], first["has_more"]) == ([ids[2], ids[1]], True)
    rest = (await desk.ask("GET", "/batches", query=f"after={ids[1]}")).json
    assert ([batch["id"] for batch in rest["data"]], rest["has_more"]) == ([ids[0]], False)
    assert (await desk.ask("GET", "/batches", query="limit=101")).status == 400


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("DELETE", "/batches", 405),
        ("DELETE", "/batches/batch_1", 405),
        ("GET", "/batches/batch_1/cancel", 405),
        ("GET", "/batches/", 404),
        ("GET", "/batches/batch_1/", 404),
        ("POST", "/batches/batch_1/cancel/", 404),
        ("GET", "/batches/batch_1/lines", 404),
    ],
)
async def test_other_paths_and_methods(desk: Desk, method: str, path: str, status: int) -> None:
    assert (await desk.ask(method, path)).status == status
