"""One question to the judge, through the request path, in the name of a key.

The path is the gateway's own: the key must be live, its models, budgets and data class hold, and the ledger has the
request with its purpose as the reason. It is neither kept nor answered from the cache, and nothing is learned from it.
"""

import secrets
from enum import StrEnum

import msgspec

from homeport.core.errors import (
    BudgetExceeded,
    CapacityError,
    EngineBusy,
    HomeportError,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    RateLimited,
    RequestError,
    StorageError,
)
from homeport.core.ports import Dialect
from homeport.core.purposes import QUALITY_JUDGE
from homeport.core.types import DataClass, Outcome, Surface
from homeport.evaluation.judge import GRADE_SCHEMA, Prompt
from homeport.pipeline.exchange import Exchange
from homeport.pipeline.memory_wire import MemoryWire
from homeport.pipeline.pipeline import Runner
from homeport.pipeline.visit import CacheHeaders
from homeport.protocols.answers.readings import readings

_LONGEST_S = "120"
_ONLY_GRADE = {"type": "json_schema", "json_schema": {"name": "grade", "strict": True, "schema": GRADE_SCHEMA}}
_HELD = (CapacityError, StorageError, RateLimited, BudgetExceeded, EngineBusy)
_OF_THE_KEY = (NotAuthenticated, NotPermitted, NotFound)
_OF_THE_OUTPUT = frozenset({"private_model_is_remote", "content_blocked"})


class Fate(StrEnum):
    """What became of a question.

    ANSWERED: there is an answer to read. REFUSED: it is never let in. FAILED: it may do better another time.
    HELD: nothing was asked, for the moment.
    """

    ANSWERED = "answered"
    REFUSED = "refused"
    FAILED = "failed"
    HELD = "held"


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a question.

    Attributes:
        cost: nano-dollars, also of one that failed.
        finish: why the answer ended, in OpenAI's words.
        error: a stable code; "" where it was answered.
    """

    fate: Fate
    request_id: str
    cost: int = 0
    text: str = ""
    finish: str = ""
    error: str = ""


class Questions:
    """Asks one judge.

    Args:
        dialect: of chats.
        key: the id of the key that pays; None: that of each output. It is given to the path as the token, whose key
            ring finds keys by their id.
        purpose: what the ledger has as the reason.
    """

    def __init__(
        self,
        pipeline: Runner,
        dialect: Dialect,
        *,
        model: str,
        key: str | None,
        max_tokens: int,
        temperature: float | None,
        only_grade: bool = False,
        purpose: str = QUALITY_JUDGE,
    ) -> None:
        self._pipeline = pipeline
        self._dialect = dialect
        self._key = key
        self._purpose = purpose
        self._reading = readings()[Surface.CHAT]
        sampling = {} if temperature is None else {"temperature": temperature}
        form = {"response_format": _ONLY_GRADE} if only_grade else {}
        self._fields = {"model": model, "max_tokens": max_tokens, **sampling, **form}

    async def ask(self, prompt: Prompt, key_id: str, *, private: bool) -> Reply:
        """Ask once.

        Args:
            key_id: whose output it is about.
            private: it may not leave home.
        """
        exchange = self._exchange(prompt, self._key or key_id, private=private)
        await self._pipeline.run(exchange)
        cost = cost_of(exchange)
        if exchange.outcome is Outcome.COMPLETED:
            answer = self._reading.whole(exchange.body)
            return Reply(
                fate=Fate.ANSWERED,
                request_id=exchange.request_id,
                cost=cost,
                text=answer.text,
                finish=answer.finish,
            )
        code = exchange.error.code if exchange.error is not None else exchange.outcome.value
        fate = fate_of(exchange.error, one_key=self._key is not None)
        return Reply(fate=fate, request_id=exchange.request_id, cost=cost, error=code)

    def _exchange(self, prompt: Prompt, key_id: str, *, private: bool) -> Exchange:
        body = msgspec.json.encode({**self._fields, "messages": prompt.messages()})

        async def read_body() -> bytes:
            return body

        return Exchange(
            request_id=f"req_{secrets.token_hex(12)}",
            surface=Surface.CHAT,
            token=key_id,
            data_class_header=DataClass.PRIVATE.value if private else None,
            timeout_header=_LONGEST_S,
            read_body=read_body,
            dialect=self._dialect,
            wire=MemoryWire(),
            cache_headers=CacheHeaders(control="no-store"),
            purpose=self._purpose,
        )


def fate_of(error: HomeportError | None, *, one_key: bool) -> Fate:
    """What became of a question that was not answered; `one_key`: everything is asked by the same."""
    if isinstance(error, _HELD):
        return Fate.HELD
    if isinstance(error, _OF_THE_KEY) and one_key and error.code not in _OF_THE_OUTPUT:
        return Fate.HELD  # A person has to mend it.
    return Fate.REFUSED if isinstance(error, RequestError) else Fate.FAILED


def cost_of(exchange: Exchange) -> int:
    """Nano-dollars; calls that gave no answer may be billed all the same."""
    return sum(attempt.cost for attempt in exchange.attempts) if exchange.cost is None else exchange.cost
