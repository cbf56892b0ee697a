"""A worker's workshop on a real database and a real folder, over the scripted world of a house."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from homeport.api.dialects import dialects
from homeport.core.types import DataClass
from homeport.jobs.batch_run import BatchRun, Workshop
from homeport.jobs.gate import Gate
from homeport.storage.batches import Batch, BatchStore, new_batch_id
from homeport.storage.files import FileStore, StoredFile, new_file_id
from tests.fakes.house import CHAT, House

ENDPOINT = "/v1/chat/completions"
DAY = 86_400 * 1_000_000_000


def request(custom_id: str, body: Mapping[str, Any] = CHAT, **fields: Any) -> dict[str, Any]:
    return {"custom_id": custom_id, "method": "POST", "url": ENDPOINT, "body": body, **fields}


class Desk:
    """Where batches are asked for, and run by hand.

    Attributes:
        slept: the pauses that lines made; none of them took time.
    """

    def __init__(self, house: House, engine: Engine, folder: Path, *, places: int = 2) -> None:
        self.house = house
        self.folder = folder
        folder.mkdir(mode=0o700, exist_ok=True)
        self.store = BatchStore(engine, house.clock.wall_ns)
        self.files = FileStore(engine, folder, house.clock.wall_ns)
        self.slept: list[float] = []
        self.stop = asyncio.Event()
        self.shop = Workshop(
            store=self.store,
            files=self.files,
            dialects=dialects(),
            clock=house.clock,
            gate=Gate(
                places=places,
                window=None,
                live=lambda: 0,
                pause_at=lambda: None,
                wall_ns=house.clock.wall_ns,
            ),
            max_lines=1000,
            max_line_bytes=100_000,
            file_seconds=3600,
            look_every=0.01,
            sleep=self._sleep,
        )

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)

    def upload(self, data: bytes, key_id: str = "key_open") -> str:
        draft = self.files.draft()
        draft.write(data)
        now = self.house.clock.wall_ns()
        file = StoredFile(
            id=new_file_id(), key_id=key_id, purpose="batch", filename="in.jsonl", bytes=0,
            data_class=DataClass.OPEN, created_at=now, expires_at=now + 30 * DAY,
        )  # fmt: skip
        return self.files.keep(draft, file).id

    def ask(
        self,
        requests: Sequence[Mapping[str, Any]] | bytes,
        key_id: str = "key_open",
        **fields: Any,
    ) -> str:
        """A new batch; its id."""
        lines = b"".join(json.dumps(each).encode() + b"\n" for each in requests if isinstance(each, Mapping))
        data = requests if isinstance(requests, bytes) else lines
        now = self.house.clock.wall_ns()
        said = {"endpoint": ENDPOINT, "data_class": DataClass.OPEN, "expires_at": now + DAY, **fields}
        batch = Batch(id=new_batch_id(), key_id=key_id, input_file_id=self.upload(data, key_id), created_at=now, **said)
        self.store.add(batch, 1000)
        return batch.id

    def run(self, batch_id: str) -> asyncio.Task[None]:
        batch = self.store.read(batch_id)
        assert batch is not None
        return asyncio.create_task(BatchRun(batch, self.house.pipeline, self.shop, self.stop).run())

    async def finish(self, batch_id: str) -> Batch:
        """Run a batch as far as it goes."""
        await self.run(batch_id)
        return self.batch(batch_id)

    def batch(self, batch_id: str) -> Batch:
        batch = self.store.read(batch_id)
        assert batch is not None
        return batch

    def lines(self, file_id: str | None) -> list[dict[str, Any]]:
        """What an output or error file says."""
        assert file_id is not None
        return [json.loads(line) for line in self.files.path(file_id).read_bytes().splitlines()]
