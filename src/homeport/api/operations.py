"""What the gateway serves, path by path, for /openapi.json."""

import msgspec

from homeport.api import answers
from homeport.api.moderations import ModerationRequest
from homeport.api.openai import REQUESTS
from homeport.api.rerank import RerankRequest
from homeport.core.types import Surface
from homeport.protocols.responses.wire import ResponseRequest


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One method of one path.

    Attributes:
        id: for generated clients.
        request: the struct that the body is decoded with; None where there is no body.
        answer: the JSON of a success; None where it is text.
        streams: with `stream: true` the answer is server-sent events.
        public: it needs no key.
        unready: the answer with status 503, where that is not an error.
    """

    method: str
    path: str
    id: str
    summary: str
    tag: str
    request: type[msgspec.Struct] | None = None
    answer: type[msgspec.Struct] | None = None
    streams: bool = False
    public: bool = False
    unready: type[msgspec.Struct] | None = None


def _asked(
    surface: Surface,
    name: str,
    summary: str,
    request: type[msgspec.Struct],
    answer: type[msgspec.Struct],
    *,
    streams: bool = False,
) -> Operation:
    return Operation(
        method="post",
        path=f"/v1/{surface}",
        id=name,
        summary=summary,
        tag="inference",
        request=request,
        answer=answer,
        streams=streams,
    )


def _shown(
    path: str,
    name: str,
    summary: str,
    answer: type[msgspec.Struct] | None,
    *,
    tag: str = "operation",
    unready: type[msgspec.Struct] | None = None,
) -> Operation:
    return Operation(
        method="get",
        path=path,
        id=name,
        summary=summary,
        tag=tag,
        answer=answer,
        public=tag == "operation",
        unready=unready,
    )


OPERATIONS: tuple[Operation, ...] = (
    _asked(
        Surface.CHAT,
        "createChatCompletion",
        "Answer a conversation",
        REQUESTS[Surface.CHAT],
        answers.ChatCompletion,
        streams=True,
    ),
    _asked(
        Surface.COMPLETION,
        "createCompletion",
        "Go on with a text",
        REQUESTS[Surface.COMPLETION],
        answers.Completion,
        streams=True,
    ),
    _asked(Surface.EMBEDDING, "createEmbedding", "Texts as vectors", REQUESTS[Surface.EMBEDDING], answers.Embeddings),
    _asked(
        Surface.RESPONSES,
        "createResponse",
        "Answer a conversation, as OpenAI's Responses API",
        ResponseRequest,
        answers.ResponseObject,
        streams=True,
    ),
    _asked(
        Surface.MODERATION,
        "createModeration",
        "Find what must not be in a text",
        ModerationRequest,
        answers.Moderations,
    ),
    _asked(Surface.RERANK, "rerank", "Sort documents by how well they answer a query", RerankRequest, answers.Rankings),
    _shown("/v1/models", "listModels", "What this key may name as model", answers.ModelList, tag="models"),
    _shown("/v1/models/{model}", "retrieveModel", "One of them", answers.Model, tag="models"),
    _shown("/livez", "alive", "Whether the process runs", answers.Alive),
    _shown("/readyz", "ready", "Whether requests can be answered", answers.Readiness, unready=answers.Readiness),
    _shown("/metrics", "metrics", "Prometheus metrics", None),
    _shown("/openapi.json", "describe", "This document", None),
)
