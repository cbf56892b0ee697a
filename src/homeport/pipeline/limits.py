"""What a request is expected to use of its key's limits, and how its caller is told what is left."""

from collections.abc import Iterable, Mapping

import msgspec

from homeport.core.types import Allowance, Inference
from homeport.ledger.usage import estimate

_OUTPUT_FIELDS = ("max_completion_tokens", "max_tokens", "max_output_tokens")


def expected_tokens(inference: Inference) -> tuple[int, int]:
    """Tokens of the prompt, and those with the longest answer that the caller allows.

    An answer without a stated bound counts when it is known.
    """
    prompt = estimate(inference.input_chars, 0).input_tokens
    bounds = [_whole(inference, name) for name in _OUTPUT_FIELDS]
    return prompt, prompt + max(bounds) * max(1, _whole(inference, "n"))


def rate_headers(allowances: Iterable[Allowance]) -> Mapping[str, str]:
    """OpenAI's headers. It has none for requests at once."""
    headers: dict[str, str] = {}
    for allowance in allowances:
        if allowance.kind != "concurrent":
            headers[f"x-ratelimit-limit-{allowance.kind}"] = str(allowance.limit)
            headers[f"x-ratelimit-remaining-{allowance.kind}"] = str(allowance.remaining)
            headers[f"x-ratelimit-reset-{allowance.kind}"] = written(allowance.reset_ns)
    return headers


def written(nanoseconds: int) -> str:
    """A span as OpenAI writes it: 17ms, 1.2s, 6m0s, 1h0m3s; rounded up to the millisecond."""
    milliseconds = -(-nanoseconds // 1_000_000)
    if milliseconds < 1_000:
        return f"{milliseconds}ms"
    seconds, rest = divmod(milliseconds, 1_000)
    minutes, seconds = divmod(seconds, 60)
    fraction = f".{rest:03}".rstrip("0") if rest else ""
    hours, minutes = divmod(minutes, 60)
    leading = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{leading}{seconds}{fraction}s"


def _whole(inference: Inference, name: str) -> int:
    raw = inference.fields.get(name)
    try:
        return max(0, msgspec.json.decode(raw, type=int)) if raw is not None else 0
    except msgspec.MsgspecError:
        return 0  # It is null, or the dialect lets the upstream judge it.
