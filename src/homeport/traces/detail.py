"""One request, whole: its row, what was tried, what was said, why it went there, what it cost, what answered."""

from collections.abc import Callable, Mapping

import msgspec
from sqlalchemy import Engine

from homeport.core.captured import Captured
from homeport.core.errors import NotFound, StorageError
from homeport.core.types import Attempt, Price, Usage
from homeport.engines.base import Endpoint, Fingerprint
from homeport.engines.pool import pool_of
from homeport.ledger.bill import Bill, bill
from homeport.storage.bodies import BodyStore
from homeport.storage.decisions import Learned, learned_of
from homeport.storage.feedback import Word, words_of
from homeport.storage.request_list import find_request
from homeport.storage.request_rows import RequestRow
from homeport.storage.rollups import route_of
from homeport.storage.traces import requests_of_trace
from homeport.traces.said import Said, said, system_fingerprint

PriceOf = Callable[[RequestRow], Price | None]
"""The price of what answered a request when it was answered; None where that is not known any more."""

Endpoints = Callable[[], Mapping[str, Endpoint]]
"""The engines' children that run now, by name."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A call of an upstream, in nanoseconds since the first one began.

    Attributes:
        error: a stable code; "" for the call that answered.
        ended_ns: for a stream that answered: when the request ended, as near as the ledger knows.
    """

    target: str
    error: str
    began_ns: int
    ended_ns: int
    cost: int


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """Why the request went where it went.

    Attributes:
        reason: as the header `x-homeport-reason` said it; `kind` is its first word.
        learned: what is kept to learn from; None where nothing is, or is not any more.
    """

    reason: str
    kind: str
    requested_model: str
    tier: str
    target: str
    data_class: str
    learned: Learned | None


class Answerer(msgspec.Struct, frozen=True, kw_only=True):
    """What answered.

    Attributes:
        revision: of the package and its options, or of the address and its options; "" where it was not kept.
        system_fingerprint: what the upstream said of itself; "" where it did not, or that was not kept.
        engine: what the own engine of that name runs now, from the same revision where that is known.
        same: whether that is what answered; None where nobody can say.
    """

    upstream: str
    model: str
    local: bool
    revision: str
    system_fingerprint: str
    engine: Fingerprint | None
    same: bool | None


class RequestDetail(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a request.

    Attributes:
        steps: calls that were noted, in the order in which they began.
        kept: what was sent and answered, as bytes; None where it was not kept.
        said: the same to be read.
        unreadable: why what was kept cannot be shown; "" where it can, or was not kept.
        words: what was said of the answer.
        others: further requests of the same trace, the newest first.
    """

    row: RequestRow
    steps: tuple[Step, ...]
    route: Route
    bill: Bill
    answered_by: Answerer
    kept: Captured | None
    said: Said | None
    unreadable: str
    words: tuple[Word, ...]
    others: tuple[str, ...]


class DetailReader:
    """Reads whole requests.

    Args:
        bodies: what was kept in this state folder.
    """

    def __init__(self, engine: Engine, bodies: BodyStore, price_of: PriceOf, endpoints: Endpoints) -> None:
        self._engine = engine
        self._bodies = bodies
        self._price_of = price_of
        self._endpoints = endpoints

    def find(self, name: str) -> RequestDetail:
        """The request with this id, or else the last one of the trace with this id.

        Raises:
            NotFound: request_unknown.
        """
        row = None if "\0" in name else find_request(self._engine, name) or self._of_trace(name)
        if row is None:
            raise NotFound(
                f"there is no request {ascii(name)[:80]}",
                code="request_unknown",
                hint="it is there within a second of its end; homeport trace list shows the newest",
            )
        return self.detail(row)

    def detail(self, row: RequestRow) -> RequestDetail:
        """All that is known of a request."""
        kept, unreadable = self._kept(row.request_id)
        return RequestDetail(
            row=row,
            steps=steps(row.attempts, row.latency_ns - row.ttft_ns if row.stream and row.ttft_ns else 0),
            route=self._route(row),
            bill=self._bill(row),
            answered_by=self._answerer(row, kept),
            kept=kept,
            said=None if kept is None else said(kept),
            unreadable=unreadable,
            words=words_of(self._engine, row.request_id),
            others=tuple(one for one in requests_of_trace(self._engine, row.trace_id) if one != row.request_id),
        )

    def _of_trace(self, name: str) -> RequestRow | None:
        ids = requests_of_trace(self._engine, name)
        return find_request(self._engine, ids[0]) if ids else None

    def _kept(self, request_id: str) -> tuple[Captured | None, str]:
        try:
            return self._bodies.get(request_id), ""
        except StorageError as error:
            return None, error.message

    def _route(self, row: RequestRow) -> Route:
        return Route(
            reason=row.reason,
            kind=route_of(row.reason),
            requested_model=row.requested_model,
            tier=row.tier,
            target=row.target,
            data_class=row.data_class,
            learned=learned_of(self._engine, row.request_id),
        )

    def _bill(self, row: RequestRow) -> Bill:
        if row.price_source == "cache" or not row.target:
            return bill(usage_of(row), None, row.cost, attempts=row.attempts)
        return bill(usage_of(row), self._price_of(row), row.cost, elapsed_ns=row.latency_ns, attempts=row.attempts)

    def _answerer(self, row: RequestRow, kept: Captured | None) -> Answerer:
        children = pool_of(row.upstream, self._endpoints()).values() if row.local else ()
        revision = "" if kept is None else kept.revision
        same = [one for one in children if revision and one.revision == revision]
        engine = next(iter([*same, *children]), None)
        return Answerer(
            upstream=row.upstream,
            model=row.model,
            local=row.local,
            revision=revision,
            system_fingerprint="" if kept is None else system_fingerprint(kept),
            engine=None if engine is None else engine.fingerprint,
            same=bool(same) if engine is not None and revision else None,
        )


def steps(attempts: tuple[Attempt, ...], streamed_ns: int = 0) -> tuple[Step, ...]:
    """Calls beside each other in time.

    Args:
        streamed_ns: how long the answer went on after its first byte, which is where the ledger ends the call.
    """
    start = min((one.started_ns for one in attempts), default=0)
    made = (
        Step(
            target=one.target,
            error=one.error,
            began_ns=one.started_ns - start,
            ended_ns=max(one.ended_ns, one.started_ns) - start + (0 if one.error else streamed_ns),
            cost=one.cost,
        )
        for one in attempts
    )
    return tuple(sorted(made, key=lambda step: step.began_ns))


def usage_of(row: RequestRow) -> Usage:
    """What the ledger knows of an answer's tokens."""
    return Usage(
        input_tokens=row.input_tokens,
        cached_input_tokens=row.cached_input_tokens,
        cache_write_tokens=row.cache_write_tokens,
        output_tokens=row.output_tokens,
        reasoning_tokens=row.reasoning_tokens,
        engine_ns=row.engine_ns,
        estimated=row.estimated,
    )
