"""LangChain with OpenTelemetry's and OpenInference's own instrumentation: a chain, whose calls go to the gateway.

Prints the id of its trace.
"""

import os

from langchain_openai import ChatOpenAI
from openinference.instrumentation.langchain import LangChainInstrumentor
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.httpx import HTTPX2ClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


def main() -> None:
    provider = TracerProvider()
    exporter = OTLPSpanExporter(endpoint=f"{os.environ['TRIAL_COLLECTOR']}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    LangChainInstrumentor().instrument(tracer_provider=provider)
    HTTPX2ClientInstrumentor().instrument(tracer_provider=provider)
    model = ChatOpenAI(
        base_url=os.environ["TRIAL_URL"], api_key=os.environ["TRIAL_KEY"], model=os.environ["TRIAL_MODEL"]
    )
    with trace.get_tracer("application").start_as_current_span("agent") as span:
        model.invoke("Which clause ends the contract?")
        print(f"{span.get_span_context().trace_id:032x}")
    provider.shutdown()


if __name__ == "__main__":
    main()
