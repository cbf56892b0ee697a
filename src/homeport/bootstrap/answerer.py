"""Asking an engine for an evaluation: OpenAI's API as the engines speak it, and the prompt as they render it."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from homeport.bootstrap.trial import Trial
from homeport.core.errors import BadAnswer, UpstreamError, UpstreamRefused
from homeport.core.types import Timeouts
from homeport.engines.base import Endpoint
from homeport.evaluation.answers import Answer, Question, Runner, Token
from homeport.transport.http import HttpRequest, Transport

TOP_LOGPROBS = 5
_SECONDS = 600.0
_TIMEOUTS = Timeouts(connect=5.0, first_token=_SECONDS, between_tokens=_SECONDS, total=_SECONDS)
_GREEDY: Mapping[str, Any] = {"temperature": 0, "seed": 0}
_SAID = 200


class EngineAnswerer:
    """An `Answerer` that asks an engine.

    Args:
        render: ask for the rendered prompt of every chat too.
        fields: sent with every request, such as what makes an engine deterministic.
    """

    def __init__(self, trial: Trial, *, render: bool = False, fields: Mapping[str, Any] | None = None) -> None:
        self._trial = trial
        self._render = render
        self._fields = fields or {}
        self._tells_logprobs = True

    async def __call__(self, question: Question) -> Answer:
        """See `Answerer`. An engine that refuses to tell log-probabilities is asked without them from then on."""
        if not self._tells_logprobs:
            return await self._ask(question, logprobs=False)
        try:
            return await self._ask(question, logprobs=True)
        except UpstreamRefused as error:
            if error.status != 400:
                raise
        answer = await self._ask(question, logprobs=False)
        self._tells_logprobs = False
        return answer

    async def _ask(self, question: Question, *, logprobs: bool) -> Answer:
        body = {"model": self._trial.model, "max_tokens": question.max_tokens, **_GREEDY, **self._fields}
        if not question.messages:
            told: dict[str, Any] = {"logprobs": TOP_LOGPROBS} if logprobs else {}
            asked = {**body, "prompt": question.prompt, **told, **question.fields}
            answer = read_answer(await self._post("/v1/completions", asked))
            return msgspec.structs.replace(answer, rendered=question.prompt)
        told = {"logprobs": True, "top_logprobs": TOP_LOGPROBS} if logprobs else {}
        asked = {**body, "messages": question.messages, **told, **question.fields}
        answer = read_answer(await self._post("/v1/chat/completions", asked))
        rendered = await self._rendered(question) if self._render else None
        return msgspec.structs.replace(answer, rendered=rendered)

    async def _rendered(self, question: Question) -> str | None:
        return await rendered_prompt(self._trial.transport, self._trial.endpoint, self._trial.model, question.messages)

    async def _post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return await _post(self._trial.transport, self._trial.endpoint, path, body, self._trial.build.name)


async def rendered_prompt(
    transport: Transport, endpoint: Endpoint, model: str, messages: Sequence[Mapping[str, Any]]
) -> str | None:
    """The prompt that an engine makes of a chat; None where it does not tell.

    llama.cpp and our own child apply the template; vLLM tells the tokens of a chat, and their text.
    """
    try:
        return _prompt(await _post(transport, endpoint, "/apply-template", {"messages": messages}))
    except UpstreamError:
        pass
    try:
        asked = {"model": model, "messages": messages, "add_generation_prompt": True}
        tokens = (await _post(transport, endpoint, "/tokenize", asked)).get("tokens")
        return _prompt(await _post(transport, endpoint, "/detokenize", {"model": model, "tokens": tokens}))
    except UpstreamError:
        return None


def _prompt(answer: Mapping[str, Any]) -> str | None:
    prompt = answer.get("prompt")
    return prompt if isinstance(prompt, str) else None


async def _post(
    transport: Transport, endpoint: Endpoint, path: str, body: Mapping[str, Any], name: str = "the engine"
) -> dict[str, Any]:
    request = HttpRequest(
        url=endpoint.url.removesuffix("/v1") + path,
        headers={"content-type": "application/json", "authorization": f"Bearer {endpoint.api_key}"},
        body=msgspec.json.encode(body),
        timeouts=_TIMEOUTS,
    )
    response = await transport.post(request)
    if response.status != 200:
        said = response.body[:_SAID].decode(errors="replace")
        raise UpstreamRefused(
            f"{name} answered {response.status} to {path}: {said}", status=response.status, retryable=False
        )
    return _object(response.body)


def read_answer(body: Mapping[str, Any]) -> Answer:
    """A whole answer of /v1/chat/completions or /v1/completions.

    Raises:
        BadAnswer: it is neither.
    """
    try:
        choice = body["choices"][0]
        text = choice["message"].get("content") or "" if "message" in choice else choice["text"]
        return Answer(
            text=msgspec.convert(text, str),
            tokens=_tokens(choice.get("logprobs") or {}),
            prompt_tokens=int((body.get("usage") or {}).get("prompt_tokens") or 0),
            finish=str(choice.get("finish_reason") or ""),
        )
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, msgspec.ValidationError) as error:
        raise BadAnswer(f"the engine's answer cannot be read: {type(error).__name__}") from None


def _object(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise BadAnswer("the engine's answer is no JSON object") from error


def _tokens(told: Mapping[str, Any]) -> tuple[Token, ...]:
    """In the words of chat, which llama.cpp uses in both, or in those of completions."""
    if (content := told.get("content")) is not None:
        return tuple(_token(one["token"], one["logprob"], _of_chat(one)) for one in content)
    tokens, logprobs = told.get("tokens") or (), told.get("token_logprobs") or ()
    tops = told.get("top_logprobs") or [{}] * len(tokens)
    return tuple(
        _token(token, logprob, list((top or {}).items()))
        for token, logprob, top in zip(tokens, logprobs, tops, strict=True)
    )


def _of_chat(one: Mapping[str, Any]) -> list[tuple[str, float]]:
    return [(top["token"], top["logprob"]) for top in one.get("top_logprobs") or ()]


def _token(text: str, logprob: float, tops: Sequence[tuple[str, float]]) -> Token:
    others = sorted((Runner(str(token), float(value)) for token, value in tops if token != text), key=_least)
    return Token(str(text), float(logprob), tuple(others))


def _least(runner: Runner) -> float:
    return -runner.logprob
