"""Batches of `/v1/batches` at rest: what was asked, how far it is, and when what happened."""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

import msgspec
from sqlalchemy import ColumnElement, Engine, RowMapping, func, insert, select, tuple_, update

from homeport.core.errors import CapacityError
from homeport.core.types import DataClass
from homeport.storage.db import writing
from homeport.storage.files import OPEN_STATUSES
from homeport.storage.tables import batches


class BatchStatus(StrEnum):
    """OpenAI's. The last four are the end."""

    VALIDATING = "validating"
    IN_PROGRESS = "in_progress"
    FINALIZING = "finalizing"
    CANCELLING = "cancelling"
    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class BatchProblem(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is wrong with a batch's input. `line` counts from 1; None where it is the whole file."""

    code: str
    message: str
    line: int | None = None
    param: str | None = None


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """How many lines are done, and what they used. `cost` is in nano-dollars."""

    completed: int = 0
    failed: int = 0
    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cost: int = 0

    def plus(self, other: "Tally") -> "Tally":
        return Tally(**{name: getattr(self, name) + getattr(other, name) for name in Tally.__struct_fields__})


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """A batch as the database has it. Times are nanoseconds since the epoch.

    Attributes:
        endpoint: the path that every line is for, such as /v1/chat/completions.
        output_seconds: how long its output files are kept; None for the default.
        data_class: the strictest of the key's, the input file's and the request's.
        tally: the lines that are done, and what they used.
    """

    id: str
    key_id: str
    endpoint: str
    input_file_id: str
    data_class: DataClass
    created_at: int
    expires_at: int
    output_seconds: int | None = None
    metadata: Mapping[str, str] | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    errors: tuple[BatchProblem, ...] = ()
    status: BatchStatus = BatchStatus.VALIDATING
    in_progress_at: int | None = None
    finalizing_at: int | None = None
    completed_at: int | None = None
    failed_at: int | None = None
    expired_at: int | None = None
    cancelling_at: int | None = None
    cancelled_at: int | None = None
    total: int = 0
    tally: Tally = Tally()

    @property
    def is_open(self) -> bool:
        """Whether anything is still to be done for it."""
        return self.status in OPEN_STATUSES


class BatchStore:
    """Every batch of every key; callers see those of their own key only."""

    def __init__(self, engine: Engine, wall_ns: Callable[[], int] = time.time_ns) -> None:
        self._engine = engine
        self._wall_ns = wall_ns

    def add(self, batch: Batch, max_open: int) -> None:
        """Store a new batch.

        Raises:
            CapacityError: too_many_batches: the key has `max_open` batches that are not over.
        """
        mine = (batches.c.key_id == batch.key_id) & batches.c.status.in_(OPEN_STATUSES)
        with writing(self._engine) as connection:
            if connection.execute(select(func.count()).where(mine)).scalar_one() >= max_open:
                raise CapacityError(
                    f"this key has {max_open} batches that are not over",
                    code="too_many_batches",
                    hint="wait for one to end or cancel one, or raise batch.max_open",
                    retry_after=60,
                )
            connection.execute(insert(batches).values(_row(batch)))

    def get(self, key_id: str, batch_id: str) -> Batch | None:
        return self._first((batches.c.id == batch_id) & (batches.c.key_id == key_id))

    def read(self, batch_id: str) -> Batch | None:
        """For the worker: whoever owns it."""
        return self._first(batches.c.id == batch_id)

    def page(self, key_id: str, *, after: str | None, limit: int) -> tuple[tuple[Batch, ...], bool]:
        """A key's batches, newest first, those after `after`; and whether there are more."""
        query = select(batches).where(batches.c.key_id == key_id)
        cursor = self.get(key_id, after) if after is not None else None
        if cursor is not None:
            query = query.where(tuple_(batches.c.created_at, batches.c.id) < tuple_(cursor.created_at, cursor.id))
        query = query.order_by(batches.c.created_at.desc(), batches.c.id.desc()).limit(limit + 1)
        with self._engine.connect() as connection:
            rows = [_stored(row) for row in connection.execute(query).mappings()]
        return tuple(rows[:limit]), len(rows) > limit

    def open(self) -> Sequence[Batch]:
        """For the worker: what is to be done, oldest first."""
        query = select(batches).where(batches.c.status.in_(OPEN_STATUSES)).order_by(batches.c.created_at, batches.c.id)
        with self._engine.connect() as connection:
            return [_stored(row) for row in connection.execute(query).mappings()]

    def cancel(self, key_id: str, batch_id: str) -> bool:
        """Ask for the end of a batch; False where it is past being cancelled."""
        early = (BatchStatus.VALIDATING, BatchStatus.IN_PROGRESS)
        mine = (batches.c.id == batch_id) & (batches.c.key_id == key_id) & batches.c.status.in_(early)
        values = {"status": BatchStatus.CANCELLING.value, "cancelling_at": self._wall_ns()}
        with writing(self._engine) as connection:
            return connection.execute(update(batches).where(mine).values(values)).rowcount == 1

    def move(self, batch_id: str, to: BatchStatus, *allowed: BatchStatus, **values: object) -> bool:
        """Change the status and note when; False, and nothing is changed, unless it is one of `allowed`.

        So a worker never overwrites what a caller asked for meanwhile.
        """
        now = {"status": to.value, f"{to.value}_at": self._wall_ns()}
        here = (batches.c.id == batch_id) & batches.c.status.in_(allowed)
        with writing(self._engine) as connection:
            return connection.execute(update(batches).where(here).values({**now, **values})).rowcount == 1

    def note(self, batch_id: str, tally: Tally) -> None:
        """How far it is."""
        with writing(self._engine) as connection:
            values = msgspec.structs.asdict(tally)
            connection.execute(update(batches).where(batches.c.id == batch_id).values(values))

    def status(self, batch_id: str) -> BatchStatus:
        with self._engine.connect() as connection:
            query = select(batches.c.status).where(batches.c.id == batch_id)
            return BatchStatus(connection.execute(query).scalar_one())

    def _first(self, where: ColumnElement[bool]) -> Batch | None:
        with self._engine.connect() as connection:
            return next(map(_stored, connection.execute(select(batches).where(where)).mappings()), None)


def new_batch_id() -> str:
    return f"batch_{secrets.token_hex(12)}"


def problems_json(problems: Sequence[BatchProblem]) -> str:
    """As the column `errors` has them."""
    return msgspec.json.encode(problems).decode()


def _row(batch: Batch) -> dict[str, object]:
    row = msgspec.structs.asdict(batch)
    del row["tally"]
    return {
        **row,
        **msgspec.structs.asdict(batch.tally),
        "data_class": str(batch.data_class),
        "status": str(batch.status),
        "metadata": msgspec.json.encode(batch.metadata).decode(),
        "errors": problems_json(batch.errors),
    }


def _stored(row: RowMapping) -> Batch:
    fields = dict(row)
    tally = Tally(**{name: fields.pop(name) for name in Tally.__struct_fields__})
    fields |= {
        "data_class": DataClass(row["data_class"]),
        "status": BatchStatus(row["status"]),
        "metadata": msgspec.json.decode(row["metadata"], type=dict[str, str] | None),
        "errors": msgspec.json.decode(row["errors"], type=tuple[BatchProblem, ...]),
    }
    return Batch(tally=tally, **fields)
