"""Reading a refusal of the bound on an answer: how long the upstream lets answers be. Pure.

No list says how long each model's answers may get, but upstreams do, each in its own words:

- "max_tokens is too large: 16384. This model supports at most 4096 completion tokens" (OpenAI);
- "max_tokens: 16384 > 4096, which is the maximum allowed number of output tokens" (Anthropic);
- "maxOutputTokens value of 16384 but the supported range is from 1 (inclusive) to 8193 (exclusive)" (Google);
- "`inputs` tokens + `max_new_tokens` must be <= 8193. Given: 20 `inputs` tokens and 16384 `max_new_tokens`".

What they share: they name the bound, they say that it is too much, and the greatest number below what was
sent is what they take.
"""

import re

import msgspec

LEAST_TOKENS = 16
"""The shortest bound that every API takes; OpenAI's Responses API refuses less."""

_CAREFUL_TOKENS = 4_096
_TEMPLATE_TOKENS = 16

_BOUND = re.compile(
    r"max(?:imum)?[ _]?(?:completion|output|new)?[ _]?tokens|(?:completion|output) tokens", re.IGNORECASE
)
_TOO_MUCH = re.compile(
    r"too (?:large|high|big|many|long)|exceed|at most|maximum|must be|(?:less|lower|smaller) than|reduce|limit|range"
    r"|[<>]",
    re.IGNORECASE,
)
_OF_PROMPT_TOO = re.compile(
    r"context (?:length|size|limit|window)|\binputs?`? (?:tokens|length)|in the messages", re.IGNORECASE
)
_EXCLUSIVE = re.compile(r"\(exclusive\)|(?:less|lower|smaller) than \W*\d", re.IGNORECASE)
# Digits inside a name, such as `gpt-4-0613`, are no number of tokens.
_NUMBER = re.compile(r"(?<![\w.-])(?:\d{1,3}(?:,\d{3})+|\d{1,9})(?![\w-]|\.\d)", re.ASCII)


class OutputLimit(msgspec.Struct, frozen=True):
    """How long an answer may be.

    Attributes:
        tokens: of each choice.
        lasting: the upstream said so of all answers; else it is for this prompt, or a careful guess.
    """

    tokens: int
    lasting: bool


def stated_limit(words: str, *, sent: int, prompt: int) -> OutputLimit | None:
    """What a refusal says of the bound on the answer; None where it is about something else.

    Args:
        words: the refusal, as the upstream put it.
        sent: the bound that was sent, in tokens.
        prompt: tokens of the prompt, at most: where the limit is of both, what it leaves to the answer.
    """
    numbers = [int(number.replace(",", "")) for number in _NUMBER.findall(words)]
    if not (_BOUND.search(words) or sent in numbers) or not _TOO_MUCH.search(words):
        return None
    shared = _OF_PROMPT_TOO.search(words) is not None
    most = max((number for number in numbers if LEAST_TOKENS < number < sent), default=0)
    if not most:
        return OutputLimit(_CAREFUL_TOKENS, lasting=False) if sent > _CAREFUL_TOKENS else None
    if _EXCLUSIVE.search(words):
        most -= 1
    if shared:
        # Our bound of a prompt is generous, so a quarter is tried where it leaves less.
        most = max(most - prompt - _TEMPLATE_TOKENS, most // 4)
    return OutputLimit(max(most, LEAST_TOKENS), lasting=not shared)
