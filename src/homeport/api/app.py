"""The ASGI application: finds the route, hands over, and turns whatever is left into an error reply."""

import asyncio
import contextlib
import itertools
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence

from homeport import __version__
from homeport.api import errors
from homeport.api.anthropic import PREFIX as ANTHROPIC
from homeport.api.anthropic import AnthropicDialect
from homeport.api.connection import Connection, Receive, Scope, Send
from homeport.api.dialects import dialects
from homeport.api.exchanges import exchange_of
from homeport.api.models import listing
from homeport.api.negotiation import prefers
from homeport.api.openapi import document
from homeport.api.operations import OPERATIONS
from homeport.api.purposes import HEADER as PURPOSE_HEADER
from homeport.api.routes import JSON, Handler, Methods, Paths, allowed, reply, token_of
from homeport.core.errors import HomeportError, InternalError, NotFound, WrongMethod
from homeport.core.ports import Clock, Dialect, KeyRing
from homeport.core.types import Surface
from homeport.pipeline.authenticate import authenticate, permit_inference
from homeport.pipeline.pipeline import Pipeline
from homeport.routing.eligibility import Catalogue
from homeport.telemetry.metrics import OPENMETRICS, TEXT, Metrics

logger = logging.getLogger(__name__)

Readiness = Callable[[], tuple[bool, Mapping[str, object]]]

PurposeOf = Callable[[str | None], str]
"""The purpose that a header proves; "" for none."""

_MODEL = "/v1/models/"


