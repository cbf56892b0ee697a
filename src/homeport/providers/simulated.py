"""An upstream that lives in this process and calls no model: for demos, tests and chaos.

It speaks OpenAI's wire format for every surface, says in each answer that it is simulated, and fails
on purpose where its options ask for it. The same seed and the same request give the same answer.

Tokens are estimated: up to six letters or digits, or one other character, each with the white space
before it. Whole answers and streams count the same pieces.
"""

import asyncio
import base64
import hashlib
import math
import random
import re
import struct
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from typing import Annotated, Any

import msgspec

from homeport.core.errors import StreamCut, UpstreamRefused, UpstreamTimeout
from homeport.core.types import Completion, Frame, Surface, Timeouts, UpstreamCall, Usage
from homeport.providers.base import ProviderSetup, classify_status, option_error, read_options

_MINUTE_S = 60.0
_P99_SIGMAS = 2.3263478740408408
_MAX_CHOICES = 128
_DIMENSIONS = 256
_MAX_DIMENSIONS = 4096
_QUOTED_WORDS = 8
_PIECE = re.compile(r"\s*\w{1,6}|\s*[^\w\s]|\s+")
_FILLER = tuple(
    re.findall(
        r"\w+", "the contract names a term of notice and each party keeps a copy until the review is done and dated"
    )
)

_Rate = Annotated[float, msgspec.Meta(ge=0, le=1)]
_NotNegative = Annotated[float, msgspec.Meta(ge=0)]
_Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]


SURFACES = frozenset({Surface.CHAT, Surface.COMPLETION, Surface.EMBEDDING})


class SimulatedOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options. Rates are shares of requests, 0 to 1.

    Attributes:
        latency_ms: median time to the first token; `latency_p99_ms` its 99th percentile (log-normal between).
        tokens_per_second: pace of the output; 0 means all at once.
        output_tokens: length of an answer, unless the request allows less.
        error_rate: refused with `error_status`.
        rate_limit_tpm: tokens a minute, beyond which requests get a 429 with a Retry-After; 0 means no limit.
        stall_rate: stop mid-answer until the timeout.
        cut_rate: end mid-answer.
        missing_usage_rate: report no usage.
        swap_model_after: after this many requests another model answers, silently; 0 means never.
    """

    latency_ms: _NotNegative = 30.0
    latency_p99_ms: _NotNegative | None = None
    tokens_per_second: _NotNegative = 400.0
    output_tokens: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 48
    error_rate: _Rate = 0.0
    error_status: Annotated[int, msgspec.Meta(ge=400, le=599)] = 500
    rate_limit_tpm: Annotated[int, msgspec.Meta(ge=0)] = 0
    stall_rate: _Rate = 0.0
    cut_rate: _Rate = 0.0
    missing_usage_rate: _Rate = 0.0
    swap_model_after: Annotated[int, msgspec.Meta(ge=0)] = 0


def connect(setup: ProviderSetup) -> "Simulated":
    """See `ProviderModule.connect`. Address, key and transport are not used."""
    options = read_options(setup, SimulatedOptions)
    if options.latency_p99_ms is not None and not 0 < options.latency_ms <= options.latency_p99_ms:
        raise option_error(setup, SimulatedOptions, "`latency_p99_ms` must be at least `latency_ms`, and that above 0")
    return Simulated(setup, options)


class Simulated:
    """An `Upstream` without a network."""

    def __init__(self, setup: ProviderSetup, options: SimulatedOptions) -> None:
        self._seed = setup.seed
        self._options = options
        self._dice = random.Random(setup.seed)  # noqa: S311  chaos that can be repeated, not a secret
        self._requests = 0
        self._spent: deque[tuple[float, int]] = deque()

    async def complete(self, call: UpstreamCall) -> Completion:
        """See `Upstream.complete`."""
        plan = self._plan(call)
        pace = _Pace(call.timeouts, self._options.tokens_per_second)
        await self._admit(plan, pace)
        await pace.finish_step(plan.last_step)
        if plan.breaks:
            await pace.break_off(plan.breaks)
        answer = plan.answer
        return Completion(
            body=msgspec.json.encode(answer.body(plan.reports_usage)), usage=_usage(answer, plan.reports_usage)
        )

    async def stream(self, call: UpstreamCall) -> AsyncGenerator[Frame]:
        """See `Upstream.stream`."""
        plan = self._plan(call)
        pace = _Pace(call.timeouts, self._options.tokens_per_second)
        await self._admit(plan, pace)
        for step in range(plan.last_step + 1):
            await pace.finish_step(step)
            for chunk in plan.answer.chunks(step):
                yield Frame(data=_event(chunk), events=1)
        if plan.breaks:
            await pace.break_off(plan.breaks)
        for chunk in plan.answer.last_chunks():
            yield Frame(data=_event(chunk), events=1)
        if plan.reports_usage:
            usage = _usage(plan.answer, reported=True)
            yield Frame(data=_event(plan.answer.usage_chunk()), usage=usage, closing=True, usage_only=True)
        yield Frame(data=b"data: [DONE]\n\n", closing=True)

    async def close(self) -> None:
        """Nothing is open."""

    def _plan(self, call: UpstreamCall) -> "_Plan":
        """Decide all of a request's fate at once: each request takes as many rolls, whatever it asks."""
        self._requests += 1
        options, dice = self._options, self._dice
        latency = _latency_s(options, dice.gauss(0.0, 1.0))
        fails, stalls, cuts, mute = (dice.random() for _ in range(4))
        swapped = 0 < options.swap_model_after < self._requests
        answer = _answer(call, self._seed, options.output_tokens, swapped=swapped)
        breaks = "stall" if stalls < options.stall_rate else "cut" if cuts < options.cut_rate else ""
        return _Plan(
            latency=latency,
            fails=fails < options.error_rate,
            breaks=breaks,
            reports_usage=mute >= options.missing_usage_rate,
            last_step=answer.steps // 2 if breaks else answer.steps,
            answer=answer,
        )

    async def _admit(self, plan: "_Plan", pace: "_Pace") -> None:
        """Let the time to the first token pass, or refuse."""
        self._check_rate(plan.answer.input_tokens + plan.answer.output_tokens)
        await pace.first_token(plan.latency)
        if plan.fails:
            raise _refusal(self._options.error_status)

    def _check_rate(self, tokens: int) -> None:
        now = asyncio.get_running_loop().time()
        while self._spent and self._spent[0][0] <= now - _MINUTE_S:
            self._spent.popleft()
        used = sum(spent for _, spent in self._spent)
        if 0 < self._options.rate_limit_tpm <= used:
            raise _refusal(429, retry_after=max(1, math.ceil(self._spent[0][0] + _MINUTE_S - now)))
        if self._options.rate_limit_tpm:
            self._spent.append((now, tokens))


