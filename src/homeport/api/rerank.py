"""The dialect of /v1/rerank: which documents answer a query best.

Jina's shape, which vLLM, llama.cpp and others serve as well, and Cohere's first version. Answers pass through.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from homeport.api import bodies
from homeport.api.openai import ModelName, OpenAIDialect
from homeport.core.types import Inference, Surface


class RerankRequest(Struct, kw_only=True):
    """The fields that are read. A document is a text, or an object with one."""

    model: ModelName
    query: str | dict[str, Any]
    documents: Annotated[list[str | dict[str, Any]], Meta(min_length=1, max_length=10_000)]
    top_n: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    return_documents: bool | None = None


_DECODER = msgspec.json.Decoder(RerankRequest)


class RerankDialect(OpenAIDialect):
    """`Dialect` of rerankers; errors have OpenAI's shape."""

    def decode(self, surface: Surface, body: bytes) -> Inference:
        """See `Dialect.decode`."""
        request, fields = bodies.read(body, _DECODER)
        # A reranker reads the query once with each document.
        query = _chars(request.query) * len(request.documents)
        return Inference(
            surface=surface,
            model=request.model,
            stream=False,
            wants_usage=False,
            input_chars=query + sum(map(_chars, request.documents)),
            deterministic=False,
            fields=fields,
        )


def _chars(text: str | dict[str, Any]) -> int:
    told = text if isinstance(text, str) else text.get("text")
    return len(told) if isinstance(told, str) else 0