class App:
    """Every path Homeport answers.

    Args:
        readiness: whether requests can be answered, with the detail that `/readyz` shows.
        families: paths that have files of their own.
        purpose_of: see `api.purposes`; left out, no header proves anything.
        started: seconds since the epoch, shown as `created` of the models.
    """

    def __init__(
        self,
        *,
        pipeline: Pipeline,
        keys: KeyRing,
        catalogue: Catalogue,
        metrics: Metrics,
        readiness: Readiness,
        clock: Clock,
        max_body: int,
        families: Sequence[Paths] = (),
        purpose_of: PurposeOf = lambda said: "",
    ) -> None:
        self._pipeline = pipeline
        self._keys = keys
        self._catalogue = catalogue
        self._metrics = metrics
        self._readiness = readiness
        self._created = clock.wall_ns() // 1_000_000_000
        self._max_body = max_body
        self._purpose_of = purpose_of
        self._description = document(OPERATIONS, __version__)
        self._families = families
        self._new_id = new_ids()
        self._routes: dict[str, Methods] = {
            "/v1/models": {"GET": self._models},
            "/livez": {"GET": self._livez},
            "/readyz": {"GET": self._readyz},
            "/metrics": {"GET": self._metrics_page},
            "/openapi.json": {"GET": self._description_page},
        }
        for surface, dialect in dialects().items():
            self._routes[f"/v1/{surface}"] = {"POST": self._inference(surface, dialect)}

    def adopt(self, *, pipeline: Pipeline, catalogue: Catalogue, max_body: int, families: Sequence[Paths]) -> None:
        """Answer the next requests by a new configuration; those in progress end by the old one."""
        self._pipeline = pipeline
        self._catalogue = catalogue
        self._max_body = max_body
        self._families = families

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await _refuse_other(scope, receive, send)
            return
        connection = Connection(scope, receive, send, self._max_body)
        request_id = self._new_id()
        try:
            await self._handler(scope["method"], scope["path"])(connection, request_id)
        except HomeportError as error:
            await self._reply_error(connection, error, request_id)
        except asyncio.CancelledError:
            if not connection.disconnected:
                raise
        except ConnectionError:
            logger.debug("the caller of %s left", request_id)
        except Exception:  # the last line of defence: no traceback and no dead process, whatever was sent
            logger.exception("unexpected error outside the request path, request %s", request_id)
            await self._reply_error(connection, InternalError("an unexpected error happened"), request_id)
        finally:
            connection.close()

    def _handler(self, method: str, path: str) -> Handler:
        methods = self._methods(path)
        handler = methods.get("GET" if method == "HEAD" else method)
        if handler is not None:
            return handler
        return lambda connection, request_id: self._refuse_method(connection, request_id, methods)

    def _methods(self, path: str) -> Methods:
        if path in self._routes:
            return self._routes[path]
        if path.startswith(_MODEL):
            name = path.removeprefix(_MODEL)
            return {"GET": lambda connection, request_id: self._model(connection, request_id, name)}
        # A NUL is in no name, and PostgreSQL takes none.
        for family in () if "\0" in path else self._families:
            if (methods := family.find(path)) is not None:
                return methods
        raise NotFound("there is nothing at this path", hint="the OpenAI API is below /v1")

    def _inference(self, surface: Surface, dialect: Dialect) -> Handler:
        async def handle(connection: Connection, request_id: str) -> None:
            purpose = self._purpose_of(connection.header(PURPOSE_HEADER.encode()))
            exchange = exchange_of(connection, request_id, surface, dialect, purpose=purpose)
            await self._pipeline.run(exchange)
            if exchange.key is None and exchange.error is not None:
                self._metrics.refused.add(exchange.error.code)

        return handle

    async def _models(self, connection: Connection, _: str) -> None:
        await reply(connection, {"object": "list", "data": self._listing(connection)})

    async def _model(self, connection: Connection, _: str, name: str) -> None:
        for model in self._listing(connection):
            if model["id"] == name:
                await reply(connection, model)
                return
        raise NotFound("there is no such model", code="model_not_found", hint="GET /v1/models lists them")

    def _listing(self, connection: Connection) -> list[dict[str, object]]:
        key = authenticate(self._keys, token_of(connection))
        permit_inference(key)
        return listing(self._catalogue, key, self._created)

    async def _refuse_method(self, connection: Connection, request_id: str, methods: Methods) -> None:
        # RFC 9110, section 15.5.6: such a refusal says what is allowed.
        error = WrongMethod(f"this path answers {' and '.join(methods)} only")
        await self._reply_error(connection, error, request_id, {"allow": allowed(methods)})

    async def _livez(self, connection: Connection, _: str) -> None:
        await reply(connection, {"status": "alive"})

    async def _readyz(self, connection: Connection, _: str) -> None:
        ready, detail = self._readiness()
        status = "ready" if ready else "not ready"
        await reply(connection, {"status": status, **detail}, status=200 if ready else 503)

    async def _metrics_page(self, connection: Connection, _: str) -> None:
        richer = prefers(connection.header(b"accept"), OPENMETRICS, TEXT)
        # With many models it takes longer than an answer may wait.
        page = await asyncio.to_thread(self._metrics.snapshot().write, openmetrics_text=richer)
        await connection.start(200, {"content-type": OPENMETRICS if richer else TEXT, "vary": "accept"})
        await connection.finish(page)

    async def _description_page(self, connection: Connection, _: str) -> None:
        await connection.start(200, JSON)
        await connection.finish(self._description)

    async def _reply_error(
        self, connection: Connection, error: HomeportError, request_id: str, extra: Mapping[str, str] | None = None
    ) -> None:
        if connection.started:
            return
        is_anthropics = connection.path.startswith(ANTHROPIC)
        answer = AnthropicDialect().error(error, request_id) if is_anthropics else errors.reply(error, request_id)
        headers = {**JSON, "x-homeport-request-id": request_id, **answer.headers, **(extra or {})}
        with contextlib.suppress(ConnectionError):
            await connection.start(answer.status, headers)
            await connection.finish(answer.body)


def new_ids() -> Callable[[], str]:
    """Makes request ids: 64 random bits of this process and a count, so no two are alike."""
    prefix, numbers = secrets.token_hex(8), itertools.count()
    return lambda: f"req_{prefix}{next(numbers):08x}"


async def _refuse_other(scope: Scope, receive: Receive, send: Send) -> None:
    """Acknowledge the server's lifespan; close websockets."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1003})
        return
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
