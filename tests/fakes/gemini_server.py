"""A real HTTP server that speaks Google's generateContent, with the faults of `OpenAIServer`."""

import json
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.fakes.openai_server import Fault, OpenAIServer, answer_text

USAGE = {
    "promptTokenCount": 11,
    "cachedContentTokenCount": 3,
    "candidatesTokenCount": 3,
    "thoughtsTokenCount": 1,
    "totalTokenCount": 15,
}


@dataclass
class GeminiServer(OpenAIServer):
    path: str = r"/v1beta/models/{model}:{method}"
    error_body: bytes = b'{"error":{"code":500,"message":"no","status":"INTERNAL"}}'

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1beta"

    def wants_stream(self, request: web.Request, fields: dict[str, Any]) -> bool:
        assert "key" not in request.query, "the key is in the address"
        return request.match_info["method"] == "streamGenerateContent" and request.query["alt"] == "sse"

    def whole(self, request: web.Request, fields: dict[str, Any], *, usage: bool) -> dict[str, Any]:
        counted = {"usageMetadata": USAGE} if usage else {}
        if request.match_info["method"] == "batchEmbedContents":
            asked = {"usageMetadata": {"promptTokenCount": 11}} if usage else {}
            return {"embeddings": [{"values": [0.6, 0.8]} for _ in fields["requests"]], **asked}
        return {**_answer(request, [{"text": _text(request, fields)}], "STOP"), **counted}

    def events(self, request: web.Request, fields: dict[str, Any], fault: Fault) -> list[bytes]:
        text = _text(request, fields)
        pieces = [text[start : start + 9] for start in range(0, len(text), 9)]
        answers = [_answer(request, [{"text": piece}], "") for piece in pieces[:-1]]
        last = _answer(request, [{"text": pieces[-1]}], "STOP")
        answers.append(last if fault is Fault.MISSING_USAGE else {**last, "usageMetadata": USAGE})
        if fault is Fault.RUNNING_USAGE:
            answers = [{**answer, "usageMetadata": USAGE} for answer in answers]
        end = "\r\n" if fault is Fault.CRLF else "\n"
        events = [f"data: {json.dumps(answer, ensure_ascii=False)}{end}{end}".encode() for answer in answers]
        if fault is Fault.COMMENTS:
            events = [part for event in events for part in (b": ping\n\n", event)]
        return events


def _text(request: web.Request, fields: dict[str, Any]) -> str:
    seed = fields.get("generationConfig", {}).get("seed", 0)
    return answer_text({"model": request.match_info["model"], "seed": seed})


def _answer(request: web.Request, parts: list[dict[str, Any]], finish: str) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "modelVersion": request.match_info["model"], "responseId": "fake-1"}
