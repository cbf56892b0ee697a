"""Anthropic's dialect: messages, whole and streamed, their count, and the models.

Source: https://docs.claude.com/en/api/messages and its pages on streaming and errors.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from homeport.providers.simulated.draft import Choice, Draft
from homeport.providers.simulated.openai import cut
from homeport.sim.anthropic_request import read
from homeport.sim.reply import Event, Knobs, Refused, Reply, Request, encode

_TYPES = {
    400: ("invalid_request_error", "The request is invalid."),
    401: ("authentication_error", "invalid x-api-key"),
    402: ("billing_error", "There is an issue with your billing or payment information."),
    403: ("permission_error", "Your API key does not have permission to use the specified resource."),
    404: ("not_found_error", "The requested resource could not be found."),
    409: ("conflict_error", "The request conflicts with the state of the resource."),
    413: ("request_too_large", "Request exceeds the maximum size"),
    429: ("rate_limit_error", "This request would exceed your rate limit."),
    500: ("api_error", "Internal server error"),
    504: ("timeout_error", "The request timed out."),
    529: ("overloaded_error", "Overloaded"),
}
_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}
_THOUGHTS = ("Simulated:", " no", " thought", " was", " had.")
_SIGNATURE = "c2ltdWxhdGVk"


def error_body(status: int, message: str = "") -> dict[str, Any]:
    """Anthropic's error object."""
    fallback = ("api_error", "The service failed.") if status >= 500 else _TYPES[400]
    kind, words = _TYPES.get(status, fallback)
    error = {"type": kind, "message": f"Simulated: {message or words}"}
    return {"type": "error", "error": error, "request_id": "req_simulated"}


class Anthropic:
    """`/v1/messages`, `/v1/messages/count_tokens` and, for Anthropic's clients, `/v1/models`."""

    def answer(self, request: Request, knobs: Knobs) -> Reply:
        if "anthropic-version" not in request.headers:
            raise Refused(400, "anthropic-version: header is required")
        if request.method == "GET":
            return Reply(body=encode(_models(request, knobs)))
        fields = request.fields()
        counting = request.path.endswith("/count_tokens")
        ask = read(fields, counting=counting)
        knobs.check_model(ask.model)
        if counting:
            return Reply(body=encode({"input_tokens": ask.input_tokens}))
        message = _Message(knobs.draft(ask), knobs, thinks=_thinks(fields))
        headers = {"request-id": f"req_{message.name}"}
        if fields.get("stream"):
            error = Event(name="error", data=encode(error_body(529)))
            events = tuple(message.events())
            return Reply(events=events, error_event=error, headers=headers, tokens=message.tokens)
        return Reply(body=encode(message.body()), headers=headers, tokens=message.tokens, paced=message.output_tokens)

    def refusal(self, refused: Refused) -> Reply:
        headers = {"request-id": "req_simulated"}
        return Reply(body=encode(error_body(refused.status, refused.message)), status=refused.status, headers=headers)


