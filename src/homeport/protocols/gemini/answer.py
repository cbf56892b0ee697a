"""Gemini's answers as chat completions, and back: whole ones, and what streams share with them."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw, Struct

from homeport.core.errors import BadAnswer, InvalidRequest
from homeport.core.types import Usage
from homeport.protocols.gemini.contents import model_parts
from homeport.protocols.gemini.messages import assistant_message
from homeport.protocols.gemini.usage import chat_usage, read_chat_usage, read_usage, usage_metadata
from homeport.protocols.gemini.wire import (
    NULL,
    Candidate,
    LogprobsResult,
    Response,
    TokenLogprob,
    read_response,
)

_FINISH = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
}
# The model broke off inside something that it could not say: there is no answer to pass on.
_BROKEN = frozenset(
    {
        *("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS"),
        *("MISSING_THOUGHT_SIGNATURE", "MALFORMED_RESPONSE"),
    }
)
_BACK = {"stop": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY", "tool_calls": "STOP"}
_CARRIED = ("safety_ratings", "citation_metadata", "grounding_metadata", "url_context_metadata")


def chat_completion(body: bytes, *, model: str, answer_id: str, created: int) -> tuple[dict[str, Any], Usage | None]:
    """The chat completion of a whole answer, and its usage.

    Args:
        model: named where the answer does not name one.
        answer_id: used where the answer has no id of its own, and for the ids of calls without one.
        created: seconds since the epoch.

    Raises:
        BadAnswer: no answer, or one that the model broke off.
    """
    response = read_response(body)
    usage = read_usage(response.usage_metadata)
    completion = head(response, "chat.completion", model=model, answer_id=answer_id, created=created)
    completion["choices"] = [_choice(candidate, response.response_id or answer_id) for candidate in response.candidates]
    if blocked := refusal(response):
        completion["choices"] = [_blocked(blocked)]
    if not completion["choices"]:
        raise BadAnswer("the upstream answered with no candidate and no reason for it")
    return completion | ({"usage": chat_usage(usage)} if usage else {}), usage


def head(response: Response, kind: str, *, model: str, answer_id: str, created: int) -> dict[str, Any]:
    """What whole answers and chunks begin with."""
    return {
        "id": response.response_id or answer_id,
        "object": kind,
        "created": created,
        "model": response.model_version or model,
        "choices": [],
    }


def refusal(response: Response) -> str:
    """The words for a prompt that was blocked; "" where there is an answer."""
    feedback = response.prompt_feedback
    if response.candidates or feedback is None or not feedback.block_reason:
        return ""
    return f"The prompt was blocked by the provider ({feedback.block_reason})."


def _blocked(words: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": None, "refusal": words}
    return {"index": 0, "message": message, "logprobs": None, "finish_reason": "content_filter"}


def _choice(candidate: Candidate, seed: str) -> dict[str, Any]:
    message = said(candidate, seed)
    return {
        "index": candidate.index,
        "message": message,
        "logprobs": logprobs(candidate.logprobs_result),
        "finish_reason": finish_reason(candidate, has_calls="tool_calls" in message) or "stop",
        **carried(candidate),
    }


def said(candidate: Candidate, seed: str, first_call: int = 0) -> dict[str, Any]:
    """The message of a candidate. Raises BadAnswer for parts that a model does not say."""
    parts = candidate.content.parts if candidate.content else []
    try:
        return assistant_message(parts, f"{seed}:{candidate.index}", "content.parts", first_call)
    except InvalidRequest as error:
        raise BadAnswer(f"the upstream's answer cannot be translated: {error.message}") from error


def finish_reason(candidate: Candidate, *, has_calls: bool) -> str | None:
    """OpenAI's finish reason; None while the candidate goes on. Reasons that are not known end as `stop`.

    Raises:
        BadAnswer: the model broke off.
    """
    reason = candidate.finish_reason
    if not reason or reason == "FINISH_REASON_UNSPECIFIED":
        return None
    if reason in _BROKEN:
        raise BadAnswer(f"the model broke off its answer ({reason})", hint="try again, or offer fewer or simpler tools")
    finish = _FINISH.get(reason, "stop")
    return "tool_calls" if finish == "stop" and has_calls else finish


def carried(candidate: Candidate) -> dict[str, Any]:
    """What OpenAI has no field for: the reason in Google's words, ratings, citations, sources."""
    google: dict[str, Any] = {}
    if candidate.finish_reason and candidate.finish_reason not in {"STOP", "MAX_TOKENS"}:
        google["finish_reason"] = candidate.finish_reason
    if candidate.finish_message:
        google["finish_message"] = candidate.finish_message
    google |= {name: raw for name in _CARRIED if bytes(raw := getattr(candidate, name)) != b"null"}
    return {"extra_content": {"google": google}} if google else {}


