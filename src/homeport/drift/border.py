"""Border inputs: prompts on which a model is nearly undecided about its first token.

There the least change of its weights, its precision or its engine shows in what it answers greedily. Where it tells
log-probabilities, a border input is one whose two likeliest tokens are nearly as likely as each other; where it does
not, one whose first token changes with small edits that mean nothing, or from one time to the next.

Source: Chauvin, Lalanne et al., "Token-efficient change detection in LLM APIs" (arXiv:2602.11083, 2026). They repeat
prompts until two answers differ; an engine that answers one request at a time repeats itself for ever, so here a
prompt without log-probabilities is edited instead.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

WANTED = 20

_SAME = 0.02
"""Margins that differ by less are as good as equal."""


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """A question that is asked again and again.

    Attributes:
        tokens: the longest answer.
        answer: what the reference said when it was chosen.
        margin: how decided the reference was: the difference of its two best log-probabilities, or how one-sided
            the answers to edits were, from 0 for even to 1 for all the same; None where that was not looked for.
    """

    name: str
    prompt: str
    tokens: int = 1
    answer: str = ""
    margin: float | None = None


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate, as far as it was asked.

    Attributes:
        answers: first tokens, of the prompt itself or of its edits.
        margins: one for each time that log-probabilities were told.
    """

    prompt: str
    answers: tuple[str, ...]
    margins: tuple[float, ...] = ()

    @property
    def repeats(self) -> bool:
        """Whether what is compared is the same each time: log-probabilities where they are told, else answers."""
        if len(self.margins) > 1:
            return max(self.margins) - min(self.margins) <= _SAME
        return len({*self.answers}) == 1

    @property
    def decided(self) -> float:
        """How decided the reference is, 0 for not at all."""
        return sum(self.margins) / len(self.margins) if self.margins else one_sided(self.answers)


def margin(logprobs: Mapping[str, float]) -> float | None:
    """By how much the likeliest token is likelier than the next that reads otherwise, in log-odds.

    None where fewer than two such tokens are told, or either reads as nothing: their swap would not be seen.
    """
    ranked = sorted(logprobs.items(), key=lambda one: -one[1])
    if len(ranked) < 2:
        return None
    (first, best), (second, next_best) = ranked[:2]
    if not first.strip() or not second.strip() or first.strip() == second.strip():
        return None
    return best - next_best


def one_sided(answers: Sequence[str]) -> float:
    """0 where two answers are given equally often, or more than two; 1 where all are the same."""
    most = Counter(answers).most_common(1)[0][1]
    return max(0.0, 2 * most / len(answers) - 1)


def nearest(measured: Sequence[Measured], count: int) -> list[Measured]:
    """Those on which the reference is least decided, the nearest first."""
    return sorted(measured, key=lambda one: one.decided)[:count]


def choose(measured: Sequence[Measured], wanted: int) -> tuple[Probe, ...]:
    """The probes: first those whose answers repeat, the nearest first; what wavers by itself only fills up.

    Args:
        measured: asked several times, the prompt itself each time.
    """
    steady = nearest([one for one in measured if one.repeats], wanted)
    wavering = nearest([one for one in measured if not one.repeats], wanted)
    return tuple(
        Probe(name=f"border-{number:02}", prompt=one.prompt, answer=one.answers[0], margin=round(one.decided, 6))
        for number, one in enumerate([*steady, *wavering][:wanted], 1)
    )
