"""The values that travel through the request path. All frozen; validation happens at the wire."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from homeport.core.money import Nano, PicoRate, format_usd


class Surface(StrEnum):
    """What the caller asked for; the value is OpenAI's path below /v1."""

    CHAT = "chat/completions"
    COMPLETION = "completions"
    EMBEDDING = "embeddings"


class DataClass(StrEnum):
    """What may be done with a request's content. `private` never leaves home."""

    OPEN = "open"
    PRIVATE = "private"


class Outcome(StrEnum):
    """How a request ended."""

    COMPLETED = "completed"
    REJECTED = "rejected"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens and engine time of one answer.

    Attributes:
        input_tokens: all prompt tokens; `cached_input_tokens` is a subset of them.
        output_tokens: all generated tokens; `reasoning_tokens` is a subset of them.
        engine_ns: nanoseconds an own engine says it worked; 0 where unknown.
        estimated: the counts are ours, the upstream reported none.
    """

    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    engine_ns: int = 0
    estimated: bool = False


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds on one upstream call, in seconds."""

    connect: float = 5.0
    first_token: float = 120.0
    between_tokens: float = 60.0
    total: float = 600.0


class TokenPrice(msgspec.Struct, frozen=True, kw_only=True):
    """Prices of an API model, in pico-dollars per token.

    Attributes:
        source: where they come from.
        above: dearer prices of long prompts, as (input tokens, price): the last one whose token
            count the input exceeds holds for all tokens of the request.
    """

    source: str
    input: PicoRate
    cached_input: PicoRate
    output: PicoRate
    above: "tuple[tuple[int, TokenPrice], ...]" = ()


class MachinePrice(msgspec.Struct, frozen=True, kw_only=True):
    """The price of an own engine: what its machine costs an hour, shared by its parallel slots."""

    source: str
    hourly: Nano
    slots: int = 1


Price = TokenPrice | MachinePrice


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One model at one upstream: what a request can be sent to.

    Attributes:
        name: the public model name; unique, and valid as `model` in a request.
        upstream: key of the upstream that serves it (a provider's or an engine's name).
        model: the model name the upstream knows.
        surfaces: what it can answer.
        local: it runs on machines of our own, so private data may go there.
        simulated: its answers are invented, so it never stands in for a target whose are not.
    """

    name: str
    tier: str
    upstream: str
    model: str
    local: bool
    surfaces: frozenset[Surface]
    price: Price | None
    simulated: bool = False


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """An inference key as the request path sees it. Empty `models` or `tiers` mean any."""

    id: str
    name: str
    data_class: DataClass = DataClass.OPEN
    models: frozenset[str] = frozenset()
    tiers: frozenset[str] = frozenset()
    expires_at: float | None = None


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


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Where to send a request: candidates in order of preference, with the reason in a few words."""

    candidates: tuple[Target, ...]
    reason: str


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One call of one upstream. `error` is its stable code, "" when it answered."""

    target: str
    error: str
    started_ns: int
    ended_ns: int


class UpstreamCall(msgspec.Struct, frozen=True, kw_only=True):
    """What an upstream is asked: the caller's fields with `model` still to be replaced."""

    target: Target
    inference: Inference
    request_id: str


class Completion(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer: the upstream's JSON bytes, unchanged, and what they say of usage."""

    body: bytes
    usage: Usage | None


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """Whole server-sent events as they came, in one piece.

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
    """What the caller is told about an answered request; `cost` is None until it is settled."""

    request_id: str
    tier: str
    model: str
    reason: str
    cost: Nano | None = None

    @property
    def cost_usd(self) -> str:
        """Dollars with nine decimals; "" until it is settled."""
        return "" if self.cost is None else format_usd(self.cost)


class ErrorReply(msgspec.Struct, frozen=True, kw_only=True):
    """An error in the caller's dialect."""

    status: int
    headers: Mapping[str, str]
    body: bytes
