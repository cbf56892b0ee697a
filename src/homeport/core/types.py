"""The values that travel through the request path. All frozen; validation happens at the wire."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from homeport.core.money import Nano, PicoRate, format_usd


class Surface(StrEnum):
    """What is asked for, and in whose words; the value is the path below /v1.

    MESSAGES is Anthropic's, RERANK is Jina's and Cohere's, the others are OpenAI's.
    """

    CHAT = "chat/completions"
    COMPLETION = "completions"
    EMBEDDING = "embeddings"
    RESPONSES = "responses"
    MESSAGES = "messages"
    MODERATION = "moderations"
    RERANK = "rerank"


CONVERSATIONS = frozenset({Surface.CHAT, Surface.RESPONSES, Surface.MESSAGES})
"""Surfaces that say the same in different words: each can be translated to CHAT and its answer back."""


class Capability(StrEnum):
    """What a model may be unable to do, whatever surface it is asked on."""

    TOOLS = "tools"
    JSON = "json"
    VISION = "vision"
    FILES = "files"
    LOGPROBS = "logprobs"


class DataClass(StrEnum):
    """What may be done with a request's content. `private` never leaves home."""

    OPEN = "open"
    PRIVATE = "private"


class Scope(StrEnum):
    """What a key may do. What it does not name is denied; `inference` names everything but `admin`."""

    INFERENCE = "inference"
    CHAT = "chat"
    EMBEDDINGS = "embeddings"
    RERANK = "rerank"
    MODERATIONS = "moderations"
    BATCHES = "batches"
    ADMIN = "admin"


class Outcome(StrEnum):
    """How a request ended."""

    COMPLETED = "completed"
    REJECTED = "rejected"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens, pieces and engine time of one answer.

    Attributes:
        input_tokens: all prompt tokens; those read from a cache (`cached_input_tokens`) and those written
            to one (`cache_write_tokens`) are two subsets of them without a common token.
        long_cache_write_tokens: those of `cache_write_tokens` that are kept for an hour, and cost more.
        audio_input_tokens, image_input_tokens: prompt tokens of audio and of images; the rest is text.
        cached_audio_input_tokens: those of both `audio_input_tokens` and `cached_input_tokens`.
        output_tokens: all generated tokens; `reasoning_tokens` is a subset of them.
        audio_output_tokens, image_output_tokens: generated tokens of audio and of images; the rest is text.
        images: images that the upstream counts by the piece.
        searches: web searches that the upstream made for the answer.
        service_tier: how the upstream says that it served the call, such as `flex`, `priority` or `batch`;
            "" for the ordinary way.
        engine_ns: nanoseconds an own engine says it worked; 0 where unknown.
        estimated: the counts are ours, the upstream reported none.
    """

    input_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    long_cache_write_tokens: int = 0
    audio_input_tokens: int = 0
    image_input_tokens: int = 0
    cached_audio_input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    audio_output_tokens: int = 0
    image_output_tokens: int = 0
    images: int = 0
    searches: int = 0
    service_tier: str = ""
    engine_ns: int = 0
    estimated: bool = False


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds on one upstream call, in seconds."""

    connect: float = 5.0
    first_token: float = 120.0
    between_tokens: float = 60.0
    total: float = 600.0

    def for_whole_answer(self) -> "Timeouts":
        """The same for an answer that is silent until it is all there."""
        return Timeouts(connect=self.connect, first_token=self.total, between_tokens=self.total, total=self.total)

    def within(self, seconds: float) -> "Timeouts":
        """The same, but over after `seconds`: what is left of the caller's deadline."""
        return Timeouts(
            connect=min(self.connect, seconds),
            first_token=min(self.first_token, seconds),
            between_tokens=min(self.between_tokens, seconds),
            total=min(self.total, seconds),
        )


