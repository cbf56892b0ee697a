"""Every name that is sent to a collector: spans, events, attributes and metrics, in one table.

Nothing in the conventions for GenAI is stable. The names here are those of version 1.41.1; `LATEST` has what they are
called in the repository that they have moved to, as of November 2026. docs/reference/spans.md is generated from here.

Source: https://github.com/open-telemetry/semantic-conventions (gen-ai, http) and
https://github.com/open-telemetry/semantic-conventions-genai. What begins with `homeport.` is ours.
"""

import sys
from collections.abc import Mapping

import msgspec

CACHE_SPAN = "cache lookup"
QUEUE_SPAN = "queue wait"
HOLD_SPAN = "budget hold"

ROUTE_EVENT = "homeport.route.decision"
RETRY_EVENT = "homeport.retry"
FAILOVER_EVENT = "homeport.failover"
HEDGE_EVENT = "homeport.hedge"
ESCALATION_EVENT = "homeport.cascade.escalation"
SAMPLE_EVENT = "homeport.cascade.sample"
SKIP_EVENT = "homeport.target.skipped"
BUDGET_EVENT = "homeport.budget.refused"
EVALUATION_EVENT = "gen_ai.evaluation.result"

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
CONVERSATION = "gen_ai.conversation.id"
REQUEST_MODEL = "gen_ai.request.model"
TEMPERATURE = "gen_ai.request.temperature"
TOP_P = "gen_ai.request.top_p"
TOP_K = "gen_ai.request.top_k"
MAX_TOKENS = "gen_ai.request.max_tokens"
SEED = "gen_ai.request.seed"
STREAM = "gen_ai.request.stream"
STOP_SEQUENCES = "gen_ai.request.stop_sequences"
CHOICE_COUNT = "gen_ai.request.choice.count"
FREQUENCY_PENALTY = "gen_ai.request.frequency_penalty"
PRESENCE_PENALTY = "gen_ai.request.presence_penalty"
RESPONSE_ID = "gen_ai.response.id"
RESPONSE_MODEL = "gen_ai.response.model"
FINISH_REASONS = "gen_ai.response.finish_reasons"
FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE_TOKENS = "gen_ai.usage.cache_creation.input_tokens"
REASONING_TOKENS = "gen_ai.usage.reasoning.output_tokens"
INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"
SYSTEM_INSTRUCTIONS = "gen_ai.system_instructions"
TOOL_DEFINITIONS = "gen_ai.tool.definitions"
EVALUATION_NAME = "gen_ai.evaluation.name"
EVALUATION_VALUE = "gen_ai.evaluation.score.value"
EVALUATION_LABEL = "gen_ai.evaluation.score.label"
EVALUATION_EXPLANATION = "gen_ai.evaluation.explanation"
FINGERPRINT = "openai.response.system_fingerprint"
TOKEN_TYPE = "gen_ai.token.type"  # noqa: S105  a name, and no secret

ERROR = "error.type"
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"
METHOD = "http.request.method"
ROUTE = "http.route"
PATH = "url.path"
STATUS = "http.response.status_code"

REQUEST_ID = "homeport.request.id"
KEY_ID = "homeport.key.id"
PROJECT = "homeport.project"
REQUESTED_MODEL = "homeport.requested_model"
TIER = "homeport.tier"
TARGET = "homeport.target"
UPSTREAM = "homeport.upstream"
REASON = "homeport.reason"
OUTCOME = "homeport.outcome"
DATA_CLASS = "homeport.data_class"
BATCH = "homeport.batch"
PURPOSE = "homeport.purpose"
COST = "homeport.cost.usd"
ATTEMPT = "homeport.attempt.number"
ATTEMPT_RESULT = "homeport.attempt.result"
HEDGE = "homeport.attempt.hedge"
CACHE = "homeport.cache.result"
CACHE_ENTRY = "homeport.cache.entry"
SAVED = "homeport.cache.saved.usd"
DECIDED = "homeport.route.decided"
ROUTER_VERSION = "homeport.route.version"
SCORE = "homeport.route.score"
FROM = "homeport.from"
BUDGET = "homeport.budget"
EVALUATION_SOURCE = "homeport.evaluation.source"
EVALUATION_VERSION = "homeport.evaluation.version"

DURATION = "gen_ai.client.operation.duration"
TIME_TO_FIRST_CHUNK = "gen_ai.client.operation.time_to_first_chunk"
TIME_PER_CHUNK = "gen_ai.client.operation.time_per_output_chunk"
TOKEN_USAGE = "gen_ai.client.token.usage"  # noqa: S105  the same

