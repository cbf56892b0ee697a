"""Spans and figures by OTLP: noted on the request path, sent by the jobs worker."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from urllib.parse import urlsplit

from homeport import __version__
from homeport.bootstrap.capture import body_store
from homeport.bootstrap.endpoints import NOWHERE, read_endpoints, stamp
from homeport.bootstrap.path import SystemClock
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.core.errors import ConfigError, StorageError
from homeport.core.events import RequestFinished
from homeport.core.types import DataClass
from homeport.engines.base import Endpoint
from homeport.privacy.recognize import load_recognizers
from homeport.storage.holders import read_home_id
from homeport.storage.published import publish
from homeport.telemetry.content import Redactor, content_of
from homeport.telemetry.meters import OtlpMeters
from homeport.telemetry.otlp import OtlpSender, Sender, exporter
from homeport.telemetry.semconv import PROVIDERS
from homeport.telemetry.spans import Place, Span, Value, spans_of
from homeport.telemetry.traces import TraceExport

logger = logging.getLogger(__name__)

_PORTS = {"http": 80, "https": 443}
_EVERY_S = 2.0
_STALE_NS = 30_000_000_000
_SETTLE_S = 1.0
"""What is kept of a request is written a moment after it ended."""


def try_telemetry(settings: Settings) -> str:
    """What is sent where; nothing is. Raises ConfigError where it cannot be."""
    telemetry = settings.telemetry
    if not telemetry.is_on:
        return "off"
    exporter("trace", "OTLPSpanExporter", telemetry).shutdown()
    traces = f"spans of {telemetry.traces.sample_ratio:.0%} of requests" if telemetry.traces.enabled else ""
    sent = " and ".join(part for part in (traces, "figures" if telemetry.metrics.enabled else "") if part)
    content = ", with prompts and answers" if telemetry.traces.enabled and telemetry.traces.content else ""
    return f"{sent} to {telemetry.export.address} ({telemetry.export.protocol}){content}"


class Telemetry:
    """What the jobs worker does with requests that ended. What cannot be set up is logged, and nothing is sent."""

    def __init__(self, settings: Settings, home: Home) -> None:
        self._home = home
        self._clock = SystemClock()
        self._export: TraceExport | None = None
        self._sender: OtlpSender | None = None
        self._meters: OtlpMeters | None = None
        try:
            self._set_up(settings)
        except (ConfigError, StorageError) as error:
            logger.error("nothing is sent to a collector: %s; %s", error.message, error.hint)

    def _set_up(self, settings: Settings) -> None:
        telemetry, atlas = settings.telemetry, ConfiguredAtlas(settings, self._home)
        if not telemetry.is_on:
            return
        sent_by = Sender(version=__version__, instance=read_home_id(self._home.identity))
        if telemetry.traces.enabled:
            self._sender = OtlpSender(telemetry, sent_by)
            look = _content(settings, self._home)

            def make(event: RequestFinished) -> list[Span]:
                return spans_of(event, atlas, look(event))

            settle = _SETTLE_S if telemetry.traces.content else 0.0
            most = telemetry.traces.max_waiting
            self._export = TraceExport(make, self._sender.send, most=most, settle_s=settle)
        if telemetry.metrics.enabled:
            self._meters = OtlpMeters(telemetry, sent_by, atlas)

    def seen(self, events: Sequence[RequestFinished]) -> None:
        """Requests that are in the ledger now."""
        for event in events:
            if self._export is not None:
                self._export.observe(event)
            if self._meters is not None:
                self._meters.observe(event)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send, and say what became of it; in the end send what waits, for a few seconds."""
        if self._export is not None:
            self._export.start()
        telling = asyncio.create_task(self._tell())
        try:
            yield
        finally:
            telling.cancel()
            await asyncio.gather(asyncio.to_thread(self._close_traces), asyncio.to_thread(self._close_meters))

    async def _tell(self) -> None:
        while self._export is not None:
            try:
                publish(self._home.traces, self._export.figures(self._clock.wall_ns() + _STALE_NS))
            except OSError as error:
                logger.warning("%s could not be written: %s", self._home.traces, error.strerror)
            await asyncio.sleep(_EVERY_S)

    def _close_traces(self) -> None:
        if self._export is not None:
            self._export.close()
        if self._sender is not None:
            self._sender.close()

    def _close_meters(self) -> None:
        if self._meters is not None:
            self._meters.close()


class ConfiguredAtlas:
    """`Atlas` of a configuration, and of the engines that run."""

    def __init__(self, settings: Settings, home: Home) -> None:
        self._home = home
        self._models = {one.public_name: one.model for tier in settings.tiers for one in tier.targets}
        self._upstreams = {one.public_name: one.upstream for tier in settings.tiers for one in tier.targets}
        self._engines = {name: engine.engine for name, engine in settings.engines.items()}
        self._places = {
            name: _place(PROVIDERS.get(one.provider, one.provider), one.base_url or "")
            for name, one in settings.providers.items()
        }
        self._stamp = NOWHERE
        self._endpoints: Mapping[str, Endpoint] = {}

    def model(self, target: str) -> str:
        return self._models.get(target, target)

    def upstream(self, target: str) -> str:
        return self._upstreams.get(target, "")

    def place(self, upstream: str) -> Place:
        found = self._places.get(upstream)
        if found is not None:
            return found
        endpoint = self._running().get(upstream)
        engine = self._engines.get(endpoint.pool if endpoint is not None and endpoint.pool else upstream, "")
        return _place(engine, endpoint.url if endpoint is not None else "")

    def _running(self) -> Mapping[str, Endpoint]:
        now = stamp(self._home)
        if now != self._stamp:
            with contextlib.suppress(StorageError):
                self._endpoints, self._stamp = read_endpoints(self._home), now
        return self._endpoints


def _place(provider: str, url: str) -> Place:
    parts = urlsplit(url)
    return Place(provider, parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0))


def _content(settings: Settings, home: Home) -> Callable[[RequestFinished], Mapping[str, Value]]:
    """What spans hold of what was said: nothing, unless the configuration wants it."""
    if not settings.telemetry.traces.content:
        return lambda _: {}
    store, redactor = body_store(settings, home), Redactor(load_recognizers())

    def look(event: RequestFinished) -> Mapping[str, Value]:
        if event.data_class != DataClass.OPEN:
            return {}
        try:
            captured = store.get(event.request_id)
        except StorageError as error:
            logger.warning("what was said in request %s is not sent: %s", event.request_id, error.message)
            return {}
        return {} if captured is None else content_of(captured, redactor)

    return look
