"""Two engines, or two precisions, on one suite: how often they agree, and where they part."""

from collections.abc import Sequence

import msgspec

from homeport.evaluation.answers import Answer, Token
from homeport.evaluation.results import Build, Share, share_of
from homeport.evaluation.suites import Judged

_BEFORE = 60


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine did where it parted from another.

    Attributes:
        token: what it went on with; "" where its answer ended.
        logprob: natural logarithm of the token's probability; None where it ended, or does not tell.
        margin: to the best of its other tokens, in nats; None where it does not tell.
        other: what it gave to the other engine's token; None where that was not among those it tells.
    """

    token: str
    logprob: float | None = None
    margin: float | None = None
    other: float | None = None


class Divergence(msgspec.Struct, frozen=True, kw_only=True):
    """The first place where two answers differ.

    Attributes:
        position: how many tokens they share; None where one of them tells no tokens.
        before: the end of what they share.
    """

    position: int | None
    before: str
    a: Step
    b: Step


class CaseParity(msgspec.Struct, frozen=True, kw_only=True):
    """A case on both.

    Attributes:
        same_prompt: whether both rendered the same prompt; None where one cannot tell.
        divergence: None for the same answer.
    """

    id: str
    a_passed: bool
    b_passed: bool
    same_prompt: bool | None
    divergence: Divergence | None


class Parity(msgspec.Struct, frozen=True, kw_only=True):
    """Two runs of one suite.

    Attributes:
        verdicts: cases that are judged alike on both.
        answers: cases with the same text.
        prompts: cases for which both rendered the same prompt, of those where both can tell.
        first_tokens: cases whose answers share their first token, of those where that is known.
    """

    suite: str
    a: Build
    b: Build
    verdicts: Share
    answers: Share
    prompts: Share
    first_tokens: Share
    cases: tuple[CaseParity, ...]


def compare(suite: str, a: Build, b: Build, on_a: Sequence[Judged], on_b: Sequence[Judged]) -> Parity:
    """Both runs must be of the same cases, in the same order."""
    cases = tuple(_case(one, other) for one, other in zip(on_a, on_b, strict=True))
    prompts = [case.same_prompt for case in cases if case.same_prompt is not None]
    known = [case.divergence for case in cases if case.divergence is None or case.divergence.position is not None]
    return Parity(
        suite=suite,
        a=a,
        b=b,
        verdicts=share_of([case.a_passed == case.b_passed for case in cases]),
        answers=share_of([case.divergence is None for case in cases]),
        prompts=share_of(prompts),
        first_tokens=share_of([parted is None or parted.position != 0 for parted in known]),
        cases=cases,
    )


def diverge(a: Answer, b: Answer) -> Divergence | None:
    """Where two answers part; None where their texts are the same, however they are cut into tokens."""
    if a.text == b.text:
        return None
    if not (_tells(a) and _tells(b)):
        before = a.text[: _shared(a.text, b.text)]
        return Divergence(position=None, before=before[-_BEFORE:], a=Step(token=""), b=Step(token=""))
    position = _shared([token.text for token in a.tokens], [token.text for token in b.tokens])
    before = "".join(token.text for token in a.tokens[:position])
    one, other = (_at(answer, position) for answer in (a, b))
    return Divergence(position=position, before=before[-_BEFORE:], a=_step(one, other), b=_step(other, one))


def _case(one: Judged, other: Judged) -> CaseParity:
    assert one.case.id == other.case.id
    return CaseParity(
        id=one.case.id,
        a_passed=one.verdict.passed,
        b_passed=other.verdict.passed,
        same_prompt=_same_prompt(one.answer, other.answer),
        divergence=diverge(one.answer, other.answer),
    )


def _same_prompt(a: Answer, b: Answer) -> bool | None:
    """By the rendered text; by the number of its tokens too, for two tokenizers may cut one text in two ways."""
    if a.rendered is None or b.rendered is None:
        return None
    same_length = a.prompt_tokens == b.prompt_tokens or not (a.prompt_tokens and b.prompt_tokens)
    return a.rendered == b.rendered and same_length


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    pairs = zip(one, other, strict=False)
    return next((place for place, (left, right) in enumerate(pairs) if left != right), min(len(one), len(other)))


def _tells(answer: Answer) -> bool:
    """Whether its tokens are told; an answer without a letter has none."""
    return bool(answer.tokens) or not answer.text


def _at(answer: Answer, position: int) -> Token | None:
    return answer.tokens[position] if position < len(answer.tokens) else None


def _step(own: Token | None, other: Token | None) -> Step:
    if own is None:
        return Step(token="")
    told = own.logprob_of(other.text) if other else None
    return Step(token=own.text, logprob=own.logprob, margin=own.margin, other=told)
