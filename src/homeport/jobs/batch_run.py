"""One batch, from its validation to its files.

Everything it knows is in its row and in its log of answers, so a worker that is killed leaves
nothing half done: the next one reads both and goes on. A line whose answer is in the log is never
run again; one that was in progress at the kill may be, and then the ledger has both requests.
"""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from homeport.core.errors import StorageError
from homeport.core.ports import Clock, Dialect
from homeport.core.types import Surface
from homeport.jobs.gate import Gate
from homeport.jobs.line_answer import LineAnswerer, not_run
from homeport.jobs.lines import Line, check, read
from homeport.pipeline.pipeline import Runner
from homeport.storage.batches import Batch, BatchProblem, BatchStatus, BatchStore, Tally, problems_json
from homeport.storage.files import Draft, FileStore, StoredFile
from homeport.storage.results import SUFFIX, Result, ResultsLog

logger = logging.getLogger(__name__)

OUTPUT = "batch_output"
_DRAIN = 5.0
_DISK_PAUSE = 5.0
_NS = 1_000_000_000


class Workshop(msgspec.Struct, frozen=True, kw_only=True):
    """What every batch of a worker shares.

    Attributes:
        dialects: how the lines of each surface are read; a batch of another one fails.
        file_seconds: how long output files are kept, unless a batch says otherwise.
        look_every: seconds between looks at whether the batch was cancelled or is past its time.
    """

    store: BatchStore
    files: FileStore
    dialects: Mapping[Surface, Dialect]
    clock: Clock
    gate: Gate
    max_lines: int
    max_line_bytes: int
    file_seconds: int
    look_every: float = 0.5
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class BatchRun:
    """Runs one batch.

    Args:
        stop: the worker is to end: lines in progress get a few seconds, the rest is left for later.
    """

    def __init__(self, batch: Batch, pipeline: Runner, shop: Workshop, stop: asyncio.Event) -> None:
        self._batch = batch
        self._pipeline = pipeline
        self._shop = shop
        self._stop = stop
        self._running: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Bring the batch as far as it can be brought now; nothing happens while another worker has it.

        Raises:
            StorageError, SQLAlchemyError: to be tried again later; nothing is lost.
        """
        log = ResultsLog.open(self._shop.files.path(self._batch.id + SUFFIX))
        if log is None:
            return
        try:
            await self._reread()
            if not self._batch.is_open or await self._advance(log):
                log.remove()
        except FileNotFoundError:
            problem = BatchProblem(code="input_file_missing", message="the bytes of the input file are gone")
            await self._fail((problem,))
            log.remove()
        finally:
            log.close()

    async def _advance(self, log: ResultsLog) -> bool:
        """One step after the other; False where the worker was told to stop before the end."""
        if self._batch.status is BatchStatus.VALIDATING and not await self._validate():
            return True
        if self._batch.status is BatchStatus.IN_PROGRESS:
            if not await self._process(log):
                return False
            await self._move(BatchStatus.FINALIZING, BatchStatus.IN_PROGRESS, **_columns(log))
        if self._batch.status is BatchStatus.CANCELLING:
            await self._finalize(log, BatchStatus.CANCELLED)
        elif self._batch.status is BatchStatus.FINALIZING:
            all_done = len(log) >= self._batch.total
            await self._finalize(log, BatchStatus.COMPLETED if all_done else BatchStatus.EXPIRED)
        return True

    async def _validate(self) -> bool:
        """Check every line before any is run; False when the batch failed."""
        shop, batch = self._shop, self._batch
        checked = await asyncio.to_thread(
            lambda: check(
                self._input, endpoint=batch.endpoint, max_lines=shop.max_lines, max_line_bytes=shop.max_line_bytes
            )
        )
        if checked.problems:
            await self._fail(checked.problems)
            return self._batch.status is BatchStatus.CANCELLING
        await self._move(BatchStatus.IN_PROGRESS, BatchStatus.VALIDATING, total=checked.total)
        return True

    async def _fail(self, problems: Sequence[BatchProblem]) -> None:
        allowed = (BatchStatus.VALIDATING, BatchStatus.IN_PROGRESS, BatchStatus.FINALIZING)
        await self._move(BatchStatus.FAILED, *allowed, errors=problems_json(problems))

    async def _process(self, log: ResultsLog) -> bool:
        """Answer lines while there are any and the batch may run; False where the worker was told to stop."""
        feeder = asyncio.create_task(self._feed(log))
        noted = log.tally
        try:
            while not feeder.done():
                if self._stop.is_set():
                    await self._drain(feeder)
                    return False
                if self._shop.clock.wall_ns() >= self._batch.expires_at or await self._is_cancelled():
                    return True
                if log.tally != noted:
                    noted = log.tally
                    await asyncio.to_thread(self._shop.store.note, self._batch.id, noted)
                await asyncio.wait({feeder}, timeout=self._shop.look_every)
            feeder.result()
            return True
        finally:
            await self._end_all(feeder)

    async def _is_cancelled(self) -> bool:
        return await asyncio.to_thread(self._shop.store.status, self._batch.id) is BatchStatus.CANCELLING

    async def _drain(self, feeder: asyncio.Task[None]) -> None:
        """No new lines; those in progress may end."""
        feeder.cancel()
        await asyncio.wait({feeder, *self._running}, timeout=_DRAIN)

    async def _end_all(self, feeder: asyncio.Task[None]) -> None:
        tasks = {feeder, *self._running}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _feed(self, log: ResultsLog) -> None:
        answerer = self._answerer()
        for line in read(self._input, max_line_bytes=self._shop.max_line_bytes):
            if line.number in log:
                await asyncio.sleep(0)  # many lines may be done: others have work too
                continue
            await self._shop.gate.enter()
            task = asyncio.create_task(self._answer(answerer, line, log))
            self._running.add(task)
            # Not in the task itself: one that is cancelled before its first step runs none of its code.
            task.add_done_callback(self._leave)
        while self._running:
            await asyncio.wait(self._running)

    def _leave(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._shop.gate.leave()

    async def _answer(self, answerer: LineAnswerer, line: Line, log: ResultsLog) -> None:
        try:
            result = await answerer.answer(line)
        except Exception:  # a defect: run again, the line would only meet it again, and be billed for it
            logger.exception("unexpected error in line %d of %s", line.number, self._batch.id)
            result = not_run(line, code="internal_error", message="an unexpected error happened; it was logged")
        await self._keep(result, log)

    async def _keep(self, result: Result, log: ResultsLog) -> None:
        """Until it is kept: the answer is paid for. Its place stays taken, so a full disk holds new lines back."""
        while True:
            try:
                log.append(result)
                return
            except StorageError as error:
                logger.error("an answer of %s waits to be kept: %s", self._batch.id, error.message)
            await self._shop.sleep(_DISK_PAUSE)

    async def _finalize(self, log: ResultsLog, end: BatchStatus) -> None:
        """The answers become files. Done twice, it gives the same files."""
        output, errors = await asyncio.to_thread(self._write_files, log, end)
        before = BatchStatus.CANCELLING if end is BatchStatus.CANCELLED else BatchStatus.FINALIZING
        await self._move(end, before, output_file_id=output, error_file_id=errors, **_columns(log))

    def _write_files(self, log: ResultsLog, end: BatchStatus) -> tuple[str | None, str | None]:
        if end is not BatchStatus.COMPLETED and self._batch.in_progress_at is not None:
            for line in read(self._input, max_line_bytes=self._shop.max_line_bytes):
                if line.number not in log:
                    log.append(_unanswered(line, end))
        return self._write("output", log.entries(completed=True)), self._write("errors", log.entries(completed=False))

    def _write(self, name: str, entries: Iterable[bytes]) -> str | None:
        """The id of a file of these lines; None where there are none."""
        draft = self._shop.files.draft()
        try:
            for entry in entries:
                draft.write(entry + b"\n")
            return self._keep_file(name, draft).id if draft.bytes else None
        finally:
            draft.discard()

    def _keep_file(self, name: str, draft: Draft) -> StoredFile:
        batch, now = self._batch, self._shop.clock.wall_ns()
        seconds = self._shop.file_seconds if batch.output_seconds is None else batch.output_seconds
        file = StoredFile(
            # Always the same: a worker that dies between this file and the batch's row leaves no second one.
            id=f"file-{hashlib.blake2b(f'{batch.id}:{name}'.encode(), digest_size=12).hexdigest()}",
            key_id=batch.key_id,
            purpose=OUTPUT,
            filename=f"{batch.id}_{name}.jsonl",
            bytes=draft.bytes,
            data_class=batch.data_class,
            created_at=now,
            expires_at=now + seconds * _NS,
        )
        return self._shop.files.keep(draft, file)

    def _answerer(self) -> LineAnswerer:
        surface = Surface(self._batch.endpoint.removeprefix("/v1/"))
        return LineAnswerer(
            self._pipeline,
            surface=surface,
            dialect=self._shop.dialects[surface],
            key_id=self._batch.key_id,
            data_class=self._batch.data_class,
            sleep=self._shop.sleep,
        )

    @property
    def _input(self) -> Path:
        return self._shop.files.path(self._batch.input_file_id)

    async def _move(self, to: BatchStatus, *allowed: BatchStatus, **values: object) -> None:
        await asyncio.to_thread(lambda: self._shop.store.move(self._batch.id, to, *allowed, **values))
        await self._reread()

    async def _reread(self) -> None:
        found = await asyncio.to_thread(self._shop.store.read, self._batch.id)
        if found is not None:
            self._batch = found


def _columns(log: ResultsLog) -> dict[str, int]:
    return {name: getattr(log.tally, name) for name in Tally.__struct_fields__}


def _unanswered(line: Line, end: BatchStatus) -> Result:
    if end is BatchStatus.CANCELLED:
        return not_run(line, code="batch_cancelled", message="the batch was cancelled before this line was run")
    return not_run(line, code="batch_expired", message="the batch's time was over before this line could be run")
