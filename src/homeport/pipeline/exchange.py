"""One request and what became of it: the only mutable thing on the request path."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from msgspec import Raw

from homeport.cache.prefix import Prefix
from homeport.core.errors import HomeportError, InvalidRequest, RateLimited, RequestError, UpstreamRefused
from homeport.core.money import Nano
from homeport.core.ports import AnswerWriter, Dialect, Ticket, Wire
from homeport.core.privacy import Assessment
from homeport.core.routing import Decision
from homeport.core.tracing import TRACE_ID_HEADER
from homeport.core.types import (
    Attempt,
    Completion,
    DataClass,
    ErrorReply,
    Frame,
    Inference,
    Key,
    Outcome,
    Receipt,
    Surface,
    Target,
    UpstreamCall,
    Usage,
)
from homeport.ledger.loops.guard import Watched
from homeport.ledger.usage import estimate
from homeport.pipeline.attribution import Attribution
from homeport.pipeline.limits import rate_headers
from homeport.pipeline.load import Load
from homeport.pipeline.redaction import Redaction
from homeport.pipeline.routing import Route
from homeport.pipeline.spending import Tab
from homeport.pipeline.taint import Sequel
from homeport.pipeline.trail import Trail
from homeport.pipeline.versions import Hearing
from homeport.pipeline.visit import CacheHeaders, Tape, Visit
from homeport.privacy.restoration.answer import Restoration

Asking = Callable[[Target, Surface, Mapping[str, Raw]], Mapping[str, Raw]]

_JSON = "application/json"
_EVENTS = "text/event-stream; charset=utf-8"


class Exchange:
    """Filled in from top to bottom by `Pipeline`.

    Args:
        request_id: ours; never the caller's.
        token: the bearer token, or None.
        read_body: reads the body; raises `RequestTooLarge` beyond the bound.
        batch: a line of a batch asks.
        purpose: why we ask ourselves, in the background, as the ledger has it; "" where a caller asks.

    Attributes:
        told: nano-dollars of attempts whose upstreams said what they used; what others cost is a guess.
        spare: there is an answer to give should no better one come, so nothing is waited for.
        prefix: the beginnings of the prompt, by the name of the replicas that were chosen by them.
        escalation: which answers were not good enough, and why; see `Receipt`.
        asking: changes what a target is asked, given its fields in the words of a surface.
        tape: what is told of a stream, where the request is kept whole; None where it is not.
        hearing: reads the answer as it goes by; None where nobody needs to know it.
        trail: what is noted for its spans; None where there are no traces.
        visit: what the cache has to do with it; None for nothing, and then `uncached` says why, if its route has one.
    """

    def __init__(
        self,
        *,
        request_id: str,
        surface: Surface,
        token: str | None,
        data_class_header: str | None,
        read_body: Callable[[], Awaitable[bytes]],
        dialect: Dialect,
        wire: Wire,
        timeout_header: str | None = None,
        attribution: Attribution | None = None,
        cache_headers: CacheHeaders | None = None,
        batch: bool = False,
        purpose: str = "",
    ) -> None:
        self.request_id = request_id
        self.surface = surface
        self.token = token
        self.data_class_header = data_class_header
        self.timeout_header = timeout_header
        self.attribution = attribution or Attribution()
        self.cache_headers = cache_headers or CacheHeaders()
        self.batch = batch
        self.purpose = purpose
        self.read_body = read_body
        self.dialect = dialect
        self.wire = wire

        self.started_at = 0
        self.started_ns = 0
        self.first_byte_ns = 0
        self.streaming = False
        self.key: Key | None = None
        self.data_class = DataClass.OPEN
        self.assessment: Assessment | None = None
        self.end_user = ""
        self.trace_id = ""
        self.trail: Trail | None = None
        self.inference: Inference | None = None
        self.route: Route | None = None
        self.decision: Decision | None = None
        self.target: Target | None = None
        self.dispatched_ns = 0
        self.prefix: Mapping[str, Prefix] | None = None
        self.deadline_ns: int | None = None
        self.load: Load | None = None
        self.redaction: Redaction | None = None
        self.restoration: Restoration | None = None
        self.sequel: Sequel | None = None
        self.attempts: list[Attempt] = []
        self.told = 0
        self.spare = False
        self.asking: Asking | None = None
        self.reason = ""
        self.completion: Completion | None = None
        self.body = b""
        self.usage: Usage | None = None
        self.events = 0
        self.held: list[Frame] = []
        self.visit: Visit | None = None
        self.uncached = ""
        self.tape: Tape | None = None
        self.ticket: Ticket | None = None
        self.tab: Tab | None = None
        self.outcome = Outcome.COMPLETED
        self.error: HomeportError | None = None
        self.reply: ErrorReply | None = None
        self.status = 200
        self.cost: Nano | None = None
        self.price_source = ""
        self.billed: Usage | None = None
        self.watched: Watched | None = None
        self.loop = ""
        self.escalation = ""
        self.hearing: Hearing | None = None
        self._writer: AnswerWriter | None = None
        self._chat: Mapping[str, Raw] | None = None

    def told_to(self, targets: Sequence[Target]) -> Sequence[Target]:
        """Those of the targets that all of the request can be said to: where it has no translation, native ones alone.

        Raises:
            InvalidRequest: it can be said to none of them.
        """
        native = [target for target in targets if self.surface in target.surfaces]
        if len(native) < len(targets):
            try:
                self._as_chat()
            except InvalidRequest:
                if not native:
                    raise
                return native
        return targets

    def _as_chat(self) -> Mapping[str, Raw]:
        assert self.inference is not None
        if self._chat is None:
            self._chat = self.dialect.as_chat(self.inference)
        return self._chat

    def call_of(self, target: Target, seconds: float, span_id: str = "") -> UpstreamCall:
        """What to ask of a target, to be answered within so many seconds.

        Args:
            span_id: of the call; "" where it has none.

        Raises:
            InvalidRequest: it needs translation, and something in it cannot be translated.
        """
        inference = self.inference
        assert inference is not None
        surface = target.answers(inference.surface)
        assert surface is not None, "eligibility let a target through that cannot answer"
        fields = self._told(target, surface)
        if self.asking is not None:
            fields = self.asking(target, surface, fields)
        return UpstreamCall(
            target=target,
            surface=surface,
            fields=fields,
            request_id=self.request_id,
            deterministic=inference.deterministic,
            timeouts=target.timeouts if seconds >= target.timeouts.total else target.timeouts.within(seconds),
            headers={} if self.trail is None else self.trail.headers(span_id, target),
        )

    def _told(self, target: Target, surface: Surface) -> Mapping[str, Raw]:
        assert self.inference is not None
        if self.redaction is not None and not target.local:
            return self.redaction.fields(surface)
        return self.inference.fields if surface is self.inference.surface else self._as_chat()

    def begin(self, target: Target, surface: Surface, now: int) -> None:
        """`target` is asked in the words of `surface`: it is who will be billed, and its answer is written."""
        assert self.inference is not None
        self.target = target
        self.dispatched_ns = now
        self._writer = self.dialect.writer(self.inference, surface)
        self.hearing = None if self.route is None else self.route.listen(target, surface)
        redaction = None if target.local else self.redaction
        self.restoration = None if redaction is None else redaction.restoration(surface)

    @property
    def is_hit(self) -> bool:
        """Whether it is answered from the cache."""
        return self.visit is not None and self.visit.found is not None

    @property
    def saw_the_end(self) -> bool:
        """Whether the upstream has said all that it had to say, or is not needed to: its usage is final."""
        whole = self.usage is not None and not (self.inference is not None and self.inference.stream)
        return self.outcome is Outcome.COMPLETED or self.completion is not None or whole or bool(self.held)

    @property
    def writer(self) -> AnswerWriter:
        assert self._writer is not None, "an answer without a call"
        return self._writer

    def cut(self, first: Frame) -> Sequence[Frame]:
        """What ends a stream that may not get longer; `first` is how it began."""
        assert self.inference is not None
        self.reason = "budget:cut"
        self.usage = self.usage or estimate(self.inference.input_chars, self.events)
        if self.tab is not None:
            self.usage = self.tab.paid(self.usage)
        return self.writer.cut(first, self.usage)

    def receipt(self) -> Receipt:
        target = self.target
        return Receipt(
            request_id=self.request_id,
            tier=target.tier if target else "",
            model=target.name if target else "",
            reason=self.reason,
            cost=self.cost,
            usage=self.billed if self.visit is None or self.visit.found is None else self.visit.found.entry.usage,
            escalation=self.escalation,
        )

    def fail(self, error: HomeportError) -> None:
        """End with an error instead of an answer: rejected where the caller is to mend the request, else failed."""
        callers_fault = isinstance(error, RequestError) or (isinstance(error, UpstreamRefused) and not error.retryable)
        self.error = error
        self.outcome = Outcome.REJECTED if callers_fault else Outcome.FAILED
        self.completion = None
        self.reply = self.dialect.error(error, self.request_id)
        self.status = self.reply.status

    async def start_stream(self) -> None:
        self.streaming = True
        await self.wire.start(200, {"content-type": _EVENTS, "cache-control": "no-cache", **self._headers()})

    async def finish(self) -> None:
        """Send what is left: the whole answer, the end of the stream, or the error."""
        if self.error is not None and self.streaming:
            await self.wire.finish(self.writer.error_event(self.error, self.request_id))
        elif self.reply is not None:
            await self._finish_whole(self.reply.status, self.reply.body, self.reply.headers)
        elif self.completion is not None:
            await self._finish_whole(200, self.body, {})
        else:
            await self.wire.finish(self.writer.closing(self.held, self.receipt()))

    async def _finish_whole(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        length = {"content-type": _JSON, "content-length": str(len(body))}
        await self.wire.start(status, {**length, **self._headers(), **headers})
        await self.wire.finish(body)

    def _headers(self) -> Mapping[str, str]:
        headers = _headers(self.receipt())
        headers[self.dialect.id_header] = self.request_id
        if self.trail is not None:
            headers[TRACE_ID_HEADER] = self.trail.context.trace_id
        if self.tab is not None:
            headers.update(self.tab.headers())
        why = self.decision.explanation if self.decision is not None else None
        if why is not None and why.score is not None:
            headers["x-homeport-router"] = str(why.version)
        if self.loop:
            headers["x-homeport-loop"] = self.loop
        if self.visit is not None:
            headers.update(self.visit.headers())
        elif self.uncached:
            headers["x-homeport-cache"] = f"bypass:{self.uncached}"
        if isinstance(self.error, RateLimited):
            return {**headers, **rate_headers(self.error.allowances)}
        return headers if self.ticket is None else {**headers, **rate_headers(self.ticket.allowances)}


def _headers(receipt: Receipt) -> dict[str, str]:
    headers = {"x-homeport-request-id": receipt.request_id}
    if receipt.model:
        headers["x-homeport-tier"] = receipt.tier
        headers["x-homeport-model"] = receipt.model
    if receipt.reason:
        headers["x-homeport-reason"] = receipt.reason
    if receipt.escalation:
        headers["x-homeport-escalation"] = receipt.escalation
    if receipt.cost is not None:
        headers["x-homeport-cost"] = receipt.cost_usd
    return headers
