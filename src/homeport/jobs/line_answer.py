"""One line of a batch through the request path, as if its key had sent it now.

The path is the gateway's own: the key must be live, its models, tiers and data class hold, the
request is routed, priced and recorded under an id of its own. What differs is the wire, which is
memory, and who waits: nobody, so what is only a matter of time is tried again.
"""

import secrets
from collections.abc import Awaitable, Callable, Mapping

import msgspec
from msgspec import Raw

from homeport.core.budgets import Action
from homeport.core.errors import BudgetExceeded, CapacityError, HomeportError, RateLimited, StorageError
from homeport.core.ports import Dialect
from homeport.core.types import DataClass, Surface, Usage
from homeport.jobs.lines import Line
from homeport.pipeline.exchange import Exchange
from homeport.pipeline.memory_wire import MemoryWire
from homeport.pipeline.pipeline import Runner
from homeport.storage.batches import Tally
from homeport.storage.results import Result

MAX_TRIES = 5
"""Of a line whose upstreams fail; one that we ourselves hold back is tried until its batch ends."""

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0
_WORTH_TRYING = frozenset({429, 500, 502, 503, 504})
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_NULL = Raw(b"null")


class _Response(msgspec.Struct, frozen=True, kw_only=True):
    status_code: int
    request_id: str
    body: Raw


class _Problem(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    message: str


class _Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A line of an output or error file: OpenAI's fields, and what the answer's headers would have said."""

    id: str
    custom_id: str
    response: _Response | None
    error: _Problem | None
    homeport: Mapping[str, str] = {}


class LineAnswerer:
    """Answers the lines of one batch.

    Args:
        key_id: given to the path as the token; its key ring finds keys by their id.
        sleep: for tests.
    """

    def __init__(
        self,
        pipeline: Runner,
        *,
        surface: Surface,
        dialect: Dialect,
        key_id: str,
        data_class: DataClass,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._pipeline = pipeline
        self._surface = surface
        self._dialect = dialect
        self._key_id = key_id
        self._data_class = data_class
        self._sleep = sleep

    async def answer(self, line: Line) -> Result:
        """The answer of a line, good or not, with what all its tries used."""
        spent = Tally()
        failures = pauses = 0
        while True:
            result, error = await self._ask(line)
            held_back = _is_held_back(error)
            failures += int(not held_back)
            if error is None or (failures >= MAX_TRIES and not held_back):
                return msgspec.structs.replace(result, tally=spent.plus(result.tally))
            spent = spent.plus(msgspec.structs.replace(result.tally, completed=0, failed=0))
            await self._sleep(_pause(error, pauses))
            pauses += 1

    async def _ask(self, line: Line) -> tuple[Result, HomeportError | None]:
        """Run a line once; the error is one that another try may mend."""

        async def read_body() -> bytes:
            return line.body

        wire = MemoryWire()
        exchange = Exchange(
            request_id=f"req_{secrets.token_hex(12)}",
            surface=self._surface,
            token=self._key_id,
            data_class_header=DataClass.PRIVATE.value if self._data_class is DataClass.PRIVATE else None,
            read_body=read_body,
            dialect=self._dialect,
            wire=wire,
            batch=True,
        )
        await self._pipeline.run(exchange)
        return _result(line, exchange, wire), exchange.error if _is_worth_trying(exchange.error, wire.status) else None


def not_run(line: Line, *, code: str, message: str) -> Result:
    """The entry of a line that there is no answer to."""
    entry = _Entry(id=_entry_id(), custom_id=line.custom_id, response=None, error=_Problem(code=code, message=message))
    return Result(line=line.number, tally=Tally(failed=1), entry=Raw(msgspec.json.encode(entry)))


def _result(line: Line, exchange: Exchange, wire: MemoryWire) -> Result:
    body, readable = _compact(wire.body)
    completed = wire.status == 200 and readable
    usage = exchange.usage or Usage()
    entry = _Entry(
        id=_entry_id(),
        custom_id=line.custom_id,
        response=_Response(status_code=wire.status, request_id=exchange.request_id, body=body),
        error=None,
        homeport=_receipt(wire.headers),
    )
    tally = Tally(
        completed=int(completed),
        failed=int(not completed),
        input_tokens=usage.input_tokens,
        cached_input_tokens=usage.cached_input_tokens,
        output_tokens=usage.output_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        # Calls that gave no answer may be billed all the same.
        cost=sum(attempt.cost for attempt in exchange.attempts) if exchange.cost is None else exchange.cost,
    )
    return Result(line=line.number, tally=tally, entry=Raw(msgspec.json.encode(entry)))


def _compact(body: bytes) -> tuple[Raw, bool]:
    """JSON without line breaks, which JSONL has no place for; and whether it was JSON."""
    try:
        body.decode()
        return Raw(msgspec.json.format(body, indent=-1)), True
    except _UNREADABLE:
        return _NULL, False


def _receipt(headers: Mapping[str, str]) -> Mapping[str, str]:
    prefix = "x-homeport-"
    return {name.removeprefix(prefix): value for name, value in headers.items() if name.startswith(prefix)}


def _is_worth_trying(error: HomeportError | None, status: int) -> bool:
    if isinstance(error, RateLimited):
        return error.retry_after_ns is not None
    if isinstance(error, BudgetExceeded):
        return error.retry_after_ns is not None and error.budget.action is Action.QUEUE
    return error is not None and status in _WORTH_TRYING


def _is_held_back(error: HomeportError | None) -> bool:
    """Our own bounds said "later": nothing was sent to an upstream."""
    return isinstance(error, CapacityError | StorageError | RateLimited | BudgetExceeded)


def _pause(error: HomeportError, pauses: int) -> float:
    """Seconds: twice as long each time, and as long as a limit says."""
    backoff = min(_FIRST_PAUSE * (1 << min(pauses, 10)), _LONGEST_PAUSE)
    limited = (error.retry_after_ns or 0) / 1e9 if isinstance(error, RateLimited) else 0.0
    return max(backoff, limited)


def _entry_id() -> str:
    return f"batch_req_{secrets.token_hex(12)}"
