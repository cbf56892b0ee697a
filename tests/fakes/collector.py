"""A receiver of OTLP: it keeps what it is sent, over HTTP or gRPC, read with OpenTelemetry's own schema."""

import gzip
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import grpc  # type: ignore[import-untyped]  # it has no types
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import (
    LogsServiceServicer,
    add_LogsServiceServicer_to_server,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)


class Received:
    """What a collector got.

    Attributes:
        status: what it answers from now on; 0 for nothing at all.
        headers: of each export.
        late: while it is set, answers come.
    """

    def __init__(self) -> None:
        self.status = 200
        self.late = threading.Event()
        self.late.set()
        self.headers: list[dict[str, str]] = []
        self.traces: list[Any] = []
        self.metrics: list[Any] = []
        self.logs: list[Any] = []

    @property
    def spans(self) -> list[Any]:
        """All spans, as protobuf has them."""
        return [
            span
            for request in self.traces
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def events(self) -> list[Any]:
        """All log records, as protobuf has them."""
        return [
            record
            for request in self.logs
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]

    @property
    def resource(self) -> dict[str, Any]:
        """Of the first export."""
        return attributes(self.traces[0].resource_spans[0].resource.attributes)


def attributes(pairs: Any) -> dict[str, Any]:
    """Values by name."""
    return {pair.key: value(pair.value) for pair in pairs}


def value(told: Any) -> Any:
    kind = told.WhichOneof("value")
    if kind == "array_value":
        return tuple(value(one) for one in told.array_value.values)
    return getattr(told, kind)


class HttpCollector(Received):
    """Listens on a port of its own while it is entered."""

    def __enter__(self) -> Self:
        received = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers["content-encoding"] == "gzip":
                    body = gzip.decompress(body)
                received.late.wait(30)
                if received.status == 200:
                    received.take(self.path, dict(self.headers.items()), body)
                self.send_response(received.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.late.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def take(self, path: str, headers: dict[str, str], body: bytes) -> None:
        self.headers.append({name.lower(): value for name, value in headers.items()})
        if path == "/v1/traces":
            self.traces.append(ExportTraceServiceRequest.FromString(body))
        elif path == "/v1/metrics":
            self.metrics.append(ExportMetricsServiceRequest.FromString(body))
        elif path == "/v1/logs":
            self.logs.append(ExportLogsServiceRequest.FromString(body))


class GrpcCollector(Received, TraceServiceServicer):
    """The same over gRPC, for traces and logs."""

    def __enter__(self) -> Self:
        self._pool = ThreadPoolExecutor(2)
        self._server = grpc.server(self._pool)
        add_TraceServiceServicer_to_server(self, self._server)  # type: ignore[no-untyped-call]  # it has no types
        add_LogsServiceServicer_to_server(_Logs(self), self._server)  # type: ignore[no-untyped-call]  # the same
        self._port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(None).wait()
        self._pool.shutdown()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def Export(self, request: Any, context: Any) -> Any:  # noqa: N802  the name that the library calls
        self.headers.append(dict(context.invocation_metadata()))
        self.traces.append(request)
        return ExportTraceServiceResponse()


class _Logs(LogsServiceServicer):
    """Both services call their one method `Export`."""

    def __init__(self, received: Received) -> None:
        self._received = received

    def Export(self, request: Any, context: Any) -> Any:  # noqa: N802  the same
        self._received.headers.append(dict(context.invocation_metadata()))
        self._received.logs.append(request)
        return ExportLogsServiceResponse()