SPANS: Mapping[str, str] = {
    "POST /v1/...": "SERVER. The request, from its first byte to its last. INTERNAL where nobody called: a line of a "
    "batch, or what the gateway asks itself",
    "{gen_ai.operation.name} {gen_ai.request.model}": "CLIENT. One call of one upstream: each retry, failover, hedge "
    "and tier of a cascade is a call of its own",
    CACHE_SPAN: "INTERNAL. Looking for a kept answer, and waiting for somebody who asks the same",
    QUEUE_SPAN: "INTERNAL. Waiting for a place at an own engine, for a millisecond at least",
    HOLD_SPAN: "INTERNAL. Holding money of budgets, where that took a millisecond",
}
"""By name; the first word is the kind."""

EVENTS: Mapping[str, str] = {
    ROUTE_EVENT: "It was decided where the request goes",
    RETRY_EVENT: "The model that failed is called again, or another replica of it",
    FAILOVER_EVENT: "Another model is called, for one that failed",
    HEDGE_EVENT: "A second call races one that is late",
    ESCALATION_EVENT: "An answer was not good enough, so a higher tier is asked",
    SAMPLE_EVENT: "An own model is asked again, to see how sure it is",
    SKIP_EVENT: "A model was not called; `error.type` says why",
    BUDGET_EVENT: "A budget had too little left",
    EVALUATION_EVENT: "A judge, a person or a metric said something of an answer. It comes later, as a log record "
    "(`/v1/logs`) with the ids of the trace and of the call that answered",
}
"""Of the request's span, all but the last."""

ATTRIBUTES: Mapping[str, str] = {
    OPERATION: "`chat`, `text_completion`, `embeddings`, `rerank` or `moderation`",
    PROVIDER: "whose API is called: `openai`, `anthropic`, `gcp.gemini`, `llamacpp`, `vllm`, ...",
    CONVERSATION: "the run that the caller named with `x-homeport-trace`",
    REQUEST_MODEL: "the model, as its upstream calls it",
    TEMPERATURE: "as the caller asked",
    TOP_P: "as the caller asked",
    TOP_K: "as the caller asked",
    MAX_TOKENS: "as the caller asked",
    SEED: "as the caller asked",
    STREAM: "true for a stream; else it is not there",
    STOP_SEQUENCES: "as the caller asked; only with content",
    CHOICE_COUNT: "answers that were asked for, where it is not one",
    FREQUENCY_PENALTY: "as the caller asked",
    PRESENCE_PENALTY: "as the caller asked",
    RESPONSE_ID: "the upstream's id of its answer",
    RESPONSE_MODEL: "the model that answered, as its upstream says",
    FINISH_REASONS: "why it ended, for each choice, in the upstream's words",
    FIRST_CHUNK: "seconds from the call to the first part of a streamed answer",
    INPUT_TOKENS: "all tokens of the prompt",
    OUTPUT_TOKENS: "all tokens of the answer",
    CACHE_READ_TOKENS: "those of the prompt that the upstream read from its cache",
    CACHE_WRITE_TOKENS: "those of the prompt that the upstream wrote to its cache",
    REASONING_TOKENS: "those of the answer that were thoughts",
    INPUT_MESSAGES: "JSON; only with content",
    OUTPUT_MESSAGES: "JSON; only with content",
    SYSTEM_INSTRUCTIONS: "JSON; only with content",
    TOOL_DEFINITIONS: "JSON; only with content",
    EVALUATION_NAME: "`judge`, `human`, or the metric, such as `refusal`",
    EVALUATION_VALUE: "0 to 1 of a judge and of people, in its own unit of a metric",
    EVALUATION_LABEL: "the grade or the rating, 1 to 5; of a metric its word, else `pass` or `fail`",
    EVALUATION_EXPLANATION: "a person's note, or what a metric says of why; only with content",
    FINGERPRINT: "OpenAI's `system_fingerprint`",
    TOKEN_TYPE: "`input` or `output`; of metrics",
    ERROR: "the stable code of what went wrong: [errors](errors.md), or an HTTP status",
    SERVER_ADDRESS: "host of the upstream",
    SERVER_PORT: "its port",
    METHOD: "POST",
    ROUTE: "such as `/v1/chat/completions`",
    PATH: "the same",
    STATUS: "what the caller was answered; 499 where it left",
    REQUEST_ID: "of the ledger, and of the header `x-homeport-request-id`",
    KEY_ID: "the key's id, never its token",
    PROJECT: "the key's project",
    REQUESTED_MODEL: "the model that the caller named",
    TIER: "of the model that answered",
    TARGET: "the public name of a model",
    UPSTREAM: "the engine, its replica or the provider",
    REASON: "why it went there, as in `x-homeport-reason`",
    OUTCOME: "`completed`, `rejected`, `failed` or `cancelled`",
    DATA_CLASS: "`open` or `private`",
    BATCH: "true for a line of a batch",
    PURPOSE: "why the gateway asks itself; only where it does",
    COST: "dollars, as in the ledger",
    ATTEMPT: "1 for the first call",
    ATTEMPT_RESULT: "`answered`, `failed`, `escalated`, `sampled`, `hedge_lost` or `cancelled`",
    HEDGE: "true for a call that raced a late one",
    CACHE: "`miss`, `hit`, `semantic` or `alias`",
    CACHE_ENTRY: "id of the entry that answers, or in which the answer may be kept",
    SAVED: "dollars that the same answer would have cost",
    DECIDED: "the tier that the policy chose",
    ROUTER_VERSION: "of the router that scored",
    SCORE: "what it was decided by",
    FROM: "the model that was called before",
    BUDGET: "the name of the budget",
    EVALUATION_SOURCE: "`judge`, `human` or `metric`",
    EVALUATION_VERSION: "of the metric; of a judge its rubric, as `quality@1`",
}