class _Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What will happen to one request. `breaks` is "", "stall" or "cut", after `last_step`."""

    latency: float
    fails: bool
    breaks: str
    reports_usage: bool
    last_step: int
    answer: "_Answer"


class _Pace:
    """The timing of one answer, inside its timeouts. Times are on the event loop's clock, in seconds."""

    def __init__(self, timeouts: Timeouts, tokens_per_second: float) -> None:
        self._timeouts = timeouts
        self._gap = 1 / tokens_per_second if tokens_per_second else 0.0
        self._loop = asyncio.get_running_loop()
        self._end = self._loop.time() + timeouts.total
        self._begun = 0.0

    async def first_token(self, latency: float) -> None:
        await self._wait(latency, self._timeouts.first_token, "upstream_first_token_timeout")
        self._begun = self._loop.time()

    async def finish_step(self, step: int) -> None:
        """Wait until step `step` is due, counted from the first token so that delays do not add up."""
        due = self._begun + step * self._gap
        bound = math.inf if self._gap <= self._timeouts.between_tokens else self._timeouts.between_tokens
        await self._wait(due - self._loop.time(), bound, "upstream_stalled")

    async def break_off(self, how: str) -> None:
        """Stop in the middle of the answer."""
        if how == "stall":
            await self._wait(math.inf, self._timeouts.between_tokens, "upstream_stalled")
        raise StreamCut("the simulated upstream ended its answer in the middle", hint="this is its cut_rate at work")

    async def _wait(self, seconds: float, bound: float, code: str) -> None:
        left = self._end - self._loop.time()
        if left < min(seconds, bound):
            await asyncio.sleep(max(0.0, left))
            raise _timeout("upstream_total_timeout")
        if seconds > 0:
            await asyncio.sleep(min(seconds, bound))
        if seconds > bound:
            raise _timeout(code)


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One answer before it is written as a whole or as a stream.

    Attributes:
        model: what the reply says answered.
        choices: the pieces of text of each choice, all of the same number.
        vectors: instead of choices, for embeddings.
    """

    id: str
    surface: Surface
    model: str
    input_tokens: int
    finish_reason: str = "stop"
    choices: tuple[tuple[str, ...], ...] = ()
    vectors: tuple[list[float] | str, ...] = ()

    @property
    def steps(self) -> int:
        return len(self.choices[0]) if self.choices else 0

    @property
    def output_tokens(self) -> int:
        return self.steps * len(self.choices)

    def body(self, reports_usage: bool) -> dict[str, Any]:
        usage = {"usage": self._usage()} if reports_usage else {}
        if self.surface is Surface.EMBEDDING:
            data = [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(self.vectors)]
            return {"object": "list", "model": self.model, "data": data, **usage}
        choices = [self._choice(i, "".join(pieces), self.finish_reason) for i, pieces in enumerate(self.choices)]
        return {**self._head(""), "choices": choices, **usage}

    def chunks(self, step: int) -> Iterator[dict[str, Any]]:
        """One piece of each choice; step 0 comes before the first and, in a chat, names the role."""
        for index, pieces in enumerate(self.choices):
            if step:
                yield self._chunk(self._delta(index, pieces[step - 1], None))
            elif self.surface is Surface.CHAT:
                yield self._chunk(self._delta(index, "", None) | {"delta": {"role": "assistant", "content": ""}})

    def last_chunks(self) -> Iterator[dict[str, Any]]:
        for index in range(len(self.choices)):
            last = self._delta(index, "", self.finish_reason)
            yield self._chunk(last | {"delta": {}} if self.surface is Surface.CHAT else last)

    def usage_chunk(self) -> dict[str, Any]:
        return {**self._head(".chunk"), "choices": [], "usage": self._usage()}

    def _head(self, suffix: str) -> dict[str, Any]:
        kind = f"chat.completion{suffix}" if self.surface is Surface.CHAT else "text_completion"
        # No clock: the same request gives the same bytes.
        return {"id": self.id, "object": kind, "created": 0, "model": self.model, "system_fingerprint": "simulated"}

    def _chunk(self, choice: dict[str, Any]) -> dict[str, Any]:
        return {**self._head(".chunk"), "choices": [choice]}

    def _choice(self, index: int, text: str, finish: str) -> dict[str, Any]:
        message = {"message": {"role": "assistant", "content": text, "refusal": None}}
        content = message if self.surface is Surface.CHAT else {"text": text}
        return {"index": index, **content, "logprobs": None, "finish_reason": finish}

    def _delta(self, index: int, text: str, finish: str | None) -> dict[str, Any]:
        content = {"delta": {"content": text}} if self.surface is Surface.CHAT else {"text": text}
        return {"index": index, **content, "logprobs": None, "finish_reason": finish}

    def _usage(self) -> dict[str, Any]:
        usage = {"prompt_tokens": self.input_tokens, "total_tokens": self.input_tokens + self.output_tokens}
        return usage if self.surface is Surface.EMBEDDING else usage | {"completion_tokens": self.output_tokens}


def count_tokens(text: str) -> int:
    """The estimate of this module's docstring."""
    return sum(1 for _ in _PIECE.finditer(text))


