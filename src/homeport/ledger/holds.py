"""What a call may cost at most, and the bound that keeps it so. Pure.

An answer's length is not known before it is there. So a call holds money for the longest answer that
is wanted, or for a shorter one, and then the upstream is told to answer no longer than was held for.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw

from homeport.core.money import Nano, PicoRate, charge, charge_time
from homeport.core.types import Inference, MachinePrice, Price, Surface, TokenPrice, UpstreamCall

SLACK_TOKENS = 16
"""Of each choice: events of a stream that hold no token, and tokens that an upstream adds."""

_LETTERS = bytes((32, *range(65, 91), *range(97, 123)))
_SHORT_TOKENS = 1_024
_TEMPLATE_TOKENS = 64
_TOOLS_TOKENS = 1_024
_STORED_TOKENS = 65_536
_STORED = ("previous_response_id", "conversation", "prompt_id")
_MEDIA = re.compile(rb'"(?:image|image_url|input_image|input_audio|audio|video|video_url|file|input_file|document)"')
_BOUNDS: Mapping[Surface, tuple[str, ...]] = {
    Surface.CHAT: ("max_completion_tokens", "max_tokens"),
    Surface.COMPLETION: ("max_tokens",),
    Surface.RESPONSES: ("max_output_tokens",),
    Surface.MESSAGES: ("max_tokens",),
}
"""The fields that bound an answer; the first is the one to add. Other surfaces generate nothing."""

_PROMPT = ("input", "cached_input", "cache_write", "long_cache_write")
_PROMPT_MEDIA = (*_PROMPT, "audio_input", "cached_audio_input", "image_input")
_ANSWER = ("output", "reasoning")
_ANSWER_MEDIA = (*_ANSWER, "audio_output", "image_output")
_SPOKEN = ("audio", "modalities")
_SEARCH = re.compile(rb"web_search")
_MOST_SEARCHES = 10
_ORDINARY = frozenset({b"null", b'"default"', b'"standard"', b'"standard_only"'})

_IMAGES = frozenset({"image", "image_url", "input_image"})
_OTHER_MEDIA = frozenset({"input_audio", "audio", "video", "video_url", "file", "input_file", "document"})
_BYTES_PER_MEDIA_TOKEN = 4


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What a request may use at most.

    Attributes:
        prompt: tokens.
        output: tokens of each choice; 0 where nothing is generated.
        choices: answers that are generated, told or not.
        searches: web searches, where the upstream may make some.
        media: audio or images are asked with, or asked for.
        tiered: it asks to be served in another way than the ordinary one.
    """

    prompt: int
    output: int
    choices: int = 1
    searches: int = 0
    media: bool = False
    tiered: bool = False


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """What an `Ask` costs at one price, in nano-dollars.

    Attributes:
        prompt: what is paid whatever the answer is.
        token: of one more token in every choice, in pico-dollars.
        least: what must be held, for an answer of ordinary length, or a short one where none was seen yet.
        good: what should be held: as `least`, but the worst case where no answer was seen yet.
        worst: for the longest answer.
    """

    prompt: Nano
    token: int
    least: Nano
    good: Nano
    worst: Nano

    def tokens(self, held: int) -> int:
        """How long each choice may get for what is held."""
        return max(0, (held - self.prompt) * 1_000 // self.token - SLACK_TOKENS) if self.token else 0


def ask_of(inference: Inference, *, default_output: int, media_tokens: int) -> Ask:
    """The upper bounds of a request, from its body alone."""
    output = 0
    if inference.surface in _BOUNDS:
        stated = [bound for name in _BOUNDS[inference.surface] if (bound := _whole(inference.fields, name))]
        output = max(stated, default=default_output)
    choices = max(1, _whole(inference.fields, "n"), _whole(inference.fields, "best_of"))
    fields = inference.fields
    return Ask(
        prompt=_prompt_bound(inference, media_tokens),
        output=output,
        choices=choices,
        searches=_MOST_SEARCHES if _SEARCH.search(bytes(fields.get("tools", b""))) else 0,
        media=any(name in fields for name in _SPOKEN) or any(_MEDIA.search(bytes(raw)) for raw in fields.values()),
        tiered=any(bytes(fields.get(name, b"null")) not in _ORDINARY for name in ("service_tier", "speed")),
    )


def quote(price: Price, ask: Ask, *, usual: int | None, seconds: float) -> Quote:
    """What to hold for a request.

    Args:
        usual: tokens of an ordinary answer; None where nothing is known of it.
        seconds: how long a call may take; a machine costs by its time.
    """
    if isinstance(price, MachinePrice):
        worst = charge_time(price.hourly, round(seconds * 1e9))
        return flat(worst)
    rate_in, rate_out, pieces = _dearest(price, ask)
    prompt = Nano(charge(((ask.prompt, rate_in),)) + pieces)
    token = rate_out * ask.choices if ask.output else 0
    worst = _with(prompt, token, ask.output)
    least = _with(prompt, token, min(ask.output, _SHORT_TOKENS if usual is None else usual))
    return Quote(prompt=prompt, token=token, least=least, good=worst if usual is None else least, worst=worst)


def flat(cost: Nano) -> Quote:
    """For a call that costs so much, however long its answer is."""
    return Quote(prompt=cost, token=0, least=cost, good=cost, worst=cost)


def bounded(call: UpstreamCall, tokens: int) -> UpstreamCall:
    """The same call, whose answer gets no longer than so many tokens."""
    names = _BOUNDS.get(call.surface)
    if names is None:
        return call
    stated = [name for name in names if _whole(call.fields, name)] or names[:1]
    lowered = {name: Raw(b"%d" % min(tokens, _whole(call.fields, name) or tokens)) for name in stated}
    return msgspec.structs.replace(call, fields={**call.fields, **lowered})


def _with(prompt: int, token: int, tokens: int) -> Nano:
    return Nano(prompt + -(-token * (tokens + SLACK_TOKENS) // 1_000) if token else prompt)


def _dearest(price: TokenPrice, ask: Ask) -> tuple[PicoRate, PicoRate, Nano]:
    """The highest rates that a request's prompt and answer can be billed with, and what its pieces cost at most."""
    ways = [price, *(tier for _, tier in price.tiers if ask.tiered)]
    reached = [flat for way in ways for flat in (way, *(longer for start, longer in way.above if ask.prompt > start))]
    prompts, answers = (_PROMPT_MEDIA, _ANSWER_MEDIA) if ask.media else (_PROMPT, _ANSWER)
    rate_in = max(getattr(each, name) or each.input for each in reached for name in prompts)
    rate_out = max(getattr(each, name) or each.output for each in reached for name in answers)
    pieces = max(charge(((1, e.request), (ask.choices, e.image), (ask.searches, e.search))) for e in reached)
    return rate_in, rate_out, pieces


def _prompt_bound(inference: Inference, media_tokens: int) -> int:
    """Tokens of a prompt at most.

    A vocabulary of bytes makes no more tokens than there are bytes, and no real one takes letters and
    spaces one by one: two of them count as one token here, where four or five of them are usual.
    """
    fields = inference.fields
    size = tokens = 0
    for raw in fields.values():
        data = bytes(raw)
        size += len(data)
        if len(data) > 256 and _MEDIA.search(data):
            tokens += _media_bound(data, media_tokens)
        else:
            tokens += _text_bound(data)
    # A reranker reads its query again with each document.
    tokens = tokens if inference.input_chars <= size else max(tokens, inference.input_chars)
    tools = _TOOLS_TOKENS if "tools" in fields else 0
    stored = _STORED_TOKENS if any(bytes(fields.get(name, b"null")) != b"null" for name in _STORED) else 0
    return tokens + _TEMPLATE_TOKENS + tools + stored


def _text_bound(data: bytes) -> int:
    others = len(data.translate(None, _LETTERS))
    return others + (len(data) - others + 1) // 2


def _media_bound(data: bytes, media_tokens: int) -> int:
    """An image counts as a flat number of tokens, other media by their size too; what is around them as text."""
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError):
        return len(data)
    media: list[int] = []
    rest = _without_media(value, media, media_tokens)
    return sum(media) + _text_bound(msgspec.json.encode(rest))


def _without_media(value: Any, media: list[int], media_tokens: int) -> Any:
    if isinstance(value, list):
        return [_without_media(item, media, media_tokens) for item in value]
    if not isinstance(value, dict):
        return value
    kind = value.get("type")
    if kind in _IMAGES:
        media.append(media_tokens)
        return kind
    if kind in _OTHER_MEDIA:
        media.append(max(media_tokens, len(msgspec.json.encode(value)) // _BYTES_PER_MEDIA_TOKEN))
        return kind
    return {name: _without_media(item, media, media_tokens) for name, item in value.items()}


def _whole(fields: Mapping[str, Raw], name: str) -> int:
    raw = fields.get(name)
    try:
        return max(0, msgspec.json.decode(raw, type=int)) if raw is not None else 0
    except msgspec.MsgspecError:
        return 0  # It is null, or the dialect lets the upstream judge it.