METRICS: Mapping[str, str] = {
    DURATION: "histogram, s: of calls of upstreams",
    TIME_TO_FIRST_CHUNK: "histogram, s: of streams, from the call to the first part",
    TIME_PER_CHUNK: "histogram, s: of streams, the mean time between two parts",
    TOKEN_USAGE: "histogram, {token}: by `gen_ai.token.type`",
}

LATEST: Mapping[str, str] = {
    CACHE_WRITE_TOKENS: "gen_ai.usage.cache_write.input_tokens",
    DURATION: "gen_ai.client.inference.duration",
    TIME_TO_FIRST_CHUNK: "gen_ai.client.inference.time_to_first_chunk",
    TIME_PER_CHUNK: "gen_ai.client.inference.time_per_output_chunk",
    TOKEN_USAGE: "gen_ai.client.inference.operation.{type}_tokens",
}
"""The newest name of what has changed. Tokens have a histogram for each type there, and no `gen_ai.token.type`."""

OPERATIONS: Mapping[str, str] = {
    "chat/completions": "chat",
    "responses": "chat",
    "messages": "chat",
    "completions": "text_completion",
    "embeddings": "embeddings",
    "rerank": "rerank",
    "moderations": "moderation",
}
"""`gen_ai.operation.name` by surface; the last two are no well-known values."""

PROVIDERS: Mapping[str, str] = {
    "openai": "openai",
    "azure": "azure.ai.openai",
    "anthropic": "anthropic",
    "gemini": "gcp.gemini",
}
"""`gen_ai.provider.name` by adapter; the others are called as their adapters are."""

SECONDS = tuple(0.01 * 2**n for n in range(14))
"""Bounds of the buckets of durations: 0.01 to 81.92."""
TOKENS = tuple(float(4**n) for n in range(14))
"""Bounds of the buckets of tokens: 1 to 67,108,864."""

_HEAD = """# Spans, events, attributes and metrics

This page is generated (`python -m homeport.telemetry.semconv`). [Sending traces](../how-to/send-traces.md) says how
they are switched on. An attribute is there where there is something to say.

Nothing in OpenTelemetry's conventions for GenAI is stable, so all names are kept in one table. They are those of
version 1.41.1. Where `telemetry.latest_names` is set, or `OTEL_SEMCONV_STABILITY_OPT_IN` holds
`gen_ai_latest_experimental`, those of the last column are sent in their place.
"""


class Naming(msgspec.Struct, frozen=True):
    """Which set of names is sent."""

    latest: bool = False

    def of(self, name: str) -> str:
        """What a name of this module is called."""
        return LATEST.get(name, name) if self.latest else name


def markdown() -> str:
    """The reference page."""
    tables = {"Spans": SPANS, "Events": EVENTS, "Attributes": ATTRIBUTES, "Metrics": METRICS}
    return "\n".join([_HEAD, *(_table(title, rows) for title, rows in tables.items())])


def _table(title: str, rows: Mapping[str, str]) -> str:
    lines = [f"| `{name}` | {meaning}. | {_newest(name)} |" for name, meaning in rows.items()]
    return "\n".join([f"## {title}", "", "| Name | Meaning | Newest name |", "|---|---|---|", *lines, ""])


def _newest(name: str) -> str:
    return f"`{LATEST[name]}`" if name in LATEST else ""


if __name__ == "__main__":
    sys.stdout.write(markdown())