class TokenPrice(msgspec.Struct, frozen=True, kw_only=True):
    """Prices of an API model, in pico-dollars per token or per piece.

    Attributes:
        source: where they come from.
        cache_write: of input that is written to a cache; None where that costs what other input costs.
        long_cache_write: the same for a cache that is kept for an hour; None where there is no such price.
        audio_input, image_input, audio_output, image_output: None where they cost what text costs.
        cached_audio_input: None where that costs what other cached input costs.
        reasoning: of thoughts; None where they cost what other output costs.
        request, image, search: for each call, for each image of `Usage.images`, for each of `Usage.searches`.
        above: dearer prices of long prompts, as (input tokens, price): the last one whose token
            count the input exceeds holds for all tokens of the request.
        tiers: prices of calls that the upstream says it served in another way, by `Usage.service_tier`.
    """

    source: str
    input: PicoRate
    cached_input: PicoRate
    output: PicoRate
    cache_write: PicoRate | None = None
    long_cache_write: PicoRate | None = None
    audio_input: PicoRate | None = None
    cached_audio_input: PicoRate | None = None
    image_input: PicoRate | None = None
    audio_output: PicoRate | None = None
    image_output: PicoRate | None = None
    reasoning: PicoRate | None = None
    request: PicoRate = PicoRate(0)
    image: PicoRate = PicoRate(0)
    search: PicoRate = PicoRate(0)
    above: "tuple[tuple[int, TokenPrice], ...]" = ()
    tiers: "tuple[tuple[str, TokenPrice], ...]" = ()


class MachinePrice(msgspec.Struct, frozen=True, kw_only=True):
    """The price of an own engine: what its machine costs an hour, shared by its parallel slots."""

    source: str
    hourly: Nano
    slots: int = 1


Price = TokenPrice | MachinePrice


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One model at one upstream: what a request can be sent to.

    Attributes:
        name: the public model name, valid as `model` in a request. Targets of one tier that share it are replicas.
        upstream: key of the upstream that serves it (a provider's name, or that of an engine's child).
        model: the model name the upstream knows.
        surfaces: what its upstream understands as it is; see `answers` for what translation adds.
        local: it runs on machines of our own, so private data may go there.
        simulated: its answers are invented, so it never stands in for a target whose are not.
        timeouts: the bounds on a call of it.
        max_output_tokens: the longest answer it gives; None where that is not known.
        context_tokens: prompt and answer together; None where that is not known.
        capabilities: what it can do; None where that is not known, so that nothing is held against it.
        max_outstanding_tokens: with so many in work it has no room for more; None for any number.
        revision: a digest of what answers by this name: the package and its options, or the address and its options;
            "" where it is not known. What was answered under another one is another model's answer.
        salted_by: whose prompts its engine is told to keep apart, `key` or `project`; "" where it shares all of them.
        slots: how many requests its engine answers at once; 1 where that is not known.
        pool: the engine of the configuration that `upstream` is one child of; "" for what has no children.
        draining: its engine is on its way out: it goes on with the conversations it has begun, and begins none.
    """

    name: str
    tier: str
    upstream: str
    model: str
    local: bool
    surfaces: frozenset[Surface]
    price: Price | None
    simulated: bool = False
    timeouts: Timeouts = Timeouts()
    max_output_tokens: int | None = None
    context_tokens: int | None = None
    capabilities: frozenset[Capability] | None = None
    max_outstanding_tokens: int | None = None
    revision: str = ""
    salted_by: str = ""
    slots: int = 1
    pool: str = ""
    draining: bool = False

    @property
    def origin(self) -> str:
        """The engine or the provider, by its name in the configuration: the same for all replicas of a pool."""
        return self.pool or self.upstream

    def answers(self, surface: Surface) -> Surface | None:
        """In whose words to ask for `surface`: its own, else CHAT after translation; None where neither works."""
        if surface in self.surfaces:
            return surface
        return Surface.CHAT if surface in CONVERSATIONS and Surface.CHAT in self.surfaces else None


class RateLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a key may use in a minute and at once; None where it is not limited."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent_requests: int | None = None


DEFAULT_PROJECT = "default"
"""Of a key that was given none."""


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A key as the request path sees it.

    Attributes:
        project: where it stands: up to three names, `organisation/team/project`.
        data_class: the name of a class of the configuration, `open` or `private`; any other name counts as `private`.
        models, tiers: what it may use; empty means any.
        scopes: what it may do; empty means nothing.
        limits: None for a key without any, which then costs nothing to check.
        reserved_percent: the share of `server.max_in_flight` that no other key can take.
        expires_at: seconds since the epoch.
    """

    id: str
    name: str
    project: str = DEFAULT_PROJECT
    data_class: str = DataClass.OPEN
    models: frozenset[str] = frozenset()
    tiers: frozenset[str] = frozenset()
    scopes: frozenset[Scope] = frozenset({Scope.INFERENCE})
    limits: RateLimits | None = None
    reserved_percent: int = 0
    expires_at: float | None = None

    def allows(self, scope: Scope) -> bool:
        return scope in self.scopes or (scope is not Scope.ADMIN and Scope.INFERENCE in self.scopes)


