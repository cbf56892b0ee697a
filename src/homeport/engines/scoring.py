"""The log-probability of each token of a text on llama.cpp, which tells those of what it writes, and of no prompt.

So each token is asked for as the one that follows those before it. A bias sees to it that it comes; what is told of it
is what the model gave it before the bias. That takes as long as writing the text. A token that is a part of a character
would be held back: another one is made to come, and it is looked for among all that could have, which takes longer.
"""

from collections.abc import Sequence

import msgspec

from homeport.core.errors import EngineError
from homeport.engines.base import Endpoint
from homeport.engines.client import EngineClient, TokenChance

_BIAS = 10_000
"""More than two logits differ by."""
_ALL = 10_000_000
"""More than a vocabulary has."""
_WHOLE = "a"


class _Token(msgspec.Struct, frozen=True):
    """`piece`: its text, or its bytes where they are a part of a character."""

    id: int
    piece: str | list[int]


class _Tokens(msgspec.Struct, frozen=True):
    tokens: list[_Token]


class _Chance(msgspec.Struct, frozen=True):
    id: int
    token: str
    logprob: float


class _Said(_Chance, frozen=True):
    top_logprobs: list[_Chance]


class _Logprobs(msgspec.Struct, frozen=True):
    content: list[_Said]


class _Choice(msgspec.Struct, frozen=True):
    logprobs: _Logprobs


class _Answer(msgspec.Struct, frozen=True):
    choices: list[_Choice]


def score(endpoint: Endpoint, model: str, text: str, top: int) -> tuple[TokenChance, ...]:
    """Each token of a text with its log-probability, None for the first, and the `top` likeliest in its place.

    Raises:
        EngineError: engine_unreachable, engine_refused or engine_answer_invalid.
    """
    tokens, [whole] = _tokens(endpoint, text), _tokens(endpoint, _WHOLE)[-1:]
    client, told = EngineClient(endpoint), [TokenChance(_text(token), None) for token in tokens[:1]]
    for place, token in enumerate(tokens[1:], start=1):
        before = [one.id for one in tokens[:place]]
        if isinstance(token.piece, str):
            said = _said(client, model, before, token, max(1, top))
            found: Sequence[_Chance] = (said,)
        else:
            said = _said(client, model, before, whole, _ALL)
            found = said.top_logprobs
        likeliest = tuple((one.token, one.logprob) for one in said.top_logprobs[:top])
        told += [TokenChance(_text(token), one.logprob, likeliest) for one in found if one.id == token.id]
    if len(told) < len(tokens):
        raise _invalid("it tells other tokens than were asked for")
    return tuple(told)


def _tokens(endpoint: Endpoint, text: str) -> Sequence[_Token]:
    """As a prompt is cut into tokens."""
    root = EngineClient(msgspec.structs.replace(endpoint, url=endpoint.url.removesuffix("/v1")))
    asked = {"content": text, "add_special": True, "parse_special": True, "with_pieces": True}
    try:
        return msgspec.convert(root.post("tokenize", asked), _Tokens).tokens
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from error


def _said(client: EngineClient, model: str, before: Sequence[int], token: _Token, top: int) -> _Said:
    """What is told of a token that is made to follow those before it."""
    asked = {"model": model, "prompt": before, "max_tokens": 1, "temperature": 0, "cache_prompt": True}
    answer = client.post("completions", {**asked, "logprobs": top, "logit_bias": [[token.id, _BIAS]]})
    try:
        [choice] = msgspec.convert(answer, _Answer).choices
        [said] = choice.logprobs.content
    except ValueError as error:  # msgspec's, and of a list that has not one
        raise _invalid(str(error)) from error
    return said


def _text(token: _Token) -> str:
    return token.piece if isinstance(token.piece, str) else bytes(token.piece).decode(errors="replace")


def _invalid(why: str) -> EngineError:
    return EngineError(f"the engine's answer cannot be read: {why}", code="engine_answer_invalid")
