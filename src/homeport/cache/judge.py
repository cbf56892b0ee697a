"""Whether two questions have the same answer, as a language model sees it: what it is asked, and how its word is read.

The verifier serves what it can prove. What it leaves open may be put to a cheap model afterwards, beside the traffic;
a yes that is sure enough lets the next such question be served. The model says one word; how probable it held "yes"
beside "no" is read from its log-probabilities, so that a threshold can be set where its mistakes are known
(Kadavath et al., "Language Models (Mostly) Know What They Know", arXiv 2207.05221, section 3).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

LONGEST = 1_000
"""Characters of a question; longer ones are not put to a judge: small models lose what differs."""

_TOLD = "Do the two questions ask for the same thing, so that one answer is right for both? Say Yes or No."
_TOLD_OF_ANSWERS = "Do the two answers to the question say the same thing? Say Yes or No."
_ALTERNATIVES = 10
_AROUND = " \t\r\n\"'*.,▁"
_YES, _NO = "yes", "no"


class Example(msgspec.Struct, frozen=True):
    """A solved pair that the judge sees first."""

    asked: str
    kept: str
    same: bool


EXAMPLES = (
    Example("How do I change my password?", "What is the way to set a new password?", True),
    Example("How do I turn the alarm on?", "How do I turn the alarm off?", False),
    Example("Who wrote Emma?", "Who is the author of Emma?", True),
    Example("Which trains stop at York?", "Which trains stop at Leeds?", False),
    Example("Can I pay by card here?", "Do you take card payments?", True),
    Example("Is it safe to take two tablets?", "Is it safe to take four tablets?", False),
    Example("pls tell me when the shop opens", "What time does the shop open?", True),
    Example("What does the basic plan cost?", "What is in the basic plan?", False),
)


def messages(asked: str, kept: str) -> list[dict[str, str]]:
    """The turns of a chat that end with the pair, for a model that follows instructions."""
    turns = [{"role": "system", "content": _TOLD}]
    for example in EXAMPLES:
        turns.append({"role": "user", "content": _pair(example.asked, example.kept)})
        turns.append({"role": "assistant", "content": "Yes" if example.same else "No"})
    return [*turns, {"role": "user", "content": _pair(asked, kept)}]


def prompt(asked: str, kept: str) -> str:
    """The same as one text to go on with, for a model that was never taught to chat."""
    shown = "".join(
        f"{_pair(example.asked, example.kept)}\nSame: {'Yes' if example.same else 'No'}\n\n" for example in EXAMPLES
    )
    return f"{_TOLD}\n\n{shown}{_pair(asked, kept)}\nSame:"


def is_judgeable(asked: str, kept: str) -> bool:
    """Both are short enough to be compared by a small model, and say something."""
    return all(text.strip() and len(text) <= LONGEST for text in (asked, kept))


def request(asked: str, kept: str) -> dict[str, Any]:
    """The body of a chat completion that asks for one word with its alternatives; the model's name is to be added."""
    return {
        "messages": messages(asked, kept),
        "max_tokens": 1,
        "temperature": 0,
        "logprobs": True,
        "top_logprobs": _ALTERNATIVES,
    }


def request_of_answers(asked: str, one: str, other: str) -> dict[str, Any]:
    """The same about two answers to one question: whether they say the same."""
    shown = f"Question: {_line(asked)[:LONGEST]}\nAnswer 1: {_line(one)[:LONGEST]}\nAnswer 2: {_line(other)[:LONGEST]}"
    turns = [{"role": "system", "content": _TOLD_OF_ANSWERS}, {"role": "user", "content": shown}]
    return {**request(asked, asked), "messages": turns}


def is_yes(word: str) -> bool:
    """Whether a model that tells no log-probabilities said yes."""
    return word.strip(_AROUND).casefold() == _YES


def probability(alternatives: Sequence[tuple[str, float]]) -> float | None:
    """How probable "yes" is beside "no"; None where the model thought of neither.

    Args:
        alternatives: for the first token, pairs of a text and a log-probability.
    """
    mass = {_YES: 0.0, _NO: 0.0}
    for token, logprob in alternatives:
        word = token.strip(_AROUND).casefold()
        if word in mass and logprob <= 0:
            mass[word] += math.exp(logprob)
    total = mass[_YES] + mass[_NO]
    return mass[_YES] / total if total else None


def read(choice: Mapping[str, Any]) -> float | None:
    """`probability` of a choice of a chat completion, or of a completion that tells alternatives likewise.

    None where it tells no log-probabilities, or they are not what they should be.
    """
    try:
        first = choice["logprobs"]["content"][0]
        alternatives = [(one["token"], float(one["logprob"])) for one in first["top_logprobs"]]
        return probability(alternatives)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError):
        return None


def approves(probability: float | None, threshold: float) -> bool:
    """Whether a judge is sure enough; one that said nothing is not."""
    return probability is not None and probability >= threshold


def _pair(asked: str, kept: str) -> str:
    return f"Question 1: {_line(asked)}\nQuestion 2: {_line(kept)}"


def _line(text: str) -> str:
    """Without breaks, so that no question can pass for a turn."""
    return " ".join(text.split())
