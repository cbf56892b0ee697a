"""Gemini's dialect: content, whole and streamed, token counts, embeddings and models.

Source: https://ai.google.dev/api and https://cloud.google.com/apis/design/errors.
"""

import json
from collections.abc import Iterator
from typing import Any

from homeport.providers.simulated.draft import Choice, Draft
from homeport.providers.simulated.openai import whole
from homeport.providers.simulated.text import digest, unit_vector
from homeport.sim.gemini_request import known, read, text_of
from homeport.sim.reply import Event, Knobs, Refused, Reply, Request, encode

_STATUSES = {
    400: ("INVALID_ARGUMENT", "Request contains an invalid argument."),
    401: ("UNAUTHENTICATED", "Request had invalid authentication credentials."),
    403: ("PERMISSION_DENIED", "The caller does not have permission"),
    404: ("NOT_FOUND", "Requested entity was not found."),
    408: ("DEADLINE_EXCEEDED", "The request took too long."),
    409: ("ABORTED", "The operation was aborted."),
    413: ("INVALID_ARGUMENT", "Request payload size exceeds the limit."),
    429: ("RESOURCE_EXHAUSTED", "You exceeded your current quota."),
    499: ("CANCELLED", "The operation was cancelled."),
    500: ("INTERNAL", "An internal error has occurred."),
    501: ("UNIMPLEMENTED", "Operation is not implemented, or supported, or enabled."),
    503: ("UNAVAILABLE", "The model is overloaded. Please try again later."),
    504: ("DEADLINE_EXCEEDED", "The request could not be finished in time."),
}
_REASONS = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP", "content_filter": "SAFETY"}
_DIMENSIONS = 768
_MAX_DIMENSIONS = 3072
_METHODS = ["generateContent", "countTokens", "embedContent"]


def error_body(refused: Refused) -> dict[str, Any]:
    """Google's error object; the wait is a detail of it."""
    fallback = ("INTERNAL", "The service failed.") if refused.status >= 500 else _STATUSES[400]
    status, words = _STATUSES.get(refused.status, fallback)
    error: dict[str, Any] = {
        "code": refused.status,
        "message": f"Simulated: {refused.message or words}",
        "status": status,
    }
    if refused.retry_after:
        wait = f"{refused.retry_after}s"
        error["details"] = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": wait}]
    return {"error": error}


class Gemini:
    """Everything below `/models/NAME:METHOD`, and the list of models."""

    def answer(self, request: Request, knobs: Knobs) -> Reply:
        model, _, method = request.path.partition("/models")[2].strip("/").partition(":")
        if not method:
            return Reply(body=encode(_models(model, knobs)))
        fields = request.fields()
        knobs.check_model(model)
        if method == "countTokens":
            return Reply(body=encode(_count(fields, model)))
        if method == "embedContent":
            return Reply(body=encode({"embedding": _embedding(fields, model, knobs)}))
        if method == "batchEmbedContents":
            asked = fields.get("requests")
            if not isinstance(asked, list) or not asked:
                raise Refused(400, "* BatchEmbedContentsRequest.requests: requests is not specified")
            return Reply(body=encode({"embeddings": [_embedding(one, model, knobs) for one in asked]}))
        content = _Content(knobs.draft(read(fields, model)), knobs)
        if method == "generateContent":
            return Reply(body=encode(content.body()), tokens=content.tokens, paced=content.output_tokens)
        if method != "streamGenerateContent":
            raise Refused(404, f"Method {method} is not found.")
        if request.parameters.get("alt") != "sse":
            chunks = b"\n,\r\n".join(event.data for event in content.events())
            return Reply(body=b"[" + chunks + b"]", tokens=content.tokens, paced=content.output_tokens)
        error = Event(data=encode(error_body(Refused(503, ""))))
        return Reply(events=tuple(content.events()), error_event=error, tokens=content.tokens)

    def refusal(self, refused: Refused) -> Reply:
        return Reply(body=encode(error_body(refused)), status=refused.status)


