"""`/v1/files` over the real application: whole uploads or none, a key's own files alone."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from homeport.api.app import App
from homeport.api.files import MAX_UPLOADS, FileBounds, Files
from homeport.core.types import Key, Scope
from homeport.storage.files import FileStore, Quota
from tests.fakes.house import KEYS, OPEN, PRIVATE, House
from tests.fakes.keyring import FixedKeyRing
from tests.fakes.multipart import CONTENT_TYPE, form
from tests.fakes.wire import Caller

CHAT_ONLY = "hp-chat-token"
RING = FixedKeyRing({**KEYS, CHAT_ONLY: Key(id="key_chat", name="chat", scopes=frozenset({Scope.CHAT}))})
SECOND = 1_000_000_000


class Desk:
    """The application with files."""

    def __init__(self, engine: Engine, folder: Path, *, files: int = 5, total: int = 500_000) -> None:
        folder.mkdir(mode=0o700)
        self.folder = folder
        self.house = House(keys=RING)
        self.store = FileStore(engine, folder, self.house.clock.wall_ns)
        bounds = FileBounds(max_file_bytes=200_000, quota=Quota(files=files, total_bytes=total), keep_seconds=86_400)
        self.app = App(
            pipeline=self.house.pipeline,
            keys=RING,
            catalogue=self.house.catalogue,
            metrics=self.house.metrics,
            readiness=lambda: (True, {}),
            clock=self.house.clock,
            max_body=1000,
            families=(Files(RING, self.store, bounds, self.house.clock.wall_ns),),
        )

    def caller(
        self, method: str, path: str, body: bytes = b"", *, token: str | None = OPEN, query: str = "", **more: Any
    ) -> Caller:
        headers = [("authorization", f"Bearer {token}")] if token is not None else []
        headers += more.pop("headers", [("content-type", CONTENT_TYPE)])
        pieces = [body[start : start + 700] for start in range(0, len(body), 700)]
        made = Caller(f"/v1{path}", method=method, headers=headers, body=pieces, **more)
        made.scope["query_string"] = query.encode()
        return made

    async def ask(self, method: str, path: str, body: bytes = b"", **more: Any) -> Caller:
        return await self.caller(method, path, body, **more).call(self.app)

    async def upload(self, data: bytes = b"{}\n", *, token: str = OPEN, **fields: str) -> Caller:
        return await self.ask("POST", "/files", form(data, **fields), token=token)

    def left(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


def expiry(anchor: str, seconds: str) -> dict[str, str]:
    return {"expires_after[anchor]": anchor, "expires_after[seconds]": seconds}


@pytest.fixture
def desk(engine: Engine, tmp_path: Path) -> Desk:
    return Desk(engine, tmp_path / "files")


async def test_a_file_from_upload_to_delete(desk: Desk) -> None:
    data = b'{"custom_id":"1"}\r\n' * 5000
    sent = await desk.upload(data, filename="../../in.jsonl")
    now = desk.house.clock.wall_ns() // SECOND
    assert (sent.status, sent.json) == (
        200,
        {
            "id": sent.json["id"], "object": "file", "bytes": len(data), "created_at": now, "expires_at": now + 86_400,
            "filename": "../../in.jsonl", "purpose": "batch", "status": "processed", "status_details": None,
        },
    )  # fmt: skip
    path = f"/files/{sent.json['id']}"
    assert desk.left() == [sent.json["id"]]
    assert (await desk.ask("GET", path)).json == sent.json
    content = await desk.ask("GET", f"{path}/content")
    assert (content.status, content.body, content.headers["content-length"]) == (200, data, str(len(data)))
    assert (await desk.ask("GET", "/files")).json["data"] == [sent.json]
    deleted = await desk.ask("DELETE", path)
    assert deleted.json == {"id": sent.json["id"], "object": "file", "deleted": True}
    assert desk.left() == []
    for method, gone in (("GET", path), ("GET", f"{path}/content"), ("DELETE", path)):
        again = await desk.ask(method, gone)
        assert (again.status, again.error["code"]) == (404, "file_not_found")


async def test_another_key_cannot_tell_it_from_nothing(desk: Desk) -> None:
    path = f"/files/{(await desk.upload()).json['id']}"
    for method, asked in (("GET", path), ("GET", f"{path}/content"), ("DELETE", path)):
        other = await desk.ask(method, asked, token=PRIVATE)
        nothing = await desk.ask(method, asked.replace("file-", "file-0"), token=PRIVATE)
        assert (other.status, other.error["message"]) == (nothing.status, nothing.error["message"])
        assert other.status == 404
    assert (await desk.ask("GET", "/files", token=PRIVATE)).json["data"] == []
    assert (await desk.ask("GET", path)).status == 200


@pytest.mark.parametrize(
    "name", ["..%2fhomeport.db", "..", ".", "%2e%2e", "a.part", "file-", "x" * 5000, "file-\x00", "*", "é"]
)
async def test_names_that_are_none(desk: Desk, name: str) -> None:
    await desk.upload()
    for method, path in (("GET", f"/files/{name}"), ("GET", f"/files/{name}/content"), ("DELETE", f"/files/{name}")):
        assert (await desk.ask(method, path)).status == 404
    assert len(desk.left()) == 1


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/files", "GET, HEAD, POST"),
        ("POST", "/files/file-1", "GET, HEAD, DELETE"),
        ("PUT", "/files/file-1/content", "GET, HEAD"),
    ],
)
async def test_other_methods(desk: Desk, method: str, path: str, allow: str) -> None:
    caller = await desk.ask(method, path)
    assert (caller.status, caller.headers["allow"]) == (405, allow)


@pytest.mark.parametrize("path", ["/files/", "/files//", "/files/a/b", "/files/a/content/", "/filesx"])
async def test_paths_that_are_not_there(desk: Desk, path: str) -> None:
    assert (await desk.ask("GET", path)).error["code"] == "not_found"


@pytest.mark.parametrize(
    ("token", "status", "code"),
    [(None, 401, "missing_api_key"), ("hp-wrong", 401, "invalid_api_key"), (CHAT_ONLY, 403, "scope_missing")],
)
async def test_who_may_not(desk: Desk, token: str | None, status: int, code: str) -> None:
    for method, path in (("GET", "/files"), ("POST", "/files"), ("GET", "/files/x"), ("GET", "/files/x/content")):
        caller = desk.caller(method, path, form(b"{}"), token=token)
        await caller.call(desk.app)
        assert (caller.status, caller.error["code"]) == (status, code)
        if method == "POST":
            assert await caller.receive() != {"type": "http.disconnect"}  # its body was not read
    assert desk.left() == []


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (form(b"{}", purpose="assistants"), None, 400, "invalid_value"),
        (form(b"{}")[:-10], None, 400, "invalid_multipart"),
        (b"", None, 400, "invalid_multipart"),
        (b"{}", [("content-type", "application/json")], 400, "invalid_multipart"),
        (form(b"{}"), [], 400, "invalid_multipart"),
        (form(b"x" * 200_001), None, 413, "request_too_large"),
        (form(b"x" * 300_000), None, 413, "request_too_large"),
        (form(b"{}", **{"expires_after[anchor]": "now", "expires_after[seconds]": "3600"}), None, 400, "invalid_value"),
        (form(b"{}", **{"expires_after[seconds]": "3600"}), None, 400, "invalid_value"),
        (
            form(b"{}", **{"expires_after[anchor]": "created_at", "expires_after[seconds]": "1"}),
            None,
            400,
            "invalid_value",
        ),
        (
            form(b"{}", **{"expires_after[anchor]": "created_at", "expires_after[seconds]": "NaN"}),
            None,
            400,
            "invalid_value",
        ),
    ],
)
async def test_uploads_that_are_refused_leave_nothing(
    desk: Desk, body: bytes, headers: list[tuple[str, str]] | None, status: int, code: str
) -> None:
    more = {} if headers is None else {"headers": headers}
    caller = await desk.ask("POST", "/files", body, **more)
    assert (caller.status, caller.error["code"]) == (status, code)
    assert desk.left() == []


async def test_an_announced_size_is_refused_before_it_is_read(desk: Desk) -> None:
    headers = [("content-type", CONTENT_TYPE), ("content-length", "99999999999")]
    caller = await desk.ask("POST", "/files", form(b"{}"), headers=headers)
    assert caller.status == 413
    assert "batch.max_file_bytes" in caller.error["hint"]


async def test_a_file_of_exactly_the_bound(desk: Desk) -> None:
    assert (await desk.upload(b"x" * 200_000)).json["bytes"] == 200_000


async def test_a_caller_may_ask_for_a_nearer_end(desk: Desk) -> None:
    sent = await desk.ask("POST", "/files", form(b"{}", **expiry("created_at", "3600")))
    assert sent.json["expires_at"] - sent.json["created_at"] == 3600
    desk.house.clock.advance(3600 * SECOND)
    assert (await desk.ask("GET", f"/files/{sent.json['id']}")).status == 404


async def test_a_quota(engine: Engine, tmp_path: Path) -> None:
    desk = Desk(engine, tmp_path / "files", files=2, total=150_000)
    first = await desk.upload(b"x" * 100_000)
    over = await desk.upload(b"x" * 60_000)
    assert (over.status, over.error["code"]) == (413, "file_quota_exceeded")
    assert (await desk.upload(b"x" * 10)).status == 200
    assert (await desk.upload(b"x")).error["code"] == "file_quota_exceeded"
    assert (await desk.upload(b"x", token=PRIVATE)).status == 200
    await desk.ask("DELETE", f"/files/{first.json['id']}")
    assert (await desk.upload(b"x")).status == 200
    assert len(desk.left()) == 3


async def test_a_private_key_has_private_files(desk: Desk) -> None:
    private = await desk.upload(token=PRIVATE)
    headers = [("content-type", CONTENT_TYPE), ("x-homeport-data-class", "private")]
    marked = await desk.ask("POST", "/files", form(b"{}"), headers=headers)
    for key_id, sent in (("key_private", private), ("key_open", marked)):
        file = desk.store.get(key_id, sent.json["id"])
        assert file is not None
        assert file.data_class == "private"


async def test_a_caller_who_leaves_leaves_nothing(desk: Desk) -> None:
    caller = desk.caller("POST", "/files", form(b"{}" * 5000)[:-10], more=True)
    task = caller.start(desk.app)
    await caller.listening.wait()
    assert len(desk.left()) == 1
    caller.leave()
    await task
    assert caller.status == 0
    assert desk.left() == []


async def test_so_many_uploads_at_once(desk: Desk) -> None:
    callers = [desk.caller("POST", "/files", form(b"{}")[:-10], more=True) for _ in range(MAX_UPLOADS)]
    tasks = [caller.start(desk.app) for caller in callers]
    for caller in callers:
        await caller.listening.wait()
    refused = await desk.upload()
    assert (refused.status, refused.error["code"], refused.headers["retry-after"]) == (503, "overloaded", "1")
    for caller in callers:
        caller.leave()
    await asyncio.gather(*tasks)
    assert (await desk.upload()).status == 200


async def test_pages(desk: Desk) -> None:
    ids = []
    for _ in range(3):
        ids.append((await desk.upload()).json["id"])
        desk.house.clock.advance(SECOND)
    first = (await desk.ask("GET", "/files", query="limit=2")).json
    assert ([file["id"] for file in first["data"]], first["has_more"]) == ([ids[2], ids[1]], True)
    assert (first["first_id"], first["last_id"]) == (ids[2], ids[1])
    rest = (await desk.ask("GET", "/files", query=f"limit=2&after={ids[1]}&purpose=batch")).json
    assert ([file["id"] for file in rest["data"]], rest["has_more"]) == ([ids[0]], False)
    oldest = (await desk.ask("GET", "/files", query="order=asc&limit=1")).json
    assert [file["id"] for file in oldest["data"]] == [ids[0]]
    assert (await desk.ask("GET", "/files", query="purpose=other")).json["data"] == []


@pytest.mark.parametrize("query", ["limit=0", "limit=10001", "limit=x", "order=up", "after=%ff"])
async def test_queries_that_are_refused(desk: Desk, query: str) -> None:
    caller = await desk.ask("GET", "/files", query=query)
    assert (caller.status, caller.error["code"]) == (400, "invalid_value")


async def test_a_file_whose_bytes_are_gone(desk: Desk) -> None:
    file_id = (await desk.upload()).json["id"]
    (desk.folder / file_id).unlink()
    assert (await desk.ask("GET", f"/files/{file_id}/content")).status == 404


async def test_nothing_of_an_upload_is_told_in_an_error(desk: Desk) -> None:
    caller = await desk.upload(b"SECRET", purpose="SECRET", filename="SECRET")
    assert caller.status == 400
    assert "SECRET" not in json.dumps(caller.json)
