"""What a call may cost at most, and the bound that keeps it so. Pure.

An answer's length is not known before it is there. So a call holds money for the longest answer that
is wanted, or for a shorter one, and then the upstream is told to answer no longer than was held for.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw

from homeport.core.money import PICO_PER_NANO, Nano, PicoRate, charge, charge_time
from homeport.core.types import Inference, MachinePrice, Surface, TokenPrice, UpstreamCall
from homeport.ledger.output_limits import LEAST_TOKENS

SLACK_TOKENS = 16
"""Of each choice: events of a stream that hold no token, and tokens that an upstream adds."""

_LETTERS = bytes((32, *range(65, 91), *range(97, 123)))
_SHORT_TOKENS = 1_024
_SHORT_SECONDS = 30.0
_NS_PER_HOUR = 3_600 * 1_000_000_000
_TEMPLATE_TOKENS = 64
_TOOLS_TOKENS = 1_024
_STORED_TOKENS = 65_536
_STORED = frozenset({"previous_response_id", "conversation", "prompt_id"})
_MEDIA = re.compile(rb'"(?:image|image_url|input_image|input_audio|audio|video|video_url|file|input_file|document)"')
_BOUNDS: Mapping[Surface, tuple[str, ...]] = {
    # Every server knows the older name; OpenAI's own adapters tell it as the newer one.
    Surface.CHAT: ("max_tokens", "max_completion_tokens"),
    Surface.COMPLETION: ("max_tokens",),
    Surface.RESPONSES: ("max_output_tokens",),
    Surface.MESSAGES: ("max_tokens",),
}
"""The fields that bound an answer; the first is the one to add. Other surfaces generate nothing."""
_OWN_DEFAULT: Mapping[Surface, int] = {Surface.COMPLETION: 16}
"""Tokens that a surface's own documentation gives an answer whose caller sets no bound."""

_CHOICES: Mapping[Surface, tuple[str, ...]] = {Surface.CHAT: ("n",), Surface.COMPLETION: ("n", "best_of")}

_PROMPT = ("input", "cached_input", "cache_write", "long_cache_write")
_PROMPT_MEDIA = (*_PROMPT, "audio_input", "cached_audio_input", "image_input")
_ANSWER = ("output", "reasoning")
_ANSWER_MEDIA = (*_ANSWER, "audio_output", "image_output")
_SPOKEN = frozenset({"audio", "modalities"})
_TIERED = frozenset({"service_tier", "speed"})
_SEARCH = re.compile(rb"web_search")
_MOST_SEARCHES = 10
_ORDINARY = frozenset({b"null", b'"default"', b'"standard"', b'"standard_only"'})

_IMAGES = frozenset({"image", "image_url", "input_image"})
_OTHER_MEDIA = frozenset({"input_audio", "audio", "video", "video_url", "file", "input_file", "document"})
_BYTES_PER_MEDIA_TOKEN = 4