class _Content:
    """One answer, to be written as a whole or as chunks, each of which has the same shape."""

    def __init__(self, draft: Draft, knobs: Knobs) -> None:
        self._draft = draft
        self._knobs = knobs
        self.output_tokens = draft.output_tokens + knobs.reasoning
        self.tokens = draft.input_tokens + self.output_tokens

    def body(self) -> dict[str, Any]:
        candidates = [
            _candidate(at, _text_parts(choice.text) + _calls(choice), choice)
            for at, choice in enumerate(self._draft.choices)
        ]
        return self._response(candidates, self._draft.output_tokens)

    def events(self) -> Iterator[Event]:
        """Each candidate's text piece by piece; calls come whole; the last chunk of each says why it ended."""
        made = 0
        last = len(self._draft.choices) - 1
        for at, choice in enumerate(self._draft.choices):
            for piece in choice.pieces:
                made += 1
                yield self._event([_candidate(at, _text_parts(piece), None)], made, paced=True)
            made += sum(len(call.pieces) for call in choice.calls)
            ending = [_candidate(at, _calls(choice), choice)]
            yield self._event(ending, made, usage=at == last, done=True)

    def _event(
        self, candidates: list[Any], made: int, *, paced: bool = False, usage: bool = False, done: bool = False
    ) -> Event:
        return Event(data=encode(self._response(candidates, made)), paced=paced, usage=usage, done=done)

    def _response(self, candidates: list[Any], made: int) -> dict[str, Any]:
        usage = {"usageMetadata": self._usage(made)} if self._knobs.usage else {}
        name = f"sim{self._draft.digest[:20]}"
        return {"candidates": candidates, **usage, "modelVersion": self._draft.model, "responseId": name}

    def _usage(self, made: int) -> dict[str, Any]:
        given, thought = self._draft.input_tokens, self._knobs.reasoning
        counted: dict[str, Any] = {
            "promptTokenCount": given,
            "candidatesTokenCount": made,
            "totalTokenCount": given + made + thought,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": given}],
        }
        if cached := min(self._knobs.cached, given):
            counted["cachedContentTokenCount"] = cached
        return counted | ({"thoughtsTokenCount": thought} if thought else {})


def _candidate(at: int, parts: list[dict[str, Any]], ended: Choice | None) -> dict[str, Any]:
    content: dict[str, Any] = {"role": "model", **({"parts": parts} if parts else {})}
    reason = {"finishReason": _REASONS[ended.finish]} if ended else {}
    return {"content": content, **reason, "index": at}


def _text_parts(text: str) -> list[dict[str, Any]]:
    return [{"text": text}] if text else []


def _calls(choice: Choice) -> list[dict[str, Any]]:
    """The calls that were finished: Gemini sends no half ones."""
    found = []
    for call in choice.calls:
        try:
            args = json.loads(call.arguments)
        except ValueError:
            continue
        found.append({"functionCall": {"name": call.name, "args": args, "id": call.id}})
    return found


def _count(fields: dict[str, Any], model: str) -> dict[str, Any]:
    inner = fields.get("generateContentRequest") or fields.get("generate_content_request") or fields
    tokens = read(inner, model).input_tokens
    return {"totalTokens": tokens, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": tokens}]}


def _embedding(fields: Any, model: str, knobs: Knobs) -> dict[str, Any]:
    names = frozenset(["model", "content", "taskType", "title", "outputDimensionality", "embedContentConfig"])
    found = known(fields, names, "")
    content = known(found.get("content") or {}, frozenset(["role", "parts"]), "content")
    text = text_of(content.get("parts"))
    if not text:
        raise Refused(400, "* EmbedContentRequest.content: contents is not specified")
    size = min(whole(found.get("outputDimensionality"), 0) or _DIMENSIONS, _MAX_DIMENSIONS)
    return {"values": unit_vector(digest(knobs.seed, model, text), size)}


def _models(name: str, knobs: Knobs) -> dict[str, Any]:
    described = [
        {"name": f"models/{model}", "version": "001", "displayName": model, "supportedGenerationMethods": _METHODS}
        for model in knobs.models
        if name in ("", model)
    ]
    if not name:
        return {"models": described}
    if not described:
        raise Refused(404, f"models/{name} is not found for API version v1beta.")
    return described[0]