class Allowance(msgspec.Struct, frozen=True):
    """Where a key stands against one of its limits.

    Attributes:
        kind: `requests`, `tokens` or `concurrent`.
        remaining: how much more is allowed at this moment.
        reset_ns: nanoseconds until all of it is allowed again.
    """

    kind: str
    limit: int
    remaining: int
    reset_ns: int


class Inference(msgspec.Struct, frozen=True, kw_only=True):
    """A decoded request.

    Attributes:
        fields: every top-level field of the body as raw JSON, so unknown ones survive.
        input_chars: length of the prompt text in characters, for estimates.
        wants_usage: a stream's caller asked for the usage chunk.
    """

    surface: Surface
    model: str
    stream: bool
    wants_usage: bool
    input_chars: int
    deterministic: bool
    fields: Mapping[str, msgspec.Raw]


def _nothing() -> Nano:
    return Nano(0)


class Attempt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One call of one upstream, or why it was not called.

    Attributes:
        error: a stable code; "" for the call that answered.
        cost: nano-dollars of a call that gave no answer and may be billed all the same.
        span_id, trace_id: of the call's span, 16 and 32 hexadecimal digits, where it is traced and was made.
        upstream, hedge: which replica was called, and whether it raced a call that was late; where it is traced.
        waited_ns: nanoseconds that it waited for a place at an own engine before, where it is traced.
    """

    target: str
    error: str
    started_ns: int
    ended_ns: int
    cost: Nano = msgspec.field(default_factory=_nothing)  # a factory's value is written also where it is 0
    span_id: str = ""
    upstream: str = ""
    hedge: bool = False
    waited_ns: int = 0
    trace_id: str = ""


class UpstreamCall(msgspec.Struct, frozen=True, kw_only=True):
    """What an upstream is asked.

    Attributes:
        surface: in whose words it is asked and answers.
        fields: top-level fields of the body as raw JSON; `model` is still the caller's word for it.
        deterministic: the same request must give the same answer.
        timeouts: already inside the caller's deadline.
        headers: of this call alone; by lower-case name, and of printable ASCII.
    """

    target: Target
    surface: Surface
    fields: Mapping[str, msgspec.Raw]
    request_id: str
    deterministic: bool = False
    timeouts: Timeouts = Timeouts()
    headers: Mapping[str, str] = {}


class Completion(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer: the upstream's JSON bytes, in the words of the call's surface, and what they say of usage."""

    body: bytes
    usage: Usage | None


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """Whole server-sent events, in one piece, in the words of the call's surface.

    Attributes:
        data: bytes to forward.
        events: how many content events are in it (about one token each).
        usage: the usage a frame reports, if any.
        closing: belongs to the end of the stream (the usage-only chunk or `[DONE]`), so it is held
            back until the request is settled.
        usage_only: a chunk that exists only because usage was asked for.
    """

    data: bytes
    events: int = 0
    usage: Usage | None = None
    closing: bool = False
    usage_only: bool = False


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller is told about an answered request; `cost` and what it is for, `usage`, once it is settled.

    Attributes:
        escalation: the answers of lower tiers that were not good enough, as `TARGET:REASON` with the confidence and
            the threshold where they were compared, in order; `kept:` stands before one that was given all the same.
    """

    request_id: str
    tier: str
    model: str
    reason: str
    cost: Nano | None = None
    usage: Usage | None = None
    escalation: str = ""

    @property
    def cost_usd(self) -> str:
        """Dollars with nine decimals; "" until it is settled."""
        return "" if self.cost is None else format_usd(self.cost)


class ErrorReply(msgspec.Struct, frozen=True, kw_only=True):
    """An error in the caller's dialect."""

    status: int
    headers: Mapping[str, str]
    body: bytes