class _Message:
    """One answer, to be written as a whole or as events."""

    def __init__(self, draft: Draft, knobs: Knobs, *, thinks: bool) -> None:
        self.name = f"sim{draft.digest[:21]}"
        self._draft = draft
        self._choice = draft.choices[0]
        self._knobs = knobs
        self._thoughts = _THOUGHTS if thinks else ()
        self._cached = min(knobs.cached, draft.input_tokens)
        self.output_tokens = self._choice.tokens + len(self._thoughts) + knobs.reasoning
        self.tokens = draft.input_tokens + self.output_tokens

    def body(self) -> dict[str, Any]:
        return self._head(self._content(), self._ending(), self._usage(self.output_tokens))

    def events(self) -> Iterator[Event]:
        """The sequence of events that the documentation describes."""
        empty = {"stop_reason": None, "stop_sequence": None}
        yield _event("message_start", {"message": self._head([], empty, self._usage(1))})
        blocks = list(self._blocks())
        for index, (start, deltas) in enumerate(blocks):
            yield _event("content_block_start", {"index": index, "content_block": start})
            if index == 0:
                yield _event("ping", {})
            for delta in deltas:
                yield _event("content_block_delta", {"index": index, "delta": delta}, paced=True)
            yield _event("content_block_stop", {"index": index})
        yield _event("message_delta", {"delta": self._ending(), **self._usage(self.output_tokens)}, usage=True)
        yield _event("message_stop", {}, done=True)

    def _head(self, content: list[Any], ending: Mapping[str, Any], usage: Mapping[str, Any]) -> dict[str, Any]:
        head = {"id": f"msg_{self.name}", "type": "message", "role": "assistant", "model": self._draft.model}
        return {**head, "content": content, **ending, **usage}

    def _ending(self) -> dict[str, Any]:
        stop = self._choice.stopped_by
        reason = "stop_sequence" if stop else _REASONS[self._choice.finish]
        return {"stop_reason": reason, "stop_sequence": stop or None}

    def _usage(self, output: int) -> dict[str, Any]:
        """Cached tokens are not among the input tokens here."""
        if not self._knobs.usage:
            return {}
        counted = {
            "input_tokens": self._draft.input_tokens - self._cached,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": self._cached,
            "output_tokens": output,
        }
        return {"usage": counted}

    def _content(self) -> list[dict[str, Any]]:
        content: list[dict[str, Any]] = []
        if self._thoughts:
            content.append({"type": "thinking", "thinking": "".join(self._thoughts), "signature": _SIGNATURE})
        if self._choice.text:
            content.append({"type": "text", "text": self._choice.text})
        return content + [
            {"type": "tool_use", "id": _tool_id(call.id), "name": call.name, "input": _input(call.arguments)}
            for call in self._choice.calls
        ]

    def _blocks(self) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
        """Each block as it starts, and its deltas."""
        if self._thoughts:
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in self._thoughts]
            signature = {"type": "signature_delta", "signature": _SIGNATURE}
            yield {"type": "thinking", "thinking": "", "signature": ""}, [*deltas, signature]
        if self._choice.text:
            yield _text_block(self._choice)
        for call in self._choice.calls:
            parts = ["", *cut(call.pieces, self._knobs.argument_size)]
            started = {"type": "tool_use", "id": _tool_id(call.id), "name": call.name, "input": {}}
            yield started, [{"type": "input_json_delta", "partial_json": part} for part in parts]


def _text_block(choice: Choice) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    return {"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in choice.pieces]


def _tool_id(name: str) -> str:
    return f"toolu_{name.removeprefix('call_')}"


def _input(arguments: str) -> Any:
    """The arguments as an object; none where the tokens ran out in the middle of them."""
    try:
        return json.loads(arguments)
    except ValueError:
        return {}


def _thinks(fields: Mapping[str, Any]) -> bool:
    thinking = fields.get("thinking")
    return isinstance(thinking, dict) and thinking.get("type") in ("enabled", "adaptive")


def _event(
    kind: str, fields: Mapping[str, Any], *, paced: bool = False, usage: bool = False, done: bool = False
) -> Event:
    return Event(name=kind, data=encode({"type": kind, **fields}), paced=paced, usage=usage, done=done)


def _models(request: Request, knobs: Knobs) -> dict[str, Any]:
    name = request.path.partition("/models")[2].strip("/")
    if name and name not in knobs.models:
        raise Refused(404, f"model: {name}")
    described = [
        {"type": "model", "id": model, "display_name": model, "created_at": "2026-01-01T00:00:00Z"}
        for model in knobs.models
        if name in ("", model)
    ]
    if name:
        return described[0]
    ends = {"first_id": described[0]["id"], "last_id": described[-1]["id"]} if described else {}
    return {"data": described, "has_more": False, **ends}