def _answer(call: UpstreamCall, seed: int, length: int, *, swapped: bool) -> _Answer:
    fields = {name: _value(raw) for name, raw in call.fields.items()}
    surface, priced = call.surface, call.target.model
    model = f"{priced}-swapped" if swapped else priced
    texts = _texts(fields, surface)
    digest = _digest(seed, model, surface.value, _whole(fields.get("seed"), 0), *texts)
    vectors: tuple[list[float] | str, ...] = ()
    choices: tuple[tuple[str, ...], ...] = ()
    limit = _whole(fields.get("max_completion_tokens"), 0) or _whole(fields.get("max_tokens"), 0) or length
    if surface is Surface.EMBEDDING:
        vectors = tuple(_vector(_digest(seed, model, text), fields) for text in texts)
    else:
        price = call.target.price
        opening = _opening(price.source if price else "nothing", texts[-1] if texts else "")
        many = min(_whole(fields.get("n"), 1) or 1, _MAX_CHOICES)
        choices = tuple(_pieces(opening, _digest(digest, index), min(length, limit)) for index in range(many))
    return _Answer(
        id=f"sim-{digest[:24]}",
        surface=surface,
        model=model,
        input_tokens=sum(count_tokens(text) for text in texts),
        finish_reason="length" if limit < length else "stop",
        choices=choices,
        vectors=vectors,
    )


