"""How fast an engine reads and writes, by how many requests it has at once."""

import random
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from homeport.core.errors import EngineError
from homeport.engines.client import EngineClient

_WORDS = "river stone paper light garden winter music letter window silver market bridge summer candle forest harbour"


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """One streamed answer; times are in seconds from the start of its round."""

    sent: float
    first: float
    last: float
    prompt: int
    answer: int


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """Medians over the rounds of one concurrency.

    Attributes:
        prefill_tokens_per_s: tokens of all prompts, by the time until the last of them had its first token.
        decode_tokens_per_s: tokens of all answers after each one's first, by the time from then to the end.
        answer_tokens_per_s: what one caller sees.
        ttft_ms: milliseconds until a caller sees the first token.
    """

    concurrency: int
    prefill_tokens_per_s: float
    decode_tokens_per_s: float
    answer_tokens_per_s: float
    ttft_ms: float


def measure(
    client: EngineClient,
    model: str,
    concurrency: int,
    *,
    prompt_words: int = 256,
    tokens: int = 32,
    rounds: int = 3,
    seed: int = 0,
    clock: Callable[[], float] = time.monotonic,
) -> Speed:
    """Ask `concurrency` requests at once, several rounds; no two prompts begin alike, so that nothing is cached.

    Raises:
        EngineError: as the client, or engine_answer_invalid: it tells no usage.
    """
    dice = random.Random(seed)  # noqa: S311 - words to read, no secrets
    told = []
    for _ in range(rounds):
        prompts = [_prompt(dice, prompt_words) for _ in range(concurrency)]
        started = clock()
        with ThreadPoolExecutor(concurrency) as pool:
            asked = [pool.submit(_ask, client, model, prompt, tokens, started, clock) for prompt in prompts]
            told.append([one.result() for one in asked])
    return summarize(concurrency, told)


def summarize(concurrency: int, rounds: Sequence[Sequence[Timing]]) -> Speed:
    """The medians of what was timed."""
    answers = [timing for timings in rounds for timing in timings]
    return Speed(
        concurrency=concurrency,
        prefill_tokens_per_s=statistics.median(_prefill(timings) for timings in rounds),
        decode_tokens_per_s=statistics.median(_decode(timings) for timings in rounds),
        answer_tokens_per_s=statistics.median(_decode([timing]) for timing in answers),
        ttft_ms=statistics.median(1000 * (timing.first - timing.sent) for timing in answers),
    )


def _prefill(timings: Sequence[Timing]) -> float:
    seconds = max(timing.first for timing in timings) - min(timing.sent for timing in timings)
    return sum(timing.prompt for timing in timings) / max(seconds, 1e-9)


def _decode(timings: Sequence[Timing]) -> float:
    seconds = max(timing.last for timing in timings) - min(timing.first for timing in timings)
    return sum(timing.answer - 1 for timing in timings) / max(seconds, 1e-9)


def _prompt(dice: random.Random, words: int) -> str:
    return " ".join(dice.choice(_WORDS.split()) for _ in range(words))


def _ask(
    client: EngineClient, model: str, prompt: str, tokens: int, started: float, clock: Callable[[], float]
) -> Timing:
    body = {"model": model, "prompt": prompt, "max_tokens": tokens, "temperature": 0.0, "ignore_eos": True}
    sent, first, usage = clock() - started, 0.0, None
    for event in client.stream("completions", body):
        usage = event.get("usage") or usage
        if event.get("choices") and event["choices"][0].get("text"):
            first = first or clock() - started
    if usage is None or not first:
        raise EngineError("the engine told no usage, or no text", code="engine_answer_invalid")
    return Timing(
        sent=sent,
        first=first,
        last=clock() - started,
        prompt=usage["prompt_tokens"],
        answer=usage["completion_tokens"],
    )
