"""Keeping requests whole, where the configuration wants that: what was asked, and what was answered.

Off by default. Where it is on, what is private, and what has something in it that was looked for, is left out unless
the rules name it; and what its caller wants forgotten (`Cache-Control: no-store`) always is.
"""

from collections.abc import Callable

import msgspec

from homeport.core.captured import Captured, CaptureRules
from homeport.core.privacy import Action
from homeport.core.types import CONVERSATIONS, DataClass, Surface
from homeport.pipeline.exchange import Exchange
from homeport.pipeline.visit import Tape, is_forgotten

_KEPT = CONVERSATIONS | {Surface.COMPLETION}


class Capture:
    """Of one process.

    Args:
        keep: takes what is to be kept; it must neither fail nor wait.
    """

    def __init__(self, rules: CaptureRules, keep: Callable[[Captured], None]) -> None:
        self._rules = rules
        self._keep = keep

    def begin(self, exchange: Exchange) -> None:
        """From here on what is told of a stream is noted, if the request is to be kept."""
        if self._wants(exchange):
            exchange.tape = Tape(self._rules.most_bytes)

    def end(self, exchange: Exchange) -> None:
        """It has been answered, well or not."""
        if exchange.tape is None or exchange.inference is None or exchange.key is None or exchange.target is None:
            return
        body = msgspec.json.encode(exchange.inference.fields)
        answer = exchange.completion.body if exchange.completion is not None else exchange.tape.events
        if max(len(body), len(answer)) > self._rules.most_bytes:
            return
        target, surface = exchange.target, exchange.inference.surface
        self._keep(
            Captured(
                request_id=exchange.request_id,
                at=exchange.started_at,
                key_id=exchange.key.id,
                project=exchange.key.project,
                trace_id=exchange.trace_id,
                data_class=exchange.data_class,
                surface=surface,
                body=body,
                target=target.name,
                upstream=target.origin,
                model=target.model,
                local=target.local,
                revision=target.revision,
                answered=target.answers(surface) or surface,
                stream=exchange.inference.stream,
                status=exchange.status,
                answer=answer,
                hidden=not _is_open(exchange),
            )
        )

    def _wants(self, exchange: Exchange) -> bool:
        if exchange.purpose or exchange.surface not in _KEPT or exchange.key is None:
            return False
        if is_forgotten(exchange.cache_headers):
            return False
        return self._rules.covers(exchange.key.project) and (self._rules.private or _is_open(exchange))


def _is_open(exchange: Exchange) -> bool:
    found = exchange.assessment
    nothing_hidden = exchange.redaction is None and (found is None or found.action is Action.ALLOW)
    return exchange.data_class is DataClass.OPEN and nothing_hidden
