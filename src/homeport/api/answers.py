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


class ScrapeGroup(Struct, kw_only=True):
    """Where Prometheus finds the metrics of an own engine, and the labels of their series."""

    targets: list[str]
    labels: dict[str, str]


class Alive(Struct, kw_only=True):
    """The process runs."""

    status: Literal["alive"]


class Readiness(Struct, kw_only=True):
    """Which engines and tiers can answer, and whether there is room to record a request."""

    status: Literal["ready", "not ready"]
    engines: dict[str, bool]
    tiers: dict[str, bool]
    journal: str


class File(Struct, kw_only=True):
    """OpenAI's file object."""

    id: str
    object: Literal["file"]
    bytes: int
    created_at: int
    expires_at: int
    filename: str
    purpose: str


class FileList(Struct, kw_only=True):
    """A page of the key's files."""

    object: Literal["list"]
    data: list[File]
    has_more: bool


class FileDeleted(Struct, kw_only=True):
    """The file is gone."""

    id: str
    object: Literal["file"]
    deleted: Literal[True]


class Batch(Struct, kw_only=True):
    """OpenAI's batch object; `homeport` has what it cost so far."""

    id: str
    object: Literal["batch"]
    endpoint: str
    input_file_id: str
    status: str
    created_at: int
    request_counts: dict[str, int]
    homeport: dict[str, Any]


class BatchList(Struct, kw_only=True):
    """A page of the key's batches."""

    object: Literal["list"]
    data: list[Batch]
    has_more: bool


class KeyFacts(Struct, kw_only=True):
    """A key, without its token. Times are seconds since the epoch."""

    id: str
    name: str
    state: Literal["live", "expired", "revoked"]
    scopes: list[str]
    models: list[str]
    tiers: list[str]
    data_class: str
    created_at: float
    expires_at: float | None


class KeyIssued(KeyFacts, kw_only=True):
    """A key with its token, which is told this once."""

    key: str


class KeyList(Struct, kw_only=True):
    """Every key, revoked and expired ones too."""

    object: Literal["list"]
    data: list[KeyFacts]


class Configuration(Struct, kw_only=True):
    """The configuration that holds now, without secrets, and its digest."""

    digest: str
    config: dict[str, Any]


class Reloaded(Struct, kw_only=True):
    """The digest of the configuration that holds from now on."""

    digest: str


class BudgetStanding(Struct, kw_only=True):
    """How an account stands. Sums are exact decimals, times seconds since the epoch."""

    instance: str
    spent_usd: str
    leased_usd: str
    remaining_usd: str
    resets_at: float | None


class BudgetShown(BudgetStanding, kw_only=True):
    """A budget, and how its tightest account stands."""

    id: str
    name: str
    kind: Literal["all", "project", "key", "user", "trace"]
    scope: str
    limit_usd: str
    window: Literal["hour", "day", "month", "total"]
    action: Literal["block", "degrade", "queue"]
    thresholds: list[int]
    created_at: float
    accounts: int


class BudgetDetails(BudgetShown, kw_only=True):
    """A budget with its accounts, at most a hundred, the tightest first."""

    tightest: list[BudgetStanding]


class BudgetList(Struct, kw_only=True):
    """Every budget, oldest first."""

    object: Literal["list"]
    data: list[BudgetShown]


class BudgetRemoved(Struct, kw_only=True):
    """It caps nothing from now on."""

    id: str
    removed: bool


class AlertDelivery(Struct, kw_only=True):
    """How far an alert has come at one webhook. Times are seconds since the epoch."""

    webhook: str
    state: Literal["waiting", "delivered", "failed"]
    tries: int
    delivered_at: float | None
    next_try_at: float | None
    error: str


class AlertFacts(Struct, kw_only=True):
    """An alert; `data` depends on its kind."""

    id: str
    kind: str
    severity: Literal["info", "warning", "critical"]
    created_at: float
    summary: str
    data: dict[str, Any]
    deliveries: list[AlertDelivery]


class AlertList(Struct, kw_only=True):
    """The newest alerts, the newest first."""

    object: Literal["list"]
    data: list[AlertFacts]


class TargetState(Struct, kw_only=True):
    """A target, and whether it can be called now."""

    model: str
    tier: str
    upstream: str
    local: bool
    simulated: bool
    ready: bool


class TargetList(Struct, kw_only=True):
    """Every target."""

    object: Literal["list"]
    data: list[TargetState]


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


class Message(Struct, kw_only=True):
    """Anthropic's message."""

    type: Literal["message"]
    content: list[dict[str, Any]]
    usage: dict[str, Any] | None = None


class TokenCount(Struct, kw_only=True):
    """Anthropic's count of a prompt's tokens."""

    input_tokens: int


class AnthropicErrorObject(Struct, kw_only=True):
    """What went wrong; `code` is stable."""

    type: str
    message: str
    code: str
    param: str | None = None
    hint: str | None = None
    attempts: list[str] | None = None


class AnthropicError(Struct, kw_only=True):
    """Anthropic's error, with fields of our own."""

    type: Literal["error"]
    error: AnthropicErrorObject
    request_id: str


class Feedback(Struct, kw_only=True):
    """What is kept of what was said."""

    object: Literal["feedback"]
    request_id: str
    source: str
    score: float


class UsageResult(Struct, kw_only=True):
    """What was used in a bucket; the group that was asked for is named, the others are null."""

    object: Literal["usage.result"]
    model: str | None
    key: str | None
    project: str | None
    num_model_requests: int
    num_completed_requests: int
    input_tokens: int
    input_cached_tokens: int
    output_tokens: int
    output_reasoning_tokens: int
    cost_usd: str
    baseline_usd: str | None
    saved_usd: str | None
    num_cache_requests: int
    num_cache_hits: int
    cache_saved_usd: str


class UsageBucket(Struct, kw_only=True):
    """An hour or a day, in UTC. Times are seconds since the epoch."""

    object: Literal["bucket"]
    start_time: int
    end_time: int
    results: list[UsageResult]


class UsagePage(Struct, kw_only=True):
    """Every bucket of the time, in order, those without a request too."""

    object: Literal["page"]
    data: list[UsageBucket]
    has_more: bool
    next_page: str | None