def _opening(priced: str, prompt: str) -> str:
    words = " ".join(prompt[:400].split()[:_QUOTED_WORDS])
    return f'Simulated: no model was called. This text is priced as {priced}. You asked: "{words}".'


def _pieces(opening: str, digest: str, length: int) -> tuple[str, ...]:
    pieces = _PIECE.findall(opening)
    dice = random.Random(digest)  # noqa: S311  the same request gives the same text
    while len(pieces) < length:
        pieces += _PIECE.findall(f" {dice.choice(_FILLER)}")
    return tuple(pieces[:length])


def _vector(digest: str, fields: dict[str, Any]) -> list[float] | str:
    """A unit vector; as base64 of little-endian 32-bit floats where the request asks for that."""
    size = min(_whole(fields.get("dimensions"), 0) or _DIMENSIONS, _MAX_DIMENSIONS)
    dice = random.Random(digest)  # noqa: S311  the same text gives the same vector
    values = [dice.gauss(0.0, 1.0) for _ in range(size)]
    norm = math.hypot(*values)
    unit = [value / norm for value in values]
    if fields.get("encoding_format") == "base64":
        return base64.b64encode(struct.pack(f"<{size}f", *unit)).decode()
    return unit


def _texts(fields: dict[str, Any], surface: Surface) -> list[str]:
    """The texts of a request, the one that asks (a chat's last user message) at the end."""
    if surface is Surface.CHAT:
        listed = fields.get("messages")
        messages = [message for message in (listed if isinstance(listed, list) else []) if isinstance(message, dict)]
        asked = next((message for message in reversed(messages) if message.get("role") == "user"), None)
        ordered = [message for message in messages if message is not asked] + ([asked] if asked else [])
        return [_content(message.get("content")) for message in ordered]
    value = fields.get("input" if surface is Surface.EMBEDDING else "prompt")
    # A list of numbers is one text given as tokens; a list of anything else is many texts.
    if isinstance(value, list) and not all(isinstance(part, int) for part in value):
        return [_content(part) for part in value]
    return [_content(value)]


def _content(content: Any) -> str:
    """The text of a message's content, a prompt or a list of tokens; "" for what has none."""
    if isinstance(content, list):
        parts = (part.get("text", "") if isinstance(part, dict) else part for part in content)
        return " ".join(str(part) for part in parts if isinstance(part, str | int))
    return content if isinstance(content, str) else ""


def _whole(value: Any, otherwise: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else otherwise


def _value(raw: msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _digest(*parts: object) -> str:
    return hashlib.sha256("\0".join(str(part) for part in parts).encode("utf-8", "surrogatepass")).hexdigest()


def _latency_s(options: SimulatedOptions, sigmas: float) -> float:
    p50 = options.latency_ms / 1000
    if options.latency_p99_ms is None or p50 == 0:
        return p50
    return p50 * math.exp(sigmas * math.log(options.latency_p99_ms / options.latency_ms) / _P99_SIGMAS)


def _usage(answer: _Answer, reported: bool) -> Usage | None:
    return Usage(input_tokens=answer.input_tokens, output_tokens=answer.output_tokens) if reported else None


def _refusal(status: int, retry_after: int = 0) -> UpstreamRefused:
    body = msgspec.json.encode({"error": {"message": "the simulated upstream refuses on purpose", "type": "simulated"}})
    return classify_status(status, body, retry_after=retry_after)


def _timeout(code: str) -> UpstreamTimeout:
    return UpstreamTimeout("the simulated upstream was too slow", code=code, hint="see its options, or raise timeouts")


def _event(chunk: dict[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(chunk) + b"\n\n"
