"""The shapes of answers, as far as Homeport promises them. Most come from upstreams, and may hold more.

They are here to be told in /openapi.json; nothing is decoded or encoded with them.
"""

from typing import Any, Literal

import msgspec
from msgspec import Struct


class ChatCompletion(Struct, kw_only=True):
    """OpenAI's chat completion."""

    choices: list[dict[str, Any]]
    usage: dict[str, Any] | None = None


class Completion(Struct, kw_only=True):
    """OpenAI's completion."""

    choices: list[dict[str, Any]]
    usage: dict[str, Any] | None = None


class Embeddings(Struct, kw_only=True):
    """OpenAI's list of embeddings."""

    data: list[dict[str, Any]]
    usage: dict[str, Any] | None = None


class ResponseObject(Struct, kw_only=True):
    """OpenAI's response object."""

    output: list[dict[str, Any]]
    usage: dict[str, Any] | None = None


class ModerationResult(Struct, kw_only=True):
    """What was found in one input."""

    flagged: bool
    categories: dict[str, bool]
    category_scores: dict[str, float]


class Moderations(Struct, kw_only=True):
    """OpenAI's moderation object."""

    results: list[ModerationResult]


class Ranked(Struct, kw_only=True):
    """One document, by its place in the request."""

    index: int
    relevance_score: float


class Rankings(Struct, kw_only=True):
    """The documents, best first."""

    results: list[Ranked]
    usage: dict[str, Any] | None = None


class ModelFacts(Struct, kw_only=True):
    """What a name stands for: its tiers, whether all of it runs at home, and what it understands."""

    tiers: list[str]
    local: bool
    surfaces: list[str]


class Model(Struct, kw_only=True):
    """OpenAI's model object."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    homeport: ModelFacts


class ModelList(Struct, kw_only=True):
    """What the key may name as `model`."""

    object: Literal["list"]
    data: list[Model]


class Alive(Struct, kw_only=True):
    """The process runs."""

    status: Literal["alive"]


class Readiness(Struct, kw_only=True):
    """Which engines and tiers can answer, and whether there is room to record a request."""

    status: Literal["ready", "not ready"]
    engines: dict[str, bool]
    tiers: dict[str, bool]
    journal: str


class ErrorObject(Struct, kw_only=True):
    """`code` is stable; `hint` says what to do next; `attempts` and `rate_limit` are there where they tell more."""

    message: str
    type: str
    param: str | None
    code: str
    hint: str | None
    request_id: str
    attempts: list[str] | msgspec.UnsetType = msgspec.UNSET
    rate_limit: dict[str, str | float] | msgspec.UnsetType = msgspec.UNSET


class Error(Struct, kw_only=True):
    """OpenAI's error, with fields of our own."""

    error: ErrorObject