class _Thinking(msgspec.Struct):
    budget_tokens: int = 0


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What a request may use at most.

    Attributes:
        prompt: tokens.
        output: tokens of each choice; 0 where nothing is generated.
        bounded: the caller said how long the answer may get; else `output` is what is thought enough.
        shortest: tokens below which the upstream would refuse the bound.
        choices: answers that are generated, told or not.
        searches: web searches, where the upstream may make some.
        media: audio or images are asked with, or asked for.
        tiered: it asks to be served in another way than the ordinary one.
    """

    prompt: int
    output: int
    bounded: bool = True
    shortest: int = LEAST_TOKENS
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
        hourly: what an hour of the call costs, where it is paid by its time; else 0.
    """

    prompt: Nano
    token: int
    least: Nano
    good: Nano
    worst: Nano
    hourly: int = 0

    def tokens(self, held: int) -> int:
        """How long each choice may get for what is held."""
        return max(0, (held - self.prompt) * PICO_PER_NANO // self.token - SLACK_TOKENS) if self.token else 0


def ask_of(inference: Inference, *, default_output: int, media_tokens: int) -> Ask:
    """The upper bounds of a request, from its body alone."""
    fields = inference.fields
    generates = inference.surface in _BOUNDS
    stated = [bound for name in _BOUNDS.get(inference.surface, ()) if (bound := _whole(fields, name))]
    unsaid = min(default_output, _OWN_DEFAULT.get(inference.surface, default_output))
    prompt, media = _prompt_bound(inference, media_tokens)
    return Ask(
        prompt=prompt,
        output=max(stated) if stated else unsaid if generates else 0,
        bounded=bool(stated),
        shortest=max(LEAST_TOKENS, _thinking(fields) + 1),
        choices=max([1, *(_whole(fields, name) for name in _CHOICES.get(inference.surface, ()))]),
        searches=_MOST_SEARCHES if "tools" in fields and _SEARCH.search(bytes(fields["tools"])) else 0,
        media=media or not _SPOKEN.isdisjoint(fields),
        tiered=not _TIERED.isdisjoint(fields) and any(bytes(fields.get(n, b"null")) not in _ORDINARY for n in _TIERED),
    )


def quote(price: TokenPrice, ask: Ask, *, prompt: int, usual: int | None) -> Quote:
    """What to hold for a request that is paid by the token.

    Args:
        prompt: tokens of the prompt at most, with what was learned of the model.
        usual: tokens of an ordinary answer; None where nothing is known of it.
    """
    rate_in, rate_out, pieces = _dearest(price, ask, prompt)
    paid = -(-prompt * rate_in // PICO_PER_NANO) + pieces
    token = rate_out * ask.choices if ask.output else 0
    worst = _with(paid, token, ask.output)
    short = max(_SHORT_TOKENS if usual is None else usual, ask.shortest)
    least = _with(paid, token, min(ask.output, short))
    return Quote(prompt=Nano(paid), token=token, least=least, good=worst if usual is None else least, worst=worst)


def quote_time(price: MachinePrice, seconds: float) -> Quote:
    """What to hold for a call that is paid by its time, and may take so many seconds."""
    worst = charge_time(price.hourly, round(seconds * 1e9))
    least = charge_time(price.hourly, round(min(seconds, _SHORT_SECONDS) * 1e9))
    return Quote(prompt=least, token=0, least=least, good=worst, worst=worst, hourly=price.hourly)


def flat(cost: Nano) -> Quote:
    """For a call that costs so much, however long its answer is."""
    return Quote(prompt=cost, token=0, least=cost, good=cost, worst=cost)


def bounded(call: UpstreamCall, tokens: int) -> UpstreamCall:
    """The same call, whose answer gets no longer than so many tokens."""
    names = _BOUNDS.get(call.surface)
    if names is None:
        return call
    stated = {name: bound for name in names if (bound := _whole(call.fields, name))}
    lowered = {name: Raw(b"%d" % tokens) for name, bound in stated.items() if bound > tokens}
    if not stated:
        lowered[names[0]] = Raw(b"%d" % tokens)
    if not lowered:
        return call
    return msgspec.structs.replace(call, fields={**call.fields, **lowered})


def shortened(call: UpstreamCall, quoted: Quote, held: int) -> UpstreamCall:
    """The same call, given up when it has taken the time that is held for."""
    if not quoted.hourly or held >= quoted.worst:
        return call
    seconds = held * _NS_PER_HOUR // quoted.hourly / 1e9
    return msgspec.structs.replace(call, timeouts=call.timeouts.within(seconds))


def _with(prompt: int, token: int, tokens: int) -> Nano:
    return Nano(prompt + -(-token * (tokens + SLACK_TOKENS) // PICO_PER_NANO) if token else prompt)


def _dearest(price: TokenPrice, ask: Ask, prompt: int) -> tuple[PicoRate, PicoRate, Nano]:
    """The highest rates that a request's prompt and answer can be billed with, and what its pieces cost at most."""
    if not (ask.media or ask.searches or price.above or price.tiers or price.request or price.image):
        rate_in = max(price.input, price.cached_input, price.cache_write or 0, price.long_cache_write or 0)
        return PicoRate(rate_in), max(price.output, price.reasoning or price.output), Nano(0)
    ways = [price, *(tier for _, tier in price.tiers if ask.tiered)]
    reached = [flat for way in ways for flat in (way, *(longer for start, longer in way.above if prompt > start))]
    prompts, answers = (_PROMPT_MEDIA, _ANSWER_MEDIA) if ask.media else (_PROMPT, _ANSWER)
    rate_in = max([getattr(each, name) or each.input for each in reached for name in prompts])
    rate_out = max([getattr(each, name) or each.output for each in reached for name in answers])
    pieces = max(charge(((1, e.request), (ask.choices, e.image), (ask.searches, e.search))) for e in reached)
    return rate_in, rate_out, pieces


def _prompt_bound(inference: Inference, media_tokens: int) -> tuple[int, bool]:
    """Tokens of a prompt at most, and whether there is more in it than text.

    A vocabulary of bytes makes no more tokens than there are bytes, and no real one takes letters and
    spaces one by one: two of them count as one token here, where four or five of them are usual.
    """
    fields = inference.fields
    texts: list[bytes] = []
    tokens = size = 0
    for raw in fields.values():
        data = bytes(raw)
        if _has_media(data):
            tokens += _media_bound(data, media_tokens)
            size += len(data)
        else:
            texts.append(data)
    media = tokens > 0
    text = b"".join(texts)
    tokens += _text_bound(text)
    # A reranker reads its query again with each document.
    if inference.input_chars > size + len(text):
        tokens = max(tokens, inference.input_chars)
    tokens += _TEMPLATE_TOKENS + (_TOOLS_TOKENS if "tools" in fields else 0)
    if not _STORED.isdisjoint(fields) and any(bytes(fields.get(name, b"null")) != b"null" for name in _STORED):
        tokens += _STORED_TOKENS
    return tokens, media


def _has_media(data: bytes) -> bool:
    # Looked for first: it is in every part that is not plain text, and a plain text is searched for it quickly.
    return b'"type"' in data and _MEDIA.search(data) is not None


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


def _thinking(fields: Mapping[str, Raw]) -> int:
    """Tokens of thoughts that the caller asks of Anthropic, which refuses a bound that is not above them."""
    try:
        return msgspec.json.decode(fields["thinking"], type=_Thinking).budget_tokens if "thinking" in fields else 0
    except (msgspec.MsgspecError, RecursionError):
        return 0  # The dialect lets the upstream judge it.


def _whole(fields: Mapping[str, Raw], name: str) -> int:
    raw = fields.get(name)
    try:
        return max(0, msgspec.json.decode(raw, type=int)) if raw is not None else 0
    except msgspec.MsgspecError:
        return 0  # It is null, or the dialect lets the upstream judge it.
