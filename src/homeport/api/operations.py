"""What the gateway serves, path by path, for /openapi.json."""

from collections.abc import Mapping
from typing import Any

import msgspec

from homeport.api import answers
from homeport.api.admin import Rotation
from homeport.api.anthropic import MessagePrompt, MessageRequest
from homeport.api.batches import BatchListing, BatchRequest
from homeport.api.budgets import BudgetFields
from homeport.api.cache import BadAnswer, BadAnswerTold
from homeport.api.cache_admin import CacheStats, PartitionResumed, Purged, PurgeFields
from homeport.api.feedback import FeedbackFields
from homeport.api.files import PURPOSE, FileListing
from homeport.api.incidents import IncidentDetails, IncidentList, Words
from homeport.api.keys import KeyFields
from homeport.api.moderations import ModerationRequest
from homeport.api.openai import REQUESTS
from homeport.api.rerank import RerankRequest
from homeport.api.route import RouteQuery
from homeport.api.usage import AdminUsageQuery, UsageQuery
from homeport.core.types import Surface
from homeport.pipeline.cache_told import ToldCache
from homeport.protocols.responses.wire import ResponseRequest
from homeport.routing.explain import Told

Body = type[msgspec.Struct]

INFERENCE, MODELS, USAGE, BATCHES, ADMIN, OPERATION = (
    *("inference", "models", "usage"),
    *("batches", "admin", "operation"),
)


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One method of one path.

    Attributes:
        id: for generated clients.
        tag: the group it belongs to; those of OPERATION need no key.
        request: the struct that the body is decoded with; None where there is no body.
        optional: the body may be left out.
        form: the fields of a multipart form, as schemas, where the body is one.
        query: the struct that the query is read with.
        answer: the JSON of a success; None where it is `media`.
        status: of a success.
        error: the JSON of a failure.
        streams: with `stream: true` the answer is server-sent events.
        unready: the answer with status 503, where that is not an error.
        several: the answer is a list of them.
        refusals: statuses that a path without a key may answer with too.
    """

    method: str
    path: str
    id: str
    summary: str
    tag: str
    request: Body | None = None
    optional: bool = False
    form: Mapping[str, Any] = {}
    query: Body | None = None
    answer: Body | None = None
    media: str = "application/json"
    status: int = 200
    error: Body = answers.Error
    streams: bool = False
    unready: Body | None = None
    several: bool = False
    refusals: tuple[str, ...] = ()

    @property
    def is_public(self) -> bool:
        return self.tag == OPERATION

    @property
    def has_body(self) -> bool:
        return self.request is not None or bool(self.form)


def _infer(
    surface: Surface, name: str, summary: str, request: Body, answer: Body, *, streams: bool = False
) -> Operation:
    path = f"/v1/{surface}"
    return Operation(
        method="post",
        path=path,
        id=name,
        summary=summary,
        tag=INFERENCE,
        request=request,
        answer=answer,
        streams=streams,
    )


def _op(call: str, name: str, summary: str, tag: str, answer: Body | None = None, **more: Any) -> Operation:
    """`call` is method and path."""
    method, path = call.split()
    return Operation(method=method.lower(), path=path, id=name, summary=summary, tag=tag, answer=answer, **more)


_UPLOAD = {"file": {"type": "string", "format": "binary"}, "purpose": {"type": "string", "enum": [PURPOSE]}}

OPERATIONS: tuple[Operation, ...] = (
    _infer(
        Surface.CHAT,
        "createChatCompletion",
        "Answer a conversation",
        REQUESTS[Surface.CHAT],
        answers.ChatCompletion,
        streams=True,
    ),
    _infer(
        Surface.COMPLETION,
        "createCompletion",
        "Go on with a text",
        REQUESTS[Surface.COMPLETION],
        answers.Completion,
        streams=True,
    ),
    _infer(Surface.EMBEDDING, "createEmbedding", "Texts as vectors", REQUESTS[Surface.EMBEDDING], answers.Embeddings),
    _infer(
        Surface.RESPONSES,
        "createResponse",
        "Answer a conversation, as OpenAI's Responses API",
        ResponseRequest,
        answers.ResponseObject,
        streams=True,
    ),
    _op(
        "POST /v1/messages",
        "createMessage",
        "Answer a conversation, as Anthropic's Messages API",
        INFERENCE,
        answers.Message,
        request=MessageRequest,
        error=answers.AnthropicError,
        streams=True,
    ),
    _op(
        "POST /v1/messages/count_tokens",
        "countMessageTokens",
        "How many tokens a prompt has; an estimate where no upstream counts",
        INFERENCE,
        answers.TokenCount,
        request=MessagePrompt,
        error=answers.AnthropicError,
    ),
    _infer(
        Surface.MODERATION,
        "createModeration",
        "Find what must not be in a text",
        ModerationRequest,
        answers.Moderations,
    ),
    _infer(Surface.RERANK, "rerank", "Sort documents by how well they answer a query", RerankRequest, answers.Rankings),
    _op(
        "POST /v1/route",
        "explainRoute",
        "What would answer a request, and why; nothing is sent",
        INFERENCE,
        Told,
        request=REQUESTS[Surface.CHAT],
        query=RouteQuery,
    ),
    _op(
        "POST /v1/cache/explain",
        "explainCache",
        "What the cache would do with a request; nothing is sent",
        INFERENCE,
        ToldCache,
        request=REQUESTS[Surface.CHAT],
        query=RouteQuery,
    ),
    _op("GET /v1/models", "listModels", "What this key may name as model", MODELS, answers.ModelList),
    _op("GET /v1/models/{model}", "retrieveModel", "One of them", MODELS, answers.Model),
    _op("GET /v1/usage", "showUsage", "What the key has used", USAGE, answers.UsagePage, query=UsageQuery),
    _op(
        "POST /v1/feedback",
        "giveFeedback",
        "Say what an answer was worth",
        USAGE,
        answers.Feedback,
        request=FeedbackFields,
    ),
    _op("POST /v1/cache/bad", "barAnswer", "Say that an answer was bad", USAGE, BadAnswerTold, request=BadAnswer),
    _op("GET /v1/files", "listFiles", "The key's files", BATCHES, answers.FileList, query=FileListing),
    _op("POST /v1/files", "uploadFile", "Upload the input of a batch", BATCHES, answers.File, form=_UPLOAD),
    _op("GET /v1/files/{file}", "retrieveFile", "One of the files", BATCHES, answers.File),
    _op("DELETE /v1/files/{file}", "deleteFile", "Delete a file", BATCHES, answers.FileDeleted),
    _op("GET /v1/files/{file}/content", "downloadFile", "A file's bytes", BATCHES, media="application/octet-stream"),
    _op("GET /v1/batches", "listBatches", "The key's batches", BATCHES, answers.BatchList, query=BatchListing),
    _op(
        "POST /v1/batches",
        "createBatch",
        "Answer a file of requests",
        BATCHES,
        answers.Batch,
        request=BatchRequest,
    ),
    _op("GET /v1/batches/{batch}", "retrieveBatch", "One of the batches", BATCHES, answers.Batch),
    _op("POST /v1/batches/{batch}/cancel", "cancelBatch", "Stop a batch", BATCHES, answers.Batch),
    _op("GET /admin/v1/keys", "listKeys", "Every key", ADMIN, answers.KeyList),
    _op("POST /admin/v1/keys", "createKey", "Make a key", ADMIN, answers.KeyIssued, request=KeyFields, status=201),
    _op("GET /admin/v1/keys/{key}", "retrieveKey", "One of the keys", ADMIN, answers.KeyFacts),
    _op("PATCH /admin/v1/keys/{key}", "updateKey", "Change a key", ADMIN, answers.KeyFacts, request=KeyFields),
    _op("DELETE /admin/v1/keys/{key}", "revokeKey", "Revoke a key", ADMIN, answers.KeyFacts),
    _op(
        "POST /admin/v1/keys/{key}/rotate",
        "rotateKey",
        "A new token for a key",
        ADMIN,
        answers.KeyIssued,
        request=Rotation,
        optional=True,
    ),
    _op("GET /admin/v1/config", "showConfiguration", "The configuration that holds", ADMIN, answers.Configuration),
    _op("POST /admin/v1/reload", "reloadConfiguration", "Read the configuration again", ADMIN, answers.Reloaded),
    _op("GET /admin/v1/targets", "listTargets", "What can be called, and how it is", ADMIN, answers.TargetList),
    _op("GET /admin/v1/usage", "showAnyUsage", "Who has used what", ADMIN, answers.UsagePage, query=AdminUsageQuery),
    _op("GET /admin/v1/budgets", "listBudgets", "Every budget", ADMIN, answers.BudgetList),
    _op(
        "POST /admin/v1/budgets",
        "createBudget",
        "Make a budget",
        ADMIN,
        answers.BudgetDetails,
        request=BudgetFields,
        status=201,
    ),
    _op("GET /admin/v1/budgets/{budget}", "retrieveBudget", "One of the budgets", ADMIN, answers.BudgetDetails),
    _op(
        "PATCH /admin/v1/budgets/{budget}",
        "updateBudget",
        "Change a budget",
        ADMIN,
        answers.BudgetDetails,
        request=BudgetFields,
    ),
    _op("DELETE /admin/v1/budgets/{budget}", "removeBudget", "Remove a budget", ADMIN, answers.BudgetRemoved),
    _op("GET /admin/v1/alerts", "listAlerts", "What was found, the newest hundred", ADMIN, answers.AlertList),
    _op("GET /admin/v1/incidents", "listIncidents", "What changed, those that are open first", ADMIN, IncidentList),
    _op(
        "GET /admin/v1/incidents/{incident}", "retrieveIncident", "One incident with its notes", ADMIN, IncidentDetails
    ),
    _op(
        "POST /admin/v1/incidents/{incident}/acknowledge",
        "acknowledgeIncident",
        "Say that somebody looks into it",
        ADMIN,
        IncidentDetails,
    ),
    _op(
        "POST /admin/v1/incidents/{incident}/resolve",
        "resolveIncident",
        "Say that it is over, and why",
        ADMIN,
        IncidentDetails,
        request=Words,
    ),
    _op(
        "POST /admin/v1/incidents/{incident}/notes",
        "noteIncident",
        "Write something down",
        ADMIN,
        IncidentDetails,
        request=Words,
    ),
    _op("GET /admin/v1/cache", "showCache", "What is kept, and what it saved", ADMIN, CacheStats),
    _op("POST /admin/v1/cache/purge", "purgeCache", "Take entries out", ADMIN, Purged, request=PurgeFields),
    _op(
        "POST /admin/v1/cache/partitions/{partition}/resume",
        "resumeCachePartition",
        "Let a partition that switched itself off answer again",
        ADMIN,
        PartitionResumed,
    ),
    _op("GET /livez", "alive", "Whether the process runs", OPERATION, answers.Alive),
    _op(
        "GET /readyz",
        "ready",
        "Whether requests can be answered",
        OPERATION,
        answers.Readiness,
        unready=answers.Readiness,
    ),
    _op("GET /metrics", "metrics", "Prometheus metrics", OPERATION, media="text/plain"),
    _op(
        "GET /metrics/engines",
        "listEngineMetrics",
        "Where Prometheus finds own engines' metrics",
        OPERATION,
        answers.ScrapeGroup,
        several=True,
        refusals=("400",),
    ),
    _op(
        "GET /metrics/engines/{engine}",
        "engineMetrics",
        "What an own engine counts",
        OPERATION,
        media="text/plain",
        refusals=("404", "502", "504"),
    ),
    _op("GET /openapi.json", "describe", "This document", OPERATION),
)
