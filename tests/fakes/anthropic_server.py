"""A real HTTP server that speaks Anthropic's Messages, with the faults of `OpenAIServer`."""

import json
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.fakes.openai_server import TOOL_ARGUMENTS, Fault, OpenAIServer, answer_text

USAGE = {
    "input_tokens": 5,
    "cache_creation_input_tokens": 3,
    "cache_read_input_tokens": 3,
    "cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 1},
    "output_tokens": 4,
    "output_tokens_details": {"thinking_tokens": 1},
}
TOKENS = 42
"""What it counts in any prompt."""


@dataclass
class AnthropicServer(OpenAIServer):
    path: str = r"/v1/messages{rest:.*}"
    error_body: bytes = b'{"type":"error","error":{"type":"api_error","message":"no"},"request_id":"req_1"}'
    error_event: bytes = (
        b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
    )

    def whole(self, request: web.Request, fields: dict[str, Any], *, usage: bool) -> dict[str, Any]:
        if request.match_info["rest"] == "/count_tokens":
            return {"input_tokens": TOKENS}
        told = {"usage": USAGE} if usage else {}
        return {**_message(fields), "content": [_block(fields)], "stop_reason": _reason(fields), **told}

    def events(self, request: web.Request, fields: dict[str, Any], fault: Fault) -> list[bytes]:
        told = [*_beginning(fields, fault), *_pieces(fields), *_end(fields, fault)]
        end = "\r\n" if fault is Fault.CRLF else "\n"
        events = [
            f"event: {event['type']}{end}data: {json.dumps(event, ensure_ascii=False)}{end}{end}".encode()
            for event in told
        ]
        if fault is Fault.COMMENTS:
            events = [part for event in events for part in (b": ping\n\n", event)]
        if fault is Fault.BARE_DONE:
            events[-1] = events[-1].rstrip()
        return events


def _beginning(fields: dict[str, Any], fault: Fault) -> list[dict[str, Any]]:
    usage: dict[str, Any] = {} if fault is Fault.MISSING_USAGE else {"usage": {**USAGE, "output_tokens": 1}}
    begun = {**_message(fields), **usage}
    block = _block(fields)
    empty: dict[str, Any] = {"input": {}} if block["type"] == "tool_use" else {"text": ""}
    start = {"type": "content_block_start", "index": 0, "content_block": {**block, **empty}}
    return [{"type": "message_start", "message": begun}, start, {"type": "ping"}]


def _pieces(fields: dict[str, Any]) -> list[dict[str, Any]]:
    kind, name = ("input_json_delta", "partial_json") if fields.get("tools") else ("text_delta", "text")
    text = TOOL_ARGUMENTS if fields.get("tools") else answer_text(fields)
    deltas = [{"type": kind, name: text[start : start + 9]} for start in range(0, len(text), 9)]
    return [{"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas]


def _end(fields: dict[str, Any], fault: Fault) -> list[dict[str, Any]]:
    usage = {"output_tokens": 4, "output_tokens_details": USAGE["output_tokens_details"]}
    delta = {"stop_reason": _reason(fields), "stop_sequence": None}
    end: dict[str, Any] = {"type": "message_delta", "delta": delta}
    counted = end if fault is Fault.MISSING_USAGE else {**end, "usage": usage}
    stops = {Fault.MISSING_DONE: 0, Fault.EARLY_END: 0, Fault.DUPLICATE_DONE: 2}.get(fault, 1)
    return [{"type": "content_block_stop", "index": 0}, counted, *[{"type": "message_stop"}] * stops]


def _message(fields: dict[str, Any]) -> dict[str, Any]:
    head = {"id": "msg_fake1", "type": "message", "role": "assistant", "model": fields["model"], "content": []}
    return {**head, "stop_reason": None, "stop_sequence": None}


def _block(fields: dict[str, Any]) -> dict[str, Any]:
    if fields.get("tools"):
        return {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": json.loads(TOOL_ARGUMENTS)}
    return {"type": "text", "text": answer_text(fields)}


def _reason(fields: dict[str, Any]) -> str:
    return "tool_use" if fields.get("tools") else "end_turn"