def logprobs(result: LogprobsResult | None) -> dict[str, Any] | None:
    """OpenAI's `logprobs` of a candidate's."""
    if result is None:
        return None
    tops = [[_token(token) for token in top.candidates] for top in result.top_candidates]
    tops += [[] for _ in result.chosen_candidates[len(tops) :]]
    chosen = zip(result.chosen_candidates, tops, strict=False)
    return {"content": [{**_token(token), "top_logprobs": top} for token, top in chosen], "refusal": None}


def _token(token: TokenLogprob) -> dict[str, Any]:
    return {"token": token.token, "logprob": token.log_probability, "bytes": list(token.token.encode())}


class _ChatTop(Struct):
    token: str = ""
    logprob: float = 0.0


class _ChatToken(_ChatTop):
    top_logprobs: list[_ChatTop] = []


class _ChatLogprobs(Struct):
    content: list[_ChatToken] | None = None


class ChatChoice(Struct):
    """A choice of a completion, or of a chunk (with `delta`)."""

    index: int = 0
    message: Raw = NULL
    delta: Raw = NULL
    logprobs: _ChatLogprobs | None = None
    finish_reason: str | None = None


class ChatAnswer(Struct):
    """A chat completion, or a chunk of one."""

    id: str = ""
    model: str = ""
    choices: list[ChatChoice] = []
    usage: Any = None
    error: Any = None


def read_chat(data: bytes) -> ChatAnswer:
    """Raises BadAnswer for what is no chat completion and no chunk."""
    try:
        return msgspec.json.decode(data, type=ChatAnswer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadAnswer("the upstream answered with something that is not a chat completion") from error


def gemini_answer(body: bytes) -> bytes:
    """The generateContent answer that says what a chat completion says.

    Raises:
        BadAnswer: not a chat completion, or one that Gemini has no words for.
    """
    answer = read_chat(body)
    if not answer.choices:
        raise BadAnswer("the upstream answered with no choice")
    candidates = [_candidate(choice) for choice in answer.choices]
    return msgspec.json.encode(gemini_head(answer) | {"candidates": candidates} | gemini_usage(answer.usage))


def gemini_head(answer: ChatAnswer) -> dict[str, Any]:
    return {"modelVersion": answer.model, "responseId": answer.id}


def gemini_usage(reported: Any) -> dict[str, Any]:
    usage = read_chat_usage(reported)
    return {"usageMetadata": usage_metadata(usage)} if usage else {}


def _candidate(choice: ChatChoice) -> dict[str, Any]:
    return candidate(choice, chat_parts(choice.message))


def candidate(choice: ChatChoice, parts: list[Any]) -> dict[str, Any]:
    """A candidate with its reason and its logprobs, where it has them."""
    said: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": choice.index}
    if choice.finish_reason:
        said["finishReason"] = _BACK.get(choice.finish_reason, "OTHER")
    if choice.logprobs is not None and choice.logprobs.content is not None:
        said["logprobsResult"] = _gemini_logprobs(choice.logprobs.content)
    return said


def chat_parts(message: Raw) -> list[Any]:
    """The parts of an assistant's message. Raises BadAnswer."""
    try:
        return msgspec.to_builtins(model_parts(message))  # type: ignore[no-any-return] # builtins of a list are one
    except InvalidRequest as error:
        raise BadAnswer(f"the upstream's answer cannot be translated: {error.message}") from error


def _gemini_logprobs(tokens: list[_ChatToken]) -> Mapping[str, Any]:
    chosen = [_gemini_token(token) for token in tokens]
    tops = [{"candidates": [_gemini_token(top) for top in token.top_logprobs]} for token in tokens]
    return {"chosenCandidates": chosen} | (
        {"topCandidates": tops} if any(token.top_logprobs for token in tokens) else {}
    )


def _gemini_token(token: _ChatTop) -> dict[str, Any]:
    return {"token": token.token, "logProbability": token.logprob}
